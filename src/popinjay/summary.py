"""What a list says of a persona, from the files in its folder: fast enough for ten thousand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from popinjay.errors import PersonaError, PopinjayError
from popinjay.post import Author, read_authors
from popinjay.report.saved import load_report
from popinjay.report.schema import Report
from popinjay.report.verdict import plain_verdict, short_verdict
from popinjay.store.blend_member import as_words
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import RECORD, Run, State, home, is_name
from popinjay.store.stage_table import PICTURE_FILE

# What reading a record raises that was edited into something else.
DAMAGED = (AttributeError, KeyError, TypeError, ValueError, OSError)
Sort = Literal["name", "newest", "largest"]
PersonaState = Literal["ready", "stale", "unfinished", "making", "failed"]


@dataclass(frozen=True)
class Summary:
    """A persona in a list.

    Attributes:
        name: The name of its folder.
        path: Its folder.
        title: The authors' names.
        handles: The authors' handles, without @.
        state: That of its worst stage; `making` if that is not ready and a process makes it now.
        speaks: Whether it has a model, finished or not.
        posts: The posts that it learnt from; None if they are not counted yet.
        bytes: The size of its folder on the disk; None if its record is damaged.
        made_at: When it was finished, in UTC; None if it never was.
        whose: A key of `options.WHOSE`; None if it is not on record.
        base: The base model; None before it is trained.
        blend: The models whose weights were added up, as `ada=0.7`; empty of other personas.
        picture: Whether there is a picture.
        still_known: Whether the model knows what it was told to forget.
        verdict: The measured result in sentences; None before it is measured.
        short_verdict: The same in at most five words; empty before it is measured.
    """

    name: str
    path: Path
    title: str
    handles: tuple[str, ...] = ()
    state: PersonaState = "failed"
    speaks: bool = False
    posts: int | None = None
    bytes: int | None = None
    made_at: datetime | None = None
    whose: str | None = None
    base: str | None = None
    blend: tuple[str, ...] = ()
    picture: bool = False
    still_known: bool = False
    verdict: str | None = None
    short_verdict: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as values of JSON."""
        return {
            **vars(self),
            "path": str(self.path),
            "handles": list(self.handles),
            "blend": list(self.blend),
            "made_at": self.made_at and self.made_at.isoformat(),
        }


def summary_of(run: Run, states: Mapping[str, State] | None = None) -> Summary:
    """Return the summary of a persona. Raises PersonaError if its record is damaged.

    `states` are those of its stages, if they are known already.
    """
    try:
        return _summary_of(run, run.states(quick=True) if states is None else states)
    except DAMAGED as error:
        raise PersonaError(
            f"{run.file(RECORD)} is damaged.",
            "Delete that file and make the persona again: every stage will run again.",
        ) from error


def summaries(home_folder: Path | None = None) -> list[Summary]:
    """Return the summaries of all personas, sorted by name.

    A persona whose record is damaged has the state `failed`.
    """
    folder = home_folder or home()
    return [summary_named(folder, name) for name in names(folder)]


def summary_named(home_folder: Path, name: str) -> Summary:
    """Return the summary of the persona of this name, `failed` if it can't be read."""
    path = home_folder / name
    try:
        return summary_of(Run(path))
    except (PopinjayError, *DAMAGED):
        return Summary(name, path, title=name)


def names(home_folder: Path, search: str = "", sort: Sort = "name") -> list[str]:
    """Return the names that contain `search`, ignoring case. No file of a persona is opened."""
    wanted = search.casefold()
    found = []
    for name, path in _folders(home_folder):
        if wanted not in name.casefold():
            continue
        try:
            changed = os.stat(f"{path}/{RECORD}").st_mtime  # noqa: PTH116 (faster)
        except OSError:
            continue  # not a persona, or removed meanwhile
        found.append((name, changed))
    if sort == "largest":
        sizes = {name: folder_bytes(home_folder / name) for name, _ in found}
        return sorted(sizes, key=lambda name: (-sizes[name], name))
    if sort == "newest":
        return [name for name, _ in sorted(found, key=lambda item: (-item[1], item[0]))]
    return sorted((name for name, _ in found), key=lambda name: (name.casefold(), name))


def _folders(home_folder: Path) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(home_folder) as entries:
            for entry in entries:
                if is_name(entry.name) and entry.is_dir():
                    yield entry.name, entry.path
    except (FileNotFoundError, NotADirectoryError):
        return


def _summary_of(run: Run, states: Mapping[str, State]) -> Summary:
    record, asked = run.record, run.record.asked
    authors = authors_of(run)
    finished = record.finished("card") or record.finished("train")
    counts = record.cleaned.authors
    report = _report_of(run)
    return Summary(
        name=run.name,
        path=run.path,
        title=" & ".join(author.title for author in authors) or run.name,
        handles=tuple(author.handle for author in authors) or asked.authors,
        state=_state_of(run, states),
        speaks=run.file("model").is_dir(),
        posts=sum(one["used"] for one in counts) if counts else None,
        bytes=folder_bytes(run.path),
        made_at=finished.astimezone(UTC) if finished else None,
        whose=asked.whose,
        base=record.trained.base or None,
        blend=tuple(as_words(record.blend)),
        picture=run.file(PICTURE_FILE).is_file(),
        still_known=bool(still_known(run)),
        verdict=plain_verdict(report) if report else None,
        short_verdict=short_verdict(report) if report else "",
    )


def _state_of(run: Run, states: Mapping[str, State]) -> PersonaState:
    """Return the state of a persona: that of its worst stage, unless it is made right now."""
    found = set(states.values())
    if found != {State.FRESH} and run.is_locked():
        return "making"
    if State.FAILED in found:
        return "failed"
    if State.MISSING in found:
        return "unfinished"
    return "stale" if State.STALE in found else "ready"


def _report_of(run: Run) -> Report | None:
    try:
        return load_report(run)
    except (PopinjayError, *DAMAGED):  # not measured yet, or by another version
        return None


def authors_of(run: Run) -> list[Author]:
    """Return the authors of a persona's posts; empty if the folder does not say."""
    try:
        return read_authors(run.file("authors.json"))
    except DAMAGED:
        return []


def still_known(run: Run) -> str:
    """Return what the model knows though it was told to forget it, in words; empty for nothing."""
    try:
        return Forgotten.of(run).still_known(run).in_words()
    except PersonaError as error:
        return error.message


def folder_bytes(folder: Path) -> int:
    """Return the bytes of a folder's files, its subfolders included; links are not followed."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 (faster)
            except OSError:
                continue  # a temporary file that was renamed meanwhile
    return total
