"""A tokenizer as llama.cpp reads it: byte-level BPE, or SentencePiece as Gemma has it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from popinjay.errors import PersonaError


class TokenKind(IntEnum):
    """The kinds of tokens in a GGUF file."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The metadata of a tokenizer.

    Attributes:
        model: `gpt2` for byte-level BPE, `llama` for SentencePiece.
        pre: How a text is split into words first; empty for SentencePiece.
        tokens: The tokens in the order of their ids.
        kinds: Their kinds.
        merges: The merges of BPE, the most frequent first.
        scores: The scores of SentencePiece: the pair with the highest is merged first.
    """

    model: str
    pre: str
    tokens: list[str]
    kinds: list[TokenKind]
    merges: list[str]
    scores: list[float]


BYTE = re.compile(r"<0x[0-9A-F]{2}>")
# What splits a text into words, as types of pre-tokenizers, by llama.cpp's name for it.
SPLITS = {("ByteLevel",): "gpt-2", ("Digits", "ByteLevel"): "smollm"}


def read_vocabulary(folder: Path, size: int) -> Vocabulary:
    """Read the tokenizer in a folder for a model with so many token embeddings.

    Raises PersonaError if llama.cpp would split texts in another way.
    """
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = content["model"]
    if model.get("type") != "BPE":
        raise _unknown(f"its tokenizer is of the type {model.get('type')}")
    added = {token["id"]: token for token in content["added_tokens"]}
    spelled = {number: token for token, number in model["vocab"].items()}
    spelled |= {number: token["content"] for number, token in added.items()}
    tokens = [spelled.get(number, f"[UNUSED{number}]") for number in range(size)]
    kinds = [
        _kind(number, spelled.get(number), added, model.get("unk_token")) for number in range(size)
    ]
    merges = [
        tuple(one.split(" ")) if isinstance(one, str) else tuple(one) for one in model["merges"]
    ]
    if _is_sentence_pieces(content):
        scores = _scores(tokens, merges)
        return Vocabulary("llama", "", tokens, kinds, [], scores)
    return Vocabulary("gpt2", _pre(content), tokens, kinds, [" ".join(one) for one in merges], [])


def _kind(
    number: int, token: str | None, added: dict[int, dict[str, Any]], unknown: str | None
) -> TokenKind:
    if token is None:
        return TokenKind.UNUSED
    if token == unknown:
        return TokenKind.UNKNOWN
    if number in added:
        return TokenKind.CONTROL if added[number]["special"] else TokenKind.USER_DEFINED
    return TokenKind.BYTE if BYTE.fullmatch(token) else TokenKind.NORMAL


def _is_sentence_pieces(content: dict[str, Any]) -> bool:
    """Return whether blanks are ▁ and unknown characters become bytes. Raises PersonaError."""
    if not content["model"].get("byte_fallback"):
        return False
    normalizer = content.get("normalizer") or {}
    if (normalizer.get("type"), normalizer.get("content")) != ("Replace", "▁"):
        raise _unknown("its tokenizer normalizes texts")
    return True


def _scores(tokens: list[str], merges: list[tuple[str, ...]]) -> list[float]:
    """Return the score of each token: SentencePiece merges what comes first in `merges` first."""
    first: dict[str, int] = {}
    for place, merge in enumerate(merges):
        first.setdefault("".join(merge), place)
    return [-float(first[token]) if token in first else -float(len(merges)) for token in tokens]


def _pre(content: dict[str, Any]) -> str:
    """Return llama.cpp's name for how a text is split. Raises PersonaError if it has none."""
    if content.get("normalizer"):
        raise _unknown("its tokenizer normalizes texts")
    outer = content.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers") or [outer]
    found = SPLITS.get(tuple(step.get("type") for step in steps))
    digits_alone = all(
        step.get("individual_digits") for step in steps if step.get("type") == "Digits"
    )
    last = steps[-1]
    if found is None or not digits_alone or last["add_prefix_space"] or not last["use_regex"]:
        raise _unknown("its tokenizer splits texts in a way of its own")
    return found


def _unknown(why: str) -> PersonaError:
    return PersonaError(
        f"This model can't be exported for llama.cpp: {why}.",
        "Export it to transformers or onnx instead.",
    )
