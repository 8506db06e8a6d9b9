"""What the arguments of all commands have in common: names, options, their groups in the help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

from popinjay import options
from popinjay.cli.parser import Parser

SPEC = "SPEC"
# Where the options of `MakeOptions.PARTS` stand in `make --help`, in this order.
TITLES = {
    "fetch": "Source",
    "collect": "Source",
    "clean": "Cleaning",
    "train": "Training",
    "bases": "Base model",
    "dataset": "Training",
    "evaluate": "Measuring",
    "card": "Record",
    "track": "Tracking",
    "existing": "An existing persona",
}
# Options that stand in another group than that of their part.
TITLE_OF = {"base": "Base model"}


def command(
    actions: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    help: str,
    *,
    more: str = "",
    examples: Iterable[str] = (),
    aliases: tuple[str, ...] = (),
) -> Parser:
    """Add a command with the options that all commands have.

    Args:
        actions: Where it is added.
        name: What the user types.
        run: Does it; called with the parsed arguments.
        help: Its line in the list of commands, without a full stop.
        more: Further sentences for its own help.
        examples: Lines to type, shown below its help.
        aliases: Other names.
    """
    lines = "\n".join(f"  {line}" for line in examples)
    added: Parser = actions.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.{' ' * bool(more)}{more}",
        epilog=f"Examples:\n{lines}" if lines else None,
        aliases=aliases,
    )
    added.add_argument(
        "--home",
        type=Path,
        metavar="FOLDER",
        help="the folder of the personas; default: POPINJAY_HOME, or ~/.popinjay",
    )
    added.add_argument(
        "--debug",
        action="store_true",
        help="show the traceback of an error, and which engine runs a model",
    )
    added.set_defaults(run=run, parser=added)
    return added


def add_specs(added: Parser, help: str) -> None:
    """Add the arguments that say what to read."""
    added.add_argument("specs", nargs="+", metavar=SPEC, help=help)
    added.missing[SPEC] = (
        f"{added.words} needs a SPEC: the posts to read. That is an archive or a file, such as "
        "twitter-ada.zip or posts.txt, or an account, such as ada.bsky.social.",
        "What can be read, and how to get it: popinjay sources",
    )


def add_name(
    added: Parser, metavar: str = "NAME", help: str = "", *, optional: bool = False
) -> None:
    """Add the argument that names a persona."""
    added.add_argument(
        metavar.lower(),
        metavar=metavar,
        nargs="?" if optional else None,
        help=help or "a persona's name, or its folder",
    ).completer = "personas"  # type: ignore[attr-defined]
    added.missing[metavar] = (
        f"{added.words} needs the name of a persona.",
        "Which there are: popinjay list",
    )


def add_json(added: Parser) -> None:
    """Add the option for a JSON document."""
    added.add_argument("--json", action="store_true", help="print one JSON document")


def add_options(
    added: Parser,
    *kinds: type[Any],
    titles: Callable[[str, type[Any]], str] | None = None,
    leaving: Container[str] = (),
) -> None:
    """Add a flag for every option of these kinds; flags not given stay out of the namespace.

    Args:
        added: The command.
        kinds: The kinds of options.
        titles: Gives the group of an option in the help, from its name and its kind.
        leaving: Names of options that the command does not have.
    """
    groups: dict[str, Any] = {}
    for kind in kinds:
        for field, plain in options.declared(kind):
            is_there = any(action.dest == field.name for action in added._actions)
            if is_there or field.name in leaving:  # two kinds may share it
                continue
            where: Any = added
            if titles:
                title = titles(field.name, kind)
                where = groups.get(title) or added.add_argument_group(title)
                groups[title] = where
            option = _add_option(where, field.name, field.default, field.metadata, plain)
            option.declared, option.plain = kind, plain  # for `defaults.py`


def _add_option(where: Any, name: str, default: Any, meta: Any, kind: Any) -> Any:
    flags = ["-n", "--n"] if name == "n" else [options.flag(name)]
    if kind is bool:
        return where.add_argument(
            *flags, action="store_true", default=argparse.SUPPRESS, help=meta["help"]
        )
    said = "" if default in (None, False, "") else f" Default: {default}."
    action = where.add_argument(
        *flags,
        type=reader(kind),
        default=argparse.SUPPRESS,
        metavar=meta["metavar"] or ("|".join(meta["choices"]) if meta["choices"] else name.upper()),
        dest=name,
        help=(meta["help"] + said).replace("%", "%%"),
    )
    action.completer = COMPLETED.get(name) or meta["choices"] or None
    return action


# What stands for the values of an option when Tab is pressed (`completion.py`).
COMPLETED = {
    "base": "bases",
    "against": "personas",
    "track": "trackers",
    "quant": "quants",
    "budget": ("1m", "5m", "20m", "1h"),
}


def part_titles() -> Callable[[str, type[Any]], str]:
    """Return the function for the group of each option of `make`."""
    of = {kind: TITLES[part] for part, kind in options.MakeOptions.PARTS.items()}
    return lambda name, kind: TITLE_OF.get(name) or of[kind]


def reader(kind: type[Any]) -> Callable[[str], Any]:
    """Return a function that reads a value of this type from the command line."""

    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {'a whole number' if kind is int else 'a number'}"
            ) from error

    return read
