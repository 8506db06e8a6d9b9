"""Export: write a persona's model in another format, completely or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from popinjay import __version__
from popinjay.errors import OptionError, PersonaError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.exporting import find
from popinjay.exporting.exporter import STAGE, Exporter, ExportRequest
from popinjay.options import ExportOptions
from popinjay.store.files import storage_errors
from popinjay.store.folders import recover_folder, replacing_folder
from popinjay.store.forgotten import Forgotten, clearing_command
from popinjay.store.journal import finish
from popinjay.store.run import Run
from popinjay.whose import KEEP_PRIVATE, MAY_BE_PUBLIC

RECORD = "popinjay-export.json"  # in the folder: what it is, and that popinjay may replace it


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported where.

    Attributes:
        persona: Its name.
        kind: The exporter.
        quant: The type of its weights; empty if there is no choice.
        folder: The folder that was written; None if the persona's own is loaded as it is.
        path: The file or folder to load.
        loaded_by: What loads it: commands, one a line, or a line of Python.
        files: The files that were written, and their sizes in bytes.
    """

    persona: str
    kind: str
    quant: str
    folder: Path | None
    path: Path
    loaded_by: str
    files: tuple[tuple[str, int], ...]


def export(
    run: Run,
    kind: str,
    out: Path | None = None,
    options: ExportOptions | None = None,
    listener: Listener = ignore,
) -> ExportResult:
    """Export a persona's model.

    Raises OptionError, PersonaError, BaseModelError or StorageError; then the folder is as it was.

    Args:
        run: The persona.
        kind: The name of an exporter.
        out: The folder to write; default: NAME-KIND in the working directory.
        options: The type of weights, and whether a folder may be replaced.
        listener: Receives the events.
    """
    options = options or ExportOptions()
    exporter = find(kind)
    quant = quant_for(kind, exporter, options.quant)
    place = (out or Path(f"{run.name}-{kind}")).expanduser().absolute()
    with run.locked(), storage_errors(str(place)):
        finish(run)
        check_model(run)
        exporter.check(run)
        _check_place(place, run, force=options.force)
        listener(Event(STAGE, EventKind.START, f"exporting {run.name} to {kind}"))
        with replacing_folder(place) as folder:
            exported = exporter.export(ExportRequest(run, folder, place, quant, listener))
            files = _files(folder)
            if files:
                _write_record(folder / RECORD, run, kind, quant)
                files = _files(folder)
        _warn(run, listener, written=bool(files))
        listener(Event(STAGE, EventKind.DONE, str(exported.path)))
    return ExportResult(
        run.name,
        kind,
        quant,
        place if files else None,
        exported.path,
        exported.loaded_by,
        files,
    )


def quant_for(kind: str, exporter: Exporter, asked: str | None) -> str:
    """Return the type of weights: the one asked for, else the default. Raises OptionError."""
    if asked is None:
        return exporter.QUANTS[0] if exporter.QUANTS else ""
    if asked not in exporter.QUANTS:
        raise OptionError(
            f"{kind} can't be exported with quant {asked!r}.",
            f"It takes: {', '.join(exporter.QUANTS)}."
            if exporter.QUANTS
            else "It has no types of weights to choose from: leave that out.",
            ("quant",),
        )
    return asked


def check_model(run: Run) -> None:
    """Raise PersonaError if there is no model yet."""
    if not run.folder("model").is_dir():
        raise PersonaError(
            f"{run.name!r} has no model yet.",
            f"See how far it is: popinjay status {run.name}.",
            page_hint="It has one once it is trained.",
        )


def _check_place(place: Path, run: Run, *, force: bool) -> None:
    """Raise OptionError if the folder can't be written, or may not be replaced."""
    recover_folder(place)
    if place.resolve() == run.path or run.path in place.resolve().parents:
        raise OptionError(
            f"{str(place)!r} is inside the persona's own folder.", "Choose a folder elsewhere."
        )
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise OptionError(f"{str(place)!r} is a file or a link.", "Give a folder.")
    if not place.exists() or not any(place.iterdir()):
        return
    if not (place / RECORD).is_file():
        raise OptionError(
            f"{str(place)!r} holds something that popinjay did not export there.",
            "Choose an empty folder, or one that is not there yet.",
        )
    if not force:
        raise OptionError(
            f"{str(place)!r} is there already.",
            "Replace it with --force, or choose another folder with --out.",
        )


def _files(folder: Path) -> tuple[tuple[str, int], ...]:
    """Return the files below a folder by name, with their sizes in bytes."""
    return tuple(
        (path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def _write_record(path: Path, run: Run, kind: str, quant: str) -> None:
    record = {"persona": run.name, "kind": kind, "quant": quant, "popinjay": __version__}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _warn(run: Run, listener: Listener, *, written: bool) -> None:
    """Warn if the model should not be passed on."""
    if known := Forgotten.of(run).still_known(run).in_words():
        listener(
            Event(
                STAGE,
                EventKind.WARNING,
                f"{run.name} was told to forget {known}, but its model knows it until: "
                f"{clearing_command(run)}",
                page_message=f"{run.name} was told to forget {known}, but its model knows it until "
                f"it is {'blended' if run.record.blend else 'trained'} again.",
            )
        )
    if written and run.record.asked.whose not in MAY_BE_PUBLIC:
        listener(
            Event(
                STAGE,
                EventKind.WARNING,
                KEEP_PRIVATE,
            )
        )
