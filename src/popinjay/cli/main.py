"""The command line: its commands and their options, and how each ends. Only this file exits."""

from __future__ import annotations

import argparse
import errno
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from popinjay import __version__, options
from popinjay.cli import (
    command_bases,
    command_forget,
    command_serve,
    commands,
    library_output,
    terminal,
)
from popinjay.errors import OptionError, PopinjayError
from popinjay.interrupts import Terminated, ended_by_signals
from popinjay.memory import memory_errors
from popinjay.post import one_line
from popinjay.standard_streams import divert, lost, open_closed

EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130
UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EBADF,
)  # what writing to standard output raises


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are ours: one sentence, a hint, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        import difflib

        known = [
            word
            for action in self._actions
            for word in (*action.option_strings, *(action.choices or ()))
        ]
        wrong = [
            word
            for word in re.findall(r"(?<!\S)--?[\w-]+|(?<=invalid choice: ')[^']+", message)
            if word not in known
        ]
        near = next(
            (near for word in wrong for near in difflib.get_close_matches(word, known, n=1)), None
        )
        raise OptionError(
            f"{message[0].upper()}{message[1:]}.",
            f"{f'Did you mean {near}? ' if near else ''}All options: {self.prog} --help",
        )


def parser() -> argparse.ArgumentParser:
    """All commands with all their options."""
    top = Parser(
        prog="popinjay",
        description="A small language model that writes in somebody's voice, made from their posts on your own machine.",
    )
    top.add_argument("--version", action="version", version=f"popinjay {__version__}")
    actions = top.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=Parser, required=True
    )
    for describe in (
        _make,
        _inspect,
        _say,
        _report,
        _card,
        _status,
        _publish,
        _forget,
        _lineage,
        _track,
        _serve,
        _bases,
        _sources,
        _demo,
    ):
        describe(actions)
    return top


# each command


def _make(actions: Any) -> None:
    command = _command(
        actions,
        "make",
        commands.do_make,
        "make a persona: collect, clean, dataset, train, evaluate, card",
    )
    command.add_argument(
        "specs",
        nargs="+",
        metavar="SPEC",
        help="an archive, export or file of posts, ada.bsky.social, @ada@example.social (all: popinjay sources), or - for what comes in; several make a cyborg",
    )
    command.add_argument(
        "--name",
        help="the persona's name; default: the authors' handles, sorted, with - between them",
    )
    _add_options(command, *options.MakeOptions.PARTS.values())
    command.add_argument("--quiet", action="store_true", help="one plain line a stage")
    command.add_argument("--json", action="store_true", help="every event as a line of JSON")


def _inspect(actions: Any) -> None:
    command = _command(
        actions,
        "inspect",
        commands.do_inspect,
        "what is in there, and what would be kept and dropped; writes nothing",
    )
    command.add_argument("specs", nargs="+", metavar="SPEC", help="as for make")
    _add_options(command, options.FetchOptions, options.CollectOptions, options.CleanOptions)
    _add_json(command)


def _say(actions: Any) -> None:
    command = _command(
        actions,
        "say",
        commands.do_say,
        "posts in a persona's voice, one a line; without a PROMPT and -n, in a terminal, a small session",
    )
    _add_name(command)
    command.add_argument("prompt", metavar="PROMPT", nargs="?", help="how the posts begin")
    _add_options(command, options.SayOptions)
    command.add_argument(
        "--stream", action="store_true", help="each post as it is written, piece by piece"
    )
    _add_json(command)


def _report(actions: Any) -> None:
    command = _command(
        actions,
        "report",
        commands.do_report,
        "how good a persona is and how much it copies: a table here, and report.html to look at",
    )
    _add_name(command)
    _add_options(command, options.ReportOptions)
    _add_json(command)


def _card(actions: Any) -> None:
    command = _command(
        actions,
        "card",
        commands.do_card,
        "draw a persona's picture, card.png: ten predictions, of which it shows one",
    )
    _add_name(command)
    _add_options(command, options.PictureOptions)
    _add_json(command)


