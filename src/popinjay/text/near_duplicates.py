"""Find texts that are nearly the same as an earlier one."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from popinjay.text.words import shingles

SAME_SHARE = 0.8  # Jaccard similarity of shingles from which two texts count as the same
CROWD = 48  # texts with a common shingle that are compared one by one; more are split
_MAX_DEPTH = 6  # of nested crowds

_BUCKETS = 1 << 20
_NONE = -1
_SKETCH_BITS = 63  # of each half
_HALF = (1 << _SKETCH_BITS) - 1


class NearDuplicates:
    """An index of texts that finds near-duplicates among them.

    Same means a Jaccard similarity of 3-word shingles of at least 0.8. The answer is exact, by
    prefix filtering (Chaudhuri, Ganti and Kaushik, ICDE 2006): two sets can only be that similar if
    they share one of their rarest shingles, so only those are looked up. The texts found are
    compared in full. Posts of one template share even their rarest shingles with many others; such
    crowds are split by further shingles (see `_Crowd`), so that time is linear for them too.

    To fit 200,000 posts in little memory, shingles are stored as hashes in flat arrays, and those
    of a text are computed again when it is compared. Python's hashes differ between runs; the
    results do not.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Count the shingles in `texts`, which should include all texts that will be added."""
        # One count for all shingles of a bucket: accurate enough to put the rare ones first.
        self._frequency = array("I", [0]) * _BUCKETS
        for text in texts:
            for mark in _marks(text):
                self._frequency[mark % _BUCKETS] += 1
        self._held = _Held()
        # One entry per rare shingle of each text. Those of a bucket form a linked list, newest
        # first.
        self._newest = array("i", [_NONE]) * _BUCKETS
        self._older = array("i")
        self._mark = array("q")
        self._holder = array("i")
        self._crowds: dict[int, _Crowd] = {}  # by the shingle that their texts share

    def add(self, text: str) -> None:
        """Add a text."""
        marks = _marks(text)
        position = self._held.add(text, marks)
        for mark in self._rarest(marks):
            if self._frequency[mark % _BUCKETS] > CROWD:
                crowd = self._crowds.get(mark)
                if crowd is None:
                    crowd = self._crowds[mark] = _Crowd((mark,))
                crowd.add(position, marks, self._held)
                continue
            self._older.append(self._newest[mark % _BUCKETS])
            self._newest[mark % _BUCKETS] = len(self._mark)
            self._mark.append(mark)
            self._holder.append(position)

    def find(self, text: str) -> int | None:
        """Return the position, in order of adding, of the first near-duplicate; None if none."""
        marks = _marks(text)
        alike = self._held.maybe_alike(self._candidates(marks), marks)
        if not alike:
            return None
        found = shingles(text)
        for position in sorted(alike):
            other = shingles(self._held.texts[position])
            shared = len(found & other)
            if shared >= SAME_SHARE * (len(found) + len(other) - shared):
                return position
        return None

    def _rarest(self, marks: set[int]) -> list[int]:
        """Return the rarest shingles, of which near-duplicates must share one."""

        def rank(mark: int) -> tuple[int, int]:
            return self._frequency[mark % _BUCKETS], mark

        return sorted(marks, key=rank)[: _prefix(len(marks))]

    def _candidates(self, marks: set[int]) -> Iterator[int]:
        """Yield the texts that share one of the rarest shingles."""
        for mark in self._rarest(marks):
            # Both places are searched, as a text may not have been counted beforehand.
            crowd = self._crowds.get(mark)
            if crowd is not None:
                yield from crowd.candidates(marks)
            entry = self._newest[mark % _BUCKETS]
            while entry != _NONE:
                if self._mark[entry] == mark:
                    yield self._holder[entry]
                entry = self._older[entry]


class _Held:
    """The added texts, each with the size and a sketch of its set of shingles."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._sizes = array("I")
        self._sketches = array("q")  # two per text, for the halves of its bits

    def add(self, text: str, marks: set[int]) -> int:
        """Add a text and return its position."""
        self.texts.append(text)
        self._sizes.append(len(marks))
        self._sketches.extend(_sketch(marks))
        return len(self.texts) - 1

    def maybe_alike(self, positions: Iterable[int], marks: set[int]) -> set[int]:
        """Return those of the texts that may be near-duplicates, without most that are not.

        Two sets of a and b shingles with a similarity of 0.8 differ in at most (a + b) / 9
        shingles, and in at least as many as the bits in which their sketches differ.
        """
        size = len(marks)
        low, high = _sketch(marks)
        sizes = self._sizes
        sketches = self._sketches
        alike = set()
        for position in positions:
            max_differing = (size + sizes[position]) // 9
            differing = (low ^ sketches[2 * position]).bit_count()
            if differing <= max_differing:
                differing += (high ^ sketches[2 * position + 1]).bit_count()
                if differing <= max_differing:
                    alike.add(position)
        return alike


