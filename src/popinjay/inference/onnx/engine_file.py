"""An engine made once and kept: a model's graph and its turned weights in one sealed file, whole or not there.

The file may lie in a folder that came from somebody else. Nothing of it is handed to ONNX Runtime
unless this user made it on this machine, of this very model: a graph can have files read. The seal
is over the graph, the names, shapes and places of the weights, and a hash of all contents. That hash
is checked while the runtime takes the weights over, which are only numbers.
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
SHARED = ".engines"  # in the cache: engines of models whose own folders are to stay small
MOST_SHARED = 8  # of these are kept; one of SmolLM2 takes 138 MB
VERSION = 4  # raised when the same model would now give another engine
MOST_HEADER = 100_000_000  # bytes; as the safetensors library has it
_CHUNK = 1 << 20  # bytes hashed at a time
_METADATA, _GRAPH = "__metadata__", "graph"
_CONTENT, _SEAL = "content", "seal"  # in the header: what is known only once the file is written
_UNKNOWN = {_CONTENT: "c" * 64, _SEAL: "s" * 64}


def load_engine(folder: Path, key: str) -> Graph | None:
    """Open the engine that was kept under this key, memory-mapped; None if there is none of this model.

    Whether its weights are undamaged is known when `Graph.intact` is asked, which waits for the answer.
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
        return None  # made anew
    with contextlib.suppress(OSError):
        os.utime(folder)  # used now: others are let go of first
    return graph


def keep_engine(folder: Path, key: str, graph: Graph) -> None:
    """Keep an engine in place of any other; where it can't be written, or sealed, nothing is kept."""
    import numpy as np
    from safetensors.numpy import save_file

    if folder.is_symlink():
        return
    tensors = {**graph.weights, _GRAPH: np.frombuffer(graph.model, np.uint8)}
    # It only saves time, and safetensors raises errors of its own if the disk is full.
    with contextlib.suppress(Exception):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / FILE) as partial:
            save_file(tensors, partial, metadata=_UNKNOWN)
            with partial.open("rb+") as file:
                _write_seal(file, key, graph.model)


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


def _read_header(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    """Read what a safetensors file says of its tensors, and where their bytes begin."""
    length = int.from_bytes(file.read(8), "little")
    if length > MOST_HEADER:
        raise ValueError("this is no safetensors file")
    header: dict[str, Any] = json.loads(file.read(length))
    return header, 8 + length


def _write_seal(file: IO[bytes], key: str, model: bytes) -> None:
    """Put hash and seal in the places that were left for them. Raises ValueError if there is no secret."""
    header, begin = _read_header(file)
    del header[_METADATA]
    content = _hash_behind(file, begin)
    mark = _seal_of(key, content, header, model)
    if mark is None:
        raise ValueError("nothing to seal it with")
    file.seek(8)
    written = file.read(begin - 8)
    for name, value in ((_CONTENT, content), (_SEAL, mark)):
        written = written.replace(f'"{_UNKNOWN[name]}"'.encode(), f'"{value}"'.encode(), 1)
    file.seek(8)
    file.write(written)


def _seal_of(key: str, content: str, entries: Mapping[str, Any], model: bytes) -> str | None:
    mark = seal(
        f"engine {VERSION}".encode(),
        key.encode(),
        content.encode(),
        json.dumps(entries, sort_keys=True).encode(),
        model,
    )
    return None if mark is None else mark.hex()


def _hash_behind(file: IO[bytes], begin: int) -> str:
    """Return the SHA-256 of a file from a place on; Python's other threads go on meanwhile."""
    whole = hashlib.sha256()
    file.seek(begin)
    while chunk := file.read(_CHUNK):
        whole.update(chunk)
    return whole.hexdigest()


def _check(path: Path, begin: int, content: str) -> Callable[[], bool]:
    """Begin to hash a file's content, and give what waits for the end and says if it is as it was sealed."""
    same: list[bool] = []

    def hold_against() -> None:
        with contextlib.suppress(OSError), path.open("rb") as file:
            same.append(_hash_behind(file, begin) == content)

    thread = threading.Thread(target=hold_against, daemon=True)
    thread.start()

    def is_intact() -> bool:
        thread.join()
        return same == [True]

    return is_intact


def _view(content: Any, entry: Any) -> Any:
    begin, end = entry["data_offsets"]
    types = {"U8": "u1", "I8": "i1", "F32": "<f4", "I64": "<i8"}
    return content[begin:end].view(types[entry["dtype"]]).reshape(entry["shape"])
