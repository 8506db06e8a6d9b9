"""Personas of one base with models that differ, for tests of mixing them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from popinjay.models import adapter, bases
from popinjay.models.model_files import write_record
from popinjay.store.record import EntryState, Record, StageEntry
from speaking_persona import put_persona

LAST = "transformer.h.4"  # a layer of the built-in base


def put_member(
    home: Path,
    name: str,
    factor: float,
    posts: Sequence[str] = (),
    *,
    base: str = "builtin",
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Write a persona of the built-in base whose weights are those of the base, changed a little.

    Args:
        home: Where it is written.
        name: Its name.
        factor: What the outputs of a layer are multiplied by, so that models differ.
        posts: Those that it was trained on.
        base: The name of its base on record.
        record: The record of how the base was made; None for that of the built-in base.
    """
    folder = put_persona(home, name)
    weights = folder / "model" / "model.safetensors"
    tensors = load_file(weights)
    for tensor in (f"{LAST}.attn.c_proj.weight", f"{LAST}.mlp.c_proj.weight"):
        tensors[tensor] = tensors[tensor] * factor
    save_file(tensors, weights, metadata={"format": "pt"})
    _write_posts_and_record(folder, posts, base, record)
    return folder


def put_thin_member(home: Path, name: str, posts: Sequence[str] = ()) -> Path:
    """Write a persona of the built-in base that consists of an adapter of chance weights."""
    folder = put_persona(home, name)
    model = folder / "model"
    for file in model.iterdir():
        if file.name != "generation_config.json":
            file.unlink()
    write_record(bases.row("builtin"), model)
    torch.manual_seed(0)
    layer = f"{adapter.PREFIX}{LAST}.mlp.c_proj"
    matrices = {f"{layer}{adapter.A}": (4, 1024), f"{layer}{adapter.B}": (256, 4)}
    tensors = {key: torch.randn(shape) / 16 for key, shape in matrices.items()}
    save_file(tensors, model / adapter.WEIGHTS, metadata={"format": "pt"})
    config = {"r": 4, "lora_alpha": 8, "fan_in_fan_out": True}
    (model / adapter.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    _write_posts_and_record(folder, posts, "builtin", None)
    return folder


def _write_posts_and_record(
    folder: Path, posts: Sequence[str], base: str, record: Mapping[str, Any] | None
) -> None:
    rows = "".join(f"{json.dumps({'text': post})}\n" for post in posts)
    (folder / "train.jsonl").write_text(rows, encoding="utf-8")
    made = bases.record(bases.row("builtin")) if record is None else record
    facts = {"base": base, "base_record": made}
    stages = {"train": StageEntry(EntryState.DONE, source="0" * 64, facts=facts)}
    (folder / "run.toml").write_bytes(Record(stages=stages).to_bytes())
