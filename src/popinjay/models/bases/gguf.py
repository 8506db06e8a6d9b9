"""The conversion of GGUF files, llama.cpp's format, to plain transformers files."""

from __future__ import annotations

import contextlib
import functools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from popinjay.models.bases.base import Unavailable

# Pre-tokenizers that transformers' loader does not know, by their names in GGUF files: "smollm"
# splits numbers into digits first (llama.cpp's LLAMA_VOCAB_PRE_TYPE_SMOLLM)
_SPLITS_DIGITS = ("smollm",)


def convert(gguf: Path, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` (float32) and `tokenizer.json` into a folder.

    The weights are those that transformers' own loader reads. Raises Unavailable if the file can't
    be read.
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
    with _without_progress_bars():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
        )
    config = loaded.config.to_dict()
    config.pop("quantization_config", None)  # save_pretrained refuses models with one
    plain = type(loaded)(type(loaded.config).from_dict(config))
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    del loaded
    plain.save_pretrained(folder)


@contextlib.contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Disable tqdm, which transformers' loader uses even if its progress bars are disabled."""
    from tqdm import std

    original = std.tqdm.__init__
    std.tqdm.__init__ = functools.partialmethod(original, disable=True)
    try:
        yield
    finally:
        std.tqdm.__init__ = original


def _write_tokenizer(gguf: Path, folder: Path) -> None:
    from tokenizers import Tokenizer, pre_tokenizers
    from transformers import AutoTokenizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a tokenizer that is only read to be converted
        loaded: Any = AutoTokenizer.from_pretrained(
            gguf.parent, gguf_file=gguf.name, local_files_only=True
        )
    tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    if _pre_tokenizer(gguf) in _SPLITS_DIGITS:
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, tokenizer.pre_tokenizer])
    content = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")


def _pre_tokenizer(gguf: Path) -> str:
    """Return the name of the file's pre-tokenizer; empty if there is none."""
    from gguf import GGUFReader

    field = GGUFReader(gguf).fields.get("tokenizer.ggml.pre")
    return "" if field is None else str(field.contents())
