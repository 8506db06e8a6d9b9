"""Decoding with ONNX Runtime and numpy: no torch, rows come and go, nothing is computed twice."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import mmap
import os
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
from popinjay.inference.onnx.runtime import runtime, saturates
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

LEAST_CAPACITY = 256  # tokens that a row has room for at first: a post and its beginning; memory is taken as it is written on
CACHE_BYTES = 128 << 20  # of keys, values and logits that a crowd of rows may fill
FEW = 10  # rows that are had at once whatever they take: as many posts as people ask for


class OnnxDecoder:
    """A GPT-2-like or Llama-like model; matrices in 8 bits, or `exact` in float32.

    Rows lie in slots, which the graph computes side by side; a slot that is freed is taken by the next row, or by the row of the last
    slot before a step. Slots are computed in pairs, for the kernels of float32 round a single row at the end otherwise than a pair: so
    nothing of a row depends on how many there are.
    """

    supports_joining = True

    def __init__(self, folder: Path, *, exact: bool = False, cache: Path | None = None) -> None:
        """A model's folder, and where a turned model may be kept. Raises UnknownWeights, or BaseModelError for files that can't be read."""
        files = files_of(folder)
        architecture = read_architecture(files.folder)
        self.architecture = architecture
        self.context = architecture.context
        self.tokens = Tokenizer(files.folder, files.settings)
        self.sampling = read_sampling(files.settings)
        self.eos_token, self.bos_token = self.tokens.eos_token, self.tokens.bos_token
        self.suppressed_tokens = [
            token for token in self.tokens.suppressed_tokens if token < architecture.vocabulary
        ]
        weights = files.weights()
        tensors = bare(architecture, weights)
        self._embeddings = [
            _table(tensors, name, architecture) for name in embedding_names(architecture)
        ]
        _check_fits(self.tokens, self._embeddings[0], folder)
        self._session, self._kept = _open_engine(files.folder, weights, architecture, exact, cache)
        self._weights = weights if not exact else None  # whose memory can go after each look
        self._rows = _Rows(self._session, architecture)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, bare. What looks like a special token in it is plain text."""
        return self.tokens.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        return self.tokens.decode(tokens)

    def pieces(self) -> Pieces | None:
        """The bytes that each token of the vocabulary adds to a text, none for special ones; None where tokens have no bytes of their own."""
        return self.tokens.pieces

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Begin anew: no rows, and this prompt before all that are added. Gives the logits (vocabulary,) of what follows it."""
        import numpy as np

        return self._rows.read(self._embedded(np.asarray(prompt), np.arange(len(prompt))))

    @property
    def prefix(self) -> NDArray[np.float32]:
        """The prompt that was read last, to add rows behind it later, here or `apart`."""
        return self._rows.prefix

    def clone(self) -> OnnxDecoder:
        """The same model without rows, to read with while rows are on their way here."""
        other = copy.copy(self)
        other._rows = _Rows(self._session, self.architecture)
        return other

    def max_batch_rows(self, length: int) -> int:
        """Count the rows whose keys, values and logits fill the memory that is meant for them."""
        architecture = self.architecture
        bytes_a_token = architecture.layers * 2 * architecture.kv_heads * architecture.head_size * 4
        return max(FEW, CACHE_BYTES // (bytes_a_token * length + 4 * architecture.vocabulary))

    def add(self, count: int, prefix: NDArray[np.float32] | None = None) -> None:
        """So many more rows behind the prompt that was read last, or behind another, after those there are."""
        self._rows.add(count, self._rows.prefix if prefix is None else prefix)

    def step(self, tokens: Sequence[int]) -> Logits:
        """One more token for each row; gives the logits (rows, vocabulary) of what follows. The array may be overwritten by the next step."""
        import numpy as np

        return self._rows.step(self._embedded(np.asarray(tokens), self._rows.positions()))

    def filter(self, rows: Sequence[int]) -> None:
        """Only these rows stay, in this order; the others' places are free."""
        self._rows.keep(rows)

    def _embedded(self, tokens: NDArray[Any], positions: NDArray[Any]) -> NDArray[np.float32]:
        """Hidden states (tokens, width) to begin with."""
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
            self._weights.release()  # a row is a page of the file: with time it would be all of a large table
        return hidden


