"""Detect texts that repeat others word for word."""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from popinjay.text.handles import names_in
from popinjay.text.words import FIRST_UNSPACED, folded, half_words, located_words, may_grow, words

RUN = 8  # words, or twice as many characters of an unspaced script: shorter runs are common
ANYBODYS = 2  # words, or twice as many such characters: texts this short are common property
KEY = 16  # bytes; used as a salt, which is free, while a keyed BLAKE2b hashes twice as much
_HASH_BYTES = 8
VERSION = b"4"  # raise it if the same posts now give a different index


class VerbatimIndex:
    """An index of texts that finds copies: equal texts, and runs of eight or more words.

    A character of a script without spaces counts as half a word. Case, widths, accents,
    apostrophes, punctuation and whitespace are normalized. The index holds sorted 64-bit hashes of
    the whole texts and of all runs, and no words: some 100 kB for 1,000 tweets. It also holds
    hashes of the handles in the texts, to look them up.
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
        """Index some texts.

        Args:
            texts: the texts.
            min_holders: a run in this many different texts is a formula of their author rather than
                a copy, and is left out; None for no limit.
            key: makes stored hashes useless without it, if it is secret.
            before: an index whose texts, and key, are taken over.
            marked: a further index to search, to which `min_holders` does not apply.
        """
        self._key: bytes = before._key if before else key
        self._marked = marked
        whole: set[int] = set()
        runs: Counter[int] = Counter()
        for text in texts:
            whole.update(self._hash(_as_handle(name)) for name in names_in(text))
            found = words(text)
            digest = self._hash(_as_whole(found))
            if digest not in whole:  # a cyborg learns the posts of its smaller author repeatedly
                whole.add(digest)
                runs.update(set(map(self._hash, _runs(found))))
        whole.update(
            run for run, holders in runs.items() if min_holders is None or holders < min_holders
        )
        self._hashes: array[int] = array("q", sorted(whole.union(before._hashes if before else ())))

    def __bool__(self) -> bool:
        return bool(self._hashes)

    @classmethod
    def from_bytes(cls, stored: bytes, marked: VerbatimIndex | None = None) -> VerbatimIndex:
        """Load an index from the result of `to_bytes`. Raises ValueError for anything else."""
        if len(stored) < KEY or (len(stored) - KEY) % _HASH_BYTES:
            raise ValueError(f"{len(stored)} bytes are not a whole number of hashes")
        found = cls(key=stored[:KEY], marked=marked)
        found._hashes = _little_endian(array("q", stored[KEY:]))
        return found

    def to_bytes(self) -> bytes:
        """Return the key and the sorted hashes."""
        return self._key + _little_endian(self._hashes[:]).tobytes()

    def _hash(self, run: Sequence[str]) -> int:
        return int.from_bytes(
            hashlib.blake2b(
                " ".join(run).encode(), digest_size=_HASH_BYTES, salt=self._key
            ).digest(),
            "little",
            signed=True,
        )

    @property
    def size(self) -> int:
        """The size of the index in bytes."""
        return len(self._hashes) * self._hashes.itemsize

    def is_whole(self, text: str) -> bool:
        """Return whether a text equals one of the indexed ones."""
        return self.holds_whole(words(text))

    def repeats_run(self, text: str) -> bool:
        """Return whether a text shares a run of eight words with one of the indexed ones."""
        return self._holds_any(words(text))

    def is_copied(self, text: str, typed: int = 0) -> bool:
        """Return whether a text equals an indexed one, or shares a run of eight words with one.

        What lies completely within the first `typed` characters does not count.
        """
        if not typed:  # a fast path for the usual case
            found = words(text)
            return self.holds_whole(found) or self._holds_any(found)
        matcher = self.follow(text[:typed])
        return matcher.add(text[typed:]) or matcher.end()

    def ends_copied(self, text: str) -> bool:
        """Return whether a text equals an indexed one, or its last eight words are a run in one."""
        found = words(text)
        return self.holds_whole(found) or (bool(found) and self.holds_run(found))

    def is_around(self, text: str) -> bool:
        """Return whether a text contains a whole indexed one, unless that is very short.

        It may be shorter than a run, but must be longer than `ANYBODYS` words.
        """
        found = words(text)
        spans = (
            found[begin:end]
            for begin in range(len(found))
            for end in range(begin + 1, min(begin + 2 * RUN, len(found) + 1))
        )
        return any(
            self.holds_whole(span) for span in spans if sum(map(half_words, span)) > 2 * ANYBODYS
        )

    def has_handle(self, name: str) -> bool:
        """Return whether an indexed text contains a handle, given without @ and case folded.

        Those of `marked` texts don't count: what is forgotten is not known.
        """
        return self._holds_own(self._hash(_as_handle(name)))

    def follow(self, typed: str = "") -> IncrementalMatcher:
        """Return a matcher for a growing text that starts with `typed`."""
        return IncrementalMatcher(self, typed)

    def share(self, texts: Sequence[str]) -> float:
        """Return the share of texts that are copied."""
        return sum(map(self.is_copied, texts)) / max(1, len(texts))

    def holds_run(self, found: Sequence[str]) -> bool:
        """Return whether the last eight words are a run in an indexed text; False if fewer."""
        run = _last_run(found, len(found))
        return run is not None and self._holds(run)

    def _holds_any(self, found: Sequence[str]) -> bool:
        return any(map(self._holds, _runs(found)))

    def holds_whole(self, found: Sequence[str]) -> bool:
        """Return whether an indexed text consists of exactly these words."""
        return self._holds(_as_whole(found))

    def _holds(self, run: Sequence[str]) -> bool:
        is_marked = self._marked is not None and self._marked._holds(run)
        return is_marked or self._holds_own(self._hash(run))

    def _holds_own(self, digest: int) -> bool:
        index = bisect_left(self._hashes, digest)
        return index < len(self._hashes) and self._hashes[index] == digest


class JointIndex(VerbatimIndex):
    """Several indexes searched as one: what any of them holds is a copy, and a known handle."""

    def __init__(self, indexes: Sequence[VerbatimIndex]) -> None:
        super().__init__()
        self._indexes = tuple(indexes)

    def __bool__(self) -> bool:
        return any(self._indexes)

    @property
    def size(self) -> int:
        """The size of the indexes in bytes."""
        return sum(one.size for one in self._indexes)

    def has_handle(self, name: str) -> bool:
        """Return whether one of the indexes has a text with this handle."""
        return any(one.has_handle(name) for one in self._indexes)

    def _holds(self, run: Sequence[str]) -> bool:
        return any(one._holds(run) for one in self._indexes)


class IncrementalMatcher:
    """Finds copied runs in a growing text, as soon as the eighth word of a run is complete.

    Only runs that extend beyond the typed beginning count, even if by a single letter.
    """

    def __init__(self, copies: VerbatimIndex, typed: str) -> None:
        self._copies = copies
        self._words: list[str] = []
        self._rest = ""  # from the last word on, which may still grow
        self._typed = len(folded(typed))  # characters of the rest that were typed
        self._last = 0 if typed else 1  # characters of the last word beyond what was typed
        self.add(typed)

    def add(self, text: str) -> bool:
        """Add text, and return whether that completed a copied run."""
        self._rest += text
        if text.isalpha() and max(text) < FIRST_UNSPACED:  # letters alone don't complete a word
            return False
        self._rest = folded(self._rest)
        copied = False
        begin = 0
        for word, begin, end in located_words(self._rest):
            if may_grow(word, self._rest[end:]):
                break
            copied = self._complete(word, end) or copied
            begin = end
        self._rest = self._rest[begin:]
        self._typed -= begin
        return copied

    def end(self) -> bool:
        """End the text, and return whether its last word completed a run, or it equals a text."""
        rest = located_words(folded(self._rest))  # one word at most
        copied = any(self._complete(word, end) for word, _, end in rest)
        self._rest = ""
        return copied or (self._last > 0 and self._copies.holds_whole(self._words))

    def _complete(self, word: str, end: int) -> bool:
        """Add a word that ends at `end` of the rest; return whether it completes a copied run."""
        self._words.append(word)
        self._last = end - self._typed
        return end > self._typed and self._copies.holds_run(self._words)


def _little_endian(hashes: array[int]) -> array[int]:
    """Convert hashes between the machine's byte order and that of files."""
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes


def _as_whole(found: Sequence[str]) -> Sequence[str]:
    """Return what is hashed for a whole text, which differs from any run."""
    return ("", *found)


def _as_handle(name: str) -> Sequence[str]:
    """Return what is hashed for a handle, which differs from any run: no word starts with @."""
    return ("@", name)


def _runs(found: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if found and max(found) < FIRST_UNSPACED:  # a fast path, as below
        return (tuple(found[begin : begin + RUN]) for begin in range(len(found) - RUN + 1))
    runs = (_last_run(found, end) for end in range(1, len(found) + 1))
    return (run for run in runs if run is not None)


def _last_run(found: Sequence[str], end: int) -> tuple[str, ...] | None:
    """Return the shortest run of sufficient weight that ends before word `end`, None if none."""
    last = found[max(0, end - RUN) : end]
    if max(last) < FIRST_UNSPACED:  # a fast path: all of them have the same weight
        return tuple(last) if len(last) == RUN else None
    begin = end
    weight = 0
    while weight < 2 * RUN:
        if not begin:
            return None
        begin -= 1
        weight += half_words(found[begin])
    return tuple(found[begin:end])
