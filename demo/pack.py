"""Pack the demo's posts (`demo/HANDLE.txt`) into the package as X archives.

    python demo/pack.py

Each line is a post. `RT @x: ` starts a repost, `@x ` a reply, and `>> ` a post that continues the
thread of the line before; `\\n` is a line break. A post over 280 characters is truncated in
`tweets.js`, with its full text in `note-tweet.js`, as in X's own archives. The same text always
gives the same bytes.
"""

from __future__ import annotations

import html
import json
import random
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE.parent / "src" / "popinjay" / "assets" / "demo"
PEOPLE = {
    "nellmarrow": (
        "Nell Marrow 🍞",
        "night baker, saltwick. gerald is a sourdough starter. fictional.",
        "1700000000000000001",
    ),
    "brix_deck9": (
        "Brix",
        "Maintenance, Deck 9, the Patient Margaret. Forms answered in the order received."
        " Fictional.",
        "1700000000000000002",
    ),
}
FIRST = datetime(2024, 12, 1, 3, tzinfo=UTC)
SNOWFLAKE_EPOCH_MS = 1288834974657


def tweet_id(moment: datetime, number: int) -> int:
    """Return an id as X makes them: the time in milliseconds, then a number."""
    return ((int(moment.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22) + number % 4096


def shorten_links(text: str, rng: random.Random) -> tuple[str, list[dict[str, str]]]:
    """Replace links as X does: return the text with t.co links, and the links' entities."""
    urls: list[dict[str, str]] = []

    def short(match: re.Match[str]) -> str:
        code = "".join(
            rng.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=10)
        )
        urls.append(
            {
                "url": f"https://t.co/{code}",
                "expanded_url": match[0],
                "display_url": match[0].removeprefix("https://")[:26] + "…",
            }
        )
        return f"https://t.co/{code}"

    return re.sub(r"https://\S+", short, text), urls


def pack(handle: str) -> None:
    """Write one person's archive."""
    name, bio, account = PEOPLE[handle]
    rng = random.Random(handle)
    moment = FIRST
    last = ""
    tweets: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for number, line in enumerate(
        (HERE / f"{handle}.txt").read_text(encoding="utf-8").splitlines()
    ):
        is_thread = line.startswith(">> ")
        minutes = rng.randint(1, 5) if is_thread else rng.randint(45, 2600)
        moment += timedelta(minutes=minutes)
        moment += timedelta(seconds=rng.randint(0, 59), milliseconds=rng.randint(0, 999))
        text, urls = shorten_links(line.removeprefix(">> ").replace("\\n", "\n"), rng)
        own = str(tweet_id(moment, number))
        tweet: dict[str, Any] = {
            "edit_info": {
                "initial": {
                    "editTweetIds": [own],
                    "editableUntil": (moment + timedelta(hours=1)).isoformat(),
                    "isEditEligible": True,
                }
            },
            "retweeted": False,
            "source": '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>',
            "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": urls},
            "favorite_count": str(rng.randint(0, 90)),
            "retweet_count": str(rng.randint(0, 9)),
            "id_str": own,
            "id": own,
            "truncated": False,
            "favorited": False,
            "created_at": moment.strftime("%a %b %d %H:%M:%S +0000 %Y"),
            "lang": "en",
        }
        if is_thread:
            tweet |= {
                "in_reply_to_status_id_str": last,
                "in_reply_to_user_id_str": account,
                "in_reply_to_screen_name": handle,
            }
        elif reply := re.match(r"@(\w+) ", text):
            tweet |= {
                "in_reply_to_status_id_str": str(int(own) - 1),
                "in_reply_to_user_id_str": "42",
                "in_reply_to_screen_name": reply[1],
            }
        if len(text) > 280:
            notes.append(
                {
                    "noteTweet": {
                        "noteTweetId": str(int(own) + 7),
                        "createdAt": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                        "lifecycle": {
                            "value": "1",
                            "name": "Active",
                            "originalName": "Active",
                            "annotations": {},
                        },
                        "core": {
                            "text": html.escape(text, quote=False),
                            "styletags": [],
                            "urls": [],
                            "mentions": [],
                            "hashtags": [],
                            "cashtags": [],
                        },
                    }
                }
            )
            text = text[:270].rsplit(" ", 1)[0] + "…"
        elif text.startswith("RT @") and len(text) > 140:
            text = text[:139] + "…"
        tweet["full_text"] = html.escape(text, quote=False)
        tweets.append({"tweet": tweet})
        last = own
    user = {"accountId": account, "userName": handle, "displayName": name}
    write(handle, tweets, notes, user, bio, moment)


def write(
    handle: str,
    tweets: list[Any],
    notes: list[Any],
    user: dict[str, str],
    bio: str,
    moment: datetime,
) -> None:
    """Write an archive to the package's assets.

    Args:
        handle: The person's handle, which names the file.
        tweets: The items of `tweets.js`.
        notes: The items of `note-tweet.js`.
        user: The manifest's `userInfo`.
        bio: The person's description.
        moment: The archive's date.
    """
    members = {
        "data/tweets.js": ("window.YTD.tweets.part0 = ", tweets),
        "data/note-tweet.js": ("window.YTD.note_tweet.part0 = ", notes),
        "data/account.js": (
            "window.YTD.account.part0 = ",
            [
                {
                    "account": {
                        "username": handle,
                        "accountId": user["accountId"],
                        "accountDisplayName": user["displayName"],
                    }
                }
            ],
        ),
        "data/profile.js": (
            "window.YTD.profile.part0 = ",
            [{"profile": {"description": {"bio": bio, "website": "", "location": ""}}}],
        ),
        "data/direct-messages.js": ("window.YTD.direct_messages.part0 = ", []),
        "data/like.js": ("window.YTD.like.part0 = ", []),
    }
    counts = {
        "tweets": ("data/tweets.js", len(tweets)),
        "noteTweet": ("data/note-tweet.js", len(notes)),
    }
    manifest = {
        "userInfo": user,
        "archiveInfo": {
            "sizeBytes": "0",
            "generationDate": moment.isoformat(),
            "isPartialArchive": False,
            "maxPartSizeBytes": "53687091200",
        },
        "dataTypes": {
            kind: {
                "files": [
                    {"fileName": file, "globalName": f"YTD.{kind}.part0", "count": str(count)}
                ]
            }
            for kind, (file, count) in counts.items()
        },
    }
    OUT.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(OUT / f"{handle}.zip", "w") as archive:
        files = {
            "data/manifest.js": "window.__THAR_CONFIG = "
            + json.dumps(manifest, ensure_ascii=False, indent=1)
        }
        files |= {
            path: head + json.dumps(rows, ensure_ascii=False, indent=1)
            for path, (head, rows) in members.items()
        }
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, (2025, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


if __name__ == "__main__":
    for person in PEOPLE:
        pack(person)
