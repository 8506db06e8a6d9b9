"""Copying: which texts repeat others, word for word."""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from popinjay.text.handles import names_in
from popinjay.text.words import FIRST_UNSPACED, folded, halves, located_words, may_grow, words

RUN = 8  # words, or twice as many characters of a script without blanks: a shorter run is how people talk
ANYBODYS = (
    2  # words, or twice as many such characters: no text that holds so few repeats another by that
)
KEY, _MARK = (
    16,
    8,
)  # bytes; as a salt the key costs nothing, where a keyed BLAKE2b would hash twice as much
VERSION = b"4"  # raised when the same posts would now give another index


class VerbatimIndex:
    """An index of texts that tells whether another text equals one of them or repeats a run of eight or more words.

    A character of a script without blanks is half a word. Case, widths, how accents and apostrophes are
    written, punctuation and blanks do not count. What is held is each whole text and each run as a 64-bit
    hash, sorted, and no word: some 100 kB for 1,000 tweets. So are the handles in the texts, for another
    question: whether one stands in any.
    """

    def __init__(
        self,
        texts: Iterable[str] = (),
        min_holders: int | None = None,
        *,
        key: bytes = bytes(KEY),
        before: VerbatimIndex | None = None,
        marked: VerbatimIndex | None = None,
    ) -> None:
        """Of these texts, all that were indexed `before`, with their key, and those of another index, which are `marked`.

        A run that so many different ones of these texts hold is a `formula` of their author, and no copy of one of them; one that is marked never is.
        Under a secret key nobody can tell from stored hashes whether they are of some text, but who has the key too.
        """
        self._key: bytes = before._key if before else key
        self._marked = marked
        whole: set[int] = set()
        runs: Counter[int] = Counter()
        for text in texts:
            whole.update(self._hash(_as_handle(name)) for name in names_in(text))
            found = words(text)
            mark = self._hash(_as_whole(found))
            if mark not in whole:  # a cyborg learns the posts of its smaller author several times
                whole.add(mark)
                runs.update(set(map(self._hash, _runs(found))))
        whole.update(
            run for run, holders in runs.items() if min_holders is None or holders < min_holders
        )
        self._hashes: array[int] = array("q", sorted(whole.union(before._hashes if before else ())))

    def __bool__(self) -> bool:
        return bool(self._hashes)

    @classmethod
    def from_bytes(cls, stored: bytes, marked: VerbatimIndex | None = None) -> VerbatimIndex:
        """What `to_bytes` gave. Raises ValueError for anything else."""
        if len(stored) < KEY or (len(stored) - KEY) % _MARK:
            raise ValueError(f"{len(stored)} bytes are no whole number of marks")
        found = cls(key=stored[:KEY], marked=marked)
        found._hashes = _little_endian(array("q", stored[KEY:]))
        return found

    def to_bytes(self) -> bytes:
        """The key and, sorted, the hashes."""
        return self._key + _little_endian(self._hashes[:]).tobytes()

    def _hash(self, run: Sequence[str]) -> int:
        return int.from_bytes(
            hashlib.blake2b(" ".join(run).encode(), digest_size=_MARK, salt=self._key).digest(),
            "little",
            signed=True,
        )

    @property
    def size(self) -> int:
        """How many bytes the index takes."""
        return len(self._hashes) * self._hashes.itemsize

    def is_whole(self, text: str) -> bool:
        """Whether the text equals one of them."""
        return self.holds_whole(words(text))

    def repeats_run(self, text: str) -> bool:
        """Whether the text holds eight words in a row that one of them holds."""
        return self._holds_any(words(text))

    def is_copied(self, text: str, typed: int = 0) -> bool:
        """Whether the text equals one of them, or holds eight words in a row that one of them holds.

        What lies wholly in the first `typed` characters does not count.
        """
        if not typed:  # the usual case, and quicker
            found = words(text)
            return self.holds_whole(found) or self._holds_any(found)
        following = self.follow(text[:typed])
        return following.add(text[typed:]) or following.end()

    def ends_copied(self, text: str) -> bool:
        """Whether the text equals one of them, or its last eight words stand in a row in one."""
        found = words(text)
        return self.holds_whole(found) or (bool(found) and self.holds_run(found))

    def is_around(self, text: str) -> bool:
        """Whether the text holds the whole of one of them, be it shorter than a run, but not as short as anybody says."""
        found = words(text)
        spans = (
            found[begin:end]
            for begin in range(len(found))
            for end in range(begin + 1, min(begin + 2 * RUN, len(found) + 1))
        )
        return any(
            self.holds_whole(span) for span in spans if sum(map(halves, span)) > 2 * ANYBODYS
        )

    def has_handle(self, name: str) -> bool:
        """Return whether one of them holds a handle of this name, without @ and case folded.

        Those of texts that are only marked don't count: what is forgotten is not known.
        """
        return self._holds_own(self._hash(_as_handle(name)))

    def follow(self, typed: str = "") -> IncrementalMatcher:
        """A text that begins like this, to be told on as it grows."""
        return IncrementalMatcher(self, typed)

    def share(self, texts: Sequence[str]) -> float:
        """The share of texts that are copied."""
        return sum(map(self.is_copied, texts)) / max(1, len(texts))

    def holds_run(self, found: Sequence[str]) -> bool:
        """Whether the last eight of these words stand in a row in one of them; False where they are fewer."""
        run = _last_run(found, len(found))
        return run is not None and self._holds(run)

    def _holds_any(self, found: Sequence[str]) -> bool:
        return any(map(self._holds, _runs(found)))

    def holds_whole(self, found: Sequence[str]) -> bool:
        """Whether one of them is these words and no more."""
        return self._holds(_as_whole(found))

    def _holds(self, run: Sequence[str]) -> bool:
        is_marked = self._marked is not None and self._marked._holds(run)
        return is_marked or self._holds_own(self._hash(run))

    def _holds_own(self, mark: int) -> bool:
        place = bisect_left(self._hashes, mark)
        return place < len(self._hashes) and self._hashes[place] == mark


