"""A model's tokenizer from its tokenizer.json, without transformers."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from popinjay.errors import BaseModelError
from popinjay.inference.byte_level import Pieces, byte_pieces
from popinjay.models.special_tokens import as_plain_text, read_special, suppressed_tokens


class Tokenizer:
    """What text is to a model. Raises BaseModelError where there is no such file, or no end token."""

    def __init__(self, folder: Path, settings: Path | None = None) -> None:
        """Read the tokenizer of a folder; `settings` is that of the generation config, if another."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            name = config.get("eos_token")
            end = (
                self._tokenizer.token_to_id(name["content"] if isinstance(name, dict) else name)
                if name
                else None
            )
        except Exception as error:  # the package raises nothing narrower
            raise BaseModelError(
                f"The tokenizer in {folder} can't be read: {error}",
                "It must be a folder as transformers writes it.",
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = (
            True  # what looks like a special token in a text is plain text
        )
        if end is None:
            raise BaseModelError(
                f"The tokenizer in {folder} has no end token to part posts with.",
                "Choose a base model whose tokenizer defines eos_token.",
            )
        self.eos_token: int = end
        special = read_special(settings or folder)
        self.bos_token: int = end if special.begin is None else special.begin
        added = self._tokenizer.get_added_tokens_decoder()
        specials = [number for number, token in added.items() if token.special]
        self.suppressed_tokens = suppressed_tokens(
            specials, special.suppressed, self.bos_token, end
        )
        self._controls = frozenset(self.suppressed_tokens) & added.keys() | {
            end
        }  # others may be read, and never said

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, bare. The names of special tokens in it are plain text."""
        return as_plain_text(self._encode(text), self._controls, self._spell, self._encode)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _spell(self, token: int) -> str:
        return self._tokenizer.id_to_token(token) or ""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        if self.pieces is not None and self.pieces.falls_back:
            return self.pieces.text(
                tokens
            )  # one cut character would take all bytes beside it along
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    @functools.cached_property
    def pieces(self) -> Pieces | None:
        """The bytes of each token if they stand for bytes, none for special ones; else None."""
        return byte_pieces(self._tokenizer)
