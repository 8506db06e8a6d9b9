"""The command line: its commands with their options, and exit codes. Only this module exits."""

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
from popinjay.standard_streams import discard_output, open_closed_streams, output_lost

EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130
# What writing to standard output raises.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class Parser(argparse.ArgumentParser):
    """A parser that reports errors as popinjay does: a sentence, a hint, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise OptionError with what argparse would have printed, and the nearest valid word."""
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
    """Return the parser with all commands and options."""
    top = Parser(
        prog="popinjay",
        description="Train a small language model that writes in a person's voice from their "
        "posts, on your own machine.",
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


# The commands


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
        help="an archive, export or file of posts, an account such as ada.bsky.social or "
        "@ada@example.social (see popinjay sources), or - for standard input; several make a "
        "cyborg",
    )
    command.add_argument(
        "--name",
        help="the persona's name; default: the authors' handles, sorted and joined with -",
    )
    _add_options(command, *options.MakeOptions.PARTS.values())
    command.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    _add_verbose(command)
    command.add_argument("--json", action="store_true", help="print every event as a line of JSON")


def _inspect(actions: Any) -> None:
    command = _command(
        actions,
        "inspect",
        commands.do_inspect,
        "show what a source contains, and what would be kept and dropped; writes nothing",
    )
    command.add_argument("specs", nargs="+", metavar="SPEC", help="as for make")
    _add_options(command, options.FetchOptions, options.CollectOptions, options.CleanOptions)
    _add_json(command)


def _say(actions: Any) -> None:
    command = _command(
        actions,
        "say",
        commands.do_say,
        "write posts in a persona's voice, one per line; in a terminal, without PROMPT and -n, "
        "start an interactive session",
    )
    _add_name(command)
    command.add_argument("prompt", metavar="PROMPT", nargs="?", help="how the posts begin")
    _add_options(command, options.SayOptions)
    command.add_argument(
        "--stream", action="store_true", help="print each post piece by piece, as it is written"
    )
    _add_json(command)


def _report(actions: Any) -> None:
    command = _command(
        actions,
        "report",
        commands.do_report,
        "show how good a persona is and how much it copies: a table here, and report.html",
    )
    _add_name(command)
    _add_options(command, options.ReportOptions)
    _add_json(command)


def _card(actions: Any) -> None:
    command = _command(
        actions,
        "card",
        commands.do_card,
        "draw a persona's picture, card.png, with one of ten predictions",
    )
    _add_name(command)
    _add_options(command, options.PictureOptions)
    _add_json(command)


def _status(actions: Any) -> None:
    command = _command(
        actions,
        "status",
        commands.do_status,
        "show the state of each stage of each persona: fresh, stale, missing or failed",
    )
    command.add_argument("name", metavar="NAME", nargs="?", help="only this persona")
    _add_json(command)


def _publish(actions: Any) -> None:
    command = _command(
        actions,
        "publish",
        commands.do_publish,
        "publish a finished persona on the Hugging Face hub or in a folder",
    )
    _add_name(command)
    command.add_argument(
        "--to",
        required=True,
        metavar="hub:ORG/NAME|FOLDER",
        help="a repository on the hub, or a folder",
    )
    _add_options(command, options.PublishOptions)
    _add_json(command)


def _forget(actions: Any) -> None:
    command = _command(
        actions,
        "forget",
        command_forget.do_forget,
        "remove posts or an author from a persona's posts and datasets, for good",
    )
    _add_name(command)
    command.add_argument(
        "--post",
        action="append",
        default=[],
        metavar="ID",
        help="the id of a post; may be repeated",
    )
    command.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="HANDLE",
        help="an author with all their posts or, with --post, the author of that post",
    )
    command.add_argument(
        "--containing",
        action="append",
        default=[],
        metavar="TEXT",
        help="posts that contain this text, ignoring case; may be repeated",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="show what would be forgotten, and change nothing"
    )
    command.add_argument(
        "--yes",
        action="store_true",
        help="don't ask before two or more posts are forgotten",
    )
    command.add_argument(
        "--retrain",
        action="store_true",
        help="train again at once; until then the model knows what it was trained on",
    )
    _add_options(command, options.RetrainOptions)
    _add_json(command)


def _lineage(actions: Any) -> None:
    command = _command(
        actions,
        "lineage",
        commands.do_lineage,
        "show all versions of what a persona was made from: posts, dataset, base, model, report",
    )
    _add_name(command)
    _add_json(command)


def _track(actions: Any) -> None:
    command = _command(
        actions,
        "track",
        command_serve.do_track,
        "show trackio's dashboard of a persona's training in the browser, until Ctrl-C",
    )
    _add_name(command)
    command.add_argument(
        "--port",
        type=_reader(int),
        help="the port to listen on, on this machine only; default: a free one from 7860",
    )
    command.add_argument("--no-browser", action="store_true", help="only print the address")


