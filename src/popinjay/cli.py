"""The command line. Only this file and `terminal.py` print, and only this file exits."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from popinjay import __version__, options, terminal
from popinjay.errors import OptionError, PopinjayError, TooLittleText
from popinjay.post import one_line, printable

EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are ours: one sentence, a hint, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        known = [word for action in self._actions for word in (*action.option_strings, *(action.choices or ()))]
        wrong = [word for word in re.findall(r"(?<!\S)--?[\w-]+|(?<=invalid choice: ')[^']+", message) if word not in known]
        near = next((near for word in wrong for near in difflib.get_close_matches(word, known, n=1)), None)
        raise OptionError(f"{message[0].upper()}{message[1:]}.", f"{f'Did you mean {near}? ' if near else ''}All options: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """All commands with all their options."""
    top = Parser(prog="popinjay", description="A small language model that writes in somebody's voice, made from their posts on your own machine.")
    top.add_argument("--version", action="version", version=f"popinjay {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)

    make = _command(commands, "make", do_make, "make a persona: collect, clean, dataset, train, evaluate, card")
    make.add_argument("specs", nargs="+", metavar="SPEC", help="an X archive (zip or folder), a file of posts, or - for standard input; several make a cyborg")
    make.add_argument("--name", help="the persona's name; default: the authors' handles, sorted, with - between them")
    _add_options(make, *options.MakeOptions.STAGES.values())
    make.add_argument("--quiet", action="store_true", help="one plain line a stage")
    make.add_argument("--json", action="store_true", help="every event as a line of JSON")

    inspect = _command(commands, "inspect", do_inspect, "what is in there, and what would be kept and dropped; writes nothing")
    inspect.add_argument("specs", nargs="+", metavar="SPEC", help="as for make")
    _add_options(inspect, options.CollectOptions, options.CleanOptions)
    inspect.add_argument("--json", action="store_true", help="one JSON document")

    say = _command(commands, "say", do_say, "posts in a persona's voice, one a line")
    say.add_argument("name", metavar="NAME", help="a persona's name, or its folder")
    say.add_argument("prompt", metavar="PROMPT", nargs="?", default="", help="how the posts begin")
    _add_options(say, options.SayOptions)
    say.add_argument("--json", action="store_true", help="one JSON document")

    status = _command(commands, "status", do_status, "each persona, each stage: fresh, stale, missing, failed")
    status.add_argument("name", metavar="NAME", nargs="?", help="only this persona")
    status.add_argument("--json", action="store_true", help="one JSON document")

    bases = _command(commands, "bases", do_bases, "the base models known by name, and which of them are on this machine")
    bases.add_argument("--json", action="store_true", help="one JSON document")

    demo = _command(commands, "demo", do_demo, "the whole of it offline: two fictional people, and a cyborg of both")
    demo.add_argument("--quiet", action="store_true", help="one plain line a stage")
    return top


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    command.add_argument("--home", type=Path, metavar="FOLDER", help="where personas live; default: POPINJAY_HOME, or ~/.popinjay")
    command.add_argument("--debug", action="store_true", help="show the traceback of a problem")
    command.set_defaults(run=run, parser=command)
    return command


def _add_options(command: argparse.ArgumentParser, *kinds: type[Any]) -> None:
    """A flag for every field these kinds declare; what is not given stays out of the namespace."""
    for field, kind in options.declared(*kinds):
        meta, flags = field.metadata, [options.flag(field.name)]
        if field.name == "n":
            flags = ["-n", "--n"]
        default = "" if field.default in (None, False) else f" Default: {field.default}."
        if kind is bool:
            command.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=meta["help"])
        else:
            metavar = meta["metavar"] or ("|".join(meta["choices"]) if meta["choices"] else field.name.upper())
            command.add_argument(
                *flags, type=_reader(kind), default=argparse.SUPPRESS, metavar=metavar, dest=field.name, help=(meta["help"] + default).replace("%", "%%")
            )


def _reader(kind: type[Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not {'a whole number' if kind is int else 'a number'}") from error

    return read


def _given(args: argparse.Namespace, *kinds: type[Any]) -> dict[str, Any]:
    """The options that were given."""
    return {field.name: getattr(args, field.name) for field, _ in options.declared(*kinds) if hasattr(args, field.name)}


# commands


def do_make(args: argparse.Namespace) -> None:
    """Make a persona, and let it say something."""
    from popinjay.pipeline import make

    talk = sys.stdin.isatty() and sys.stderr.isatty() and not (args.quiet or args.json)
    given = _given(args, *options.MakeOptions.STAGES.values())
    with terminal.listening(quiet=args.quiet, as_json=args.json) as listener:
        persona = make(*args.specs, name=args.name, home_folder=args.home, listener=listener, ask_whose=_ask_whose if talk else None, **given)
    if not args.json:
        _introduce(persona)


def _ask_whose() -> str | None:
    """Ask whose words these are; None where the answer is none."""
    print("Whose words are these?", file=sys.stderr)
    choices = list(options.WHOSE)
    for number, name in enumerate(choices, 1):
        print(f"  {number}  {name}: {options.WHOSE[name]}", file=sys.stderr)
    while True:
        print("Number or name, or Enter to leave it open: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip().lower()
        if answer in choices or not answer:
            return answer or None
        if answer.isdigit() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1]


def _introduce(persona: Any, count: int = 3) -> None:
    """What a finished persona says first, and what to type next."""
    from popinjay.post import read_rows

    samples = [row["text"] for row, _ in zip(read_rows(persona.run.file("samples.jsonl")), range(count), strict=False)]
    terminal.show_persona(persona.name, str(persona.path), samples)


def do_inspect(args: argparse.Namespace) -> None:
    """Show what is in some specs."""
    from popinjay.clean import check_enough, languages
    from popinjay.pipeline import inspect

    authors = []
    with terminal.listening(quiet=not sys.stderr.isatty()) as listener:
        found = inspect(*args.specs, listener=listener, **_given(args, options.CollectOptions, options.CleanOptions))
    for one in found:
        try:
            verdict = check_enough(one.result.counts) or ""
        except TooLittleText as error:
            verdict = f"make would refuse: {error.message}"
        dates = sorted(post.created_at for post, _ in one.result.kept if post.created_at)
        authors.append(
            {
                **one.result.counts.to_json(),
                "name": one.author.name,
                "first": dates[0] if dates else None,
                "last": dates[-1] if dates else None,
                "languages": languages(one.result.kept),
                "left_out": dict(one.findings.left_out),
                "unread": one.findings.unread,
                "notes": one.findings.notes,
                "verdict": verdict,
            }
        )
    if args.json:
        terminal.show_json({"authors": authors})
    else:
        terminal.show_inspection(authors)


def do_say(args: argparse.Namespace) -> None:
    """Let a persona speak."""
    import secrets

    from popinjay.persona import load

    chosen = options.build(_given(args, options.SayOptions), options.SayOptions)[0]
    if chosen.seed is None:
        chosen = replace(chosen, seed=secrets.randbits(32))  # so that --json can tell it
    persona = load(args.name, args.home)
    with terminal.waiting(f"{persona.name} finds its voice"):
        persona.model  # noqa: B018 (loading it is what takes time)
    said = persona.stream(printable(args.prompt), chosen)
    if args.json:
        posts = [{"text": one.text, "tokens": one.tokens, "finished": one.finished} for one in said]
        terminal.show_json({"persona": args.name, "prompt": args.prompt, "seed": chosen.seed, "posts": posts})
    else:
        terminal.show_posts(one.text for one in said)


def do_status(args: argparse.Namespace) -> None:
    """Show how far each persona is."""
    from popinjay.run import STAGES, Run

    runs = [Run.find(args.name, args.home)] if args.name else Run.all(args.home)
    personas = []
    for run in runs:
        known = run.record.get("stages", {})
        stages = [{"stage": stage.name, "state": run.state(stage).value, "error": known.get(stage.name, {}).get("error")} for stage in STAGES]
        personas.append({"name": run.name, "path": str(run.path), "stages": stages})
    if args.json:
        terminal.show_json({"personas": personas})
    else:
        terminal.show_status(personas)


def do_bases(args: argparse.Namespace) -> None:
    """List the base models known by name, with the record of those that have one."""
    from popinjay import bases

    found = []
    for base in bases.BASES:
        record = bases.record(base)
        found.append(
            {
                "name": base.name,
                "hub": base.hub_id or None,
                "parameters": base.parameters or record.get("parameters"),
                "license": base.license,
                "here": bases.is_here(base),
                "summary": base.summary,
                "record": record or None,
            }
        )
    if args.json:
        terminal.show_json({"bases": found})
    else:
        terminal.show_bases(found)


def do_demo(args: argparse.Namespace) -> None:
    """Make the demo's three personas."""
    from popinjay.demo import demo

    with terminal.listening(quiet=args.quiet) as listener:
        personas = demo(listener, args.home)
    for persona in personas:
        _introduce(persona)
    print("\nNow yours: popinjay inspect your-archive.zip, then popinjay make your-archive.zip")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that can't show a character shows its number
    try:
        if any("\x00" in word for word in given):
            raise OptionError("An argument can't hold a NUL byte.", "Check how it was typed or passed.")
        args, unknown = parser().parse_known_args(given)
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        args.run(args)
        sys.stdout.flush()
    except PopinjayError as error:
        if "--debug" in given:
            raise
        terminal.show_error(one_line(error.message), one_line(error.hint))
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        terminal.show_error("Stopped.", "What is finished is kept: the same command goes on from here.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
