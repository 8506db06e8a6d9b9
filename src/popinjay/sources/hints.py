"""What somebody may have meant by a spec that nothing reads."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

_OWN_ARCHIVE = "your own archive is free (x.com/settings/download_your_data)"
_X = ("x.com", "twitter.com")
_PREFIXES = {"bluesky": "bsky:", "at": "bsky:", "tw": "x:@", "fediverse": "@", "masto": "@"}
_EXPORTS = {  # places that are read from no network, with what is there instead
    "threads.net": "Threads can't be read from here; its export holds your posts as JSON: give their text as .jsonl.",
    "threads.com": "Threads can't be read from here; its export holds your posts as JSON: give their text as .jsonl.",
    "reddit.com": "Reddit can't be read from here; ask it for your data and give comments.csv or posts.csv.",
    "facebook.com": "Facebook can't be read from here; give the text of your posts as .jsonl or .txt.",
    "instagram.com": "Instagram can't be read from here; give the text of your posts as .jsonl or .txt.",
}
_USER = r"[\w.+-]+"
_MAX_NAMES = 5000  # of a folder, looked through for one alike


def guess(spec: str) -> str:
    """A sentence with what may have been meant, empty where nothing comes to mind. Looks at names on the disk only."""
    return guess_account(spec) or _on_the_disk(spec)


def guess_account(spec: str) -> str:
    """The same where only an account can have been meant."""
    return _on_the_web(spec) or _prefixed(spec) or _account(spec)


def _on_the_web(spec: str) -> str:
    """For what looks like the address of a page."""
    bare = re.fullmatch(r"(?i)(?:https?://)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?)(/.*)", spec)
    if not bare:
        return ""
    try:
        place = urlsplit(f"https://{bare[1]}{bare[2]}")
    except ValueError:
        return ""
    host = re.sub(r"^(?:www|mobile|m|old)\.", "", (place.hostname or "").lower())
    name = re.match(rf"/@?({_USER})", place.path)
    if host in _X:
        return f"X lets nobody read it for free: {_OWN_ARCHIVE}{f', or x:@{name[1]} where you pay for its API' if name else ''}."
    if host in _EXPORTS:
        return _EXPORTS[host]
    if "://" not in spec and re.match(r"/(?:@|users/|profile/)\w", place.path):
        return f"Did you mean https://{bare[1]}{bare[2]}?"
    return (
        "The page of an account looks like https://example.social/@ada or https://bsky.app/profile/ada.bsky.social."
        if "://" in spec
        else ""
    )


def _prefixed(spec: str) -> str:
    """For `bluesky:ada...` and the like."""
    prefix, colon, name = spec.partition(":")
    known = _PREFIXES.get(prefix.lower())
    return f"Did you mean {known}{name.lstrip('@')}?" if colon and known and name.strip("@") else ""


def _account(spec: str) -> str:
    """For what looks like somebody's name."""
    if re.fullmatch(rf"{_USER}@(?:[\w-]+\.)+\w{{2,}}", spec):
        return f"Did you mean the account @{spec}?"
    if re.fullmatch(rf"@{_USER}", spec):
        name = spec[1:]
        if "." in name:
            return f"Did you mean {name}?"
        return f"Did you mean {name}.bsky.social (Bluesky) or {spec}@SERVER (Mastodon)? On X, {_OWN_ARCHIVE}; x:{spec} costs money."
    return ""


def _on_the_disk(spec: str) -> str:
    """For a name much like that of a file or folder beside it."""
    path = Path(spec)
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for _, entry in zip(range(_MAX_NAMES), entries, strict=False)]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"Did you mean {path.parent / near[0]}?" if near else ""