def _serve(actions: Any) -> None:
    command = _command(
        actions,
        "serve",
        command_serve.do_serve,
        "serve a page to make personas and have them write, in the browser, until Ctrl-C",
    )
    command.add_argument(
        "--host",
        help="listen on this address, such as 0.0.0.0, for other machines too, which need the "
        "token that is printed; default: this machine only",
    )
    command.add_argument(
        "--port", type=_reader(int), help="the port to listen on; default: 8765, or a free one"
    )
    command.add_argument(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin use the API, such as http://localhost:3000; may be repeated;"
        " * for all, with --host only",
    )
    command.add_argument("--no-browser", action="store_true", help="only print the address")


def _bases(actions: Any) -> None:
    command = _command(
        actions,
        "bases",
        command_bases.do_bases,
        "list the base models that have a name, and which of them are on this machine",
    )
    _add_json(command)
    more = command.add_subparsers(title="commands", metavar="get|remove", parser_class=Parser)
    get = _command(more, "get", command_bases.do_get_base, "download a base model to this machine")
    get.add_argument(
        "name",
        metavar="NAME",
        help="its name, or ORGANISATION/NAME of a model on the Hugging Face hub",
    )
    get.add_argument("--yes", action="store_true", help="don't ask anything")
    get.add_argument(
        "--accept",
        metavar="TERMS",
        help="the name of the terms of use that you have read and accept, such as gemma",
    )
    _add_json(get)
    remove = _command(
        more,
        "remove",
        command_bases.do_remove_base,
        "delete a base model from this machine; personas made from it stay",
    )
    remove.add_argument("name", metavar="NAME", help="its name")
    remove.add_argument("--yes", action="store_true", help="don't ask")


def _sources(actions: Any) -> None:
    command = _command(
        actions,
        "sources",
        commands.do_sources,
        "list what posts can be read from: exports, files, networks, and what each needs",
    )
    _add_json(command)


def _demo(actions: Any) -> None:
    command = _command(
        actions,
        "demo",
        commands.do_demo,
        "try everything: two fictional people, and a cyborg of both; downloads smollm2 (93 MB) if "
        "possible",
    )
    command.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    _add_verbose(command)


# What commands have in common


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
        help="the folder of the personas; default: POPINJAY_HOME, or ~/.popinjay",
    )
    command.add_argument(
        "--debug",
        action="store_true",
        help="show the traceback of an error, and which engine runs a model",
    )
    command.set_defaults(run=run, parser=command)
    return command


def _add_verbose(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--verbose", action="store_true", help="show the numbers of the training too, such as loss"
    )


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="a persona's name, or its folder")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document")


def _add_options(command: argparse.ArgumentParser, *kinds: type[Any]) -> None:
    """Add a flag for every option of these kinds; flags not given stay out of the namespace."""
    for field, kind in options.declared(*kinds):
        meta = field.metadata
        flags = ["-n", "--n"] if field.name == "n" else [options.flag(field.name)]
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


# Running a command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    open_closed_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the terminal's encoding lacks are printed as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    with _log_shown() if "--debug" in given else library_output.suppressed():
        return _run(given)


def _run(given: list[str]) -> int:
    """Run a command, print its error if there is one, and return its exit code."""
    try:
        if any("\x00" in word for word in given):
            raise OptionError("An argument can't contain a NUL byte.", "Check how it was passed.")
        args, unknown = parser().parse_known_args(given)
        if (
            len(unknown) == 1
            and not unknown[0].startswith("-")
            and getattr(args, "prompt", "") is None
        ):
            # Before Python 3.13 argparse finds an optional positional argument only right after
            # the previous one.
            args.prompt = unknown.pop()
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        with memory_errors(), ended_by_signals():
            args.run(args)
        sys.stdout.flush()
    except PopinjayError as error:
        if "--debug" in given:
            raise
        named = error.options if isinstance(error, OptionError) else ()
        message, hint = (
            options.with_flags(one_line(text), named) for text in (error.message, error.hint)
        )
        terminal.show_error(message, hint)
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        terminal.show_error("Stopped.", commands.hint_after_interrupt(given))
        return EXIT_INTERRUPTED
    except Terminated as error:
        terminal.show_error("Stopped.", commands.hint_after_interrupt(given))
        return 128 + error.number  # as shells do
    except BrokenPipeError:  # the reader of the pipe has closed it
        discard_output(sys.stdout)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        problem = output_lost(error)  # errors of any other file are StorageErrors
        terminal.show_error(problem.message, problem.hint)
        return EXIT_PROBLEM
    return 0


@contextmanager
def _log_shown() -> Iterator[None]:
    """Show popinjay's log records on standard error."""
    import logging

    log = logging.getLogger("popinjay")
    handler = logging.StreamHandler()
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