def _status(actions: Any) -> None:
    command = _command(
        actions,
        "status",
        commands.do_status,
        "each persona, each stage: fresh, stale, missing, failed",
    )
    command.add_argument("name", metavar="NAME", nargs="?", help="only this persona")
    _add_json(command)


def _publish(actions: Any) -> None:
    command = _command(
        actions,
        "publish",
        commands.do_publish,
        "put a finished persona on the Hugging Face hub, or whole into a folder",
    )
    _add_name(command)
    command.add_argument(
        "--to",
        required=True,
        metavar="hub:ORG/NAME|FOLDER",
        help="a repository of the hub, or a folder",
    )
    _add_options(command, options.PublishOptions)
    _add_json(command)


def _forget(actions: Any) -> None:
    command = _command(
        actions,
        "forget",
        command_forget.do_forget,
        "take posts or an author out of a persona's posts and data sets, for good",
    )
    _add_name(command)
    command.add_argument(
        "--post",
        action="append",
        default=[],
        metavar="ID",
        help="the id of a post; may be given several times",
    )
    command.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="HANDLE",
        help="an author with all their posts, or, with --post, whose post it is",
    )
    command.add_argument(
        "--containing",
        action="append",
        default=[],
        metavar="TEXT",
        help="posts that contain this, in any case; may be given several times",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="show what would be forgotten, and change nothing"
    )
    command.add_argument(
        "--yes",
        action="store_true",
        help="without the question that is asked before two or more posts are forgotten",
    )
    command.add_argument(
        "--retrain",
        action="store_true",
        help="train again at once: until then the model knows what it has learnt",
    )
    _add_options(command, options.RetrainOptions)
    _add_json(command)


def _lineage(actions: Any) -> None:
    command = _command(
        actions,
        "lineage",
        commands.do_lineage,
        "what a persona came from: every version of its posts, dataset, base, model and report",
    )
    _add_name(command)
    _add_json(command)


def _track(actions: Any) -> None:
    command = _command(
        actions,
        "track",
        command_serve.do_track,
        "trackio's dashboard of how a persona was made, in the browser, until Ctrl-C",
    )
    _add_name(command)
    command.add_argument(
        "--port",
        type=_reader(int),
        help="the port to listen on, on this machine only; default: a free one from 7860",
    )
    command.add_argument("--no-browser", action="store_true", help="only say the address")


def _serve(actions: Any) -> None:
    command = _command(
        actions,
        "serve",
        command_serve.do_serve,
        "the page: make personas and let them speak, in the browser, until Ctrl-C",
    )
    command.add_argument(
        "--host",
        help="let other machines in by this address, such as 0.0.0.0, with a token that is printed; default: this machine only",
    )
    command.add_argument(
        "--port", type=_reader(int), help="the port to listen on; default: 8765, or a free one"
    )
    command.add_argument("--no-browser", action="store_true", help="only say the address")


def _bases(actions: Any) -> None:
    command = _command(
        actions,
        "bases",
        command_bases.do_bases,
        "the base models known by name, and which of them are on this machine",
    )
    _add_json(command)
    more = command.add_subparsers(title="commands", metavar="get|remove", parser_class=Parser)
    get = _command(more, "get", command_bases.do_get_base, "fetch a base model onto this machine")
    get.add_argument(
        "name",
        metavar="NAME",
        help="its name, or organisation/name of a model of the Hugging Face hub",
    )
    get.add_argument("--yes", action="store_true", help="without being asked anything")
    get.add_argument(
        "--accept",
        metavar="TERMS",
        help="the terms of use that you have read and accept, by name: gemma",
    )
    _add_json(get)
    remove = _command(
        more,
        "remove",
        command_bases.do_remove_base,
        "delete a base model from this machine; personas stay whole",
    )
    remove.add_argument("name", metavar="NAME", help="its name")
    remove.add_argument("--yes", action="store_true", help="without being asked")


