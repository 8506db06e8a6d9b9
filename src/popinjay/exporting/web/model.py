"""The model's files: the graph, and the weights as the page reads them.

The graph is the one that `popinjay say` computes (`inference/onnx`), in 8 bits. The page looks up
the embeddings itself: those of tokens are the head's weights if the model ties them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import PersonaError
from popinjay.exporting.calibration.posts import graph_inputs, tokens_of
from popinjay.exporting.calibration.smoothing import smoothed
from popinjay.exporting.web.calibrated import calibrated
from popinjay.exporting.web.packing import BLOCK, TABLES, Packed
from popinjay.inference.onnx.architecture import Architecture, UnknownWeights, read_architecture
from popinjay.inference.onnx.graph import build_graph, embedding_names
from popinjay.inference.onnx.quantization import quantize
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.model_files import files_of
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAPH, LAYOUT, WEIGHTS = "model.onnx", "model.json", "weights.{:03}.bin"
MAX_CONTEXT = 1024  # tokens: more than a post takes, and little memory
PART_BYTES = 90 << 20  # of a file: hosts refuse files of 100 MB
Q8, Q5, Q4 = "q8", "q5", "q4"
FIVE_BITS = (".mlp.down_proj.", ".mlp.c_proj.")  # in names of matrices that 4 bits hurt most
EMBEDDING, POSITIONS = "embedding", "positions"
ALIGNMENT = 64  # bytes


def write_model(
    model: Path,
    folder: Path,
    quant: str,
    texts: Sequence[str],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the files of a model into a folder.

    Raises PersonaError if it is of an architecture that the page can't compute, and BaseModelError
    if its files are damaged.

    Args:
        model: The model's folder.
        folder: The folder to write into, which is there.
        quant: The bits of most weights in the file: Q8, Q5 or Q4.
        texts: What the model was trained on, to calibrate fewer than 8 bits with.
        report: Is told how many matrices of how many are in fewer bits.
    """
    files = files_of(model)
    try:
        whole = read_architecture(files.folder)
        architecture = replace(whole, context=min(whole.context, MAX_CONTEXT))
        weights = files.weights()
        read = tokens_of(texts, Tokenizer(files.folder, files.settings))
        smooth = smoothed(architecture, weights, read)
        graph = build_graph(architecture, smooth, exact=False, release=weights.release)
    except UnknownWeights as error:
        raise PersonaError(
            f"Its model can't be computed in a browser: {error}.",
            "Export it to another format, such as --to transformers.",
        ) from error
    tensors = dict(graph.weights)
    embedding = _add_embeddings(tensors, architecture, smooth)
    packed: dict[str, Packed] = {}
    bits = _fewer_bits(quant, graph.weights, embedding["values"]) if quant != Q8 else {}
    if bits:
        inputs = graph_inputs(read, architecture, smooth)
        packed = calibrated(graph, inputs, bits, report)
    with _Parts(folder) as parts:
        entries = [
            _write_tensor(parts, name, tensor, packed.get(name), bits.get(name, 8))
            for name, tensor in tensors.items()
        ]
    (folder / GRAPH).write_bytes(_placed(graph.model, entries))
    layout = {
        "quant": quant,
        **_shape(architecture),
        "embedding": embedding,
        "positions": POSITIONS if POSITIONS in tensors else None,
        "tables": TABLES,
        "memory": entries[-1]["offset"] + entries[-1]["bytes"],
        "parts": [WEIGHTS.format(number) for number in range(parts.count)],
        "tensors": entries,
    }
    (folder / LAYOUT).write_text(json.dumps(layout, separators=(",", ":")), encoding="utf-8")


def _shape(architecture: Architecture) -> dict[str, float]:
    """Return the sizes of a model that the page needs to compute it."""
    names = (
        "layers",
        "width",
        "kv_heads",
        "head_size",
        "context",
        "vocabulary",
        "embedding_scale",
    )
    return {name: getattr(architecture, name) for name in names}


