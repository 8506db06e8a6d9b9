"""Text from tokens while they are sampled."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder
    from popinjay.sampling.prompt import PrefilledPrompt


class StreamingDetokenizer:
    """Decodes the tokens behind a prompt one by one, holding back incomplete characters."""

    def __init__(self, decoder: Decoder, prompt: PrefilledPrompt) -> None:
        self.text = ""
        self._decoder = decoder
        self._prompt = prompt
        self._pieces = decoder.pieces()
        # Bytes that are still to come and that the prompt already has.
        self._known = 0
        if self._pieces:
            self._known = sum(len(self._pieces[token]) for token in prompt.healed_tokens)
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, tokens: Sequence[int]) -> str:
        """Return the text that the last of these tokens adds."""
        if self._pieces is None:
            whole = self._decoder.decode([*self._prompt.tokens, *tokens]).rstrip("\ufffd")
            new = whole[len(self._prompt.text) + len(self.text) :]
        else:
            piece = self._pieces[tokens[-1]] if tokens[-1] < len(self._pieces) else b""
            new = self._characters.decode(piece[self._known :])
            self._known = max(0, self._known - len(piece))
        self.text += new
        return new
