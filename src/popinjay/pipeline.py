"""The whole of popinjay: from somebody's posts to a model in their voice. Open this file first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from popinjay import bases
from popinjay.card import card
from popinjay.checkpoints import Checkpoints
from popinjay.clean import Sorted, clean, sort_out
from popinjay.collect import collect, open_specs, posts_of
from popinjay.dataset import dataset
from popinjay.errors import BaseModelError, SpecError
from popinjay.evaluate import evaluate
from popinjay.events import Event, Listener, What, nobody
from popinjay.options import MakeOptions, TrainOptions
from popinjay.persona import Persona
from popinjay.post import Author
from popinjay.run import Run, State, check_name, home, run_stage, stage_named
from popinjay.sources import Findings
from popinjay.trackers import chosen
from popinjay.trackers.watch import watched
from popinjay.train import train


def make(
    *specs: str | Path,
    name: str | None = None,
    home_folder: Path | None = None,
    listener: Listener = nobody,
    ask_whose: Callable[[], str | None] | None = None,
    **given: Any,
) -> Persona:
    """Make a persona: collect, clean, dataset, train, evaluate, card. What is fresh is not done again.

    `given` are fields of the stages' options (`popinjay.options`), such as `whose="self"`, `base="gpt2"` or `seed=3`. Several
    specs make a cyborg. `ask_whose` is called where it is not on record whose words these are. Raises PopinjayError.
    """
    options = MakeOptions.of(given)
    trackers = chosen(options.track.track)
    opened = open_specs([str(spec) for spec in specs], options.collect)
    run = Run((home_folder or home()) / check_name(opened.name if name is None else name))
    whose = options.card.whose or run.record.get("asked", {}).get("whose") or (ask_whose() if ask_whose else None)
    with run.locked(), nothing_left(run), watched(run, trackers, options.track.track_posts, listener) as listener:
        run.update(asked={"specs": [str(spec) for spec in specs], "authors": [author.handle for author in opened.authors], "whose": whose})

        run_stage(run, stage_named("collect"), options.collect, partial(collect, opened), listener, source=opened.fingerprint())
        run_stage(run, stage_named("clean"), options.clean, clean, listener)
        run_stage(run, stage_named("dataset"), options.dataset, dataset, listener)
        base = base_for(run, options.train, listener)
        run_stage(run, stage_named("train"), replace(options.train, base=base.name), partial(train, base), listener, source=bases.fingerprint(base))
        Checkpoints.forget(run.path)
        run_stage(run, stage_named("evaluate"), options.evaluate, partial(evaluate, base), listener)
        run_stage(run, stage_named("card"), replace(options.card, whose=whose), card, listener)
    return Persona(run)


@dataclass(frozen=True)
class Inspection:
    """What is in one spec, and what would become of it."""

    author: Author
    findings: Findings
    result: Sorted


def inspect(*specs: str | Path, listener: Listener = nobody, **given: Any) -> list[Inspection]:
    """What is in each spec, and which posts would be kept and dropped. Nothing is written. Raises PopinjayError."""
    options = MakeOptions.of(given)
    found = []
    for reading in open_specs([str(spec) for spec in specs], options.collect).readings:
        listener(Event("inspect", What.START, f"reading the posts of {reading.author.handle}"))
        result = sort_out(reading.author.handle, posts_of(reading, listener), options.clean, listener)
        found.append(Inspection(reading.author, reading.findings, result))
    return found


def base_for(run: Run, options: TrainOptions, listener: Listener) -> bases.Base:
    """The base model to train. What the user left open is decided once: a persona that is trained keeps its base."""
    made_from = run.facts("train").get("base")
    if options.base is None and made_from and run.state(stage_named("train"), {**asdict(options), "base": made_from}) is State.FRESH:
        return bases.row(made_from)
    base, note = bases.choose(options.base)
    if note:
        listener(Event("train", What.NOTE, note))
    return base


@contextmanager
def nothing_left(run: Run) -> Iterator[None]:
    """A persona that never came to be, because of what its specs hold or its base model is, leaves no folder behind."""
    is_new = not run.record
    try:
        yield
    except (SpecError, BaseModelError):
        if is_new:
            run.discard()
        raise
