"""Weights in a safetensors file, memory-mapped, so that only what is used is ever read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from popinjay.errors import BaseModelError
from popinjay.store.caches import file_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "model.safetensors"
MAX_HEADER_BYTES = 100_000_000  # as in the safetensors library
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class AnyWeights(Protocol):
    """The tensors of a model by name, as they are in a file or with an adapter merged in."""

    def __getitem__(self, name: str, /) -> NDArray[Any]:
        """Return a tensor."""

    def shapes(self) -> dict[str, NDArray[Any]]:
        """Return placeholders with the tensors' shapes."""

    def dtype_of(self, name: str) -> str:
        """Return a tensor's dtype."""

    def release(self) -> None:
        """Give back the memory of what has been read."""


class Weights(Mapping[str, "NDArray[Any]"]):
    """The tensors of a model by name: float32, float16, or bfloat16 as its bits in uint16."""

    def __init__(self, folder: Path, file: str = FILE) -> None:
        """Map the file. Raises BaseModelError if it is invalid, or has tensors of other dtypes."""
        self.path = folder / file
        try:
            self._entries, self._begin = _header(self.path)
            self._check()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BaseModelError(
                f"The weights in {folder} can't be read: {error}",
                "The file may be cut off; fetch or make the model again.",
            ) from error
        import numpy as np

        self._bytes = np.memmap(self.path, dtype=np.uint8, mode="r")

    def _check(self) -> None:
        """Raise ValueError if a tensor is of another dtype, or not inside the file."""
        size = self.path.stat().st_size - self._begin
        for name, entry in self._entries.items():
            begin, end = entry["data_offsets"]
            count = 1
            for length in entry["shape"]:
                if not 0 <= length <= size:
                    raise ValueError(f"{name} has a dimension of {length}")
                count *= length
            if entry["dtype"] not in DTYPES:
                raise ValueError(f"{name} is of type {entry['dtype']}")
            item_bytes = int(DTYPES[entry["dtype"]][-1])
            if not 0 <= begin <= end <= size or end - begin != count * item_bytes:
                raise ValueError(f"{name} is not inside the file")

    def __getitem__(self, name: str) -> NDArray[Any]:
        entry = self._entries[name]
        begin, end = entry["data_offsets"]
        content = self._bytes[self._begin + begin : self._begin + end]
        return content.view(DTYPES[entry["dtype"]]).reshape(entry["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shapes(self) -> dict[str, NDArray[Any]]:
        """Return placeholders with the tensors' shapes, which take no memory."""
        import numpy as np

        return {
            name: np.broadcast_to(np.float32(0), entry["shape"])
            for name, entry in self._entries.items()
        }

    def dtype_of(self, name: str) -> str:
        """Return a tensor's dtype, as a key of `DTYPES`."""
        return str(self._entries[name]["dtype"])

    def release(self) -> None:
        """Give back the memory of what has been read; it is read again if it is needed again."""
        release(self._bytes)

    def fingerprint(self) -> str:
        """Return a hash of the file, which is read once for it, and again when it has changed."""
        return file_hash(self.path)


def release(mapped: NDArray[Any]) -> None:
    """Give back the memory of a mapped file (an original `np.memmap`), if the system can."""
    import mmap

    memory: Any = mapped.base
    if hasattr(mmap, "MADV_DONTNEED") and isinstance(memory, mmap.mmap):
        memory.madvise(mmap.MADV_DONTNEED)


def as_float32(tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Return a tensor in float32: itself if it is float32 already."""
    import numpy as np

    if tensor.dtype == np.uint16:  # bfloat16: the upper half of a float32
        return (tensor.astype(np.uint32) << 16).view(np.float32)
    return tensor.astype(np.float32, copy=False)


def _header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Read the header of a safetensors file, and the offset of its tensors' bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError("this is not a safetensors file")
        entries: dict[str, dict[str, Any]] = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length