class _Crowd:
    """Texts that share the shingles of a `path`, split by a further one if there are many.

    Within a crowd the shingles are reordered by their frequency in its first texts: those that all
    share no longer distinguish them, and those that vary come first. Prefix filtering holds for any
    order, so the results stay exact.
    """

    def __init__(self, path: tuple[int, ...]) -> None:
        self._path = path
        self._members: list[int] = []
        self._frequency: Mapping[int, int] = {}
        self._children: dict[int, _Crowd] | None = None

    def add(self, position: int, marks: set[int], held: _Held) -> None:
        """Add a text that has all shingles of the path."""
        # For a set of few shingles, sharing the path alone may be enough to be a near-duplicate.
        if self._children is None or _least_shared(len(marks)) <= len(self._path):
            self._members.append(position)
            if self._children is None and self._is_full():
                self._split(held)
            return
        for mark in self._rarest(marks):
            child = self._children.get(mark)
            if child is None:
                child = self._children[mark] = _Crowd((*self._path, mark))
            child.add(position, marks, held)

    def candidates(self, marks: set[int]) -> Iterator[int]:
        """Yield the texts that share one of the rarest shingles outside the path."""
        yield from self._members
        if self._children is not None:
            for mark in self._rarest(marks):
                child = self._children.get(mark)
                if child is not None:
                    yield from child.candidates(marks)

    def _is_full(self) -> bool:
        return len(self._members) > CROWD and len(self._path) < _MAX_DEPTH

    def _split(self, held: _Held) -> None:
        """Order the shingles by the texts so far, and distribute these to smaller crowds."""
        members = self._members
        self._members = []
        self._children = {}
        sets = [_marks(held.texts[position]) for position in members]
        self._frequency = Counter(mark for marks in sets for mark in marks)
        for position, marks in zip(members, sets, strict=True):
            self.add(position, marks, held)

    def _rarest(self, marks: set[int]) -> Sequence[int]:
        """Return the rarest shingles outside the path, of which near-duplicates must share one."""
        frequency = self._frequency
        rest = [(frequency.get(mark, 0), mark) for mark in marks if mark not in self._path]
        return [mark for _, mark in sorted(rest)[: _prefix(len(marks))]]


def _least_shared(size: int) -> int:
    """Return how many shingles a set of a size shares at least with a near-duplicate."""
    return -(-size * 8 // 10)  # SAME_SHARE in integers, rounded up


def _prefix(size: int) -> int:
    """Return how many of the rarest shingles must include a shared one."""
    return size - _least_shared(size) + 1


def _marks(text: str) -> set[int]:
    """Return the shingles of a text as 64-bit hashes."""
    return {hash(shingle) for shingle in shingles(text)}


def _sketch(marks: set[int]) -> tuple[int, int]:
    """Return a set as bits: the parity of the number of hashes with each remainder."""
    sketch = 0
    for mark in marks:
        sketch ^= 1 << mark % (2 * _SKETCH_BITS)
    return sketch & _HALF, sketch >> _SKETCH_BITS
