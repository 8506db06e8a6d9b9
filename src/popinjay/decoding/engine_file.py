"""An engine made once and kept: a model's graph and its turned weights in one file, which is whole or is not there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from popinjay.caches import cache_root
from popinjay.decoding.graph import Graph
from popinjay.disk import partial_of, sweep_partials

FILE = "int8.safetensors"
SHARED = ".engines"  # in the cache: engines of models whose own folders are to stay small
MOST_SHARED = 8  # of these are kept; one of SmolLM2 takes 138 MB
VERSION = 3  # raised when the same model would now give another engine


def load_engine(folder: Path, key: str) -> Graph | None:
    """The engine that was kept under this key, memory-mapped; None where there is none, or it is another model's."""
    import numpy as np

    try:
        with (folder / FILE).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < (folder / FILE).stat().st_size else {}
        if header.get("__metadata__") != _metadata(key):
            return None
        content = np.memmap(folder / FILE, dtype=np.uint8, mode="r", offset=8 + length)
        tensors = {name: _view(content, entry) for name, entry in header.items() if name != "__metadata__"}
        graph = Graph(tensors.pop("graph").tobytes(), tensors, content)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # made anew
    with contextlib.suppress(OSError):
        os.utime(folder)  # used now: others are let go of first
    return graph


def keep_engine(folder: Path, key: str, graph: Graph) -> None:
    """Keep an engine in place of any other; where the folder can't be written, nothing is kept."""
    import numpy as np
    from safetensors.numpy import save_file

    partial = partial_of(folder / FILE)
    sweep_partials(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({**graph.weights, "graph": np.frombuffer(graph.model, np.uint8)}, partial, metadata=_metadata(key))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(folder / FILE)
    except Exception:  # safetensors raises its own for a full disk; what is kept only spares time
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def keep_shared_engine(key: str, graph: Graph) -> None:
    """Keep an engine in the cache, and delete those there that were used longest ago."""
    folder = shared_folder(key)
    keep_engine(folder, key, graph)
    with contextlib.suppress(OSError):  # another process may be at the same
        others = [other for other in folder.parent.iterdir() if other != folder]
        others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
        for other in others[MOST_SHARED - 1 :]:
            shutil.rmtree(other, ignore_errors=True)


def shared_folder(key: str) -> Path:
    """Return the folder in the cache for the engine of this key."""
    return cache_root() / SHARED / key[:40]


def _metadata(key: str) -> dict[str, str]:
    return {"model": key, "version": str(VERSION)}


def _view(content: Any, entry: Any) -> Any:
    begin, end = entry["data_offsets"]
    types = {"U8": "u1", "I8": "i1", "F32": "<f4", "I64": "<i8"}
    return content[begin:end].view(types[entry["dtype"]]).reshape(entry["shape"])
