"""A model's tokenizer from its tokenizer.json, without transformers."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError
from popinjay.inference.byte_level import Pieces, byte_pieces
from popinjay.models.special_tokens import as_plain_text, read_special, suppressed_tokens


class Tokenizer:
    """A tokenizer with its special tokens."""

    def __init__(self, folder: Path, settings: Path | None = None) -> None:
        """Read the tokenizer in a folder.

        `settings` is the folder of the generation config, if that is another one. Raises
        BaseModelError if there is no readable tokenizer, or if it has no end token.
        """
        self._tokenizer, eos_token = _load(folder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # Names of special tokens in a text are tokenized as plain text
        self._tokenizer.encode_special_tokens = True
        if eos_token is None:
            raise BaseModelError(
                f"The tokenizer in {folder} has no end token to separate posts with.",
                "Choose a base model whose tokenizer defines eos_token.",
            )
        self.eos_token: int = eos_token
        special = read_special(settings or folder)
        self.bos_token: int = eos_token if special.bos_token is None else special.bos_token
        added = self._tokenizer.get_added_tokens_decoder()
        specials = [token_id for token_id, token in added.items() if token.special]
        self.suppressed_tokens = suppressed_tokens(
            specials, special.suppressed, self.bos_token, eos_token
        )
        # Suppressed tokens that are not control tokens may be read from a text, but never sampled
        self._controls = frozenset(self.suppressed_tokens) & added.keys() | {eos_token}

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, without special tokens, whose names in it are plain text."""
        return as_plain_text(self._encode(text), self._controls, self._spell, self._encode)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _spell(self, token: int) -> str:
        return self._tokenizer.id_to_token(token) or ""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        if self.pieces is not None and self.pieces.falls_back:
            # The tokenizer would drop all bytes beside an incomplete character
            return self.pieces.text(tokens)
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    @functools.cached_property
    def pieces(self) -> Pieces | None:
        """The bytes of each token, none for special ones; None if it is not byte-level."""
        return byte_pieces(self._tokenizer)


def _load(folder: Path) -> tuple[Any, int | None]:
    """Read a tokenizer, and its end token if it has one. Raises BaseModelError."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        name = config.get("eos_token")
        if not name:
            return tokenizer, None
        return tokenizer, tokenizer.token_to_id(name["content"] if isinstance(name, dict) else name)
    except Exception as error:  # the package raises nothing more specific
        raise BaseModelError(
            f"The tokenizer in {folder} can't be read: {error}",
            "It must be a folder as transformers writes it.",
        ) from error
