"""All of popinjay: from a person's posts to a model in their voice. Open this file first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from popinjay import management
from popinjay.blending.blend import add_up, check_and_ask, check_not_taken
from popinjay.blending.members import opened
from popinjay.errors import (
    BaseModelError,
    OptionError,
    PersonaError,
    PictureError,
    SpecError,
)
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.inspection import Inspection as Inspection
from popinjay.inspection import inspect as inspect
from popinjay.interrupts import Terminated
from popinjay.mixing import Mix
from popinjay.models import bases
from popinjay.options import (
    CardOptions,
    EvaluateOptions,
    MakeOptions,
    PictureOptions,
    TrackOptions,
    TrainOptions,
    build,
)
from popinjay.ownership import (
    as_flags,
    called,
    check_fetched,
    clear,
    inherited,
    is_replaced,
    name_for,
    undecided,
)
from popinjay.persona import Persona
from popinjay.report.saved import load_report
from popinjay.report.schema import Report
from popinjay.sources import Access
from popinjay.sources.network.mirror_state import POSTS as MIRRORED
from popinjay.sources.weighted_spec import as_text
from popinjay.stages import picture as pictures
from popinjay.stages.card import card
from popinjay.stages.clean import clean
from popinjay.stages.collect import Opened, collect, open_specs
from popinjay.stages.dataset import dataset, shares
from popinjay.stages.evaluate import evaluate
from popinjay.stages.train import train
from popinjay.store.forgotten import FILE, Forgotten, check_no_blend, drop_marks
from popinjay.store.journal import finish
from popinjay.store.make_log import logged
from popinjay.store.record import Asked
from popinjay.store.run import FETCHED, RECORD, Run, State, check_name, is_name
from popinjay.store.run import home as home_folder
from popinjay.store.stage_runner import run_stage
from popinjay.store.stage_table import PICTURE, PICTURE_FILE, STAGES, stage_named
from popinjay.trackers import NONE, chosen
from popinjay.trackers.listener import tracking
from popinjay.training.checkpoints import Checkpoints
from popinjay.training.estimate import MakeEstimate, estimate_make
from popinjay.training.make_clock import MakeClock
from popinjay.training.warm_start import WarmStart

AFTER = " after "  # in the source of an updated split: weights after the model it continues


def make(
    *specs: str | Path,
    name: str | None = None,
    home: Path | None = None,
    listener: Listener = ignore,
    ask_whose: Callable[[], str | None] | None = None,
    ask_name: Callable[[str], str | None] | None = None,
    ask: Callable[[str], bool] | None = None,
    preferences: Mapping[str, Any] | None = None,
    **given: Any,
) -> Persona:
    """Make a persona: collect, clean, dataset, train, evaluate, card; only stages not yet fresh.

    Raises PopinjayError.

    Args:
        specs: Files or accounts to read; several make a cyborg.
        name: The persona's name; by default its authors' handles.
        home: The folder of all personas.
        listener: Receives the events of the stages.
        ask_whose: Is asked whose words these are, if it is not on record.
        ask_name: Is asked for a name, if the files don't give one.
        ask: Is asked for a yes before reading a network costs money, a base model is downloaded or
            another persona is replaced; without it the answer is no.
        preferences: The user's defaults of these options; what a persona was made with counts more.
        given: Fields of the stages' options (`popinjay.options`), such as `whose="self"`,
            `base="gpt2"` or `seed=3`; an existing persona keeps those that it was made with.
    """
    preferences = preferences or {}
    usual = MakeOptions.of({**preferences, **given})
    trackers = chosen(usual.track.track)
    folder = home or home_folder()
    texts = [spec if isinstance(spec, str) else str(spec) for spec in specs]

    def read(options: MakeOptions, readings: ExitStack) -> Opened:
        access = Access(options.fetch, listener, ask)
        opened = open_specs(texts, options.collect, access)
        return readings.enter_context(opened)

    run = Run(folder / name) if name is not None and is_name(name) else None
    options = as_made_before(run, given, preferences) if run else usual
    with ExitStack() as stack:
        opened = read(options, stack)
        if run is None:
            run = Run(folder / check_name(name_for(opened, ask_name) if name is None else name))
            options = as_made_before(run, given, preferences)
            opened = opened if options.collect == usual.collect else read(options, stack)
        readings = stack.pop_all()
    with (
        readings,
        run.locked(),
        nothing_left(run),
        logged(run, listener) as listener,
        tracking(run, trackers, usual.track.track_posts, listener) as listener,
    ):
        finish(run)
        unnamed, opened = opened, called(opened, run.name, run)
        is_other = is_replaced(run, opened, may=usual.existing.replace, ask=ask)
        forgotten = Forgotten() if is_other else Forgotten.of(run)
        before = Asked() if is_other else run.record.asked
        if is_other:
            is_read_anew = options.collect != usual.collect
            opened = called(read(usual, readings) if is_read_anew else unnamed, run.name)
        options = usual if is_other else options
        left = opened.without(forgotten)
        whose = options.card.whose or before.whose or (ask_whose() if ask_whose else None)
        left.heed(whose)
        if run.record.is_empty:
            run.save(run.record)  # so that it is listed if it is stopped while posts are read
        left.fetch(run.file(FETCHED), forgotten)
        if is_other:
            clear(run, left)
        else:
            check_fetched(run, left, may=usual.existing.replace, ask=ask)
            note_inherited(run, given, listener, keeps_weights=not left.weights)
        options = replace(
            options,
            card=replace(options.card, whose=whose, contact=options.card.contact or before.contact),
        )
        run.ask(
            Asked(
                specs=tuple(str(text) for text in texts),  # of posts in memory only "memory"
                authors=left.handles,
                accounts=left.account_handles,
                weights=weights_of(left, before, options),
                whose=whose,
                contact=options.card.contact,
                track=tuple(trackers),
            )
        )

        source = forgotten.mark(opened.fingerprint())
        run_stage(
            run,
            stage_named("collect"),
            options.collect,
            partial(collect, left),
            listener,
            source=source,
        )
        learn(run, options, listener, ask)
        run.settle_asked()
    return Persona(run)


def as_made_before(
    run: Run, given: Mapping[str, Any], preferences: Mapping[str, Any]
) -> MakeOptions:
    """Return the options given, for others those that a persona was made with, else preferences."""
    own = {**inherited(run, given), **given}
    return MakeOptions.of({**undecided(run, preferences, given), **own})


def note_inherited(
    run: Run, given: Mapping[str, Any], listener: Listener, *, keeps_weights: bool
) -> None:
    """Say which options a persona keeps that were not given, and the weights of its authors."""
    weights = run.record.asked.weights if keeps_weights and not given.get("defaults") else {}
    kept = [as_flags(inherited(run, given)), as_text(weights)]
    if any(kept):
        listener(
            Event(
                "collect",
                EventKind.NOTE,
                "It keeps the options that it was made with: "
                f"{' '.join(filter(None, kept))} "
                "(for the usual ones: --defaults).",
                page_message="It keeps the options that it was made with.",
            )
        )


def learn(
    run: Run, options: MakeOptions, listener: Listener, ask: Callable[[str], bool] | None = None
) -> None:
    """Run all stages after the first, and draw a first picture before the card.

    Events say how much of it is done and how long the rest will take.
    """
    run_stage(run, stage_named("clean"), options.clean, clean, listener)
    split = stage_named("dataset")
    run_stage(run, split, options.dataset, dataset, listener, source=weights_source(run))
    base = base_for(
        run, options.train, bases.Consent(ask, options.bases.yes, options.bases.accept), listener
    )
    with MakeClock(expected(run, base, options), listener) as clock:
        teach(run, base, options, clock)


def expected(run: Run, base: bases.Base, options: MakeOptions) -> MakeEstimate:
    """Estimate how long the stages after `dataset` will take."""
    authors = run.record.cleaned.authors
    posts = max((author["used"] for author in authors), default=0)
    characters = max((author["characters"] for author in authors), default=0)
    sizes = {author["author"]: author["characters"] for author in authors}
    learnt = shares(sizes, run.asked.weights) if sizes else {}  # with their posts repeated
    several = sum(learnt.values()) / max(1, characters)
    return estimate_make(
        base, round(several * posts), round(several * characters), options.train, options.evaluate
    )


def weights_source(run: Run) -> str | None:
    """Return the weights of a cyborg's authors as what the stage `dataset` depends on.

    None if there are none and there never were: posts are then split as ever. A split that was
    updated (`updating.py`) stays as it is while the weights do.
    """
    weights = as_text(run.asked.weights)
    made = run.record.made("dataset")
    before = None if made is None else made.source
    if before is None:
        return weights or None
    return before if before.partition(AFTER)[0] == weights else weights


def weights_of(opened: Opened, before: Asked, options: MakeOptions) -> Mapping[str, float]:
    """Return how much of a cyborg each author is to be: as was asked now, or else before."""
    if opened.weights or options.existing.defaults:
        given = opened.weights
    else:
        given = {name: one for name, one in before.weights.items() if name in opened.handles}
    return given if len(set(given.values())) > 1 else {}


def teach(
    run: Run,
    base: bases.Base,
    options: MakeOptions,
    listener: Listener,
    warm: WarmStart | None = None,
) -> None:
    """Train and measure, draw the picture, write the card.

    With a `warm` start a model that was trained before goes on to learn (`updating.py`), and the
    picture that was chosen for it stays.
    """
    run_stage(
        run,
        stage_named("train"),
        replace(options.train, base=base.name),
        partial(train, base, warm=warm),
        listener,
        source=bases.fingerprint(base),
    )
    after_training(run)
    finish_made(run, base, options, listener, keep_picture=warm is not None)


def after_training(run: Run) -> None:
    """Remove what a finished training has left, and the marks of what it has unlearnt."""
    Checkpoints.forget(run.path)
    drop_marks(run)


def finish_made(
    run: Run, base: bases.Base, options: MakeOptions, listener: Listener, *, keep_picture: bool
) -> None:
    """Measure, draw the picture, and write the card, as far as they are not fresh."""
    run_stage(run, stage_named("evaluate"), options.evaluate, partial(evaluate, base), listener)
    if not keep_picture or not pictures.redraw(run, listener):
        write_picture(run, listener)
    write_card(run, options.card, listener)


def blend(
    mix: Mix,
    name: str,
    home: Path | None = None,
    listener: Listener = ignore,
    options: EvaluateOptions = EvaluateOptions(),  # noqa: B008 (frozen)
) -> Persona:
    """Blend personas of one base into a persona of its own, by adding up their weights.

    Its posts are its members', and it has a report, a card and a picture as any other. Only what is
    not yet fresh is done. Raises PersonaTaken if another persona has that name, and what `opened`
    and the stages raise.

    Args:
        mix: The personas and their weights.
        name: The name of the blend.
        home: The folder of all personas.
        listener: Receives the events of the stages.
        options: How it is measured.
    """
    run = Run((home or home_folder()) / check_name(name))
    check_not_taken(run, mix)
    with opened(mix, home) as members, run.locked(), logged(run, listener) as listener:
        finish(run)
        asked = check_and_ask(run, members)
        add_up(run, members, listener)
        drop_marks(run)
        work = partial(evaluate, members.base)
        run_stage(run, stage_named("evaluate"), options, work, listener)
        write_picture(run, listener)
        write_card(run, CardOptions(whose=asked.whose, contact=asked.contact), listener)
        run.settle_asked()
    return Persona(run)


def relearn(
    run: Run,
    listener: Listener = ignore,
    track: TrackOptions | None = None,
    changed: Mapping[str, Any] | None = None,
) -> Persona:
    """Bring a persona up to date from the posts in its folder, with the options it was made with.

    No archive is needed. Raises PersonaError if it was never finished, and what `make` raises.

    Args:
        run: The persona.
        listener: Receives the events of the stages.
        track: Which trackers follow it; by default those that it was made with.
        changed: Training options instead of those on record, such as `{"budget": "20m"}`.
    """
    with at_work(run, track or TrackOptions(), listener) as listener:
        check_no_blend(run, "and not trained itself")
        options = options_on_record(run)
        learn(run, replace(options, train=replace(options.train, **(changed or {}))), listener)
    return Persona(run)


@contextmanager
def at_work(run: Run, track: TrackOptions, listener: Listener) -> Iterator[Listener]:
    """Hold a persona's lock; yield a listener that its log and its trackers hear too.

    A change that was interrupted is finished first. Raises PersonaBusy, and OptionError for a
    tracker that can't be used.
    """
    with (
        run.locked(),
        logged(run, listener) as listener,
        tracking(run, trackers_of(run, track), track.track_posts, listener) as listener,
    ):
        finish(run)
        yield listener


def options_on_record(run: Run) -> MakeOptions:
    """Return the options that a persona was made with. Raises PersonaError if it never was."""
    known = run.record.stages
    if any(stage.name not in known for stage in STAGES):
        raise PersonaError(
            f"{run.name!r} was never finished.",
            f"Make it from its archive: popinjay make SPEC --name {run.name}",
            page_hint="Make it again from the same posts: it goes on from there.",
        )
    given = {
        stage.name: build(known[stage.name].options, MakeOptions.PARTS[stage.name])[0]
        for stage in STAGES
    }
    return MakeOptions(**given)


def rename(run: Run, name: str, listener: Listener = ignore) -> Persona:
    """Give a persona another name, with its card, its report and its lineage.

    Raises SpecError for a name that can't be a folder's, PersonaTaken if there is something of that
    name, PersonaBusy while the persona is made.
    """
    return Persona(management.rename(run, name, listener))


def remove(run: Run) -> None:
    """Delete a persona with its model, its posts and all else in its folder.

    Raises PersonaBusy while it is made.
    """
    management.remove(run)


def measure(run: Run, samples: int | None = None, listener: Listener = ignore) -> Report:
    """Measure a trained persona unless its report is fresh; return the report.

    Raises PersonaError if there is no trained model, and what the stages raise.

    Args:
        run: The persona.
        samples: The number of posts to generate, instead of that on record.
        listener: Receives the events, but not those of fresh stages.
    """

    def tell(event: Event) -> None:
        if event.what is not EventKind.FRESH:
            listener(event)

    with run.locked():
        finish(run)
        record = run.record
        if record.made("train") is None:
            raise PersonaError(
                f"{run.name!r} has not learnt to speak yet.",
                f"See how far it is: popinjay status {run.name}. "
                "Making it again goes on from there.",
                page_hint="Make it again from the same posts: it goes on from there.",
            )
        asked = {"whose": record.asked.whose, "contact": record.asked.contact}
        options = build(record.options("evaluate") or {}, MakeOptions.PARTS["evaluate"])[0]
        options = options if samples is None else replace(options, samples=samples)
        run_stage(
            run,
            stage_named("evaluate"),
            options,
            partial(evaluate, bases.row(record.trained.base)),
            tell,
        )
        card_options = record.options("card")
        card_options = asked if card_options is None else card_options
        write_card(run, build(card_options, MakeOptions.PARTS["card"])[0], tell)
    return load_report(run)


def trackers_of(run: Run, options: TrackOptions) -> tuple[str, ...]:
    """Return the trackers: those asked for, else those the persona was made with, else the usual.

    Raises OptionError for one that can't be used.
    """
    before = run.record.asked.track
    if options.track is None and before is not None:
        return chosen(",".join(before) or NONE)
    return chosen(options.track)


def write_card(run: Run, options: CardOptions, listener: Listener = ignore) -> None:
    """Write the card unless it is fresh. It shows the picture, if there is one."""
    run_stage(run, stage_named("card"), options, card, listener, source=run.picture_shown())


def write_picture(run: Run, listener: Listener = ignore) -> None:
    """Draw a first picture unless the one that was chosen is fresh.

    If none can be drawn a note says why.
    """
    if run.state(PICTURE) is State.FRESH:
        listener(Event(PICTURE.name, EventKind.FRESH))
        return
    run.file(PICTURE_FILE).unlink(missing_ok=True)  # it shows what another model wrote
    try:
        pictures.check_ready()
        listener(Event(PICTURE.name, EventKind.START, PICTURE.doing))
        shown = pictures.first_picture(run, Persona(run).predictions(), listener=listener)
        count = "a post" if len(shown) == 1 else f"{len(shown)} posts"
        listener(
            Event(
                PICTURE.name,
                EventKind.DONE,
                f"{PICTURE_FILE} shows {count} out of ten, such as: {shown[0]}",
            )
        )
    except (PictureError, OptionError) as error:
        said = f"No picture: {error.message}"
        note = Event(
            PICTURE.name,
            EventKind.NOTE,
            f"{said} {error.hint}",
            page_message=f"{said} {error.page_hint}",
        )
        listener(note)


def choose_picture(
    persona: Persona,
    options: PictureOptions,
    chosen: Sequence[pictures.Prediction],
    listener: Listener = ignore,
) -> Path:
    """Draw the picture of chosen predictions and have the card show it; return its path.

    Raises PictureError if it can't be drawn: the picture that was there stays.

    Args:
        persona: The persona.
        options: The options that the predictions were chosen with.
        chosen: The predictions, in the order in which they are shown.
        listener: Receives warnings.
    """
    run = persona.run
    png = pictures.draw(run, chosen, listener)
    with run.locked():
        pictures.write(run, chosen, options, png)
        written = run.record.made("card")
        if written is not None:
            names = {field.name for field in fields(CardOptions)}
            known = {name: value for name, value in written.options.items() if name in names}
            write_card(run, CardOptions(**known))
    return run.file(PICTURE_FILE)


def base_for(
    run: Run, options: TrainOptions, consent: bases.Consent, listener: Listener
) -> bases.Base:
    """Return the base model to train, and say which it is unless there is nothing to train.

    What the user leaves open is decided once: a persona keeps the base it was made from, also for
    newer posts. Raises BaseModelError if it can't be had.
    """
    made_from = run.record.trained.base
    if options.base is None and made_from:
        base = bases.row(made_from)
        if run.state(stage_named("train"), {**asdict(options), "base": made_from}) is State.FRESH:
            return base
        have_again(run.name, base, consent, listener)
        listener(Event("train", EventKind.NOTE, f"The base model stays {base.name}."))
        return base
    base, note = bases.choose(options.base, run.record.cleaned.languages, consent, listener)
    asked = {**asdict(options), "base": base.name}
    if run.state(stage_named("train"), asked, bases.fingerprint(base)) is not State.FRESH:
        listener(Event("train", EventKind.NOTE, note))
    return base


def have_again(persona: str, base: bases.Base, consent: bases.Consent, listener: Listener) -> None:
    """Fetch the base that a persona was made from if it is missing and fetching is allowed.

    Raises BaseModelError if it is missing afterwards.
    """
    if bases.is_ready(base):
        return
    gone = f"{persona!r} was made from {base.name}, which is not on this machine any more."
    if not (consent.yes or (consent.ask is not None and consent.ask(f"{gone}\nFetch it again?"))):
        raise BaseModelError(
            gone,
            f"Fetch it with --yes, or take another one, such as --base {bases.BUILT_IN}.",
            page_hint=f"Make it again, and choose {base.name} or another base model.",
        )
    bases.get(base, consent, listener)


@contextmanager
def nothing_left(run: Run) -> Iterator[None]:
    """Remove the folder of a new persona if its specs or its base model turn out to be unusable.

    It stays if posts were read over a network: making the persona again, with other options or
    another base, should neither take the time nor cost the money again.
    """
    is_new = run.record.is_empty and not run.file(FILE).exists()
    try:
        yield
    except (SpecError, BaseModelError):
        if is_new and not any(
            mirror.stat().st_size for mirror in run.file(FETCHED).glob(f"*/*/{MIRRORED}")
        ):
            run.discard()
        raise
    except (KeyboardInterrupt, Terminated):  # such as at a question
        if is_new and not run.file(RECORD).exists():
            run.discard()
        raise
