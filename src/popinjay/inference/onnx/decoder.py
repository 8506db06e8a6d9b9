"""The decoder of the fast engine: ONNX Runtime and numpy, with continuous batching."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError
from popinjay.inference.onnx.architecture import Architecture, UnknownWeights, read_architecture
from popinjay.inference.onnx.engine_file import (
    keep_engine,
    keep_shared_engine,
    load_engine,
    shared_folder,
)
from popinjay.inference.onnx.graph import Graph, bare, build_graph, embedding_names
from popinjay.inference.onnx.runtime import runtime, saturates, session_options
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.adapter import AdaptedWeights
from popinjay.models.model_files import files_of
from popinjay.models.sampling_defaults import read_sampling
from popinjay.models.weights import Weights, as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from popinjay.inference.byte_level import Pieces
    from popinjay.inference.decoder import Logits

MIN_CAPACITY = 256  # tokens per row at first: a prompt and a post
CACHE_BYTES = 128 << 20  # of keys, values and logits in a batch, at most
MIN_BATCH_ROWS = 10  # whatever they take: as many posts as people usually ask for


class OnnxDecoder:
    """A model of a known architecture, computed in 8 bits, or in float32 if `exact`.

    Rows occupy slots of the cache, which the graph computes as a batch. A freed slot is taken by
    the next row, or before the next step by the row in the last slot. Slots are computed in pairs,
    because float32 kernels round a last single row differently from a pair: so the result of a row
    does not depend on the number of rows.
    """

    supports_joining = True

    def __init__(self, folder: Path, *, exact: bool = False, cache: Path | None = None) -> None:
        """Open the model in a folder.

        Raises UnknownWeights if its architecture is not known, and BaseModelError if its files
        can't be read.

        Args:
            folder: The model's folder.
            exact: Compute in float32 instead of 8 bits.
            cache: The folder to keep the quantized model in, if any.
        """
        files = files_of(folder)
        architecture = read_architecture(files.folder)
        self.architecture = architecture
        self.context = architecture.context
        self.tokenizer = Tokenizer(files.folder, files.settings)
        self.sampling = read_sampling(files.settings)
        self.eos_token = self.tokenizer.eos_token
        self.bos_token = self.tokenizer.bos_token
        self.suppressed_tokens = [
            token for token in self.tokenizer.suppressed_tokens if token < architecture.vocabulary
        ]
        weights = files.weights()
        tensors = bare(architecture, weights)
        self._embeddings = [
            _table(tensors, name, architecture) for name in embedding_names(architecture)
        ]
        _check_fits(self.tokenizer, self._embeddings[0], folder)
        self._session, self._kept = _open_engine(files.folder, weights, architecture, exact, cache)
        # In 8 bits only rows of the embeddings are still read from the file
        self._weights = weights if not exact else None
        self._rows = _Rows(self._session, architecture)

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, without special tokens, whose names in it are plain text."""
        return self.tokenizer.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        return self.tokenizer.decode(tokens)

    def pieces(self) -> Pieces | None:
        """Return the bytes of each token; None if the tokenizer is not byte-level."""
        return self.tokenizer.pieces

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Drop all rows, and compute a prompt. Returns the logits (vocabulary,) after it."""
        import numpy as np

        return self._rows.prefill(self._embedded(np.asarray(prompt), np.arange(len(prompt))))

    @property
    def prefix(self) -> NDArray[np.float32]:
        """The last prefilled prompt, to be passed to `add`, also that of a clone."""
        return self._rows.prefix

    def clone(self) -> OnnxDecoder:
        """Return the same model without rows, to prefill while a batch is in progress here."""
        other = copy.copy(self)
        other._rows = _Rows(self._session, self.architecture)
        return other

    def max_batch_rows(self, length: int) -> int:
        """Return how many rows of this length (tokens) fill the memory meant for them."""
        architecture = self.architecture
        token_bytes = architecture.layers * 2 * architecture.kv_heads * architecture.head_size * 4
        row_bytes = token_bytes * length + 4 * architecture.vocabulary
        return max(MIN_BATCH_ROWS, CACHE_BYTES // row_bytes)

    def add(self, count: int, prefix: NDArray[np.float32] | None = None) -> None:
        """Append rows to the batch, behind a prefix: by default the last prefilled prompt."""
        self._rows.add(count, self._rows.prefix if prefix is None else prefix)

    def step(self, tokens: Sequence[int]) -> Logits:
        """Append a token to each row, and return the logits (rows, vocabulary) after it.

        The next step may overwrite the array.
        """
        import numpy as np

        return self._rows.step(self._embedded(np.asarray(tokens), self._rows.positions()))

    def filter(self, rows: Sequence[int]) -> None:
        """Keep only these rows, in this order."""
        self._rows.filter(rows)

    def _embedded(self, tokens: NDArray[Any], positions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the embeddings (tokens, width) of tokens (tokens,) at positions (tokens,)."""
        import numpy as np

        try:
            hidden = as_float32(self._embeddings[0][tokens])
        except IndexError as error:
            raise BaseModelError(
                "The tokenizer is of another model than the weights.",
                "Take a fresh copy, or make the persona again.",
            ) from error
        if self.architecture.embedding_scale != 1:
            hidden = hidden * np.float32(self.architecture.embedding_scale)
        if len(self._embeddings) > 1:
            hidden = hidden + as_float32(self._embeddings[1][positions])
        if self._weights is not None:
            # Each row reads a page of the mapped file: in time that would be all of a large table
            self._weights.release()
        return hidden


