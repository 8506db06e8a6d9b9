"""The numbers of an untouched base model, computed once for each version of it.

A base writes the same posts from the same seed whatever persona they are compared with, and that
takes longer than measuring the persona itself, so they are cached in the user's folder. So are its
bits of held-out posts, without the posts: only a hash says which ones they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from popinjay.store.caches import keep_entry, measured_folder, read_entry

WRITING = 2  # increased when a base would now write other posts from the same seed
SCORING = 1  # increased when a base's bits of the same posts would now be others


class UntouchedBase:
    """The cache of one version of a base model."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._folder = measured_folder(fingerprint)

    @property
    def engine(self) -> Path:
        """The folder for the base in the form of the fast decoder."""
        return self._folder / "engine"

    def written(
        self, count: int, settings: Mapping[str, Any], write: Callable[[int], Sequence[str]]
    ) -> list[str]:
        """Return the first `count` posts that the base writes with these settings, seed included.

        `write(start)` gives those from place `start` up to `count`; it is called if fewer are kept.
        """
        path, about = self._entry(settings)
        posts = self._kept(settings)
        if len(posts) < count:
            posts += write(len(posts))
            keep_entry(path, about, posts)
        return posts[:count]

    def has_written(self, count: int, settings: Mapping[str, Any]) -> bool:
        """Return whether that many posts with these settings are cached."""
        return len(self._kept(settings)) >= count

    def _kept(self, settings: Mapping[str, Any]) -> list[str]:
        kept = read_entry(*self._entry(settings))
        return list(kept) if _is_list_of(str, kept) else []

    def _entry(self, settings: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Return where posts with these settings are cached, and what identifies them there."""
        about = {"base": self._fingerprint, "writing": WRITING, "settings": dict(settings)}
        return self._folder / f"posts-{_hash(about)[:16]}.json", about

    def bits(
        self, held_out: Mapping[str, Sequence[str]], score: Callable[[], dict[str, float]]
    ) -> dict[str, float]:
        """Return what `score` gives for these posts of each author: `all`, then each author's."""
        asked = {"base": self._fingerprint, "scoring": SCORING, "posts": list(held_out.items())}
        about = _hash(asked)
        names = ["all", *held_out]
        path = self._folder / f"bits-{about[:16]}.json"
        kept = read_entry(path, about)
        if _is_list_of(float, kept) and len(kept) == len(names):
            return dict(zip(names, kept, strict=True))
        found = score()
        keep_entry(path, about, [found[name] for name in names])
        return found


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)
