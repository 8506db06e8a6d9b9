"""Install a package with entry points: a module and its dist-info in a folder on sys.path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    code: str,
    entry_points: Mapping[str, str],
    group: str,
) -> None:
    """Install a package of one module until the test ends.

    Args:
        folder: An empty folder for it, which is put on sys.path.
        monkeypatch: Takes it off sys.path again.
        module: The module's name, which no other test uses, as imported modules stay.
        code: The module's source.
        entry_points: What the group's entry points refer to, by their names.
        group: The entry point group.
    """
    write_package(folder, module, code, {group: entry_points})
    monkeypatch.syspath_prepend(str(folder))


def write_package(
    folder: Path, module: str, code: str, groups: Mapping[str, Mapping[str, str]]
) -> None:
    """Write a package of one module, as installed, whose entry points are given by group."""
    info = folder / f"{module}-1.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    lines = [
        line
        for group, entry_points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entry_points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
