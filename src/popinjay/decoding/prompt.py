"""The prompt: where a post begins, though that be in the middle of a word.

A prompt is cut into tokens as a whole text would be, but a text that goes on from it might be cut otherwise: after `astron` comes no
`aut` where `astronaut` is one token. So the tokens of the last word are taken back, and what comes in their place is drawn from the
tokens that agree with its bytes ("token healing", as the guidance library has it for one token). What can stand there is
every way of keeping the first tokens of the word as they were and going on with one that covers the rest of it and perhaps more, each as
likely as the model has it: the tokens that it keeps and the one behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.errors import OptionError
from popinjay.post import one_line

if TYPE_CHECKING:
    from popinjay.decoding.byte_level import Pieces
    from popinjay.decoding.decoder import Decoder, Logits, Prefix

MOST_TAKEN = 4  # tokens taken back: a word of a script without blanks may be the whole prompt


class Beginning(NamedTuple):
    """What all posts of a prompt begin with."""

    read: list[int]  # tokens: the one that begins a post, then the prompt's, without those that are taken back
    taken: list[int]
    covers: list[tuple[int, ...]]  # what can stand in their place; none where none are taken back
    logits: Logits  # of the covers; or, without them, of the tokens that may follow (vocabulary,)
    text: str  # the prompt, as the tokens spell it
    prefix: Prefix  # what was read, as the decoder has it

    @property
    def length(self) -> int:
        """How many tokens the prompt takes, as it was cut itself."""
        return len(self.read) + len(self.taken)


def tidy(prompt: str) -> str:
    """The prompt on one line; a blank at its end, which says that the last word is whole, stays."""
    line = one_line(prompt)
    return line + " " if line and prompt[-1].isspace() else line


def begin(decoder: Decoder, prompt: str, least: int) -> Beginning:
    """Have the decoder read a prompt, tidy already; rows that it has are left alone. Raises OptionError where no room is left for so many tokens more."""
    pieces, tokens = decoder.pieces(), decoder.encode(prompt)
    heals = pieces is not None and b"".join(pieces[token] for token in tokens) == prompt.encode()
    if not heals:
        tokens = decoder.encode(prompt.rstrip())  # a token that is a blank only would keep the next word from beginning with its own
    if decoder.context - len(tokens) - 1 < least:
        raise OptionError(f"The prompt is {len(tokens)} tokens long; the model reads {decoder.context} at most, its answer included.", "Shorten it.")
    text, reader = decoder.decode(tokens), decoder.apart()
    if pieces is None or not heals or not tokens:
        read = [decoder.begin, *tokens]
        return Beginning(read, [], [], reader.read(read), text, reader.prefix)
    cut = _last_word(tokens, pieces)
    read, taken = [decoder.begin, *tokens[:cut]], tokens[cut:]
    covers, logits = _covers(_logits_over(reader, read, taken), taken, pieces, frozenset(decoder.unsayable))
    return Beginning(read, taken, covers, logits, text, reader.prefix)


def _last_word(tokens: list[int], pieces: Pieces) -> int:
    """Where the last word begins: at the last token that begins with a blank."""
    place = len(tokens) - 1
    while place > 0 and len(tokens) - place < MOST_TAKEN and not pieces[tokens[place]][:1].isspace():
        place -= 1
    return place


def _logits_over(decoder: Decoder, read: list[int], taken: list[int]) -> list[Logits]:
    """The logits before each of the tokens taken back. What the decoder has read then is the rest."""
    found = [decoder.read(read).copy()]
    if len(taken) > 1:
        decoder.add(1)
        found += [decoder.step([token])[0].copy() for token in taken[:-1]]
    return found


def _covers(over: list[Logits], taken: list[int], pieces: Pieces, never: frozenset[int]) -> tuple[list[tuple[int, ...]], Logits]:
    """What can stand in place of these tokens, given the logits before each of them, with the logarithm of how likely each is.

    Tokens that are `never` drawn are in none of them.
    """
    covers: list[tuple[int, ...]] = []
    likely: list[float] = []
    before = 0.0  # of the tokens kept
    for kept, logits in enumerate(over):
        rest = b"".join(pieces[token] for token in taken[kept:])
        whole = kept == len(taken) - 1  # only the last token's own bytes are covered by a token and no more
        log = logits - logits.max()
        log = log - np.log(np.exp(log).sum())
        for token in pieces.beginning_with(rest):
            if token < len(log) and token not in never and (whole or len(pieces[token]) > len(rest)):
                covers.append((*taken[:kept], token))
                likely.append(before + float(log[token]))
        before += float(log[taken[kept]])
    return covers, np.array(likely, dtype=np.float32)
