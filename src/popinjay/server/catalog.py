"""Describe personas from the files in their folders, fast enough for ten thousand of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from popinjay.errors import PersonaError, PopinjayError
from popinjay.models.sampling_defaults import PLAIN
from popinjay.post import Author, printable, read_authors
from popinjay.server.api_error import ApiError
from popinjay.stages.picture import PROMPTS, main_language
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import RECORD, Run, State, is_name
from popinjay.store.stage_table import PICTURE_FILE

# What reading a record raises that was edited into something else.
DAMAGED = (AttributeError, KeyError, TypeError, ValueError, OSError)
Sort = Literal["name", "newest"]


class PersonaRow(BaseModel):
    """A persona in a list."""

    name: str
    title: str
    handles: list[str]
    state: Literal["ready", "stale", "unfinished", "failed"]  # see `_state_of`
    speaks: bool  # it has a model, finished or not
    posts: int | None
    bytes: int | None
    made: datetime | None
    whose: str | None
    base: str | None
    picture: bool
    still_known: bool
    verdict: str | None


class StageRow(BaseModel):
    """The state of a stage, as `popinjay status` prints it; `done` is its `fresh`."""

    stage: str
    state: Literal["done", "stale", "failed", "missing"]
    error: str | None


class PersonaDetail(PersonaRow):
    """A persona on its own page."""

    stages: list[StageRow]
    specs: list[str]
    counts: list[dict[str, Any]]
    languages: dict[str, float]
    prompt: str  # a suggestion, in the language of most posts
    temperature: float  # the default of this persona
    notes: list[str]


def names(home: Path, search: str = "", sort: Sort = "name") -> list[str]:
    """Return the names that contain `search`, ignoring case. No file of a persona is opened."""
    wanted = search.casefold()
    found = []
    for name, path in _folders(home):
        if wanted not in name.casefold():
            continue
        try:
            changed = os.stat(f"{path}/{RECORD}").st_mtime  # noqa: PTH116 (faster)
        except OSError:
            continue  # not a persona, or removed meanwhile
        found.append((name, changed))
    if sort == "newest":
        return [name for name, _ in sorted(found, key=lambda item: (-item[1], item[0]))]
    return sorted((name for name, _ in found), key=lambda name: (name.casefold(), name))


def _folders(home: Path) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(home) as entries:
            for entry in entries:
                if is_name(entry.name) and entry.is_dir():
                    yield entry.name, entry.path
    except FileNotFoundError:
        return


def find(home: Path, name: str) -> Run:
    """Return the persona of this name. Raises ApiError if it does not exist."""
    if not is_name(name) or not (home / name / RECORD).is_file():
        raise ApiError(
            404,
            f"There is no persona {name[:100]!r} here.",
            "Choose one from the list of personas, or make it.",
        )
    return Run(home / name)


def row(home: Path, name: str) -> PersonaRow:
    """Return a persona for a list, with the state `failed` if its record is damaged."""
    try:
        run = find(home, name)
        return PersonaRow(**_facts(run, run.states(quick=True)))
    except (PopinjayError, *DAMAGED):
        return PersonaRow(**(_NOTHING | {"name": name, "title": name, "state": "failed"}))


def detail(run: Run) -> PersonaDetail:
    """Return a persona for its own page. Raises PersonaError if its record is damaged."""
    try:
        return _detail(run)
    except DAMAGED as error:
        raise PersonaError(
            f"{run.file(RECORD)} is damaged.",
            "Delete that file and make the persona again: every stage will run again.",
        ) from error


def _detail(run: Run) -> PersonaDetail:
    record = run.record
    states = run.states()
    stages = [
        StageRow(stage=stage, state=_STAGE_STATES[state], error=record.error_of(stage))
        for stage, state in states.items()
    ]
    return PersonaDetail(
        **_facts(run, states),
        stages=stages,
        specs=[
            Path(spec).name if Path(spec).is_absolute() else spec for spec in record.asked.specs
        ],
        counts=[dict(one) for one in record.cleaned.authors],
        languages=dict(record.cleaned.languages),
        prompt=PROMPTS.get(main_language(run), PROMPTS["en"]),
        temperature=(record.trained.sampling or PLAIN._asdict())["temperature"],
        notes=_notes(run),
    )


_STAGE_STATES: dict[State, Literal["done", "stale", "failed", "missing"]] = {
    State.FRESH: "done",
    State.STALE: "stale",
    State.FAILED: "failed",
    State.MISSING: "missing",
}

_NOTHING: dict[str, Any] = {
    "handles": [],
    "speaks": False,
    "posts": None,
    "bytes": None,
    "made": None,
    "whose": None,
    "base": None,
    "picture": False,
    "still_known": False,
    "verdict": None,
}


def _state_of(states: Mapping[str, State]) -> Literal["ready", "stale", "unfinished", "failed"]:
    """Return the state of a persona: that of its worst stage."""
    found = set(states.values())
    if State.FAILED in found:
        return "failed"
    if State.MISSING in found:
        return "unfinished"
    return "stale" if State.STALE in found else "ready"


def _facts(run: Run, states: Mapping[str, State]) -> dict[str, Any]:
    record, asked = run.record, run.record.asked
    authors = authors_of(run)
    finished = record.finished("card") or record.finished("train")
    counts = record.cleaned.authors
    return {
        "name": run.name,
        "title": " & ".join(author.title for author in authors) or run.name,
        "handles": [author.handle for author in authors] or list(asked.authors),
        "state": _state_of(states),
        "speaks": run.file("model").is_dir(),
        "posts": sum(one["used"] for one in counts) if counts else None,
        "bytes": size(run.path),
        "made": finished.astimezone(UTC) if finished else None,
        "whose": asked.whose,
        "base": record.trained.base or None,
        "picture": run.file(PICTURE_FILE).is_file(),
        "still_known": bool(_still_known(run)),
        "verdict": record.facts("evaluate").get("summary"),
    }


def authors_of(run: Run) -> list[Author]:
    """Return the authors of a persona's posts; empty if the folder does not say."""
    try:
        return read_authors(run.file("authors.json"))
    except DAMAGED:
        return []


def _still_known(run: Run) -> str:
    try:
        return Forgotten.of(run).still_known(run).in_words()
    except PersonaError as error:
        return error.message


def _notes(run: Run) -> list[str]:
    known = _still_known(run)
    if not known:
        return []
    return [
        f"The model still knows what it was told to forget: {printable(known)}. "
        "It forgets once it is trained again."
    ]


def size(folder: Path) -> int:
    """Return the bytes of a folder's files, its subfolders included; links are not followed."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 (faster)
            except OSError:
                continue  # a temporary file that was renamed meanwhile
    return total
