"""Build X archives for tests: real structure, invented words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ACCOUNT = "1000000001"
FIRST_MS = 1730000000000  # October 2024
SNOWFLAKE_EPOCH_MS = 1288834974657
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def snowflake(milliseconds: int, number: int = 0) -> str:
    return str(((milliseconds - SNOWFLAKE_EPOCH_MS) << 22) + number)


def tweet(text: str, number: int = 0, *, at_ms: int | None = None, **more: Any) -> dict[str, Any]:
    """Return one item of tweets.js, a minute after the one before it. `more` overrides fields."""
    from datetime import UTC, datetime

    at = FIRST_MS + number * 60_000 if at_ms is None else at_ms
    moment = datetime.fromtimestamp(at / 1000, UTC)
    month = MONTHS[moment.month - 1]
    own = snowflake(at, number)
    return {
        "tweet": {
            "id_str": own,
            "id": own,
            "full_text": text,
            "created_at": f"{moment:%a} {month} {moment:%d %H:%M:%S} +0000 {moment.year}",
            "lang": "en",
            "retweeted": False,
            "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
            **more,
        }
    }


def note(text: str, at_ms: int, number: int = 7) -> dict[str, Any]:
    """Return one item of note-tweet.js."""
    return {
        "noteTweet": {
            "noteTweetId": snowflake(at_ms, number),
            "createdAt": "2024-10-27T03:33:20.000Z",
            "core": {"text": text, "urls": []},
        }
    }


def js(name: str, items: Sequence[Any]) -> str:
    """Return a data file as X writes it."""
    return f"window.YTD.{name}.part0 = " + json.dumps(items, ensure_ascii=False, indent=2)


def manifest(
    counts: Mapping[str, tuple[str, int] | Sequence[tuple[str, int]]],
    handle: str = "ada_l",
    name: str = "Ada 🧮 L.",
) -> str:
    """Return data/manifest.js, with data type -> (file name, count), or several of them."""
    types = {
        kind: {
            "files": [
                {"fileName": file, "globalName": "", "count": str(count)}
                for file, count in ([files] if isinstance(files, tuple) else files)
            ]
        }
        for kind, files in counts.items()
    }
    user = {"accountId": ACCOUNT, "userName": handle, "displayName": name}
    return "window.__THAR_CONFIG = " + json.dumps(
        {"userInfo": user, "archiveInfo": {}, "dataTypes": types}
    )


def account(handle: str = "ada_l", name: str = "Ada 🧮 L.") -> str:
    return js(
        "account",
        [
            {
                "account": {
                    "email": "private@example.com",
                    "username": handle,
                    "accountId": ACCOUNT,
                    "accountDisplayName": name,
                }
            }
        ],
    )


def profile(avatar: str) -> str:
    return js(
        "profile",
        [{"profile": {"description": {"bio": "counts &amp; sings"}, "avatarMediaUrl": avatar}}],
    )


def write_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_folder(path: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def spoil(path: Path, name: str) -> None:
    """Overwrite one member of a zip, so that opening it raises and all others stay as they are."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name)
    with path.open("r+b") as file:
        file.seek(entry.header_offset)
        file.write(b"\xff" * (30 + len(name) + entry.compress_size))


def grailbird_files(
    months: Mapping[str, Sequence[Any]], handle: str = "ada_l"
) -> dict[str, str | bytes]:
    """Return the files of an archive from before 2019, with month (`2011_07`) -> posts."""
    user = {
        "screen_name": handle,
        "full_name": "Ada 🧮 L.",
        "bio": "counts &amp; sings",
        "id": ACCOUNT,
    }
    files: dict[str, str | bytes] = {
        "data/js/user_details.js": "var user_details =  " + json.dumps(user),
        "data/js/tweet_index.js": "var tweet_index =  [ ]",
    }
    return files | {
        f"data/js/tweets/{month}.js": f"Grailbird.data.tweets_{month} = \n " + json.dumps(items)
        for month, items in months.items()
    }


def archive_files(
    tweets: Sequence[Any],
    /,
    *,
    notes: Sequence[Any] = (),
    handle: str = "ada_l",
    name: str = "Ada 🧮 L.",
    **more: str | bytes,
) -> dict[str, str | bytes]:
    """Return the files of a modern archive.

    `more` adds or replaces data files (`direct_messages="..."`, dashes as underscores).
    """
    files: dict[str, str | bytes] = {
        "data/manifest.js": manifest(
            {
                "tweets": ("data/tweets.js", len(tweets)),
                "noteTweet": ("data/note-tweet.js", len(notes)),
            },
            handle,
            name,
        ),
        "data/account.js": account(handle, name),
        "data/tweets.js": js("tweets", tweets),
        "data/note-tweet.js": js("note_tweet", notes),
        "Your archive.html": "<html></html>",
    }
    return files | {f"data/{name.replace('_', '-')}.js": content for name, content in more.items()}


def posts(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return ordinary posts, each with its own words."""
    things = (
        "oven tide gull lamp bolt garden river engine letter window kettle ladder mountain pencil "
        "basket"
    ).split()
    deeds = "sings waits burns leaks hums vanishes shines sleeps returns argues".split()
    return [
        tweet(
            f"number {n}: the {things[n % 15]} {deeds[(n // 15) % 10]} near the "
            f"{things[(n * 7 + 3) % 15]} while {n * 37} people {deeds[(n * 3) % 10]}",
            n,
        )
        for n in range(start, start + count)
    ]