class _Rows:
    """The key-value caches of all rows, and the session that appends to them."""

    def __init__(self, session: Any, architecture: Architecture) -> None:
        import numpy as np

        self.session = session
        self.architecture = architecture
        self.prefix = self._buffers(1, 0)
        self.logits = np.empty((0, architecture.vocabulary), np.float32)
        self.slots: list[int] = []  # the slot of each row
        self._reset_cache()

    def _reset_cache(self) -> None:
        """Give back the memory of the rows, when there are none left."""
        import numpy as np

        self.cache = self._buffers(0, MIN_CAPACITY)
        self.lengths = np.zeros(0, np.int64)  # tokens in each slot

    def _buffers(self, slots: int, capacity: int) -> NDArray[np.float32]:
        """Return a cache (layers, 2, slots, kv_heads, capacity, head_size) for keys and values."""
        architecture = self.architecture
        return _lazy_zeros(
            (architecture.layers, 2, slots, architecture.kv_heads, capacity, architecture.head_size)
        )

    def positions(self) -> NDArray[np.int64]:
        """Return the position of each row's next token (rows,)."""
        return self.lengths[self.slots]

    def prefill(self, hidden: NDArray[np.float32]) -> Logits:
        """Drop all rows, and compute a prompt's embeddings (tokens, width) into the prefix."""
        import numpy as np

        self.slots = []
        self.prefix = self._buffers(1, len(hidden))
        logits: Logits = self._run(
            hidden[None], np.array([len(hidden)]), self.prefix, [len(hidden) - 1]
        )[0]
        return logits.copy()

    def add(self, count: int, prefix: NDArray[np.float32]) -> None:
        """Append rows behind a prefix (layers, 2, 1, kv_heads, tokens, head_size)."""
        import numpy as np

        occupied = set(self.slots)
        free = [slot for slot in range(len(self.slots) + count) if slot not in occupied][:count]
        length = prefix.shape[4]
        self._reserve(max(free, default=-1) + 1, length + 1)
        self.cache[:, :, np.array(free, np.int64), :, :length] = prefix
        self.lengths[free] = length
        self.slots += free

    def step(self, hidden: NDArray[np.float32]) -> Logits:
        """Append an embedding to each row (rows, width); return logits (rows, vocabulary)."""
        import numpy as np

        count = len(self.slots)
        slots = count + count % 2  # in pairs
        self._compact()
        self._reserve(slots, int(self.lengths[:count].max()) + 1)
        by_slot = np.zeros((slots, 1, hidden.shape[1]), np.float32)
        by_slot[self.slots, 0] = hidden
        self.lengths[self.slots] += 1
        self.lengths[count:slots] = 1  # the slot that completes a pair
        order = self.slots if count == slots else [*self.slots, count]
        return self._run(by_slot, self.lengths[:slots], self.cache[:, :, :slots], order)[:count]

    def filter(self, rows: Sequence[int]) -> None:
        """Keep only these rows, in this order."""
        self.slots = [self.slots[row] for row in rows]
        if not rows:
            self._reset_cache()

    def _compact(self) -> None:
        """Move rows from the last slots to free ones, so that no free slot is computed."""
        count = len(self.slots)
        free = iter(sorted(set(range(count)) - set(self.slots)))
        for row, slot in enumerate(self.slots):
            if slot >= count:
                target = next(free)
                length = self.lengths[slot]
                self.cache[:, :, target, :, :length] = self.cache[:, :, slot, :, :length]
                self.lengths[target] = length
                self.slots[row] = target

    def _reserve(self, slots: int, length: int) -> None:
        """Grow the cache to this many slots, with room for this many tokens in each.

        Slots and room are doubled at least: rows join one by one, and memory is taken only when it
        is written to.
        """
        import numpy as np

        old_slots = self.cache.shape[2]
        capacity = self.cache.shape[4]
        if slots <= old_slots and length <= capacity:
            return
        if length > self.architecture.context:
            raise ValueError(f"A row holds {self.architecture.context} tokens at most.")
        slots = old_slots if slots <= old_slots else max(slots + slots % 2, 2 * old_slots)
        if length > capacity:
            capacity = min(self.architecture.context, max(length, 2 * capacity))
        grown = self._buffers(slots, capacity)
        longest = int(self.lengths[self.slots].max(initial=0))
        grown[:, :, :old_slots, :, :longest] = self.cache[:, :, :, :, :longest]
        self.cache = grown
        self.lengths = np.concatenate([self.lengths, np.zeros(slots - old_slots, np.int64)])

    def _run(
        self,
        hidden: NDArray[np.float32],
        lengths: NDArray[np.int64],
        cache: NDArray[np.float32],
        order: Sequence[int],
    ) -> Logits:
        """Run the graph, which appends to the cache in place.

        Returns the logits (asked, vocabulary), a view of a buffer that the next run overwrites.

        Args:
            hidden: Embeddings (slots, length, width).
            lengths: The number of tokens in each slot after the run (slots,).
            cache: Keys and values (layers, 2, slots, kv_heads, capacity, head_size).
            order: The indices, among all slots * length tokens, of those to predict from.
        """
        import numpy as np

        if len(self.logits) < len(order):
            self.logits = np.empty((len(order), self.architecture.vocabulary), np.float32)
        inputs: dict[str, NDArray[Any]] = {
            "hidden": np.ascontiguousarray(hidden),
            "lengths": (lengths - 1).astype(np.int32),
            "total": np.array([lengths.max()], np.int32),
            "order": np.array(order, np.int64),
        }
        binding = self.session.io_binding()
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for layer in range(self.architecture.layers):
            for kind, name in enumerate(("key", "value")):
                buffer = cache[layer, kind]
                binding.bind_input(
                    f"{name}.{layer}", "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data
                )
                binding.bind_output(
                    f"new_{name}.{layer}", "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data
                )
        logits = self.logits[: len(order)]
        binding.bind_output("logits", "cpu", 0, logits.dtype, logits.shape, logits.ctypes.data)
        self.session.run_with_iobinding(binding)
        return logits


