"""Update a persona with newer posts without beginning anew, and bring an earlier version back.

The stages are those of `make`, in the same folder, so a killed update is continued by the same
command, and the model that was there speaks until the new one is whole. Three things differ. The
persona as it was is kept as a version first (`store/versions.py`). The dataset leaves every known
post in its part, so that nothing the model learnt is ever measured on. And training starts from the
model of that version, with the new posts and some old ones (`training/warm_start.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError, PersonaError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.models import bases
from popinjay.options import FetchOptions, MakeOptions, TrackOptions, UpdateOptions, build
from popinjay.ownership import as_known, check_fetched, check_same
from popinjay.persona import Persona
from popinjay.pipeline import (
    AFTER,
    after_training,
    at_work,
    expected,
    finish_made,
    have_again,
    learn,
    options_on_record,
    teach,
    write_card,
)
from popinjay.post import read_rows
from popinjay.sources import Access
from popinjay.sources.memory import NAME as IN_MEMORY
from popinjay.sources.weighted_spec import as_text
from popinjay.stages.clean import clean
from popinjay.stages.collect import Opened, collect, open_specs
from popinjay.stages.dataset import Earlier, dataset
from popinjay.store import versions
from popinjay.store.forgotten import Forgotten, add_marks, check_no_blend, marks_of
from popinjay.store.journal import finish
from popinjay.store.record import Asked
from popinjay.store.run import FETCHED, Run, State
from popinjay.store.stage_runner import run_stage
from popinjay.store.stage_table import LEARNT, STAGES, stage_named
from popinjay.store.versions import Version
from popinjay.text.quantities import size
from popinjay.training.estimate import MakeEstimate
from popinjay.training.make_clock import MakeClock
from popinjay.training.phases import Phase
from popinjay.training.warm_start import LESSON, WarmStart

STAGE = "update"  # of the events


@dataclass(frozen=True)
class Updated:
    """What an update has done."""

    persona: Persona
    learnt: int = 0  # new posts that it learnt from or that validated it
    held_out: int = 0  # new posts that it is measured on
    gone: int = 0  # posts that were not in the source any more
    version: str = ""  # what it is now: `ada:v1`
    before: str = ""  # what it was updated from
    kept: tuple[str, ...] = ()  # the versions that can be restored

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "persona": self.persona.name,
            "version": self.version,
            "before": self.before or None,
            "learnt": self.learnt,
            "held_out": self.held_out,
            "gone": self.gone,
            "kept": list(self.kept),
        }


@dataclass(frozen=True)
class _Update:
    """An update in progress: the persona, with its lock held, and what was asked for."""

    run: Run
    options: MakeOptions
    opened: Opened
    specs: Sequence[str]
    listener: Listener

    def note(self, message: str, page_message: str = "") -> None:
        """Tell the user something."""
        self.listener(Event(STAGE, EventKind.NOTE, message, page_message=page_message or message))


def update(
    run: Run,
    *specs: str | Path,
    options: UpdateOptions = UpdateOptions(),  # noqa: B008 (frozen)
    fetch: FetchOptions = FetchOptions(),  # noqa: B008 (frozen)
    track: TrackOptions = TrackOptions(),  # noqa: B008 (frozen)
    listener: Listener = ignore,
    ask: Callable[[str], bool] | None = None,
) -> Updated:
    """Have a persona learn the posts that are new in its source, and measure it again.

    It keeps the options that it was made with. Raises PersonaError if it was never finished,
    PersonaTaken if the posts are other people's, BaseModelError if its base model is another one
    now, and what `make` raises.

    Args:
        run: The persona.
        specs: What to read; by default what it was made of, read again.
        options: What to keep of it as it was.
        fetch: How networks are read.
        track: Which trackers follow; by default those that it was made with.
        listener: Receives the events of the stages.
        ask: Is asked for a yes before reading a network costs money or a base is downloaded.
    """
    with at_work(run, track, listener) as listener:
        check_no_blend(run, "and learns no posts itself")
        made = replace(options_on_record(run), fetch=fetch)
        texts = [str(spec) for spec in specs] or _recorded_specs(run)
        with open_specs(texts, made.collect, Access(fetch, listener, ask)) as opened:
            opened = as_known(run, opened)
            check_same(run, opened)
            found = _Update(run, made, opened, texts, listener)
            return _update(found, options.keep_versions, ask)


def _recorded_specs(run: Run) -> list[str]:
    """Return what a persona was made of. Raises PersonaError if that can't be read again."""
    specs = list(run.record.asked.specs)
    if not specs or IN_MEMORY in specs or "-" in specs:
        raise PersonaError(
            f"What {run.name!r} was made of can't be read again: it was not a file or an account.",
            f"Give the posts, old and new: popinjay update {run.name} SPEC",
            page_hint="Upload the posts, old and new.",
        )
    return specs


