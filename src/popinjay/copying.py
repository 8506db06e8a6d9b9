"""Copying: which texts repeat others, word for word."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from popinjay.words import FIRST_UNSPACED, halves, located_words, words

RUN = 8  # words, or twice as many characters of a script without blanks: a shorter run is how people talk


class Copies:
    """An index of texts that tells whether another text equals one of them or repeats a run of eight or more words.

    A character of a script without blanks is half a word. Case, punctuation and blanks do not count. Runs are held as sorted
    64-bit hashes: some 100 kB for 1,000 tweets.
    """

    def __init__(self, texts: Iterable[str], formula: int | None = None) -> None:
        """Of these texts. A run that so many different ones of them hold is a `formula` of their author, and no copy of one of them."""
        whole: set[int] = set()
        runs: Counter[int] = Counter()
        for text in texts:
            found = words(text)
            mark = hash(tuple(found))
            if mark not in whole:  # a cyborg learns the posts of its smaller author several times
                whole.add(mark)
                runs.update(set(_runs(found)))
        self._whole = array("q", sorted(whole))
        self._runs = array("q", sorted(run for run, holders in runs.items() if formula is None or holders < formula))

    @property
    def size(self) -> int:
        """How many bytes the index takes."""
        return (len(self._whole) + len(self._runs)) * self._runs.itemsize

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

    def follow(self, typed: str = "") -> Following:
        """A text that begins like this, to be told on as it grows."""
        return Following(self, typed)

    def share(self, texts: Sequence[str]) -> float:
        """The share of texts that are copied."""
        return sum(map(self.is_copied, texts)) / max(1, len(texts))

    def holds_run(self, found: Sequence[str]) -> bool:
        """Whether the last eight of these words stand in a row in one of them; False where they are fewer."""
        run = _last_run(found, len(found))
        return run is not None and _holds(self._runs, run)

    def _holds_any(self, found: Sequence[str]) -> bool:
        return any(_holds(self._runs, run) for run in _runs(found))

    def holds_whole(self, found: Sequence[str]) -> bool:
        """Whether one of them is these words and no more."""
        return _holds(self._whole, hash(tuple(found)))


class Following:
    """A text as it grows: it is known to repeat a run as soon as the run's eighth word is complete.

    What somebody typed is theirs: only runs that reach beyond it count, be it by one letter.
    """

    def __init__(self, copies: Copies, typed: str) -> None:
        self._copies = copies
        self._words: list[str] = []
        self._rest = ""  # from the last word on, which may still grow
        self._typed = len(typed.casefold())  # how much of the rest was typed
        self._last = 0 if typed else 1  # how far the last word reaches beyond what was typed
        self.add(typed)

    def add(self, text: str) -> bool:
        """More of it; whether that completed a run."""
        self._rest += text.casefold()
        copied, begin = False, 0
        for word, begin, end in located_words(self._rest):
            if self._may_grow(word, end):
                break
            copied = self._complete(word, end) or copied
            begin = end
        self._rest, self._typed = self._rest[begin:], self._typed - begin
        return copied

    def _may_grow(self, word: str, end: int) -> bool:
        """Whether more text could make this word, which ends there, a longer one: letters, or an apostrophe with letters behind it."""
        return halves(word) == 2 and self._rest[end:] in ("", "'", "’")

    def end(self) -> bool:
        """No more of it; whether its last word completed a run, or it equals a whole text."""
        copied = any(self._complete(word, end) for word, _, end in located_words(self._rest))  # one word at most
        self._rest = ""
        return copied or (self._last > 0 and self._copies.holds_whole(self._words))

    def _complete(self, word: str, end: int) -> bool:
        """Whether this word, which ends there in the rest, completes a run."""
        self._words.append(word)
        self._last = end - self._typed
        return end > self._typed and self._copies.holds_run(self._words)


def _runs(found: Sequence[str]) -> Iterator[int]:
    if found and max(found) < FIRST_UNSPACED:  # as below, and quicker still
        return (hash(tuple(found[begin : begin + RUN])) for begin in range(len(found) - RUN + 1))
    runs = (_last_run(found, end) for end in range(1, len(found) + 1))
    return (run for run in runs if run is not None)


def _last_run(found: Sequence[str], end: int) -> int | None:
    """The run that ends behind so many words, as a hash: the fewest words that weigh enough. None where all are too few."""
    last = found[max(0, end - RUN) : end]
    if max(last) < FIRST_UNSPACED:  # the usual case, and quicker: all of them weigh the same
        return hash(tuple(last)) if len(last) == RUN else None
    begin, weight = end, 0
    while weight < 2 * RUN:
        if not begin:
            return None
        begin -= 1
        weight += halves(found[begin])
    return hash(tuple(found[begin:end]))


def _holds(marks: array[int], mark: int) -> bool:
    place = bisect_left(marks, mark)
    return place < len(marks) and marks[place] == mark