class _Rows:
    """The keys and values of all rows, and the calls that write them on."""

    def __init__(self, session: Any, architecture: Architecture) -> None:
        import numpy as np

        self.session, self.architecture = session, architecture
        self.prefix = self._buffers(1, 0)
        self.logits = np.empty((0, architecture.vocabulary), np.float32)
        self.slots: list[int] = []  # the slot of each row
        self._let_go()

    def _let_go(self) -> None:
        """Give back the memory of rows, for there are none."""
        import numpy as np

        self.cache = self._buffers(0, LEAST_CAPACITY)
        self.lengths = np.zeros(0, np.int64)  # tokens in each slot

    def _buffers(self, slots: int, capacity: int) -> NDArray[np.float32]:
        """Keys and values of every layer (layers, 2, slots, heads of keys, capacity, head size); memory is taken as it is written on."""
        architecture = self.architecture
        return _room(
            (architecture.layers, 2, slots, architecture.kv_heads, capacity, architecture.head_size)
        )

    def positions(self) -> NDArray[np.int64]:
        """Where each row's next token stands."""
        return self.lengths[self.slots]

    def read(self, hidden: NDArray[np.float32]) -> Logits:
        import numpy as np

        self.slots = []
        self.prefix = self._buffers(1, len(hidden))
        logits: Logits = self._run(
            hidden[None], np.array([len(hidden)]), self.prefix, [len(hidden) - 1]
        )[0]
        return logits.copy()

    def add(self, count: int, prefix: NDArray[np.float32]) -> None:
        import numpy as np

        taken = set(self.slots)
        free = [slot for slot in range(len(self.slots) + count) if slot not in taken][:count]
        length = prefix.shape[4]
        self._make_room(max(free, default=-1) + 1, length + 1)
        self.cache[:, :, np.array(free, np.int64), :, :length] = prefix
        self.lengths[free] = length
        self.slots += free

    def step(self, hidden: NDArray[np.float32]) -> Logits:
        import numpy as np

        count = len(self.slots)
        self._close_up()
        self._make_room(count + count % 2, int(self.lengths[:count].max()) + 1)
        slots = count + count % 2
        placed = np.zeros((slots, 1, hidden.shape[1]), np.float32)
        placed[self.slots, 0] = hidden
        self.lengths[self.slots] += 1
        self.lengths[count:slots] = 1  # the one that makes a pair
        order = self.slots if count == slots else [*self.slots, count]
        return self._run(placed, self.lengths[:slots], self.cache[:, :, :slots], order)[:count]

    def keep(self, rows: Sequence[int]) -> None:
        self.slots = [self.slots[row] for row in rows]
        if not rows:
            self._let_go()

    def _close_up(self) -> None:
        """Move rows out of the last slots into free ones, so that as many slots are computed as there are rows."""
        count = len(self.slots)
        free = iter(sorted(set(range(count)) - set(self.slots)))
        for row, slot in enumerate(self.slots):
            if slot >= count:
                to, length = next(free), self.lengths[slot]
                self.cache[:, :, to, :, :length] = self.cache[:, :, slot, :, :length]
                self.lengths[to] = length
                self.slots[row] = to

    def _make_room(self, slots: int, length: int) -> None:
        """See that there are so many slots, with room for so many tokens in each."""
        import numpy as np

        had, room = self.cache.shape[2], self.cache.shape[4]
        if slots <= had and length <= room:
            return
        if length > self.architecture.context:
            raise ValueError(f"a row holds {self.architecture.context} tokens at most")
        slots = (
            had if slots <= had else max(slots + slots % 2, 2 * had)
        )  # rows join by ones and twos; slots take memory only once they are written
        room = room if length <= room else min(self.architecture.context, max(length, 2 * room))
        wider, longest = self._buffers(slots, room), int(self.lengths[self.slots].max(initial=0))
        wider[:, :, :had, :, :longest] = self.cache[:, :, :, :, :longest]
        self.cache = wider
        self.lengths = np.concatenate([self.lengths, np.zeros(slots - had, np.int64)])

    def _run(
        self,
        hidden: NDArray[np.float32],
        lengths: NDArray[np.int64],
        cache: NDArray[np.float32],
        order: Sequence[int],
    ) -> Logits:
        """One call of the graph; `cache` is written in its place."""
        import numpy as np

        if len(self.logits) < len(order):
            self.logits = np.empty((len(order), self.architecture.vocabulary), np.float32)
        given: dict[str, NDArray[Any]] = {
            "hidden": np.ascontiguousarray(hidden),
            "lengths": (lengths - 1).astype(np.int32),
            "total": np.array([lengths.max()], np.int32),
            "order": np.array(order, np.int64),
        }
        binding = self.session.io_binding()
        for name, array in given.items():
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


