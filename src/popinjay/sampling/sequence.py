"""One draft of a post: the tokens that one row of the decoder has sampled so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.post import one_line
from popinjay.sampling.detokenizer import StreamingDetokenizer

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits
    from popinjay.sampling.dials import Steering
    from popinjay.sampling.filters import Reason, Watch
    from popinjay.sampling.prompt import PrefilledPrompt
    from popinjay.sampling.sampler import Sampler


class SequenceKey(NamedTuple):
    """Identifies a draft. It seeds the draft's random generator, which nothing else affects."""

    seed: int
    place: int  # of the post among those asked for
    attempt: int


class TokenSequence:
    """One attempt at a post.

    It ends with the end token, a line break or a stop text, when it has no tokens left, or when its
    watch rejects it.
    """

    def __init__(
        self,
        key: SequenceKey,
        decoder: Decoder,
        prompt: PrefilledPrompt,
        least: int,
        most: int,
        watch: Watch | None,
        stops: Sequence[str] = (),
        steering: Steering | None = None,
    ) -> None:
        """Begin a draft without tokens.

        Args:
            key: Which draft it is.
            decoder: The model, for its tokens.
            prompt: The prompt, as the decoder has read it.
            least: The fewest tokens behind the prompt; a line break may end it sooner.
            most: The most tokens behind the prompt.
            watch: Rejects the draft while it grows; None rejects nothing.
            stops: Texts that end the draft, and are no part of it.
            steering: Steers the draft by the dials; None if none is turned.
        """
        self.key = key
        self.prompt = prompt
        self.tokens: list[int] = []  # behind those of the prompt that were read
        self.over = False
        self.finished = False  # ended by the model, not for lack of tokens
        self.rejection: Reason | None = None
        self._generator = np.random.default_rng(key)
        self._decoder = decoder
        self._text = StreamingDetokenizer(decoder, prompt)
        self._fed = 0  # how many of the tokens the decoder has been given
        self._least = least
        self._most = most
        self._watch = watch
        self._stops = stops
        self.steering = steering
        self._cut: int | None = None  # where a stop text begins in the text behind the prompt

    def start(self, sampler: Sampler) -> None:
        """Sample what comes first, with a sampler that has loaded the prompt's logits."""
        if self.steering is not None and not self.prompt.continuations:
            self._load(self.prompt.logits, sampler)
        sampled = sampler.sample(self._generator)
        if not self.prompt.continuations:
            self._append(sampled)
            return
        for token in self.prompt.continuations[sampled]:
            if not self.over:
                self._append(token)

    def next_input(self) -> int:
        """Return the token to feed to the decoder next."""
        self._fed += 1
        return self.tokens[self._fed - 1]

    def advance(self, logits: Logits, sampler: Sampler) -> None:
        """Sample the next token from the logits (vocabulary,) behind what was fed."""
        if self._fed < len(self.tokens):  # the next token is known already
            return
        self._load(logits, sampler)
        self._append(sampler.sample(self._generator))

    def _load(self, logits: Logits, sampler: Sampler) -> None:
        """Have the sampler sample from these logits (vocabulary,) of the next token."""
        suppressed = self.suppressed()
        seen: Sequence[int] = ()
        if sampler.params.repetition_penalty != 1 or self.steering is not None:
            seen = self.prompt.tokens + self.tokens
        if self.steering is not None:
            text = self.prompt.text + self._text.text
            logits = self.steering.adjust(logits, seen, text, may_end=not suppressed)
        sampler.load_logits(logits, seen, suppressed)

    def suppressed(self) -> tuple[int, ...]:
        """Return the tokens that must not come next: the end token, while it would be too soon."""
        return (self._decoder.eos_token,) if self.count < self._least else ()

    @property
    def count(self) -> int:
        """How many tokens were sampled behind the prompt."""
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
        """Return whether a stop text ends within the last `new` characters."""
        text = self._text.text
        found = [text.find(stop, max(0, len(text) - new - len(stop) + 1)) for stop in self._stops]
        self._cut = min((place for place in found if place >= 0), default=None)
        return self._cut is not None

    @property
    def was_stopped(self) -> bool:
        """Whether a stop text ended it."""
        return self._cut is not None

    def partial_text(self) -> str:
        """Return the text so far with the prompt, up to an incomplete character or stop text."""
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
        """Return the draft's text, or the part of it to be shown, with handles masked if asked."""
        return text if self._watch is None else self._watch.masked(text)

    def text(self) -> str:
        """Return the text as a post: one line, up to the first line break or stop text."""
        if self._cut is None:
            text = self._decoder.decode(self.prompt.tokens + self.tokens)
        else:
            text = self.prompt.text + self._text.text[: self._cut]
        text = text.rstrip("\ufffd")  # a character that was cut off
        return one_line((text if self.prompt.text else text.lstrip()).split("\n", 1)[0])
