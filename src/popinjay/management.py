"""Rename and remove personas."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from popinjay.errors import PersonaTaken, PictureError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.model_card.facts import gather
from popinjay.model_card.images import write_images
from popinjay.model_card.render import render
from popinjay.options import CardOptions, build
from popinjay.picture.content import people
from popinjay.post import read_json
from popinjay.publishing.destination import in_words
from popinjay.report.saved import page_of
from popinjay.stages import picture as pictures
from popinjay.store import lineage
from popinjay.store.files import content_hash, storage_errors, sync_folder
from popinjay.store.job_events import drop_samples
from popinjay.store.journal import Change, finish
from popinjay.store.record import Record
from popinjay.store.run import (
    RECORD,
    REPORT_AGAINST,
    SHARED_REPORT,
    Run,
    State,
    check_name,
)
from popinjay.store.stage_table import IMAGES, PICTURE, PICTURE_FILE
from popinjay.trackers.ledger import locations

STAGE = "rename"  # of the events
REMOVED = ".removed.partial"  # beside the personas: what a killed removal left


def rename(run: Run, name: str, listener: Listener = ignore) -> Run:
    """Give a persona another name, with its card, its report and its lineage; return it.

    Its authors keep their handles, and their names unless they were called as the persona. If the
    process is killed, the persona has the old name or the new one, and the same call finishes it.
    Raises SpecError for a name that can't be a folder's, PersonaTaken if there is something of that
    name, PersonaBusy while a persona is made, and StorageError.

    What it wrote while it was trained on the page is dropped: `forget` looks for it by name.

    Args:
        run: The persona.
        name: The new name.
        listener: Receives notes on what keeps the old name elsewhere.
    """
    target = run.path.with_name(check_name(name))
    if name == run.name:
        return run
    with _moving(run) as move:
        # On disks that ignore case a persona may change the case of its own name.
        if target.exists() and not target.samefile(run.path):
            raise PersonaTaken(
                f"There is a persona {name!r} already."
                if (target / RECORD).is_file()
                else f"There is something else called {name!r} in {target.parent}.",
                f"Choose another name, or remove that one first: popinjay remove {name}",
            )
        finish(run)
        _rewrite(run, name)
        notes = [f"{place}: {what}" for place, what in left_elsewhere(run)]
        move(target)
    drop_samples(target.parent, run.name)
    for note in notes:
        listener(Event(STAGE, EventKind.NOTE, f"{note} It keeps the name {run.name}."))
    return Run(target)


def remove(run: Run) -> None:
    """Delete a persona with its model, its posts and everything else in its folder.

    What it wrote while it was trained on the page goes too. Its folder vanishes at once, and then
    its files: nothing half removed is ever listed. Raises PersonaBusy while it is made, and
    StorageError.
    """
    grave = run.path.parent / REMOVED
    with storage_errors(str(run.path)):
        grave.mkdir(exist_ok=True)
        try:
            with _moving(run) as move:
                move(grave / f"{run.name}.{os.getpid()}")
        finally:
            shutil.rmtree(grave, ignore_errors=True)
        drop_samples(run.path.parent, run.name)


def left_elsewhere(run: Run) -> list[tuple[str, str]]:
    """Return what neither `rename` nor `remove` changes: a place, and a sentence on what is there.

    That is what was published, and the data of trackers.
    """
    found = [(in_words(place), "It was published there.") for place in run.record.published]
    told = dict.fromkeys(locations(run))
    found += [(place, "A tracker keeps texts of its posts there.") for place in told]
    if run.record.asked.track and not told:
        names = ", ".join(run.record.asked.track)
        found.append((names, "Charts of its training are there, without any text."))
    return found


@contextmanager
def _moving(run: Run) -> Iterator[Callable[[Path], None]]:
    """Hold the persona's lock; yield a function by which its folder is moved at the end.

    Windows moves no folder in which a file is open, as that of the lock: there it is moved as soon
    as the lock is released.
    """
    targets: list[Path] = []

    def move() -> None:
        with storage_errors(str(run.path)):
            for target in targets:
                run.path.rename(target)
                with suppress(OSError):
                    sync_folder(target.parent)

    with run.locked():
        yield targets.append
        if os.name == "posix":
            move()
    if os.name != "posix":
        move()


def _rewrite(run: Run, name: str) -> None:
    """Put the new name into the record, the card and the pages, all of them or none."""
    renamed = copy.copy(run)
    renamed.name = name
    change = Change(run)
    try:
        is_card_fresh = run.states()["card"] is State.FRESH
        for page in (SHARED_REPORT, REPORT_AGAINST):  # written again when they are asked for
            change.remove(page)
        renamed.record = _record_renamed(run.record, run.name, name)
        written = _authors_renamed(run, renamed, change)
        if is_card_fresh:
            _write_card(renamed, written, change)
        change.path(RECORD).write_bytes(renamed.record.to_bytes())
        change.commit()
    except BaseException:
        change.discard()
        raise


def _authors_renamed(run: Run, renamed: Run, change: Change) -> dict[str, Path]:
    """Rename the author whom the persona's name was given to, as their file does not name them.

    The handle stays, as it is that of every post. Returns the files that were written, by name, and
    updates the record of `renamed`.
    """
    known = run.file("authors.json")
    if not known.exists():
        return {}
    authors = read_json(known)
    called = [row for row in authors if row.get("name") == run.name and not row.get("url")]
    if not called:
        return {}
    for row in called:
        row["name"] = renamed.name
    written = {known.name: change.path(known.name)}
    content = json.dumps(authors, ensure_ascii=False, indent=2) + "\n"
    written[known.name].write_text(content, encoding="utf-8", newline="\n")
    renamed.record = _with_hash(renamed.record, known.name, written[known.name])
    picture = renamed.record.made(PICTURE.name)
    shown = pictures.shown_by(picture.facts) if picture is not None else []
    if shown and run.state(PICTURE) is State.FRESH:
        with suppress(PictureError):  # without what draws it the picture stays as it was
            png = pictures.draw(renamed, shown, find=_finding(renamed, written))
            written[PICTURE_FILE] = change.path(PICTURE_FILE)
            written[PICTURE_FILE].write_bytes(png)
            renamed.record = _with_hash(renamed.record, PICTURE_FILE, written[PICTURE_FILE])
    return written


def _write_card(renamed: Run, written: Mapping[str, Path], change: Change) -> None:
    """Write the card with its images, and the report, under the new name."""
    (options,) = build(renamed.record.stages["card"].options, CardOptions)
    find = _finding(renamed, written)
    images = change.path(IMAGES)
    write_images(images, people(find("authors.json"), find("avatars")))
    renamed.record = _with_hash(renamed.record, IMAGES, images)
    texts = {
        "README.md": render(gather(renamed, options, find, images)),
        "report.html": page_of(renamed, find),
    }
    for file, text in texts.items():
        change.path(file).write_text(text, encoding="utf-8", newline="\n")
        renamed.record = _with_hash(renamed.record, file, change.path(file))


def _finding(run: Run, written: Mapping[str, Path]) -> Callable[[str], Path]:
    """Return a function for the path of a file: that just written, else that in the folder."""
    return lambda name: written.get(name) or run.file(name)


def _with_hash(record: Record, name: str, content: Path) -> Record:
    """Return the record with the hash of a file's new content in place of that of the old one."""
    old, new = record.hashes()[name], content_hash(content)

    def exchanged(hashes: Mapping[str, str]) -> dict[str, str]:
        return {
            file: new if (file, known) == (name, old) else known for file, known in hashes.items()
        }

    stages = {
        stage: replace(
            entry,
            needs=exchanged(entry.needs),
            makes=None if entry.makes is None else exchanged(entry.makes),
        )
        for stage, entry in record.stages.items()
    }
    artifacts = record.artifacts
    for kind in lineage.KINDS:
        if name in kind.files and (before := record.made(kind.stage)):
            hashes = {kind.hashed(before): kind.hashed(stages[kind.stage])}
            artifacts = tuple(
                replace(one, hash=hashes.get(one.hash) or one.hash)
                if one.type == kind.type
                else one
                for one in artifacts
            )
    return record.updated(stages=stages, artifacts=artifacts)


def _record_renamed(record: Record, old: str, new: str) -> Record:
    """Return the record with the artifacts of its lineage under the new name."""
    kinds = {kind.key: kind for kind in lineage.KINDS}
    by_type = {kind.type: kind for kind in lineage.KINDS}

    def renamed(name: str, *of: lineage.Kind) -> str:
        names = {kind.name.format(persona=old, base=""): kind for kind in of if kind.files}
        return names[name].name.format(persona=new) if name in names else name

    artifacts = []
    for artifact in record.artifacts:
        kind = by_type[artifact.type]
        used = [*(kinds[key] for key in kind.uses), kind]  # an updated model used an earlier one
        uses = [label.rpartition(":") for label in artifact.uses]
        artifacts.append(
            replace(
                artifact,
                name=renamed(artifact.name, kind),
                uses=tuple(f"{renamed(name, *used)}:{version}" for name, _, version in uses),
            )
        )
    return record.updated(artifacts=artifacts)
