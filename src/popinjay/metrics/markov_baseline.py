"""The Markov chain that a bot maker would use today instead of a language model: markovify, on the same posts."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from popinjay.text.words import half_words, pieces, words

if TYPE_CHECKING:
    from markovify import NewlineText

PATIENCE = (
    20  # asks that bring nothing, each some hundred drafts: then there is little more to be had
)
_SURE = 4  # words: of longer runs all parts of four have to be known, or the run isn't


class MarkovChain:
    """Says posts by markovify's way: each word follows the two words before it as it did in some post.

    As markovify's documentation has it: `NewlineText`, two words of state, ten tries, and its test against repeating more than 70% or
    fifteen words of the posts. Only its filter against quotes and brackets is off (`well_formed`): it would leave out two thirds of some
    authors' posts, and a chain that never quotes is told too easily. No post is longer than the longest that was learnt.

    What it cannot make so it leaves out, short posts above all: with less than five words hardly anything passes that test. Where
    most of the text is of a script without blanks between words, a character is half a word, as everywhere here: four of them are
    its state, and thirty in a row a repetition.
    """

    def __init__(self, posts: Sequence[str], seed: int) -> None:
        self._seed = seed
        lines = [line for line in (" ".join(post.split()) for post in posts) if line]
        self._most = max(map(len, lines), default=0)
        self._unspaced = _mostly_unspaced(lines)
        state = 4 if self._unspaced else 2
        self._text: NewlineText | None = (
            _kind(self._unspaced)("\n".join(lines), state_size=state, well_formed=False)
            if lines
            else None
        )

    def say(self, n: int) -> list[str]:
        """So many posts, always the same ones; fewer where asking brought nothing too often, as with very few posts."""
        if self._text is None:
            return []
        said: list[str] = []
        failed = 0
        overlap = {"max_overlap_total": 30} if self._unspaced else {}
        with _chance(self._seed):
            while len(said) < n and failed < PATIENCE:
                post = self._text.make_short_sentence(self._most, **overlap)
                if post is None:
                    failed += 1
                else:
                    said.append(post.strip())
        return said


def _mostly_unspaced(lines: Sequence[str]) -> bool:
    weights = [half_words(word) for line in lines for word in words(line)]
    return 2 * weights.count(1) > len(weights)


@contextmanager
def _chance(seed: int) -> Iterator[None]:
    """Python's own random numbers, which markovify draws, from this seed on; afterwards they go on for others as if nothing had been drawn."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@functools.cache
def _kind(unspaced: bool) -> Any:
    """The class of markovify's with the same test of repetitions, quicker; made here because importing markovify takes time."""
    from markovify import NewlineText

    class Spaced(NewlineText):  # type: ignore[misc]
        @functools.cached_property
        def _known(self) -> set[tuple[str, ...]]:
            stream = self.word_split(self.rejoined_text)
            return set(zip(*(stream[begin:] for begin in range(_SURE)), strict=False))

        def test_sentence_output(
            self, said: list[str], max_overlap_ratio: float, max_overlap_total: int
        ) -> bool:
            """Markovify looks for each run of so many words in the whole text. Only those can be there of which all parts of four words are."""
            length = min(
                len(said), min(max_overlap_total, round(max_overlap_ratio * len(said))) + 1
            )
            known = [
                tuple(said[begin : begin + _SURE]) in self._known
                for begin in range(len(said) - _SURE + 1)
            ]
            for begin in range(len(said) - length + 1):
                inner = known[
                    begin + 1 : max(0, begin + length - _SURE)
                ]  # the outermost words may be parts of longer ones
                if (
                    all(inner)
                    and self.word_join(said[begin : begin + length]) in self.rejoined_text
                ):
                    return False
            return True

    class Unspaced(Spaced):
        def word_split(self, sentence: str) -> list[str]:
            return pieces(sentence)

        def word_join(self, said: list[str]) -> str:
            return "".join(said)

    return Unspaced if unspaced else Spaced
