"""What a person should know about a text before they approve it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popinjay.bots.defusing import defused, is_live
from popinjay.bots.lengths import NETWORKS, lengths, too_long_for
from popinjay.post import read_rows
from popinjay.sampling.filters import OutputFilters
from popinjay.text.handles import find_handles
from popinjay.text.masking import find
from popinjay.text.words import SHINGLE, shingles, words

NEAR = 0.5  # share of a text's runs of three words that stand in one post: it is near that post


@dataclass(frozen=True)
class Check:
    """What was found in a text."""

    shown: str  # the text as it is posted, without live @names and #tags
    lengths: dict[str, int]  # by network, as it counts
    too_long_for: tuple[str, ...]  # networks
    handles: tuple[str, ...]  # without @
    has_tags_or_names: bool  # that are live in the text, and not in `shown`
    personal: tuple[str, ...]  # sorts of personal data
    is_copy: bool  # of a post that was learnt, or of eight words in a row of one
    near: str = ""  # a post that it has much of

    @property
    def warnings(self) -> list[str]:
        """What was found as sentences, the worst first."""
        found = []
        if self.personal:
            found.append(f"It seems to hold personal data: {', '.join(self.personal)}.")
        if self.is_copy:
            found.append("It repeats a post that was learnt, or eight words in a row of one.")
        if self.near:
            found.append(f"It is near a post that was learnt: {self.near}")
        if self.too_long_for:
            names = " and ".join(NETWORKS[name].name for name in self.too_long_for)
            found.append(f"It is too long for {names}.")
        if self.handles:
            names = ", ".join(f"@{name}" for name in self.handles)
            found.append(f"It names {names}.")
        if self.has_tags_or_names:
            found.append("The signs of @names and #tags are left out when it is posted.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "shown": self.shown,
            "lengths": self.lengths,
            "too_long_for": list(self.too_long_for),
            "warnings": self.warnings,
        }


@dataclass
class Checker:
    """Checks texts of one persona. The index of its posts is opened with the first one."""

    filters: OutputFilters
    posts: Path  # the training posts
    _near: dict[str, str] = field(default_factory=dict)  # text -> a post that it is near

    def check(self, text: str, *, mentions: bool = False) -> Check:
        """Check a text. Only those that `look_near` has seen can be near a post."""
        return Check(
            shown=text if mentions else defused(text),
            lengths=lengths(text if mentions else defused(text)),
            too_long_for=tuple(too_long_for(text if mentions else defused(text))),
            handles=tuple(dict.fromkeys(handle.name for handle in find_handles(text))),
            has_tags_or_names=not mentions and is_live(text),
            personal=tuple(dict.fromkeys(found.sort for found in find(text))),
            is_copy=self.filters.index.is_copied(text),
            near=self._near.get(text, ""),
        )

    def look_near(self, texts: Sequence[str]) -> None:
        """Look for training posts that these texts are near to, in one pass over the posts."""
        if self.posts.is_file():
            posts = (row["text"] for row in read_rows(self.posts))
            self._near.update(near(texts, posts))


def near(texts: Iterable[str], posts: Iterable[str]) -> dict[str, str]:
    """Return which of the texts have half of their runs of three words in one of the posts.

    Each with the post that it has most of.
    """
    wanted = {text: shingles(text) for text in texts if len(words(text)) > SHINGLE}
    holders: dict[tuple[str, ...], list[str]] = {}
    for text, runs in wanted.items():
        for run in runs:
            holders.setdefault(run, []).append(text)
    best: dict[str, tuple[float, str]] = {}
    for post in posts:
        shared: dict[str, int] = {}
        for run in shingles(post):
            for text in holders.get(run, ()):
                shared[text] = shared.get(text, 0) + 1
        for text, count in shared.items():
            share = count / len(wanted[text])
            if share >= NEAR and share > best.get(text, (0.0, ""))[0]:
                best[text] = (share, post)
    return {text: post for text, (_, post) in best.items()}
