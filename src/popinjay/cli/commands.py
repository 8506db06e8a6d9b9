"""What each command of the command line does with its arguments. `cli.py` reads them; `terminal.py` shows what comes out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from popinjay import options
from popinjay.cli import progress, terminal
from popinjay.cli import questions as asking
from popinjay.errors import OptionError
from popinjay.post import printable

T = TypeVar("T")


def given_options(args: argparse.Namespace, *kinds: type[Any]) -> dict[str, Any]:
    """The options that were given."""
    return {
        field.name: getattr(args, field.name)
        for field, _ in options.declared(*kinds)
        if hasattr(args, field.name)
    }


def chosen_options(args: argparse.Namespace, kind: type[T]) -> T:
    """The options of one kind, as given and else by default. Raises OptionError."""
    return options.build(given_options(args, kind), kind)[0]  # type: ignore[no-any-return]


def after_stopping(given: Sequence[str]) -> str:
    """What whoever stopped a command should know."""
    goes_on = next((word for word in given if not word.startswith("-")), "") in (
        "make",
        "demo",
        "forget",
    )
    return "What is finished is kept: the same command goes on from here." if goes_on else ""


def do_make(args: argparse.Namespace) -> None:
    """Make a persona, and let it say something."""
    from popinjay.pipeline import make

    talk = asking.may_ask(args.quiet or args.json)
    given = given_options(args, *options.MakeOptions.PARTS.values())
    questions: dict[str, Any] = {}
    if talk:
        questions = {"ask_whose": asking.whose, "ask_name": asking.name, "ask": asking.yes}
    with progress.listening(quiet=args.quiet, as_json=args.json) as listener:
        persona = make(
            *args.specs,
            name=args.name,
            home_folder=args.home,
            listener=listener,
            **questions,
            **given,
        )
    if not args.json:
        _introduce(persona)


def _introduce(persona: Any, count: int = 3) -> None:
    """What a finished persona says first, and what to type next."""
    terminal.show_persona(persona.name, str(persona.path), persona.say(n=count, seed=0))


def do_inspect(args: argparse.Namespace) -> None:
    """Show what is in some specs."""
    from popinjay.pipeline import inspect

    with progress.listening(quiet=not sys.stderr.isatty()) as listener:
        ask = asking.yes if asking.may_ask(args.json) else None
        found = inspect(
            *args.specs,
            listener=listener,
            ask=ask,
            **given_options(
                args, options.FetchOptions, options.CollectOptions, options.CleanOptions
            ),
        )
    authors = [one.to_json() for one in found]
    if args.json:
        terminal.show_json({"authors": authors})
    else:
        terminal.show_inspection(authors)


def do_say(args: argparse.Namespace) -> None:
    """Let a persona speak: post by post, piece by piece, as JSON, or with a person in a session."""
    import secrets

    from popinjay.persona import load
    from popinjay.store.forgotten import Forgotten

    if args.json and args.stream:
        raise OptionError(
            "--json and --stream can't go together.",
            "Leave one of them out: JSON comes as one document, when all is written.",
        )
    chosen = chosen_options(args, options.SayOptions)
    persona = load(args.name, args.home)
    terminal.show_still_known(
        persona.name, Forgotten.of(persona.run).still_known(persona.run).in_words()
    )
    finding = f"{persona.name} finds its voice"
    if _wants_session(args):
        with progress.waiting(finding):
            persona.decoder(exact=chosen.exact)
            from popinjay.cli.repl import Session
        Session(persona, chosen).run()
        return
    prompt, seed = (
        printable(args.prompt or ""),
        secrets.randbits(32) if chosen.seed is None else chosen.seed,
    )
    chosen = replace(chosen, seed=seed)  # so that --json can tell it
    stream = persona.stream(prompt, chosen)
    if args.json:
        with progress.waiting(finding):
            posts = [
                {"text": one.text, "tokens": one.tokens, "finished": one.finished} for one in stream
            ]
        told = {"redrawn": dict(stream.tally.redrawn), "missing": stream.tally.missing}
        terminal.show_json(
            {"persona": args.name, "prompt": prompt, "seed": seed, **told, "posts": posts}
        )
        return
    if args.stream:
        terminal.show_events(stream.events(), finding)
    else:
        terminal.show_posts((one.text for one in stream), chosen.n, finding)
    terminal.show_missing(stream.tally)


def _wants_session(args: argparse.Namespace) -> bool:
    """Whether a person sits there who has said neither how posts begin nor how many they are to be."""
    said_how = args.prompt is not None or hasattr(args, "n") or args.json or args.stream
    return not said_how and sys.stdin.isatty() and sys.stdout.isatty()


def do_report(args: argparse.Namespace) -> None:
    """Show how good a persona is and how much it copies, measuring it where that has not been done, or is to be done otherwise."""
    from popinjay.pipeline import measure
    from popinjay.report.saved import other_report, page_of
    from popinjay.store.files import atomic_write
    from popinjay.store.run import REPORT_AGAINST, SHARED_REPORT, Run

    chosen, run = chosen_options(args, options.ReportOptions), Run.find(args.name, args.home)
    other = None if chosen.against is None else other_report(run, chosen.against, args.home)
    with progress.listening(quiet=args.json or not sys.stderr.isatty()) as listener:
        report = measure(run, chosen.samples, listener)
    page = run.file("report.html")
    if chosen.to_share or other:
        page = run.file(SHARED_REPORT if chosen.to_share else REPORT_AGAINST)
        atomic_write(page, page_of(run, to_share=chosen.to_share, against=other))
    if args.json:
        terminal.show_json(
            {
                "persona": run.name,
                "page": str(page),
                "report": report.to_json(),
                "against": other and {"name": other.name, "report": other.report.to_json()},
            }
        )
    else:
        terminal.show_report(
            run.name, report, None if other is None else (other.name, other.report), str(page)
        )


def do_card(args: argparse.Namespace) -> None:
    """Draw a persona's picture, and show the predictions to pick from."""
    from popinjay.persona import load
    from popinjay.pipeline import choose_picture
    from popinjay.stages.picture import check_ready

    chosen = chosen_options(args, options.PictureOptions)
    chosen = replace(chosen, prompt=None if chosen.prompt is None else printable(chosen.prompt))
    check_ready()
    persona = load(args.name, args.home)
    with progress.waiting(f"{persona.name} finds its voice"):
        predictions = persona.predictions(chosen)
    if not args.json:
        terminal.show_predictions([str(one) for one in predictions], chosen.pick)
    with progress.listening(quiet=True) as listener:
        path = choose_picture(persona, chosen, predictions[chosen.pick - 1], listener)
    if args.json:
        texts = [one.text for one in predictions]
        shown = {
            "persona": args.name,
            "prompt": predictions[0].prompt,
            "seed": chosen.seed,
            "predictions": texts,
            "pick": chosen.pick,
        }
        terminal.show_json({**shown, "path": str(path)})
    else:
        terminal.show_picture(str(path))