def _sources(actions: Any) -> None:
    command = _command(
        actions,
        "sources",
        commands.do_sources,
        "what posts can be read from: exports, files, networks, and what each needs",
    )
    _add_json(command)


def _demo(actions: Any) -> None:
    command = _command(
        actions,
        "demo",
        commands.do_demo,
        "the whole of it: two fictional people, and a cyborg of both; fetches smollm2 (93 MB) if it can",
    )
    command.add_argument("--quiet", action="store_true", help="one plain line a stage")


# what commands have in common


def _command(
    actions: Any, name: str, run: Callable[[argparse.Namespace], None], help: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = actions.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + "."
    )
    command.add_argument(
        "--home",
        type=Path,
        metavar="FOLDER",
        help="where personas live; default: POPINJAY_HOME, or ~/.popinjay",
    )
    command.add_argument(
        "--debug",
        action="store_true",
        help="show the traceback of a problem, and which engine computes a model",
    )
    command.set_defaults(run=run, parser=command)
    return command


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="a persona's name, or its folder")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="one JSON document")


def _add_options(command: argparse.ArgumentParser, *kinds: type[Any]) -> None:
    """A flag for every field these kinds declare; what is not given stays out of the namespace."""
    for field, kind in options.declared(*kinds):
        meta, flags = field.metadata, [options.flag(field.name)]
        if field.name == "n":
            flags = ["-n", "--n"]
        default = "" if field.default in (None, False) else f" Default: {field.default}."
        if kind is bool:
            command.add_argument(
                *flags, action="store_true", default=argparse.SUPPRESS, help=meta["help"]
            )
        else:
            metavar = meta["metavar"] or (
                "|".join(meta["choices"]) if meta["choices"] else field.name.upper()
            )
            command.add_argument(
                *flags,
                type=_reader(kind),
                default=argparse.SUPPRESS,
                metavar=metavar,
                dest=field.name,
                help=(meta["help"] + default).replace("%", "%%"),
            )


def _reader(kind: type[Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {'a whole number' if kind is int else 'a number'}"
            ) from error

    return read


# running one


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    open_closed()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # a terminal that can't show a character shows its number
    with _log_shown() if "--debug" in given else library_output.held_back():
        return _run(given)


def _run(given: list[str]) -> int:
    """Run a command and say what went wrong; its exit code."""
    try:
        if any("\x00" in word for word in given):
            raise OptionError(
                "An argument can't hold a NUL byte.", "Check how it was typed or passed."
            )
        args, unknown = parser().parse_known_args(given)
        if (
            len(unknown) == 1
            and not unknown[0].startswith("-")
            and getattr(args, "prompt", "") is None
        ):
            args.prompt = (
                unknown.pop()
            )  # argparse before Python 3.13 finds an optional word only beside the one before it
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        with memory_errors(), ended_by_signals():
            args.run(args)
        sys.stdout.flush()
    except PopinjayError as error:
        if "--debug" in given:
            raise
        terminal.show_error(one_line(error.message), one_line(error.hint))
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        terminal.show_error("Stopped.", commands.after_stopping(given))
        return EXIT_INTERRUPTED
    except Terminated as error:
        terminal.show_error("Stopped.", commands.after_stopping(given))
        return 128 + error.number  # as shells say it
    except BrokenPipeError:  # whoever read our output has enough
        divert(sys.stdout)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        problem = lost(error)  # the disk's refusals of anything else are StorageErrors
        terminal.show_error(problem.message, problem.hint)
        return EXIT_PROBLEM
    return 0


@contextmanager
def _log_shown() -> Iterator[None]:
    """Show what the program logs about itself on standard error."""
    import logging

    log, handler = logging.getLogger("popinjay"), logging.StreamHandler()
    before = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


if __name__ == "__main__":
    sys.exit(main())