def _fewer_bits(quant: str, weights: Mapping[str, NDArray[Any]], embedding: str) -> dict[str, int]:
    """Return the bits of each matrix of a graph that gets fewer than 8; the embedding keeps them.

    It is read, too, and rounding can be made up for in one of its two uses only.
    """
    import numpy as np

    return {
        name: 4 if quant == Q4 and not any(part in name for part in FIVE_BITS) else 5
        for name, tensor in weights.items()
        if tensor.dtype == np.int8 and name != embedding and not tensor.shape[0] % BLOCK
    }


def _add_embeddings(
    tensors: dict[str, NDArray[Any]],
    architecture: Architecture,
    files: Mapping[str, NDArray[Any]],
) -> dict[str, str]:
    """Add the embeddings to the tensors; return the names of those of tokens and of their scales.

    Both are stored as columns: values (width, vocabulary).
    """
    import numpy as np

    names = embedding_names(architecture)
    if len(names) > 1:
        positions = as_float32(files[names[1]])[: architecture.context]
        tensors[POSITIONS] = positions.astype(np.float16)
    found = {"values": f"{names[0]}.8bit", "scale": f"{names[0]}.scale"}
    if not architecture.tied:
        values, scales = quantize(files[names[0]].T)
        found = {"values": f"{EMBEDDING}.8bit", "scale": f"{EMBEDDING}.scale"}
        tensors |= {found["values"]: values, found["scale"]: scales}
    return found


class _Parts:
    """Files of at most PART_BYTES each, written one after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Any = None
        self._room = 0
        self.count = 0

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, content: memoryview) -> None:
        """Append bytes, in as many files as it takes."""
        while content:
            if not self._room:
                self.__exit__()
                self._file = (self._folder / WEIGHTS.format(self.count)).open("wb")
                self.count += 1
                self._room = PART_BYTES
            piece = content[: self._room]
            self._file.write(piece)
            self._room -= len(piece)
            content = content[len(piece) :]


def _write_tensor(
    parts: _Parts, name: str, tensor: NDArray[Any], packed: Packed | None, bits: int
) -> dict[str, Any]:
    """Write a tensor behind the others; return its entry in the layout, without its offset."""
    entry: dict[str, Any] = {"name": name, "shape": list(tensor.shape), "bytes": tensor.nbytes}
    entry["type"] = tensor.dtype.name
    if packed is not None:
        entry["bits"] = bits
    for part in packed or (tensor,):
        if part.size:
            parts.write(_bytes(part))
    return entry


def _bytes(tensor: NDArray[Any]) -> memoryview:
    import numpy as np

    little = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
    return little.data.cast("B")


def _placed(model: bytes, entries: list[dict[str, Any]]) -> bytes:
    """Give each entry its offset in memory; return the graph with those of its weights."""
    import onnx

    end = 0
    for entry in entries:
        entry["offset"] = -(-end // ALIGNMENT) * ALIGNMENT
        end = entry["offset"] + entry["bytes"]
    by_name = {entry["name"]: entry for entry in entries}
    graph = onnx.load_model_from_string(model)
    for weight in graph.graph.initializer:
        entry = by_name[weight.name]
        del weight.external_data[:]
        for key, value in (
            ("location", "weights"),
            ("offset", entry["offset"]),
            ("length", entry["bytes"]),
        ):
            weight.external_data.add(key=key, value=str(value))
    serialized: bytes = graph.SerializeToString()
    return serialized


def check_tokenizer(model: Path) -> None:
    """Raise PersonaError if the page can't tokenize as this model does."""
    files = files_of(model)
    try:
        content = json.loads((files.folder / "tokenizer.json").read_text(encoding="utf-8"))
        split = content["pre_tokenizer"] or {}
        steps = split.get("pretokenizers", [split])
        is_known = (
            content["model"]["type"] == "BPE"
            and not content["model"].get("byte_fallback")
            and not content["model"].get("ignore_merges")
            and not content["normalizer"]
            and all(_is_known_step(step) for step in steps)
            and steps[-1]["type"] == "ByteLevel"
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        is_known = False
    if not is_known:
        raise PersonaError(
            "Its tokenizer is not known to the page, which reads byte-level BPE only.",
            "Personas of the built-in base and of SmolLM2 can be put on the web.",
        )


def _is_known_step(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Digits":
        return bool(step["individual_digits"])
    is_plain = step.get("use_regex", True) and not step.get("add_prefix_space")
    return step["type"] == "ByteLevel" and bool(is_plain)
