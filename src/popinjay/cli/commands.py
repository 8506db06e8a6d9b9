"""What each command does. `main.py` parses the arguments; `terminal.py` shows the results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from popinjay import options
from popinjay.cli import (
    progress,
    questions,
    show_inspection,
    show_made,
    show_persona,
    show_posts,
    show_sharing,
    show_sources,
    terminal,
)
from popinjay.cli.shell import shell_command
from popinjay.errors import OptionError
from popinjay.post import printable

T = TypeVar("T")


def given_options(args: argparse.Namespace, *kinds: type[Any]) -> dict[str, Any]:
    """Return the options of these kinds that were given, by name."""
    return {
        field.name: getattr(args, field.name)
        for field, _ in options.declared(*kinds)
        if hasattr(args, field.name)
    }


def chosen_options(args: argparse.Namespace, kind: type[T]) -> T:
    """Return the options of one kind, with defaults for those not given. Raises OptionError."""
    return options.build(given_options(args, kind), kind)[0]  # type: ignore[no-any-return]


def hint_after_interrupt(given: Sequence[str]) -> str:
    """Return a hint for the user who interrupted a command, empty if there is none."""
    command = next((word for word in given if not word.startswith("-")), "")
    if command not in ("make", "demo", "forget"):
        return ""
    return "What is finished is kept: the same command continues from here."


def do_make(args: argparse.Namespace) -> None:
    """Make a persona, and show some of its posts."""
    from popinjay.pipeline import make

    given = given_options(args, *options.MakeOptions.PARTS.values())
    ask: dict[str, Any] = {}
    if questions.may_ask(args.quiet or args.json):
        ask = {"ask_whose": questions.whose, "ask_name": questions.name, "ask": questions.yes}
    with progress.listening(
        quiet=args.quiet,
        as_json=args.json,
        verbose=args.verbose,
        starting="opening the posts",
        stopping=progress.SAVING,
    ) as listener:
        persona = make(
            *args.specs,
            name=args.name,
            home=args.home,
            listener=listener,
            **ask,
            **given,
        )
    if args.json:
        return
    if args.quiet:
        print(f"{persona.name} is ready in {persona.path}")
    else:
        show_made.show_made(show_made.introduction(persona))
        show_made.show_next(persona.name)


def do_inspect(args: argparse.Namespace) -> None:
    """Show what specs contain."""
    from popinjay.pipeline import inspect

    given = given_options(args, options.FetchOptions, options.CollectOptions, options.CleanOptions)
    with progress.listening(
        quiet=not sys.stderr.isatty(), starting="opening the posts"
    ) as listener:
        ask = questions.yes if questions.may_ask(args.json) else None
        found = inspect(*args.specs, listener=listener, ask=ask, **given)
    authors = [author.to_json() for author in found]
    command = shell_command(["make", *args.specs], given)
    if args.json:
        terminal.show_json({"authors": authors, "command": command})
    else:
        show_inspection.show_inspection(authors, command)


def do_say(args: argparse.Namespace) -> None:
    """Have a persona write: post by post, piece by piece, as JSON, or in an interactive session."""
    import secrets

    from popinjay.persona import load
    from popinjay.store.forgotten import Forgotten

    if args.json and args.stream:
        raise OptionError(
            "--json and --stream can't go together.",
            "Leave one of them out: the JSON document is printed when all posts are written.",
        )
    chosen = chosen_options(args, options.SayOptions)
    persona = load(args.name, args.home)
    terminal.show_still_known(
        persona.name, Forgotten.of(persona.run).still_known(persona.run).in_words()
    )
    doing = f"{persona.name} is loading"
    if _wants_session(args):
        with progress.waiting(doing):
            persona.decoder(exact=chosen.exact)
            from popinjay.cli.repl import Session
        Session(persona, chosen).run()
        return
    prompt = printable(args.prompt or "")
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    chosen = replace(chosen, seed=seed)  # --json prints it
    stream = persona.stream(prompt, chosen)
    if args.json:
        with progress.waiting(doing):
            posts = [
                {"text": post.text, "tokens": post.tokens, "finished": post.finished}
                for post in stream
            ]
        counts = {"redrawn": dict(stream.tally.redrawn), "missing": stream.tally.missing}
        terminal.show_json(
            {"persona": args.name, "prompt": prompt, "seed": seed, **counts, "posts": posts}
        )
        return
    if args.stream:
        show_posts.show_events(stream.events(), doing)
    else:
        show_posts.show_posts((post.text for post in stream), chosen.n, doing, prompt)
    show_posts.show_missing(stream.tally)


def _wants_session(args: argparse.Namespace) -> bool:
    """Return whether a user at a terminal gave neither a prompt nor a number of posts."""
    is_specific = args.prompt is not None or hasattr(args, "n") or args.json or args.stream
    return not is_specific and sys.stdin.isatty() and sys.stdout.isatty()


def do_report(args: argparse.Namespace) -> None:
    """Show how good a persona is and how much it copies; measure it if necessary."""
    from popinjay.pipeline import measure
    from popinjay.report.saved import other_report, page_of
    from popinjay.store.files import atomic_write
    from popinjay.store.run import REPORT_AGAINST, SHARED_REPORT, Run

    chosen = chosen_options(args, options.ReportOptions)
    run = Run.find(args.name, args.home)
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
        show_persona.show_report(
            run.name, report, None if other is None else (other.name, other.report), str(page)
        )


def do_card(args: argparse.Namespace) -> None:
    """Draw a persona's picture, and show the predictions to choose from."""
    from popinjay.persona import load
    from popinjay.pipeline import choose_picture
    from popinjay.stages.picture import check_ready

    chosen = chosen_options(args, options.PictureOptions)
    chosen = replace(chosen, prompt=None if chosen.prompt is None else printable(chosen.prompt))
    check_ready()
    persona = load(args.name, args.home)
    with progress.waiting(f"{persona.name} is loading"):
        predictions = persona.predictions(chosen)
    if not args.json:
        show_posts.show_predictions([str(prediction) for prediction in predictions], chosen.pick)
    with progress.listening(quiet=True) as listener:
        path = choose_picture(persona, chosen, predictions[chosen.pick - 1], listener)
    if args.json:
        texts = [prediction.text for prediction in predictions]
        shown = {
            "persona": args.name,
            "prompt": predictions[0].prompt,
            "seed": chosen.seed,
            "predictions": texts,
            "pick": chosen.pick,
        }
        terminal.show_json({**shown, "path": str(path)})
    else:
        show_posts.show_picture(str(path))


