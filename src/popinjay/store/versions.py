"""Earlier versions of a persona, kept in its folder so that they can be restored.

`.versions/v3` holds what the stages made when the model was the third of the lineage, and the
record of it. Files are hard links where the disk has them: a version takes disk space only for what
the persona has replaced since. Of a thin model only the adapter is kept, as it is all there is.

What belongs to the persona rather than to a version stays as it is when one is restored: what it
was told to forget, whose words these are, kept posts, the mirrors of accounts, and what was
published.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from popinjay.errors import PersonaError
from popinjay.store import lineage
from popinjay.store.files import storage_errors, sync, sync_folder
from popinjay.store.journal import Change
from popinjay.store.record import Record, StageEntry
from popinjay.store.run import PREVIOUS_REPORT, RECORD, REPORT_AGAINST, SHARED_REPORT, Run, inside
from popinjay.store.stage_table import PICTURE, POSTS, STAGES

FOLDER = ".versions"
FILES = tuple(name for stage in (*STAGES, PICTURE) for name in stage.makes)  # of a version
_TABLE = "version"  # of a version's record
_NAME = re.compile(r"v(\d{1,9})")
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Version:
    """An earlier version of a persona."""

    path: Path
    number: int  # of its model in the lineage
    persona: str  # what the persona was called then
    kept_at: datetime
    record: Record

    @property
    def model(self) -> str:
        """The hash of its model."""
        return self.record.hashes()["model"]

    @property
    def bytes(self) -> int:
        """The size of its files, also of those that the persona still has."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

    def file(self, name: str) -> Path:
        """Return the path of something in its folder. Raises PersonaError if it leads out of it."""
        return inside(self.path, name)

    def label(self, persona: str) -> str:
        """Return what the version's model is called in the lineage: `ada:v3`."""
        return f"{persona}:v{self.number}"

    def to_json(self, persona: str) -> dict[str, Any]:
        """Return what is known of it, for JSON."""
        return {
            "version": self.label(persona),
            "kept_at": self.kept_at.isoformat(),
            "bytes": self.bytes,
            "path": str(self.path),
        }


def versions(run: Run) -> list[Version]:
    """Return the versions that are kept, the one kept last first.

    Raises PersonaError if the record of one is damaged.
    """
    folder = run.folder(FOLDER)
    found = [_read(path) for path in (folder.iterdir() if folder.is_dir() else ())]
    return sorted(
        (version for version in found if version is not None),
        key=lambda version: (version.kept_at, version.number),
        reverse=True,
    )


def _read(path: Path) -> Version | None:
    """Return the version in a folder; None if it is none, such as one half written."""
    named = _NAME.fullmatch(path.name)
    if named is None or not (path / RECORD).is_file():
        return None
    record = Record.load(path / RECORD)
    about = record.other.get(_TABLE, {})
    try:
        return Version(path, int(named[1]), str(about["persona"]), about["kept_at"], record)
    except (KeyError, TypeError) as error:
        raise PersonaError(
            f"{path / RECORD} is damaged: it does not say which version it is.",
            f"Delete the folder {path}, then that version can't be restored.",
        ) from error


def number_of(run: Run) -> int | None:
    """Return the number of the persona's model in the lineage; None without a model."""
    current = lineage.current(run.name, run.record).get("model")
    return None if current is None else current.version


def pending(run: Run) -> Version | None:
    """Return the version whose model the persona still has; None if there is none.

    An update has kept it, and has not replaced the model yet.
    """
    if not is_under_way(run.record):
        return None
    model = run.record.hashes().get("model")
    return next((one for one in versions(run) if one.model == model), None)


def is_whole(record: Record) -> bool:
    """Return whether the posts on record as training posts are those that the model learnt."""
    return _follows(record, "train", "dataset")


def is_under_way(record: Record) -> bool:
    """Return whether a stage before training was done after the training: it was stopped, or posts
    were removed since."""
    order = ("collect", "clean", "dataset", "train")
    return not all(map(partial(_follows, record), order[1:], order))


def _follows(record: Record, stage: str, before: str) -> bool:
    """Return whether a stage was done with what the stage before it made last."""
    done, earlier = record.made(stage), record.made(before)
    if done is None or earlier is None or earlier.makes is None:
        return False
    return all(
        earlier.makes[name] == known for name, known in done.needs.items() if name in earlier.makes
    )


