"""The notebook of the documentation, run by a real kernel."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs nbclient, ipykernel and pandas")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
TIMEOUT = 240  # seconds for a cell


def run(cells: Any, folder: Path) -> Any:
    """Run a notebook; return it with its outputs."""
    client = nbclient.NotebookClient(
        cells, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "JUPYTER_PLATFORM_DIRS": "1"})
    return cells


def texts(outputs: Any) -> str:
    """Return what the outputs of a cell show as text."""
    return "\n".join(
        str(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for output in outputs
    )


@pytest.mark.filterwarnings("ignore")  # of Jupyter's packages
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        cell.source = cell.source.replace('budget = "20s"', 'budget = "4s"')
        cell.source = cell.source.replace("samples=100", "samples=20")
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    try:
        done = run(notebook, tmp_path)
    finally:
        loop.close()
    outputs = {cell.id: cell.outputs for cell in done.cells if cell.cell_type == "code"}
    (progress,) = outputs["make"]  # one output, which was updated in place
    assert progress.output_type == "display_data"
    for stage in ("collect", "clean", "dataset", "train", "evaluate", "card"):
        assert f"✔ <b>{stage}</b>" in progress.data["text/html"]
        assert stage in progress.data["text/plain"]
    assert texts(outputs["say"]).count("- My dream is") == 5
    assert "<table" in outputs["report"][-1].data["text/html"]
    assert "created_at" in texts(outputs["posts"])
    assert texts(outputs["frame"]).startswith("DataFrame in memory: ")
    assert "nell" in texts(outputs["list"])
