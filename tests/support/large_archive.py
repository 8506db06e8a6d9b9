"""Build X archives of any size, written post by post, about 2 KB of JSON each as in real ones."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from archives import account, manifest, snowflake, tweet

_SYLLABLES = (
    "ba be bi bo da de du fa fi ga go ha hi ka ke ko la le li lo ma me mi mo na ne no pa pe po "
    "ra re ri sa se so ta te ti to va ve vo"
).split()
_VOCABULARY = 30_000


def large_texts(count: int, seed: int = 1) -> Iterator[str]:
    """Yield posts of 4 to 32 invented words with the frequencies of real words (Zipf).

    Some are reposts, short posts, copies or near-copies.
    """
    rng = random.Random(seed)
    known = ["".join(rng.choices(_SYLLABLES, k=1 + rng.randrange(4))) for _ in range(_VOCABULARY)]
    ranks = [0.0]
    for rank in range(1, _VOCABULARY + 1):
        ranks.append(ranks[-1] + 1 / rank)
    earlier = "the first of all of these posts here"
    for number in range(count):
        text = " ".join(
            rng.choices(known, cum_weights=ranks[1:], k=rng.randint(4, 32))
        ).capitalize() + rng.choice(["", ".", "!", "?", " …", " 🦜"])
        match number % 50:
            case 7 | 27:
                text = f"RT @someone_else: {text}"
            case 13:
                text = "so true"
            case 23:
                text = earlier
            case 33:
                text = f"{earlier} indeed"
            case 43 | 48:
                text = f"@somebody {text} https://t.co/{number:010d}"
            case _:
                earlier = text
        yield text


def large_item(text: str, number: int) -> str:
    """Return one item of tweets.js, with the fields and entities that X writes."""
    own = snowflake(1_600_000_000_000 + number * 600_000, number % 4096)
    link = {
        "url": f"https://t.co/u{number:09d}",
        "expanded_url": f"https://example.com/news/{number}",
        "display_url": f"example.com/news/{number}",
    }
    picture = {
        **link,
        "id_str": own,
        "id": own,
        "media_url": f"http://pbs.example.com/media/F{number:012d}.jpg",
        "media_url_https": f"https://pbs.example.com/media/F{number:012d}.jpg",
        "type": "photo",
        "indices": ["100", "123"],
        "sizes": {
            name: {"w": str(side), "h": str(side), "resize": "fit"}
            for name, side in (("thumb", 150), ("small", 680), ("medium", 1200))
        },
    }
    item = tweet(
        text,
        number,
        at_ms=1_600_000_000_000 + number * 600_000,
        id_str=own,
        id=own,
        edit_info={
            "initial": {
                "editTweetIds": [own],
                "editableUntil": "2023-02-18T13:33:11.000Z",
                "editsRemaining": "5",
                "isEditEligible": True,
            }
        },
        source='<a href="https://mobile.example.com" rel="nofollow">Example Web App</a>',
        entities={
            "hashtags": [],
            "symbols": [],
            "urls": [{**link, "indices": ["76", "99"]}],
            "user_mentions": [
                {
                    "name": "Some Body",
                    "screen_name": "somebody",
                    "indices": ["0", "9"],
                    "id_str": "1000000002",
                    "id": "1000000002",
                }
            ],
            "media": [picture],
        },
        extended_entities={"media": [picture]},
        display_text_range=["0", str(len(text))],
        favorite_count=str(number % 97),
        retweet_count=str(number % 11),
        favorited=False,
        truncated=False,
        possibly_sensitive=False,
    )
    return json.dumps(item, ensure_ascii=False)


def write_large(path: Path, count: int) -> int:
    """Write an archive of this many posts; return the size of its posts' JSON in bytes."""
    size = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data/manifest.js", manifest({"tweets": ("data/tweets.js", count)}))
        archive.writestr("data/account.js", account())
        with archive.open("data/tweets.js", "w", force_zip64=True) as file:
            size += file.write(b"window.YTD.tweets.part0 = [")
            for number, text in enumerate(large_texts(count)):
                size += file.write(
                    ((",\n" if number else "\n") + large_item(text, number)).encode()
                )
            size += file.write(b"\n]\n")
    return size
