"""Exports of personas to measure, each written once into a working folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from popinjay.exporting.export import RECORD, export
from popinjay.options import ExportOptions
from popinjay.store.run import Run


@contextmanager
def working_folder(kept: Path | None) -> Iterator[Path]:
    """Give the folder to write exports into: one that is kept, or a temporary one."""
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()


def exported(run: Run, kind: str, quant: str, work: Path) -> Path:
    """Return the folder of an export, which is written unless it is there from an earlier run."""
    folder = work / f"{run.name}-{kind}-{quant}"
    if not (folder / RECORD).is_file():
        export(run, kind, folder, ExportOptions(quant=quant))
    return folder


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
