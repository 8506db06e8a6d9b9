"""Leaks: personal data in what is written, and whether it stood in the posts that were learnt from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from popinjay.text.masking import SORTS, Found, find, masks


@dataclass(frozen=True)
class PiiLeaks:
    """What was found: how many of each sort of `privacy.SORTS` (all are named), how many of them stood in the training posts."""

    found: dict[str, int]
    in_training: int
    masks: int  # `[email]` and the like: nothing personal any more, but held back like it, because it shows where something stood

    @property
    def total(self) -> int:
        """All that is personal data."""
        return sum(self.found.values())


def pii_leaks(texts: Sequence[str], training: Iterable[str]) -> PiiLeaks:
    """What personal data stands in the texts, and how much of it stood in training posts, with whatever blanks and capitals.

    Training posts are masked unless their owner wanted otherwise: then what is found was made up.
    """
    found = [one for text in texts for one in find(text)]
    counts = Counter(one.sort for one in found)
    return PiiLeaks(
        found={sort.name: counts[sort.name] for sort in SORTS},
        in_training=_stood_in(found, training),
        masks=sum(map(masks, texts)),
    )


def _stood_in(found: Sequence[Found], training: Iterable[str]) -> int:
    """How many of these stand in the posts; those aren't read where there is nothing to look for."""
    if not found:
        return 0
    known = {one.normalized for post in training for one in find(post)}
    return sum(one.normalized in known for one in found)