def do_status(args: argparse.Namespace) -> None:
    """Show the state of each persona's stages."""
    from popinjay.persona import engine_of
    from popinjay.store.forgotten import Forgotten
    from popinjay.store.run import Run

    runs = [Run.find(args.name, args.home)] if args.name else Run.all(args.home)
    personas = []
    warnings = []
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
        show_persona.show_status(personas)
        if engine is not None:
            show_persona.show_engine(args.name, engine)
        for name, known_posts in warnings:
            terminal.show_still_known(name, known_posts)


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
        show_sharing.show_published(document)


def do_lineage(args: argparse.Namespace) -> None:
    """Show what a persona was made from."""
    from popinjay.store.lineage import graph
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home)
    artifacts = graph(
        run.name, run.record, {stage: state.value for stage, state in run.states().items()}
    )
    if args.json:
        terminal.show_json({"persona": run.name, "artifacts": artifacts})
    else:
        show_persona.show_lineage(run.name, artifacts)


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
        show_sources.show_sources(found)


def do_demo(args: argparse.Namespace) -> None:
    """Make the demo's three personas."""
    from popinjay.demo import demo

    with progress.listening(
        quiet=args.quiet,
        verbose=args.verbose,
        starting="looking for the base model",
        stopping=progress.SAVING,
    ) as listener:
        personas = demo(listener, args.home)
    if args.quiet:
        names = ", ".join(persona.name for persona in personas)
        print(f"{names} are ready in {personas[0].path.parent}")
        return
    for persona in personas:
        show_made.show_made(show_made.introduction(persona, repeatable=False))
    show_made.show_next(personas[0].name)
    print("\nThen your own: popinjay inspect your-archive.zip shows what is in it.")