def _lazy_zeros(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return zeros that take memory in small pages, as they are written to.

    With huge pages Linux would clear two megabytes for the first token of each head.
    """
    import numpy as np

    memory = mmap.mmap(-1, max(1, 4 * math.prod(shape)))
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.float32, math.prod(shape)).reshape(shape)


def check_known(folder: Path) -> None:
    """Raise UnknownWeights if the model in a folder can't be computed here.

    Only its config and the shapes of its weights are read.
    """
    files = files_of(folder)
    architecture = read_architecture(files.folder)
    tensors = files.weights().shapes()
    for name in embedding_names(architecture):
        _table(bare(architecture, tensors), name, architecture)
    build_graph(architecture, tensors, exact=True)


def _open_engine(
    folder: Path,
    weights: Weights | AdaptedWeights,
    architecture: Architecture,
    exact: bool,
    cache: Path | None,
) -> tuple[Any, Any]:
    """Open the engine that was kept for these weights, or build it.

    Returns a session, and what must live as long as it.

    Args:
        folder: The folder of the model's config.
        weights: The model's weights.
        architecture: The model's architecture.
        exact: Compute in float32 instead of 8 bits.
        cache: The folder to keep the engine in, if any.
    """
    unsigned = not exact and saturates()

    def build() -> Graph:
        return build_graph(
            architecture, weights, exact=exact, unsigned=unsigned, release=weights.release
        )

    if exact or cache is None:
        return _opened(build())
    config = (folder / "config.json").read_text(encoding="utf-8")
    key = hashlib.sha256(f"{weights.fingerprint()}{config}{unsigned}".encode()).hexdigest()
    is_thin = isinstance(weights, AdaptedWeights)  # its own folder must stay small
    cache = shared_folder(key) if is_thin else cache
    if (graph := load_engine(cache, key)) is not None:
        opened = _opened(graph)
        if graph.intact():
            return opened
    graph = build()
    if is_thin:
        keep_shared_engine(key, graph)
    else:
        keep_engine(cache, key, graph)
    return _opened(load_engine(cache, key) or graph)  # mapped from the file, to save memory


def _opened(graph: Graph) -> tuple[Any, Any]:
    """Open a session, and release the mapped weights, which the runtime has packed by then."""
    opened = _session(graph)
    graph.release()
    return opened


def _check_fits(tokenizer: Tokenizer, embedding: NDArray[Any], folder: Path) -> None:
    """Raise BaseModelError if the begin or end token has no row in the embedding."""
    if max(tokenizer.bos_token, tokenizer.eos_token) >= len(embedding):
        raise BaseModelError(
            f"The tokenizer in {folder} is of another model: "
            "it has tokens that the weights have no row for.",
            "Take a fresh copy, or make the persona again.",
        )


def _session(graph: Graph) -> tuple[Any, Any]:
    """Open a session; also returns what must live as long, as the weights are not copied."""
    options = session_options()
    values = {name: _value(weight) for name, weight in graph.weights.items()}
    options.add_external_initializers(list(values), list(values.values()))
    session = runtime().InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
    return session, (graph, values)


def _value(weight: NDArray[Any]) -> Any:
    """Return a weight as the runtime takes it, without a copy."""
    import numpy as np

    onnx_types = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}
    return runtime().OrtValue.ortvalue_from_numpy_with_onnx_type(
        np.ascontiguousarray(weight), onnx_types[weight.dtype.name]
    )


def _table(
    tensors: Mapping[str, NDArray[Any]], name: str, architecture: Architecture
) -> NDArray[Any]:
    """Return an embedding (rows, width). Raises UnknownWeights if there is none."""
    table = tensors.get(name)
    if table is None or table.ndim != 2 or table.shape[1] != architecture.width:
        raise UnknownWeights(f"the weights {name} are not there")
    return table
