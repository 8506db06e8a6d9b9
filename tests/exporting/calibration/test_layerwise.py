"""A graph computed matrix by matrix gives what the whole graph gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from popinjay.exporting.calibration import layerwise
from popinjay.exporting.calibration.layerwise import rows_of_products
from popinjay.exporting.calibration.posts import POSTS, graph_inputs, sample
from popinjay.exporting.web.calibrated import calibrated
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.onnx.graph import Graph, bare, build_graph
from popinjay.models.model_files import ModelFiles

TEXTS = ([5, 61, 17, 200, 5, 44], [5, 9, 120], [5, 33, 34, 35, 36])


@pytest.fixture(params=["tiny_gpt2", "tiny_llama", "tiny_gemma"])
def model(request: pytest.FixtureRequest) -> Path:
    """The folder of a tiny model of each family."""
    found: Path = request.getfixturevalue(request.param)
    return found


def opened(model: Path) -> tuple[Graph, dict[str, NDArray[np.float32]]]:
    """Return a model's graph in 8 bits, and its inputs for the texts."""
    architecture = read_architecture(model)
    weights = ModelFiles(model).weights()
    inputs = graph_inputs(TEXTS, architecture, bare(architecture, weights))
    return build_graph(architecture, weights, exact=False), inputs


def matrices(graph: Graph) -> list[str]:
    return [name for name in graph.weights if name.endswith(".8bit")]


@pytest.mark.parametrize("is_unsigned", [False, True])
def test_the_rows_before_the_head_give_the_logits_of_the_whole(
    model: Path, is_unsigned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise, "saturates", lambda: is_unsigned)
    graph, inputs = opened(model)
    found = list(rows_of_products(graph.model, dict(graph.weights), inputs))
    assert [name for name, _ in found] == matrices(graph)
    assert {len(rows) for _, rows in found} == {sum(map(len, TEXTS))}
    name, rows = found[-1]
    logits = rows @ (graph.weights[name] * graph.weights[name.replace(".8bit", ".scale")])
    decoder = OnnxDecoder(model)
    end = 0
    for text in TEXTS:
        end += len(text)
        wanted = decoder.prefill(text)
        assert np.abs(logits[end - 1] - wanted).max() < 0.05 * np.abs(wanted).max()


def test_what_follows_is_computed_with_the_changed_matrix(model: Path) -> None:
    graph, inputs = opened(model)
    before = [rows for _, rows in rows_of_products(graph.model, graph.weights, inputs)]
    weights = dict(graph.weights)
    after = []
    for name, rows in rows_of_products(graph.model, weights, inputs):
        after.append(rows)
        if len(after) == 2:
            weights[name] = np.zeros_like(weights[name])
    for one, other in zip(before[:2], after[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((one != other).any() for one, other in zip(before[2:], after[2:], strict=True))


def test_only_the_matrices_asked_for_are_calibrated(model: Path) -> None:
    graph, inputs = opened(model)
    names = [name for name in matrices(graph) if not graph.weights[name].shape[0] % 32][:3]
    told: list[tuple[int, int]] = []
    found = calibrated(
        graph, inputs, dict.fromkeys(names, 4), lambda done, total: told.append((done, total))
    )
    assert list(found) == names
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_sample_is_even_and_no_longer_than_the_whole(tmp_path: Path) -> None:
    posts = tmp_path / "train.jsonl"
    assert sample(posts) == []
    for count, wanted in ((3, ["0", "1", "2"]), (100 * POSTS, ["0", "100", "200"])):
        rows = (json.dumps({"text": str(number)}) + "\n" for number in range(count))
        posts.write_text("".join(rows), encoding="utf-8")
        assert sample(posts)[:3] == wanted
        assert len(sample(posts)) <= POSTS