def _update(found: _Update, keep: int, ask: Callable[[str], bool] | None) -> Updated:
    """Do all of it, with the posts opened."""
    run, options, listener = found.run, found.options, found.listener
    forgotten = Forgotten.of(run)
    left = found.opened.without(forgotten)
    asked = run.record.asked
    left.heed(asked.whose)
    base = _same_base(run, options, bases.Consent(ask), listener)
    left.fetch(run.file(FETCHED), forgotten)
    check_fetched(run, left, may=False, ask=ask)
    source = forgotten.mark(found.opened.fingerprint())
    start = versions.pending(run)
    if start is None and not versions.is_whole(run.record):
        return _made_anew(found, left, source, ask)
    if start is None:
        if _is_recorded(run, source):
            return _nothing_new(found, base, keep)
        start = versions.keep(run)
    _ask(run, found, left, asked)
    run_stage(
        run,
        stage_named("collect"),
        options.collect,
        partial(collect, left),
        listener,
        source=source,
    )
    run_stage(run, stage_named("clean"), options.clean, clean, listener)
    gone = _mark_gone(found, start)
    _split(found, start)
    if _has_data_of(run, start):
        versions.drop(start)
        return _nothing_new(found, base, keep)
    added = int(run.record.facts("dataset").get("added", 0))
    with MakeClock(_expected(run, base, options, start), listener) as clock:
        teach(run, base, options, clock, warm=_warm(run, start))
    run.settle_asked()
    held_out = _rows(run.file("held_out.jsonl")) - _rows(start.file("held_out.jsonl"))
    if start.model == run.record.hashes()["model"]:
        versions.drop(start)  # the weights are the same: there is nothing to bring back
    kept = versions.prune(run, keep)
    _tell_kept(found, kept)
    return Updated(
        Persona(run),
        added,
        max(0, held_out),
        gone,
        _label(run),
        start.label(run.name),
        tuple(version.label(run.name) for version in kept),
    )


def _ask(run: Run, found: _Update, left: Opened, before: Asked) -> None:
    run.ask(
        replace(
            before,
            specs=tuple(found.specs),
            authors=left.handles,
            accounts=left.account_handles,
        )
    )


def _same_base(
    run: Run, options: MakeOptions, consent: bases.Consent, listener: Listener
) -> bases.Base:
    """Return the base that the persona was made from, fetched again if it is missing.

    Raises BaseModelError if it is missing, or is another one than it was.
    """
    base = bases.row(run.record.trained.base)
    have_again(run.name, base, consent, listener)
    trained = run.record.made("train")
    known = trained.source if trained is not None else None
    if known is not None and bases.fingerprint(base) != known:
        raise BaseModelError(
            f"{run.name!r} can't be updated: its base model {base.name} is another one now than "
            "it was made from.",
            f"Make it anew from all of its posts: popinjay make SPEC --name {run.name}",
            page_hint="Make it anew from all of its posts.",
        )
    return base


def _is_recorded(run: Run, source: str) -> bool:
    collected = run.record.made("collect")
    return collected is not None and collected.source == source


def _nothing_new(found: _Update, base: bases.Base, keep: int) -> Updated:
    """Say that there is nothing to learn; finish what a killed update has left undone."""
    run = found.run
    run.settle_asked()
    version = _label(run)
    if run.state(stage_named("train")) is not State.FRESH:
        found.note(
            "Nothing new to learn. Some of its posts were removed since it learnt them: "
            f"popinjay forget {run.name} --retrain has it unlearn them.",
            "Nothing new to learn. Some of its posts were removed since it learnt them: train it "
            "again to have it unlearn them.",
        )
    else:
        after_training(run)
        if any(run.state(stage) is not State.FRESH for stage in STAGES):
            finish_made(run, base, found.options, found.listener, keep_picture=True)
            versions.prune(run, keep)
        found.note("Nothing new: it has learnt all of these posts already.")
    return Updated(Persona(run), version=version, kept=_kept(run))


def _made_anew(
    found: _Update, left: Opened, source: str, ask: Callable[[str], bool] | None
) -> Updated:
    """Train from the base model: what the model here has learnt is not known any more."""
    run = found.run
    found.note(
        "It is trained anew: its last training was stopped, and the version to start from is gone."
    )
    _ask(run, found, left, run.record.asked)
    run_stage(
        run,
        stage_named("collect"),
        found.options.collect,
        partial(collect, left),
        found.listener,
        source=source,
    )
    learn(run, found.options, found.listener, ask)
    run.settle_asked()
    return Updated(Persona(run), version=_label(run), kept=_kept(run))


