"""The matrices of a graph in few bits, calibrated on posts (`gptq`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from popinjay.exporting.calibration.layerwise import rows_of_products
from popinjay.exporting.web.gptq import compensated
from popinjay.exporting.web.packing import Packed, decoded, pack
from popinjay.inference.onnx.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray


def calibrated(
    graph: Graph,
    inputs: Mapping[str, NDArray[Any]],
    bits: Mapping[str, int],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Packed]:
    """Return matrices of a graph in fewer bits, each calibrated behind those before it.

    Args:
        graph: The graph in 8 bits.
        inputs: The inputs of the graph: posts.
        bits: The bits of each matrix that gets fewer.
        report: Is told how many of how many are done.
    """
    weights = dict(graph.weights)
    found: dict[str, Packed] = {}
    for name, rows in rows_of_products(graph.model, weights, inputs):
        if name in bits:
            coded = compensated(graph.weights[name], rows.T @ rows, bits[name])
            weights[name] = decoded(coded, bits[name])
            found[name] = pack(coded, bits[name])
            report(len(found), len(bits))
        if len(found) == len(bits):
            break
    return found
