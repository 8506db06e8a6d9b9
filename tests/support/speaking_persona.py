"""A persona's folder with only what generation needs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import popinjay

BASE = Path(popinjay.__file__).parent / "assets" / "base"
POST = "The river sings at night, and nobody in this town has ever heard it."


def put_persona(home: Path, name: str, model: Path = BASE) -> Path:
    """Write a persona's folder with only what generation needs."""
    folder = home / name
    folder.mkdir(parents=True)
    (folder / "run.toml").write_text("", encoding="utf-8")
    (folder / "train.jsonl").write_text(json.dumps({"text": POST}) + "\n", encoding="utf-8")
    shutil.copytree(model, folder / "model")
    return folder