class IncrementalMatcher:
    """A text as it grows: it is known to repeat a run as soon as the run's eighth word is complete.

    What somebody typed is theirs: only runs that reach beyond it count, be it by one letter.
    """

    def __init__(self, copies: VerbatimIndex, typed: str) -> None:
        self._copies = copies
        self._words: list[str] = []
        self._rest = ""  # from the last word on, which may still grow
        self._typed = len(folded(typed))  # how much of the rest was typed
        self._last = 0 if typed else 1  # how far the last word reaches beyond what was typed
        self.add(typed)

    def add(self, text: str) -> bool:
        """More of it; whether that completed a run."""
        self._rest += text
        if text.isalpha() and max(text) < FIRST_UNSPACED:  # more of a word, which completes none
            return False
        self._rest = folded(self._rest)
        copied, begin = False, 0
        for word, begin, end in located_words(self._rest):
            if may_grow(word, self._rest[end:]):
                break
            copied = self._complete(word, end) or copied
            begin = end
        self._rest, self._typed = self._rest[begin:], self._typed - begin
        return copied

    def end(self) -> bool:
        """No more of it; whether its last word completed a run, or it equals a whole text."""
        copied = any(
            self._complete(word, end) for word, _, end in located_words(folded(self._rest))
        )  # one word at most
        self._rest = ""
        return copied or (self._last > 0 and self._copies.holds_whole(self._words))

    def _complete(self, word: str, end: int) -> bool:
        """Whether this word, which ends there in the rest, completes a run."""
        self._words.append(word)
        self._last = end - self._typed
        return end > self._typed and self._copies.holds_run(self._words)


def _little_endian(marks: array[int]) -> array[int]:
    """The same marks as files have them, and back again."""
    if sys.byteorder == "big":
        marks.byteswap()
    return marks


def _as_whole(found: Sequence[str]) -> Sequence[str]:
    """What is hashed of a text, so that it is not taken for a run of a longer one."""
    return ("", *found)


def _as_handle(name: str) -> Sequence[str]:
    """Return what is hashed of a handle: no run of words begins with this sign."""
    return ("@", name)


def _runs(found: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if found and max(found) < FIRST_UNSPACED:  # as below, and quicker still
        return (tuple(found[begin : begin + RUN]) for begin in range(len(found) - RUN + 1))
    runs = (_last_run(found, end) for end in range(1, len(found) + 1))
    return (run for run in runs if run is not None)


def _last_run(found: Sequence[str], end: int) -> tuple[str, ...] | None:
    """The run that ends behind so many words, the fewest words that weigh enough. None where all are too few."""
    last = found[max(0, end - RUN) : end]
    if max(last) < FIRST_UNSPACED:  # the usual case, and quicker: all of them weigh the same
        return tuple(last) if len(last) == RUN else None
    begin, weight = end, 0
    while weight < 2 * RUN:
        if not begin:
            return None
        begin -= 1
        weight += halves(found[begin])
    return tuple(found[begin:end])
