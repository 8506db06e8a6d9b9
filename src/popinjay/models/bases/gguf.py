"""GGUF files, as llama.cpp reads them, turned into plain transformers files."""

from __future__ import annotations

import contextlib
import functools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from popinjay.models.bases.base import Unavailable

# Splitting that a GGUF file names by a word and transformers' loader does not know: "smollm" cuts
# numbers into digits before anything else (llama.cpp's LLAMA_VOCAB_PRE_TYPE_SMOLLM).
_CUTS_DIGITS = ("smollm",)


def convert(gguf: Path, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` (float32) and `tokenizer.json` into a folder.

    The numbers are those that transformers' own loader makes of the file. Raises Unavailable if
    the file can't be read.
    """
    try:
        _write_model(gguf, folder)
        _write_tokenizer(gguf, folder)
    except ImportError as error:
        raise Unavailable(
            f"reading it needs a package that is not installed ({error.name or error})",
            "Install it: pip install gguf",
        ) from error
    except (ValueError, KeyError, IndexError, NotImplementedError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise Unavailable(f"its GGUF file can't be read: {reason}") from error


def _write_model(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with _no_bars():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
        )
    known = loaded.config.to_dict()
    known.pop("quantization_config", None)  # save_pretrained refuses what is still "quantized"
    plain = type(loaded)(type(loaded.config).from_dict(known))
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    del loaded
    plain.save_pretrained(folder)


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Keep tqdm from drawing bars, which transformers' loader draws even when told not to."""
    from tqdm import std

    drawn = std.tqdm.__init__
    std.tqdm.__init__ = functools.partialmethod(drawn, disable=True)
    try:
        yield
    finally:
        std.tqdm.__init__ = drawn


def _write_tokenizer(gguf: Path, folder: Path) -> None:
    from tokenizers import Tokenizer, pre_tokenizers
    from transformers import AutoTokenizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a tokenizer that is only read to be rewritten
        loaded: Any = AutoTokenizer.from_pretrained(
            gguf.parent, gguf_file=gguf.name, local_files_only=True
        )
    tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    if _splitting(gguf) in _CUTS_DIGITS:
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, tokenizer.pre_tokenizer])
    said = json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def _splitting(gguf: Path) -> str:
    """Return the word by which the file names how text is split before merges apply."""
    from gguf import GGUFReader

    field = GGUFReader(gguf).fields.get("tokenizer.ggml.pre")
    return "" if field is None else str(field.contents())
