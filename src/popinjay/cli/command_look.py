"""The commands to look at what was made: list, report, card, status, open."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from popinjay import options
from popinjay.cli import progress, show_list, show_persona, show_picture, terminal
from popinjay.cli.commands import chosen_options
from popinjay.errors import PersonaError
from popinjay.post import printable
from popinjay.standard_streams import print_error


def do_list(args: argparse.Namespace) -> None:
    """List the personas."""
    from popinjay.store.run import home
    from popinjay.summary import summaries

    folder = args.home or home()
    found = summaries(folder)
    if args.json:
        terminal.show_json({"personas": [summary.to_json() for summary in found]})
    else:
        show_list.show_list(found, folder)


def do_report(args: argparse.Namespace) -> None:
    """Show how good a persona is and how much it copies; measure it if necessary."""
    from popinjay.pipeline import measure
    from popinjay.report.liked import liked
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
                "liked": [
                    {
                        "text": draft.text,
                        "url": draft.url,
                        "likes": draft.likes,
                        "reposts": draft.reposts,
                    }
                    for draft in liked(run)
                ],
            }
        )
    else:
        show_persona.show_report(
            run.name,
            report,
            None if other is None else (other.name, other.report),
            str(page),
            liked(run),
            everything=chosen.all,
        )


def do_card(args: argparse.Namespace) -> None:
    """Draw a persona's picture, and show the predictions to choose from."""
    from popinjay.persona import load
    from popinjay.pipeline import choose_picture
    from popinjay.stages.picture import check_ready, choose, ranking

    chosen = chosen_options(args, options.PictureOptions)
    chosen = replace(chosen, prompt=None if chosen.prompt is None else printable(chosen.prompt))
    check_ready()
    persona = load(args.name, args.home)
    with progress.waiting(f"{persona.name} is loading"):
        predictions = persona.predictions(chosen)
    is_ranked = chosen.pick is None
    numbers = choose(persona.run, predictions, chosen)
    if not args.json:
        texts = [str(prediction) for prediction in predictions]
        show_picture.show_predictions(texts, numbers, is_ranked=is_ranked)
    shown = [predictions[number - 1] for number in numbers]
    with progress.listening(quiet=True) as listener:
        path = choose_picture(persona, chosen, shown, listener)
    if args.json:
        facts = {
            "persona": args.name,
            "prompt": predictions[0].prompt,
            "seed": chosen.seed,
            "predictions": [prediction.text for prediction in predictions],
            "ranking": ranking(persona.run, predictions),
            "pick": numbers[0],
            "picks": numbers,
        }
        terminal.show_json({**facts, "path": str(path)})
    else:
        show_picture.show_picture(str(path))


def do_status(args: argparse.Namespace) -> None:
    """Show the state of each persona's stages."""
    from popinjay.persona import engine_of
    from popinjay.store.forgotten import Forgotten
    from popinjay.store.run import Run
    from popinjay.summary import summary_of

    runs = [Run.find(args.name, args.home)] if args.name else Run.all(args.home)
    personas = []
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
    engine = engine_of(runs[0]) if args.name else None
    if engine is not None:
        personas[0]["engine"] = engine
    if args.json:
        terminal.show_json({"personas": personas})
    else:
        show_persona.show_status(personas)
        if args.name:
            show_persona.show_summary(summary_of(runs[0]))
        if engine is not None:
            show_persona.show_engine(args.name, engine)
        for run in runs:
            terminal.show_still_known(run)


def do_open(args: argparse.Namespace) -> None:
    """Open a persona's folder, report or card, and print where it is."""
    from popinjay.cli.opening import opened
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home)
    name = "report.html" if args.report else "README.md" if args.card else "."
    path = run.file(name)
    if not path.exists():
        raise PersonaError(
            f"{run.name!r} has no {name} yet.", f"See how far it is: popinjay status {run.name}"
        )
    print(path, flush=True)
    if not opened(path):
        print_error("(Nothing here can open it.)")
