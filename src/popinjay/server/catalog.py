"""Describe personas for the page and the API."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from popinjay.errors import PersonaError, PopinjayError
from popinjay.events import StopReason
from popinjay.metrics.measure import PERSONA
from popinjay.mixing import Mix, is_mix, parse_mix
from popinjay.models.sampling_defaults import PLAIN
from popinjay.post import printable
from popinjay.report.saved import load_report
from popinjay.server.api_error import ApiError
from popinjay.store.run import RECORD, Run, State, is_name
from popinjay.summary import (
    DAMAGED,
    PersonaState,
    Summary,
    still_known,
    summary_named,
    summary_of,
)
from popinjay.text.usual_prompts import usual_prompt
from popinjay.whose import MAY_BE_PUBLIC

EASILY_TOLD = 0.9  # of AUC, from which on a program nearly always tells a post's author


class PersonaRow(BaseModel):
    """A persona in a list; the fields are those of `popinjay.summary.Summary`."""

    name: str
    title: str
    handles: list[str]
    state: PersonaState
    speaks: bool  # it has a model, finished or not
    posts: int | None
    bytes: int | None
    made: datetime | None
    whose: str | None
    base: str | None
    blend: list[str]  # the models whose weights were added up, as `ada=0.7`
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
    may_be_public: bool  # by whose words they are
    may_learn_longer: bool  # see `_may_learn_longer`
    notes: list[str]


def find(home: Path, name: str) -> Run:
    """Return the persona of this name. Raises ApiError if it does not exist."""
    if not is_name(name) or not (home / name / RECORD).is_file():
        raise ApiError(
            404,
            f"There is no persona {name[:100]!r} here.",
            "Choose one from the list of personas, or make it.",
        )
    return Run(home / name)


def find_voice(home: Path, name: str) -> Mix | Run:
    """Return the persona of this name, or the mix that it spells, such as `ada+bob`.

    Raises ApiError if a persona does not exist, and OptionError for weights that can't be mixed.
    """
    if not is_mix(name) or (is_name(name) and (home / name / RECORD).is_file()):
        return find(home, name)
    mix = parse_mix(name)
    for member in mix.names:
        find(home, member)
    return mix


def row(home: Path, name: str) -> PersonaRow:
    """Return a persona for a list, with the state `failed` if its record is damaged."""
    try:
        return PersonaRow(**_fields(summary_named(home, name)))
    except ValueError:  # what is on record has another type
        return PersonaRow(**_fields(Summary(name, home / name, title=name)))


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
        **_fields(summary_of(run, states)),
        stages=stages,
        specs=[
            Path(spec).name if Path(spec).is_absolute() else spec for spec in record.asked.specs
        ],
        counts=[dict(one) for one in record.cleaned.authors],
        languages=dict(record.cleaned.languages),
        prompt=usual_prompt(record.cleaned.languages),
        temperature=(record.trained.sampling or PLAIN._asdict())["temperature"],
        may_learn_longer=_may_learn_longer(run),
        may_be_public=record.asked.whose in MAY_BE_PUBLIC,
        notes=_notes(run),
    )


_STAGE_STATES: dict[State, Literal["done", "stale", "failed", "missing"]] = {
    State.FRESH: "done",
    State.STALE: "stale",
    State.FAILED: "failed",
    State.MISSING: "missing",
}


def _fields(summary: Summary) -> dict[str, Any]:
    """Return the summary as the fields of a `PersonaRow`."""
    found = {name: getattr(summary, name, None) for name in PersonaRow.model_fields}
    return {
        **found,
        "handles": list(summary.handles),
        "blend": list(summary.blend),
        "made": summary.made_at,
    }


def _may_learn_longer(run: Run) -> bool:
    """Return whether a longer training would help.

    It would if time was up, or if the persona is easily told from its author though it neither
    recites nor stopped getting better.
    """
    stopped = run.record.facts("train").get("stopped")
    if stopped != StopReason.ALL_STEPS_DONE:
        return bool(stopped == StopReason.TIME_WAS_UP)
    try:
        found = load_report(run).measure("told_apart").get(PERSONA)
    except (PopinjayError, *DAMAGED):
        return False
    return found is not None and found.value >= EASILY_TOLD


def _notes(run: Run) -> list[str]:
    caution = run.record.trained.caution
    found = [caution] if caution else []
    known = still_known(run)
    if not known:
        return found
    return [
        *found,
        f"The model still knows what it was told to forget: {printable(known)}. "
        f"It forgets once it is {'blended' if run.record.blend else 'trained'} again.",
    ]
