"""A draft of a post: what one row of the decoder has written so far."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.post import one_line

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits
    from popinjay.sampling.filters import Reason, Watch
    from popinjay.sampling.prompt import Beginning
    from popinjay.sampling.sampler import Drawer


class Key(NamedTuple):
    """Which draft it is: everything drawn by chance for it depends on this and on nothing beside it."""

    seed: int
    place: int  # of the post among those asked for
    attempt: int


class Draft:
    """One attempt at a post, from its prompt on.

    It is over when the end token, a line break or one of the texts that it is to stop at comes, when its tokens are used up, or when the watch
    has something against it.
    """

    def __init__(self, key: Key, decoder: Decoder, beginning: Beginning, least: int, most: int, watch: Watch | None, stops: Sequence[str] = ()) -> None:
        """Of `least` to `most` tokens behind the prompt; a line break may end it sooner."""
        self.key = key
        self.beginning = beginning
        self.tokens: list[int] = []  # behind those that were read
        self.over = False
        self.finished = False  # by the model, not for want of tokens
        self.against: Reason | None = None
        self._generator = np.random.default_rng(key)
        self._decoder = decoder
        self._text = Growing(decoder, beginning)
        self._fed = 0  # how many of the tokens the decoder has been given
        self._least, self._most = least, most
        self._watch = watch
        self._stops = stops
        self._cut: int | None = None  # where in the text behind the prompt it came to one of them

    def begin(self, drawer: Drawer) -> None:
        """Draw what comes first; the drawer has weighed the beginning's logits."""
        drawn = drawer.draw(self._generator)
        if not self.beginning.covers:
            self._take(drawn)
            return
        for token in self.beginning.covers[drawn]:
            if not self.over:
                self._take(token)

    def feed(self) -> int:
        """The token that the decoder gets next."""
        self._fed += 1
        return self.tokens[self._fed - 1]

    def go_on(self, logits: Logits, drawer: Drawer) -> None:
        """Draw the next token, given the logits behind what was fed."""
        if self._fed < len(self.tokens):  # the next one is known already
            return
        seen: Sequence[int] = ()
        if drawer.shape.repetition_penalty != 1:
            seen = self.beginning.read + self.tokens
        drawer.weigh(logits, seen, self.banned())
        self._take(drawer.draw(self._generator))

    def banned(self) -> tuple[int, ...]:
        """The end, while it would come too soon."""
        return (self._decoder.end,) if self.count < self._least else ()

    @property
    def count(self) -> int:
        """How many tokens there are behind the prompt."""
        return len(self.tokens) - len(self.beginning.taken)

    def _take(self, token: int) -> None:
        if token == self._decoder.end:
            self.over = self.finished = True
            return
        self.tokens.append(token)
        new = self._text.add(self.tokens)
        if ("\n" in new and (self.beginning.text or self._text.text.strip())) or (self._stops and self._comes_to_a_stop(len(new))):
            self.over = self.finished = True
        elif self._watch is not None and (against := self._watch.add(new)):
            self.over, self.against = True, against
        elif self.count >= self._most:
            self.over = True

    def _comes_to_a_stop(self, new: int) -> bool:
        """Whether the text comes to a stop with its last so many characters."""
        text = self._text.text
        found = [text.find(stop, max(0, len(text) - new - len(stop) + 1)) for stop in self._stops]
        self._cut = min((place for place in found if place >= 0), default=None)
        return self._cut is not None

    @property
    def was_cut(self) -> bool:
        """Whether it came to one of the texts that it is to stop at, which has no part in it."""
        return self._cut is not None

    def so_far(self) -> str:
        """What it has written, prompt included, as far as its characters are whole and no text to stop at has begun."""
        text = self._text.text
        begun = max((size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
        return self.beginning.text + text[: len(text) - begun].rstrip("\ufffd")

    def masked(self, text: str) -> str:
        """Return its text, or as much of it as is shown, without what is masked in it."""
        return text if self._watch is None else self._watch.masked(text)

    def text(self) -> str:
        """It as a post: up to its first line break, on one line, without a character that was cut in its middle."""
        text = self._decoder.decode(self.beginning.read + self.tokens) if self._cut is None else self.beginning.text + self._text.text[: self._cut]
        text = text.rstrip("\ufffd")
        return one_line((text if self.beginning.text else text.lstrip()).split("\n", 1)[0])


class Growing:
    """The text behind a prompt as its tokens come: whole characters only."""

    def __init__(self, decoder: Decoder, beginning: Beginning) -> None:
        self.text = ""
        self._decoder = decoder
        self._beginning = beginning
        self._pieces = decoder.pieces()
        self._known = sum(len(self._pieces[token]) for token in beginning.taken) if self._pieces else 0  # bytes still to come that the prompt has
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, tokens: Sequence[int]) -> str:
        """What the last of these tokens added."""
        if self._pieces is None:
            whole = self._decoder.decode([*self._beginning.read, *tokens]).rstrip("\ufffd")
            new = whole[len(self._beginning.text) + len(self.text) :]
        else:
            piece = self._pieces[tokens[-1]] if tokens[-1] < len(self._pieces) else b""
            new = self._characters.decode(piece[self._known :])
            self._known = max(0, self._known - len(piece))
        self.text += new
        return new