def _mark_gone(found: _Update, start: Version) -> int:
    """Have the filters know posts that the model learnt and that are not there any more.

    Returns how many of the version's posts are gone from the source.
    """
    run = found.run
    here = {row["text"] for row in read_rows(run.file("clean.jsonl"))}
    learnt = dict.fromkeys(row["text"] for row in read_rows(start.file("train.jsonl")))
    lost = [text for text in learnt if text not in here]
    if lost:
        add_marks(run, lost)
        found.note(
            f"{len(lost):,} posts that it learnt are gone from the source, and removed here too. "
            "It won't repeat them, but only making it anew has it unlearn them: "
            f"popinjay make SPEC --name {run.name}",
            f"{len(lost):,} posts that it learnt are gone from the source, and removed here too. "
            "It won't repeat them, but only making it anew has it unlearn them.",
        )
    others = {
        row["text"]
        for name in ("validation.jsonl", "held_out.jsonl")
        for row in read_rows(start.file(name))
    }
    return len(lost) + len(others - here)


def _split(found: _Update, start: Version) -> None:
    """Split the posts, those of the version as they were."""
    marks = marks_of(found.run)
    earlier = Earlier.read(start.file, marks.is_copied)
    run_stage(
        found.run,
        stage_named("dataset"),
        found.options.dataset,
        partial(dataset, earlier=earlier),
        found.listener,
        source=f"{as_text(found.run.asked.weights)}{AFTER}{start.model}",
    )


def _has_data_of(run: Run, start: Version) -> bool:
    """Return whether the persona's training posts are those of the version."""
    now, before = run.record.made("dataset"), start.record.made("train")
    assert now is not None
    assert now.makes is not None
    assert before is not None
    return all(now.makes[name] == before.needs.get(name) for name in LEARNT)


def _warm(run: Run, start: Version) -> WarmStart:
    """Return what the training starts from."""
    trained = start.record.made("train")
    assert trained is not None
    facts = start.record.trained
    return WarmStart(
        folder=start.path / "model",
        label=start.label(run.name),
        fingerprint=start.model,
        texts=frozenset(row["text"] for row in read_rows(start.file("train.jsonl"))),
        number=start.number,
        learnt_before=tuple(dict.fromkeys([*facts.learnt_before, *trained.needs.values()])),
        epochs_seen=facts.epochs_seen,
    )


def _expected(run: Run, base: bases.Base, options: MakeOptions, start: Version) -> MakeEstimate:
    """Estimate how long the stages after `dataset` will take: it learns from a part of the posts,
    and the sampling settings stay."""
    whole = expected(run, base, options)
    rows = _rows(run.file("train.jsonl"))
    added = int(run.record.facts("dataset").get("added", 0))
    share = min(1.0, LESSON * added / max(1, rows))
    factors = {Phase.LEARN: share}
    if start.record.trained.sampling.get("trials"):
        factors[Phase.SETTLE] = 0.0
    phases = {name: factors.get(name, 1.0) * seconds for name, seconds in whole.phases.items()}
    work = {name: factors.get(name, 1.0) * units for name, units in whole.work.items()}
    return replace(whole, seconds=sum(phases.values()), phases=phases, work=work)


def _rows(path: Path) -> int:
    return sum(1 for _ in read_rows(path))


def _label(run: Run) -> str:
    number = versions.number_of(run)
    return "" if number is None else f"{run.name}:v{number}"


def _kept(run: Run) -> tuple[str, ...]:
    return tuple(version.label(run.name) for version in versions.versions(run))


def _tell_kept(found: _Update, kept: Sequence[Version]) -> None:
    """Say which version can be restored, and what it takes on the disk."""
    if not kept:
        return
    latest = kept[0]
    found.note(
        f"The version before is kept ({size(latest.bytes)} on the disk): popinjay restore "
        f"{found.run.name} v{latest.number} brings it back. --keep-versions 0 keeps none.",
        f"The version before is kept ({size(latest.bytes)} on the disk).",
    )


def restore(run: Run, version: str, listener: Listener = ignore) -> tuple[str, str]:
    """Bring an earlier version of a persona back, which can be undone in the same way.

    Returns the labels of what is there now and of what was kept instead, which is empty if an
    update was under way or that version is there already. What the persona was told to forget stays
    forgotten, and kept posts stay. Raises PersonaError if that version is not kept.

    Args:
        run: The persona.
        version: Its number, such as `v1`.
        listener: Receives the events of writing the card, if it has to be written again.
    """
    with run.locked():
        finish(run)
        if versions.is_present(run, version):
            return _label(run), ""
        chosen = versions.find(run, version)
        replaced = versions.restore(run, chosen)
        is_measured = run.record.made("evaluate") is not None
        if is_measured and run.record.made("card") is None:
            options = chosen.record.options("card") or {}
            asked = run.record.asked
            given = {**options, "whose": asked.whose, "contact": asked.contact}
            write_card(run, build(given, MakeOptions.PARTS["card"])[0], listener)
    return chosen.label(run.name), "" if replaced is None else replaced.label(run.name)