def keep(run: Run) -> Version:
    """Keep the persona as it is now. Called with its lock held; raises StorageError."""
    number = number_of(run)
    assert number is not None, "only a persona with a model has a version"
    folder = run.path / FOLDER / f"v{number}"
    unfinished = folder.with_name(f"{folder.name}{_PARTIAL}")
    with storage_errors(str(folder)):
        for left in folder.parent.glob(f"*{_PARTIAL}"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _write(run, number, unfinished)
        sync(unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        sync_folder(folder.parent)
    kept = _read(folder)
    assert kept is not None
    return kept


def _write(run: Run, number: int, folder: Path) -> None:
    """Write the persona as it is now as a version into an empty folder."""
    for name in FILES:
        if (source := run.folder(name)).exists():
            link(source, folder / name)
    record = Record(
        stages=run.record.stages,
        asked=run.record.asked,
        other={_TABLE: {"persona": run.name, "kept_at": datetime.now(UTC)}},
        tables=(_TABLE, "stages", "asked"),
    )
    (folder / RECORD).write_bytes(record.to_bytes())


def link(source: Path, target: Path) -> None:
    """Link a file, or all files of a folder, to another place; copy them if links can't be made.

    No file of a persona is ever changed in place, so both places keep their content.
    """
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            link(path, target / path.name)
        return
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)


def find(run: Run, asked: str) -> Version:
    """Return the version that `v3`, `3` or `ada:v3` stands for.

    Raises PersonaError if it is not kept.
    """
    kept = versions(run)
    for version in kept:
        if asked in _names(run, version.number):
            return version
    known = ", ".join(f"v{version.number}" for version in kept)
    raise PersonaError(
        f"{run.name!r} has no version {asked!r} to restore.",
        f"Kept here: {known}." if known else "None is kept: only an update keeps the one before.",
    )


def is_present(run: Run, asked: str) -> bool:
    """Return whether `v3`, `3` or `ada:v3` stands for the persona as it is now."""
    number = number_of(run)
    if number is None or is_under_way(run.record):
        return False
    return asked in _names(run, number)


def _names(run: Run, number: int) -> tuple[str, str, str]:
    return f"v{number}", str(number), f"{run.name}:v{number}"


def restore(run: Run, version: Version) -> Version | None:
    """Make a version the persona again, and keep the present one in its place.

    Returns what was kept; None if an update was under way, whose model is not trained yet. It
    happens completely or not at all. Called with the lock held; raises StorageError.
    """
    change = Change(run)
    number = number_of(run)
    swapped = number is not None and version.model != run.record.hashes().get("model")
    try:
        with storage_errors(str(run.path)):
            for name in FILES:
                if version.file(name).exists():
                    link(version.file(name), change.path(name))
                else:
                    change.remove(name)
            for other in versions(run):
                if other.path != version.path:
                    link(other.path, change.path(FOLDER) / other.path.name)
            if swapped:
                place = change.path(FOLDER) / f"v{number}"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                _write(run, number or 0, place)
            if not change.path(FOLDER).exists():
                change.remove(FOLDER)
            _exchange_reports(run, change)
            change.path(RECORD).write_bytes(_restored(run, version).to_bytes())
        change.commit()
    except BaseException:
        change.discard()
        raise
    return versions(run)[0] if swapped else None


def _exchange_reports(run: Run, change: Change) -> None:
    """Have the report of what is replaced be the one before; remove pages made of either."""
    if run.file("report.json").exists():
        link(run.file("report.json"), change.path(PREVIOUS_REPORT))
    for page in (SHARED_REPORT, REPORT_AGAINST):
        change.remove(page)


def _restored(run: Run, version: Version) -> Record:
    """Return the persona's record with the stages of a version.

    The card is written again if the persona, or what it says of whose words these are, was changed
    since. With the version's stages go the specs that it was made of.
    """
    stages: dict[str, StageEntry] = dict(version.record.stages)
    now = run.record.asked
    asked = replace(version.record.asked, whose=now.whose, contact=now.contact, track=now.track)
    if version.persona != run.name or asked != version.record.asked:
        stages.pop("card", None)
    record = run.record.updated(stages=stages, asked=asked)
    return record.updated(artifacts=lineage.counted(run.name, record))


def holding(run: Run, covers: Any) -> list[Version]:
    """Return the versions that hold a post which `covers(author, id)` is true of."""
    from popinjay.post import read_posts

    def holds(version: Version) -> bool:
        files = [version.file(name) for name in POSTS if version.file(name).is_file()]
        return any(covers(post.author, post.id) for file in files for post in read_posts(file))

    return [version for version in versions(run) if holds(version)]


def prune(run: Run, count: int) -> list[Version]:
    """Remove all versions but the `count` kept last; return those that are left."""
    kept = versions(run)
    _remove(kept[count:])
    if not kept[:count]:
        shutil.rmtree(run.path / FOLDER, ignore_errors=True)
    return kept[:count]


def drop(version: Version) -> None:
    """Remove a version."""
    _remove([version])


def _remove(some: Iterable[Version]) -> None:
    for version in some:
        grave = version.path.with_name(f"{version.path.name}{_PARTIAL}")
        shutil.rmtree(grave, ignore_errors=True)
        version.path.rename(grave)  # so that no half of it is ever taken for a version
        shutil.rmtree(grave, ignore_errors=True)


def listed(run: Run) -> Sequence[dict[str, Any]]:
    """Return the versions that can be restored for JSON, the one kept last first.

    The one that an update in progress starts from is not among them: the persona still is that.
    """
    model = run.record.hashes().get("model")
    return [one.to_json(run.name) for one in versions(run) if one.model != model]


def paths(some: Iterable[Version]) -> Iterator[str]:
    """Yield the names of versions' folders in the persona's folder."""
    return (f"{FOLDER}/{version.path.name}" for version in some)
