"""Copying: which texts repeat others, word for word."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from popinjay.words import words

RUN = 8  # words: a shorter run is how people talk


class Copies:
    """An index of texts that tells whether another text equals one of them or repeats a run of eight or more words.

    Case, punctuation and blanks do not count. Runs are held as sorted 64-bit hashes: some 100 kB for 1,000 posts.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        whole: set[int] = set()
        runs: set[int] = set()
        for text in texts:
            found = words(text)
            whole.add(hash(tuple(found)))
            runs.update(_runs(found))
        self._whole = array("q", sorted(whole))
        self._runs = array("q", sorted(runs))

    def is_whole(self, text: str) -> bool:
        """Whether the text equals one of them."""
        return _holds(self._whole, hash(tuple(words(text))))

    def is_copied(self, text: str) -> bool:
        """Whether the text equals one of them, or holds eight words in a row that one of them holds."""
        found = words(text)
        return _holds(self._whole, hash(tuple(found))) or any(_holds(self._runs, run) for run in _runs(found))

    def share(self, texts: Sequence[str]) -> float:
        """The share of texts that are copied."""
        return sum(map(self.is_copied, texts)) / max(1, len(texts))


def _runs(found: Sequence[str]) -> Iterator[int]:
    return (hash(tuple(found[start : start + RUN])) for start in range(len(found) - RUN + 1))


def _holds(marks: array[int], mark: int) -> bool:
    place = bisect_left(marks, mark)
    return place < len(marks) and marks[place] == mark
