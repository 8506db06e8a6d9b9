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
    from popinjay.sampling.prompt import PrefilledPrompt
    from popinjay.sampling.sampler import Sampler


class SequenceKey(NamedTuple):
    """Which draft it is: everything drawn by chance for it depends on this and on nothing beside it."""

    seed: int
    place: int  # of the post among those asked for
    attempt: int


class TokenSequence:
    """One attempt at a post, from its prompt on.

    It is over when the end token, a line break or one of the texts that it is to stop at comes, when its tokens are used up, or when the watch
    has something against it.
    """

    def __init__(
        self,
        key: SequenceKey,
        decoder: Decoder,
        beginning: PrefilledPrompt,
        least: int,
        most: int,
        watch: Watch | None,
        stops: Sequence[str] = (),
    ) -> None:
        """Of `least` to `most` tokens behind the prompt; a line break may end it sooner."""
        self.key = key
        self.prompt = beginning
        self.tokens: list[int] = []  # behind those that were read
        self.over = False
        self.finished = False  # by the model, not for want of tokens
        self.rejection: Reason | None = None
        self._generator = np.random.default_rng(key)
        self._decoder = decoder
        self._text = StreamingDetokenizer(decoder, beginning)
        self._fed = 0  # how many of the tokens the decoder has been given
        self._least, self._most = least, most
        self._watch = watch
        self._stops = stops
        self._cut: int | None = None  # where in the text behind the prompt it came to one of them

    def start(self, sampler: Sampler) -> None:
        """Draw what comes first; the drawer has weighed the beginning's logits."""
        drawn = sampler.sample(self._generator)
        if not self.prompt.continuations:
            self._append(drawn)
            return
        for token in self.prompt.continuations[drawn]:
            if not self.over:
                self._append(token)

    def next_input(self) -> int:
        """The token that the decoder gets next."""
        self._fed += 1
        return self.tokens[self._fed - 1]

    def advance(self, logits: Logits, sampler: Sampler) -> None:
        """Draw the next token, given the logits behind what was fed."""
        if self._fed < len(self.tokens):  # the next one is known already
            return
        seen: Sequence[int] = ()
        if sampler.params.repetition_penalty != 1:
            seen = self.prompt.tokens + self.tokens
        sampler.load_logits(logits, seen, self.suppressed())
        self._append(sampler.sample(self._generator))

    def suppressed(self) -> tuple[int, ...]:
        """The end, while it would come too soon."""
        return (self._decoder.eos_token,) if self.count < self._least else ()

    @property
    def count(self) -> int:
        """How many tokens there are behind the prompt."""
        return len(self.tokens) - len(self.prompt.healed_tokens)

    def _append(self, token: int) -> None:
        if token == self._decoder.eos_token:
            self.over = self.finished = True
            return
        self.tokens.append(token)
        new = self._text.add(self.tokens)
        if ("\n" in new and (self.prompt.text or self._text.text.strip())) or (
            self._stops and self._reaches_stop(len(new))
        ):
            self.over = self.finished = True
        elif self._watch is not None and (against := self._watch.add(new)):
            self.over, self.rejection = True, against
        elif self.count >= self._most:
            self.over = True

    def _reaches_stop(self, new: int) -> bool:
        """Whether the text comes to a stop with its last so many characters."""
        text = self._text.text
        found = [text.find(stop, max(0, len(text) - new - len(stop) + 1)) for stop in self._stops]
        self._cut = min((place for place in found if place >= 0), default=None)
        return self._cut is not None

    @property
    def was_stopped(self) -> bool:
        """Whether it came to one of the texts that it is to stop at, which has no part in it."""
        return self._cut is not None

    def partial_text(self) -> str:
        """What it has written, prompt included, as far as its characters are whole and no text to stop at has begun."""
        text = self._text.text
        started = max(
            (
                size
                for stop in self._stops
                for size in range(1, len(stop))
                if text.endswith(stop[:size])
            ),
            default=0,
        )
        return self.prompt.text + text[: len(text) - started].rstrip("\ufffd")

    def masked(self, text: str) -> str:
        """Return its text, or as much of it as is shown, without what is masked in it."""
        return text if self._watch is None else self._watch.masked(text)

    def text(self) -> str:
        """It as a post: up to its first line break, on one line, without a character that was cut in its middle."""
        text = (
            self._decoder.decode(self.prompt.tokens + self.tokens)
            if self._cut is None
            else self.prompt.text + self._text.text[: self._cut]
        )
        text = text.rstrip("\ufffd")
        return one_line((text if self.prompt.text else text.lstrip()).split("\n", 1)[0])


class StreamingDetokenizer:
    """The text behind a prompt as its tokens come: whole characters only."""

    def __init__(self, decoder: Decoder, beginning: PrefilledPrompt) -> None:
        self.text = ""
        self._decoder = decoder
        self._beginning = beginning
        self._pieces = decoder.pieces()
        self._known = (
            sum(len(self._pieces[token]) for token in beginning.healed_tokens)
            if self._pieces
            else 0
        )  # bytes still to come that the prompt has
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, tokens: Sequence[int]) -> str:
        """What the last of these tokens added."""
        if self._pieces is None:
            whole = self._decoder.decode([*self._beginning.tokens, *tokens]).rstrip("\ufffd")
            new = whole[len(self._beginning.text) + len(self.text) :]
        else:
            piece = self._pieces[tokens[-1]] if tokens[-1] < len(self._pieces) else b""
            new = self._characters.decode(piece[self._known :])
            self._known = max(0, self._known - len(piece))
        self.text += new
        return new
