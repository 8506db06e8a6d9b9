"""The engine of exported pages in tests: the real one if the user has it, or a stand-in."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from popinjay.exporting.web import engine
from popinjay.store.caches import cache_root

# The user's own cache: tests have another one, but this is read before they begin.
KEPT = cache_root() / engine.FOLDER / f"{engine.NAME}-{engine.VERSION}"
needs_engine = pytest.mark.skipif(
    not all((KEPT / file.name).is_file() for file in engine.FILES),
    reason="needs the engine in the user's cache: export any persona to web once",
)
STAND_INS = {file.name: f"// stands in for {file.name}\n".encode() for file in engine.FILES}


def put_engine() -> None:
    """Copy the user's engine into the cache of the tests."""
    own = cache_root() / engine.FOLDER / KEPT.name
    shutil.copytree(KEPT, own, dirs_exist_ok=True)


def expect_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the exporter take the stand-ins for the engine's files."""
    files = tuple(
        engine.EngineFile(name, hashlib.sha256(content).hexdigest(), len(content))
        for name, content in STAND_INS.items()
    )
    monkeypatch.setattr(engine, "FILES", files)


def put_stand_ins(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-ins into the cache; return their folder."""
    expect_stand_ins(monkeypatch)
    folder = cache_root() / engine.FOLDER / KEPT.name
    folder.mkdir(parents=True)
    for name, content in STAND_INS.items():
        (folder / name).write_bytes(content)
    return folder
