"""Look into the folder of a persona."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from popinjay.store.run import Run
from popinjay.store.stage_table import STAGES


def json_lines(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rows(run: Run, name: str) -> list[dict[str, Any]]:
    """Return the objects of a persona's file of JSON lines."""
    return json_lines(run.file(name))


def states(run: Run) -> dict[str, str]:
    """Return the state of each stage."""
    return {stage.name: run.state(stage).value for stage in STAGES}


def holding(run: Run, text: str) -> list[str]:
    """Return the names of all files of the folder that contain the text."""
    return [
        path.name
        for path in run.path.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]
