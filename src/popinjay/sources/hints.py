"""Suggest what the user may have meant by a spec that no source reads."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

_OWN_ARCHIVE = "your own archive is free (x.com/settings/download_your_data)"
_X = ("x.com", "twitter.com")
_PREFIXES = {"bluesky": "bsky:", "at": "bsky:", "tw": "x:@", "fediverse": "@", "masto": "@"}
_THREADS = (
    "Threads can't be read over the network; its export holds your posts as JSON: give their text "
    "as .jsonl."
)
_EXPORTS = {  # sites that can't be read over the network
    "threads.net": _THREADS,
    "threads.com": _THREADS,
    "reddit.com": "Reddit can't be read over the network; request your data there, and give "
    "comments.csv or posts.csv.",
    "facebook.com": "Facebook can't be read over the network; give the text of your posts as "
    ".jsonl or .txt.",
    "instagram.com": "Instagram can't be read over the network; give the text of your posts as "
    ".jsonl or .txt.",
}
_USER = r"[\w.+-]+"
_MAX_NAMES = 5000  # of a folder, searched for a similar one


def guess(spec: str) -> str:
    """Suggest an account or a file, by the spec and the names on disk; empty if there is none."""
    return guess_account(spec) or _similar_file(spec)


def guess_account(spec: str) -> str:
    """Suggest an account; empty if there is none."""
    return _for_url(spec) or _for_prefix(spec) or _for_name(spec)


def _for_url(spec: str) -> str:
    """Return a suggestion for the URL of a page."""
    found = re.fullmatch(r"(?i)(?:https?://)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?)(/.*)", spec)
    if not found:
        return ""
    url = f"https://{found[1]}{found[2]}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = re.sub(r"^(?:www|mobile|m|old)\.", "", (parts.hostname or "").lower())
    name = re.match(rf"/@?({_USER})", parts.path)
    if host in _X:
        api = f", or x:@{name[1]} if you pay for its API" if name else ""
        return f"X can't be read for free: {_OWN_ARCHIVE}{api}."
    if host in _EXPORTS:
        return _EXPORTS[host]
    if "://" not in spec:
        is_profile = re.match(r"/(?:@|users/|profile/)\w", parts.path)
        return f"Did you mean {url}?" if is_profile else ""
    return (
        "The page of an account looks like https://example.social/@ada or "
        "https://bsky.app/profile/ada.bsky.social."
    )


def _for_prefix(spec: str) -> str:
    """Return a suggestion for `bluesky:ada...` and the like."""
    prefix, colon, name = spec.partition(":")
    known = _PREFIXES.get(prefix.lower())
    return f"Did you mean {known}{name.lstrip('@')}?" if colon and known and name.strip("@") else ""


def _for_name(spec: str) -> str:
    """Return a suggestion for what looks like an account's name."""
    if re.fullmatch(rf"{_USER}@(?:[\w-]+\.)+\w{{2,}}", spec):
        return f"Did you mean the account @{spec}?"
    if re.fullmatch(rf"@{_USER}", spec):
        name = spec[1:]
        if "." in name:
            return f"Did you mean {name}?"
        return (
            f"Did you mean {name}.bsky.social (Bluesky) or {spec}@SERVER (Mastodon)? "
            f"On X, {_OWN_ARCHIVE}; x:{spec} costs money."
        )
    return ""


def _similar_file(spec: str) -> str:
    """Return a suggestion if a file or folder in the same place has a similar name."""
    path = Path(spec)
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for _, entry in zip(range(_MAX_NAMES), entries, strict=False)]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"Did you mean {path.parent / near[0]}?" if near else ""