def do_status(args: argparse.Namespace) -> None:
    """Show how far each persona is."""
    from popinjay.persona import engine_of
    from popinjay.store.forgotten import Forgotten
    from popinjay.store.run import Run

    runs = [Run.find(args.name, args.home)] if args.name else Run.all(args.home)
    personas, warnings = [], []
    for run in runs:
        stages = [
            {"stage": stage, "state": state.value, "error": run.record.error_of(stage)}
            for stage, state in run.states().items()
        ]
        known = Forgotten.of(run).still_known(run)
        personas.append(
            {
                "name": run.name,
                "path": str(run.path),
                "stages": stages,
                "still_known": known.to_json(),
            }
        )
        warnings.append((run.name, known.in_words()))
    engine = engine_of(runs[0]) if args.name else None
    if engine is not None:
        personas[0]["engine"] = engine
    if args.json:
        terminal.show_json({"personas": personas})
    else:
        terminal.show_status(personas)
        if engine is not None:
            terminal.show_engine(args.name, engine)
        for name, what in warnings:
            terminal.show_still_known(name, what)


def do_publish(args: argparse.Namespace) -> None:
    """Publish a persona."""
    from popinjay.publishing.publish import publish
    from popinjay.store.run import Run

    chosen = chosen_options(args, options.PublishOptions)
    with progress.listening(quiet=args.json) as listener:
        result = publish(Run.find(args.name, args.home), args.to, chosen, listener)
    document = {
        "persona": result.persona,
        "to": result.to,
        "private": result.private,
        "dry_run": chosen.dry_run,
        "changed": result.changed,
        "version": result.version,
        "commit": result.commit,
        "files": [{"name": file.name, "bytes": file.size} for file in result.files],
    }
    if args.json:
        terminal.show_json(document)
    else:
        terminal.show_published(document)


def do_lineage(args: argparse.Namespace) -> None:
    """Show what a persona came from."""
    from popinjay.store.lineage import graph
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home)
    artifacts = graph(
        run.name, run.record, {stage: state.value for stage, state in run.states().items()}
    )
    if args.json:
        terminal.show_json({"persona": run.name, "artifacts": artifacts})
    else:
        terminal.show_lineage(run.name, artifacts)


def do_sources(args: argparse.Namespace) -> None:
    """List what posts can be read from."""
    from popinjay.sources import all_sources
    from popinjay.sources.source_options import help_of

    found = [
        {"name": source.NAME, "give": help_of(source), "needs": source.NEEDS or None}
        for source in all_sources()
    ]
    if args.json:
        terminal.show_json({"sources": found})
    else:
        terminal.show_sources(found)


def do_demo(args: argparse.Namespace) -> None:
    """Make the demo's three personas."""
    from popinjay.demo import demo

    with progress.listening(quiet=args.quiet) as listener:
        personas = demo(listener, args.home)
    for persona in personas:
        _introduce(persona)
    print("\nNow yours: popinjay inspect your-archive.zip, then popinjay make your-archive.zip")