def _room(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers that take memory in small pages only: Linux would give two megabytes for the first token of each head, and clear them."""
    import numpy as np

    memory = mmap.mmap(-1, max(1, 4 * math.prod(shape)))
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without large pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.float32, math.prod(shape)).reshape(shape)


def check_known(folder: Path) -> None:
    """Raise UnknownWeights if the model in a folder can't be computed here, from its config and shapes."""
    files = files_of(folder)
    architecture, tensors = read_architecture(files.folder), files.weights().shapes()
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
    """Open a session of the engine that was kept for these weights, or of a new one, and what has to live as long."""
    unsigned = not exact and saturates()

    def build() -> Graph:
        return build_graph(
            architecture, weights, exact=exact, unsigned=unsigned, release=weights.release
        )

    if exact or cache is None:
        return _opened(build())
    key = hashlib.sha256(
        f"{weights.fingerprint()}{(folder / 'config.json').read_text(encoding='utf-8')}{unsigned}".encode()
    ).hexdigest()
    is_thin = isinstance(weights, AdaptedWeights)  # whose folder is to stay small
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
    return _opened(load_engine(cache, key) or graph)  # from the file it needs no memory of its own


def _opened(graph: Graph) -> tuple[Any, Any]:
    opened = _session(graph)
    graph.release()  # the runtime has them in an order of its own now
    return opened


def _check_fits(tokens: Tokenizer, embedding: NDArray[Any], folder: Path) -> None:
    """Raise BaseModelError if a post would begin or end with a token that the model has no row for."""
    if max(tokens.bos_token, tokens.eos_token) >= len(embedding):
        raise BaseModelError(
            f"The tokenizer in {folder} is of another model: it has tokens that the weights have no row for.",
            "Take a fresh copy, or make the persona again.",
        )


def _session(graph: Graph) -> tuple[Any, Any]:
    """A session, and what has to live as long: the weights are not copied."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdecimal():
        options.intra_op_num_threads = int(
            threads
        )  # whoever limits PyTorch and NumPy so means this too; threads wait for one another by spinning
    values = {name: _value(weight) for name, weight in graph.weights.items()}
    options.add_external_initializers(list(values), list(values.values()))
    return onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"]), (
        graph,
        values,
    )


def _value(weight: NDArray[Any]) -> Any:
    import numpy as np

    numbers = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}  # ONNX's of these types
    return runtime().OrtValue.ortvalue_from_numpy_with_onnx_type(
        np.ascontiguousarray(weight), numbers[weight.dtype.name]
    )


def _table(
    tensors: Mapping[str, NDArray[Any]], name: str, architecture: Architecture
) -> NDArray[Any]:
    table = tensors.get(name)
    if table is None or table.ndim != 2 or table.shape[1] != architecture.width:
        raise UnknownWeights(f"the weights {name} are not there")
    return table
