"""Kept engines: a model's graph and its quantized weights in one sealed file.

The file may be in a folder that comes from someone else, and a graph can make the runtime read
files. So nothing of it is passed to ONNX Runtime unless this user made it on this machine, from
this very model. The seal covers the graph, the names, shapes and offsets of the weights, and a hash
of all contents. The hash is verified while the runtime loads the weights, which are only numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from popinjay.inference.onnx.graph import Graph
from popinjay.store.caches import cache_root, seal
from popinjay.store.files import replacing

FILE = "int8.safetensors"
SHARED = ".engines"  # in the cache: engines of models whose own folders must stay small
MAX_SHARED = 8  # engines kept there; that of SmolLM2 takes 138 MB
VERSION = 4  # to be raised when the same model gives another engine
MAX_HEADER_BYTES = 100_000_000  # as in the safetensors library
_CHUNK = 1 << 20  # bytes hashed at a time
_METADATA = "__metadata__"
_GRAPH = "graph"
_CONTENT = "content"  # in the header: a hash, known only when the file is written
_SEAL = "seal"  # in the header
_PLACEHOLDERS = {_CONTENT: "c" * 64, _SEAL: "s" * 64}


def load_engine(folder: Path, key: str) -> Graph | None:
    """Open the engine that was kept under this key, memory-mapped; None if there is none.

    Whether its weights are undamaged is returned by `Graph.intact`, which waits for the hash.
    """
    import numpy as np

    path = folder / FILE
    if folder.is_symlink() or path.is_symlink():
        return None
    try:
        with path.open("rb") as file:
            header, begin = _read_header(file)
        kept = header.pop(_METADATA)
        content = np.memmap(path, dtype=np.uint8, mode="r", offset=begin)
        tensors = {name: _view(content, entry) for name, entry in header.items()}
        model = tensors.pop(_GRAPH).tobytes()
        if kept[_SEAL] != _seal_of(key, kept[_CONTENT], header, model):
            return None
        graph = Graph(model, tensors, content, _check(path, begin, kept[_CONTENT]))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):
        return None
    with contextlib.suppress(OSError):
        os.utime(folder)  # recently used: others are deleted first
    return graph


def keep_engine(folder: Path, key: str, graph: Graph) -> None:
    """Write an engine, replacing any other. If it can't be written or sealed, none is kept."""
    import numpy as np
    from safetensors.numpy import save_file

    if folder.is_symlink():
        return
    tensors = {**graph.weights, _GRAPH: np.frombuffer(graph.model, np.uint8)}
    # It only saves time, and safetensors raises errors of its own if the disk is full.
    with contextlib.suppress(Exception):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / FILE) as partial:
            save_file(tensors, partial, metadata=_PLACEHOLDERS)
            with partial.open("rb+") as file:
                _write_seal(file, key, graph.model)


def keep_shared_engine(key: str, graph: Graph) -> None:
    """Keep an engine in the user's cache, and delete the least recently used ones there."""
    folder = shared_folder(key)
    keep_engine(folder, key, graph)
    with contextlib.suppress(OSError):  # another process may be doing the same
        others = [other for other in folder.parent.iterdir() if other != folder]
        others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
        for other in others[MAX_SHARED - 1 :]:
            shutil.rmtree(other, ignore_errors=True)


def shared_folder(key: str) -> Path:
    """Return the folder in the cache for the engine of this key."""
    return cache_root() / SHARED / key[:40]


def _read_header(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    """Read the header of a safetensors file, and the offset of its tensors' bytes."""
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER_BYTES:
        raise ValueError("this is not a safetensors file")
    header: dict[str, Any] = json.loads(file.read(length))
    return header, 8 + length


def _write_seal(file: IO[bytes], key: str, model: bytes) -> None:
    """Fill in the placeholders of hash and seal. Raises ValueError if there is no secret."""
    header, begin = _read_header(file)
    del header[_METADATA]
    content = _hash_from(file, begin)
    new_seal = _seal_of(key, content, header, model)
    if new_seal is None:
        raise ValueError("there is no secret to seal it with")
    file.seek(8)
    header_bytes = file.read(begin - 8)
    for name, value in ((_CONTENT, content), (_SEAL, new_seal)):
        header_bytes = header_bytes.replace(
            f'"{_PLACEHOLDERS[name]}"'.encode(), f'"{value}"'.encode(), 1
        )
    file.seek(8)
    file.write(header_bytes)


def _seal_of(key: str, content: str, entries: Mapping[str, Any], model: bytes) -> str | None:
    """Return the seal of an engine; None if this user has no secret."""
    digest = seal(
        f"engine {VERSION}".encode(),
        key.encode(),
        content.encode(),
        json.dumps(entries, sort_keys=True).encode(),
        model,
    )
    return None if digest is None else digest.hex()


def _hash_from(file: IO[bytes], begin: int) -> str:
    """Return the SHA-256 of a file from an offset on; other threads can run meanwhile."""
    digest = hashlib.sha256()
    file.seek(begin)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _check(path: Path, begin: int, content: str) -> Callable[[], bool]:
    """Start to hash a file's content in a thread.

    Returns a function that waits for the hash, and returns whether it is the sealed one.
    """
    same: list[bool] = []

    def compare() -> None:
        with contextlib.suppress(OSError), path.open("rb") as file:
            same.append(_hash_from(file, begin) == content)

    thread = threading.Thread(target=compare, daemon=True)
    thread.start()

    def is_intact() -> bool:
        thread.join()
        return same == [True]

    return is_intact


def _view(content: Any, entry: Any) -> Any:
    begin, end = entry["data_offsets"]
    types = {"U8": "u1", "I8": "i1", "F32": "<f4", "I64": "<i8"}
    return content[begin:end].view(types[entry["dtype"]]).reshape(entry["shape"])
