"""The baseline: a Markov chain of the same posts, as simple bots use it (markovify)."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from popinjay.text.words import half_words, pieces, words

if TYPE_CHECKING:
    from markovify import NewlineText

PATIENCE = 20  # calls without a result, each of up to ten drafts, before it gives up
_SURE = 4  # words: a longer run can only be known if all its parts of so many words are


class MarkovChain:
    """A generator of posts in which each word follows the two before it as it did in some post.

    It is set up as markovify's documentation has it: `NewlineText`, two words of state, ten tries,
    and its test against repeating more than 70% or fifteen words of the posts. Only the filter
    against quotes and brackets (`well_formed`) is off: it would leave out two thirds of some
    authors' posts, and a chain that never quotes is told apart too easily. No post is longer than
    the longest that was learnt.

    Posts that cannot be made this way are left out, above all short ones: with fewer than five
    words hardly anything passes the test. If most of the text is in a script without blanks between
    words, a character counts as half a word, as everywhere in this project: the state is four
    characters, and thirty in a row are a repetition.
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
        """Return `n` posts, always the same ones; fewer if few can be made, as from few posts."""
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
    """Seed Python's global random numbers, which markovify draws from; restore them afterwards."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@functools.cache
def _kind(unspaced: bool) -> Any:
    """Return markovify's class with a faster test of repetitions.

    The class is made here because importing markovify takes time.
    """
    from markovify import NewlineText

    class Spaced(NewlineText):  # type: ignore[misc]
        @functools.cached_property
        def _known(self) -> set[tuple[str, ...]]:
            stream = self.word_split(self.rejoined_text)
            return set(zip(*(stream[begin:] for begin in range(_SURE)), strict=False))

        def test_sentence_output(
            self, said: list[str], max_overlap_ratio: float, max_overlap_total: int
        ) -> bool:
            """Return whether the sentence repeats no long run of words of the posts.

            Markovify looks for each run of so many words in the whole text. Only those runs can be
            there of which all parts of four words are.
            """
            most = min(max_overlap_total, round(max_overlap_ratio * len(said)))
            length = min(len(said), most + 1)
            known = [
                tuple(said[begin : begin + _SURE]) in self._known
                for begin in range(len(said) - _SURE + 1)
            ]
            for begin in range(len(said) - length + 1):
                # The outermost words may be parts of longer ones.
                inner = known[begin + 1 : max(0, begin + length - _SURE)]
                if not all(inner):
                    continue
                if self.word_join(said[begin : begin + length]) in self.rejoined_text:
                    return False
            return True

    class Unspaced(Spaced):
        def word_split(self, sentence: str) -> list[str]:
            return pieces(sentence)

        def word_join(self, said: list[str]) -> str:
            return "".join(said)

    return Unspaced if unspaced else Spaced
