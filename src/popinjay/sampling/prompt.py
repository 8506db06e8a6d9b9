"""Read a prompt, which may end behind a whole word or inside one.

A prompt is tokenized as a whole text would be, but the text that continues it might be tokenized
otherwise: after `astron` comes no `aut` if `astronaut` is one token. So the tokens of the last word
are taken back, and what replaces them is sampled from the tokens that agree with its bytes ("token
healing", which the guidance library does for one token). A continuation keeps some of the word's
first tokens and goes on with one token that covers the rest of the word and perhaps more. Its
probability is the model's probability of these tokens.

That is right for fragments only. Sampled like this, most posts behind "my cat" would begin with "my
catch" or worse: the model weighs all texts with these first letters, but a user who types a word
means the word. So if the model gives a boundary behind the last word enough probability, given that
the text begins so, the word is kept and nothing continues it. Scripts without blanks have no such
boundary: there every prompt is taken for a fragment, and none of its characters changes.

Behind no prompt a post may begin with anything but the end of a word: the model gives each of these
tokens little, but there are thousands, and a lower-case author's posts begin like words go on.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.errors import OptionError
from popinjay.inference.byte_level import goes_on_with_word
from popinjay.post import one_line
from popinjay.text.words import is_inside_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from popinjay.inference.byte_level import Pieces
    from popinjay.inference.decoder import Decoder, Logits, Prefix

# Tokens that are taken back; a word of a script without blanks may be the whole prompt.
MAX_HEALED_TOKENS = 4
# The least probability of a boundary behind a word that is whole: for a word of one token, which is
# mostly a whole word, and of several. bench/prompts.py counts the errors.
WHOLE, WHOLE_IN_PARTS = 0.03, 0.25
# The least probability of a first token that looks like the end of a word, if it may begin posts.
USUAL_START = 0.01


class PrefilledPrompt(NamedTuple):
    """A prompt that the decoder has read, which all posts begin with."""

    tokens: list[int]  # that begin every post: the first token, then the prompt's
    healed_tokens: list[int]  # of the prompt's last word, taken back
    continuations: list[tuple[int, ...]]  # what can stand in place of the healed tokens
    # Of the continuations; if there are none, of the tokens that may follow (vocabulary,).
    logits: Logits
    text: str  # the prompt, as its tokens spell it
    prefix: Prefix  # what the decoder has read

    @property
    def length(self) -> int:
        """How many tokens the prompt takes, those taken back included."""
        return len(self.tokens) + len(self.healed_tokens)


def tidy(prompt: str) -> str:
    """Return the prompt on one line. A blank at its end is kept: it says that the word is whole."""
    line = one_line(prompt)
    return line + " " if line and prompt[-1].isspace() else line


def prefill(decoder: Decoder, prompt: str, least: int) -> PrefilledPrompt:
    """Have the decoder read a prompt that `tidy` returned. Its rows are not affected.

    Raises OptionError if there is no room for `least` more tokens.
    """
    pieces, tokens = decoder.pieces(), decoder.encode(prompt)
    heals = pieces is not None and b"".join(pieces[token] for token in tokens) == prompt.encode()
    if not heals:
        # A token that is a blank only would keep the next word from beginning with its own.
        tokens = decoder.encode(prompt.rstrip())
    if decoder.context - len(tokens) - 1 < least:
        raise OptionError(
            f"The prompt is {len(tokens)} tokens long; the model reads {decoder.context} at most,"
            " its answer included.",
            "Shorten it.",
        )
    text, reader = decoder.decode(tokens), decoder.clone()
    if pieces is None or not heals or not tokens:
        read = [decoder.bos_token, *tokens]
        logits = reader.prefill(read)
        if pieces is not None and not tokens:
            logits = _at_start(logits, reader, pieces)
        return PrefilledPrompt(read, [], [], logits, text, reader.prefix)
    cut = _last_word(tokens, pieces)
    read, healed = [decoder.bos_token, *tokens[:cut]], tokens[cut:]
    over = _logits_over(reader, read, healed)
    continuations, likely = _continuations(
        over[:-1], healed, pieces, frozenset(decoder.suppressed_tokens)
    )
    if is_inside_word(text[-1]):
        alone = _chance_of_boundary(over[-1], pieces)
        chance = _chance_of_whole(continuations, likely, _spelling(healed, pieces), alone, pieces)
        is_token = pieces[tokens[-1]].endswith(_typed_word(text).encode())
        if chance >= (WHOLE if is_token else WHOLE_IN_PARTS):
            return _kept(reader, [*read, *healed], text, pieces)
    return PrefilledPrompt(read, healed, continuations, likely, text, reader.prefix)


def _kept(reader: Decoder, read: list[int], text: str, pieces: Pieces) -> PrefilledPrompt:
    """Begin behind a last word that is whole: no token that would go on with it may follow."""
    logits = reader.prefill(read).copy()
    inside = _inside_words(pieces, len(logits))
    others = set(range(len(logits))).difference(
        inside, reader.suppressed_tokens, [reader.eos_token]
    )
    if others:  # else the model has no way to part words
        logits[inside] = -np.inf
    return PrefilledPrompt(read, [], [], logits, text, reader.prefix)


def _at_start(logits: Logits, decoder: Decoder, pieces: Pieces) -> Logits:
    """Return the logits (vocabulary,) of a post's first token, without ends of words.

    Those that the model often begins with stay: they are the author's. The others keep their
    proportions.
    """
    fragments = np.array(pieces.fragments, dtype=np.intp)
    fragments = fragments[fragments < len(logits)]
    rare = fragments[_log_softmax(logits)[fragments] < np.log(USUAL_START)]
    found = logits.copy()
    found[rare] = -np.inf
    other = found.copy()
    other[[*decoder.suppressed_tokens, decoder.eos_token]] = -np.inf
    return found if np.isfinite(other.max()) else logits


def _inside_words(pieces: Pieces, vocabulary: int) -> list[int]:
    """Return the tokens that go on with a word, of those that the model has logits for."""
    return pieces.inside_words[: bisect_left(pieces.inside_words, vocabulary)]


def _last_word(tokens: list[int], pieces: Pieces) -> int:
    """Return where the last word begins: at the last token that begins with a blank."""
    last = len(tokens) - 1
    for place in range(last, max(0, last - MAX_HEALED_TOKENS + 1), -1):
        if pieces[tokens[place]][:1].isspace():
            return place
    return max(0, last - MAX_HEALED_TOKENS + 1)


def _typed_word(text: str) -> str:
    """Return the letters and figures that a text ends in."""
    start = len(text)
    while start and is_inside_word(text[start - 1]):
        start -= 1
    return text[start:]


def _spelling(tokens: Sequence[int], pieces: Pieces) -> bytes:
    return b"".join(pieces[token] for token in tokens)


def _logits_over(decoder: Decoder, read: list[int], healed: list[int]) -> list[Logits]:
    """Return the logits before each of the tokens taken back, and those behind all of them.

    What the decoder has read then is the rest.
    """
    found = [decoder.prefill(read).copy()]
    decoder.add(1)
    return found + [decoder.step([token])[0].copy() for token in healed]


def _continuations(
    over: Sequence[Logits],
    healed: list[int],
    pieces: Pieces,
    never: frozenset[int],
) -> tuple[list[tuple[int, ...]], Logits]:
    """Return what can stand in place of these tokens, and the logarithm of how likely each is.

    `over` are the logits before each of them. Tokens that are `never` drawn are in none.
    """
    continuations: list[tuple[int, ...]] = []
    likely: list[float] = []
    before = 0.0  # of the tokens kept
    for kept, logits in enumerate(over):
        rest = _spelling(healed[kept:], pieces)
        # Only the last token's own bytes are covered by a token and no more.
        whole = kept == len(healed) - 1
        log = _log_softmax(logits)
        for token in pieces.beginning_with(rest):
            fits = token < len(log) and token not in never
            if fits and (whole or len(pieces[token]) > len(rest)):
                continuations.append((*healed[:kept], token))
                likely.append(before + float(log[token]))
        before += float(log[healed[kept]])
    return continuations, np.array(likely, dtype=np.float32)


def _log_softmax(logits: Logits) -> Logits:
    """Return the logarithms of the probabilities of a row of logits (vocabulary,)."""
    log = logits - logits.max()
    found: Logits = log - np.log(np.exp(log).sum())
    return found


def _chance_of_boundary(logits: Logits, pieces: Pieces) -> float:
    """Return the probability that the token behind a word does not go on with it."""
    inside = _inside_words(pieces, len(logits))
    return 1 - float(np.exp(_log_softmax(logits)[inside]).sum())


def _chance_of_whole(
    continuations: Sequence[tuple[int, ...]],
    likely: Logits,
    word: bytes,
    alone: float,
    pieces: Pieces,
) -> float:
    """Return the probability that the word ends where it was typed to, given that it begins so.

    `alone` is the probability of a boundary behind a cover that spells the word and no more.
    """
    if not continuations:
        return 0.0
    chances = np.exp(likely.astype(np.float64) - likely.max())
    ends = np.zeros(len(continuations))
    for number, cover in enumerate(continuations):
        more = _spelling(cover, pieces)[len(word) :]
        ends[number] = alone if not more else not goes_on_with_word(more)
    return float((chances * ends).sum() / chances.sum())
