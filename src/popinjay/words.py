"""Words, in any script, and finding posts that say the same.

Scripts written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are counted by their characters.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’][^\W{_UNSPACED}]+)*")

SHINGLE = 3  # words
SAME_SHARE = 0.8  # Jaccard similarity of shingles from which two posts say the same


def words(text: str) -> list[str]:
    """The words of a text, case folded and without punctuation; single characters where a script has no blanks."""
    return _WORD.findall(text.casefold())


def spoken_length(token: str) -> int:
    """How many words a blank-separated token stands for: 1, or one for every two characters of an unspaced script."""
    return max(1, (len(_UNSPACED_CHARACTER.findall(token)) + 1) // 2)


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of three words of a text (the whole of it where it is shorter)."""
    found = words(text)
    if len(found) <= SHINGLE:
        return frozenset([tuple(found)]) if found else frozenset([(text.strip(),)])
    return frozenset(tuple(found[i : i + SHINGLE]) for i in range(len(found) - SHINGLE + 1))


class NearDuplicates:
    """An index of texts that answers whether a text says the same as one that it holds.

    Same means a Jaccard similarity of 3-word shingles of at least 0.8. Exact, by prefix filtering (Chaudhuri, Ganti and
    Kaushik, ICDE 2006): two sets can only be so alike if they share one of their rarest shingles, so only those are looked
    up. Time and memory grow with the number of posts, not with its square.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Count how rare each shingle is in `texts`: every text asked about later should be among them."""
        self._frequency: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            self._frequency.update(shingles(text))
        self._sets: list[frozenset[tuple[str, ...]]] = []
        self._holders: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def _rarest(self, found: frozenset[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
        """The shingles of which two sets that are alike must share one."""
        keep = len(found) - -(-len(found) * 8 // 10) + 1  # with SAME_SHARE = 8/10, in whole numbers
        return sorted(found, key=lambda shingle: (self._frequency[shingle], shingle))[:keep]

    def add(self, text: str) -> None:
        """Hold a text."""
        found = shingles(text)
        for shingle in self._rarest(found):
            self._holders[shingle].append(len(self._sets))
        self._sets.append(found)

    def find(self, text: str) -> int | None:
        """The position (in order of adding) of the first held text that says the same, or None."""
        found = shingles(text)
        seen: set[int] = set()
        for shingle in self._rarest(found):
            seen.update(self._holders.get(shingle, ()))
        for index in sorted(seen):
            other = self._sets[index]
            shared = len(found & other)
            if shared >= SAME_SHARE * (len(found) + len(other) - shared):
                return index
        return None
