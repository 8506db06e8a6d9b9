"""The whole parser: every command, in the groups that the help shows."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from popinjay import __version__
from popinjay.cli import group_bots, group_look, group_machinery, group_share, group_start
from popinjay.cli.parser import COMMAND, Parser, TopParser, command_helps, commands_of

GROUPS = (group_start, group_look, group_share, group_bots, group_machinery)
DESCRIPTION = (
    "Popinjay makes a small language model that writes like somebody, from their posts, on your "
    "own machine."
)
FIRST_STEPS = (
    "popinjay demo                          two fictional people, in a few minutes",
    "popinjay make your-archive.zip         a persona of your own posts",
    "popinjay serve                         the same on a page in the browser",
)


def parser() -> TopParser:
    """Return the parser with all commands and options."""
    top = TopParser(prog="popinjay", description=DESCRIPTION)
    top.add_argument("--version", action="version", version=f"popinjay {__version__}")
    top.first_steps = FIRST_STEPS
    top.set_defaults(run=_show_help, parser=top)
    actions = top.add_subparsers(title="commands", metavar=COMMAND, parser_class=Parser)
    for group in GROUPS:
        before = len(command_helps(top))
        for describe in group.COMMANDS:
            describe(actions)
        top.groups.append((group.TITLE, list(command_helps(top))[before:]))
    _add_help(actions, top)
    return top


def _add_help(actions: Any, top: TopParser) -> None:
    """Add `popinjay help [COMMAND ...]`, which is not in the list of commands."""
    added: Parser = actions.add_parser(
        "help",
        help="show the help of a command",
        description="Show the help of popinjay, or of a command.",
        epilog="Examples:\n  popinjay help make",
    )
    added.add_argument(
        "topics", nargs="*", metavar=COMMAND, help="a command, such as make or bases get"
    ).completer = "commands"  # type: ignore[attr-defined]
    added.set_defaults(run=_show_help, parser=added, top=top, topics=[])


def _show_help(args: argparse.Namespace) -> None:
    """Print the help of a command, or of popinjay. Raises OptionError for an unknown command."""
    shown = getattr(args, "top", args.parser)
    for topic in getattr(args, "topics", ()):
        known = commands_of(shown)
        if topic not in known:
            shown.error(f"argument {COMMAND}: invalid choice: {topic!r} ()")
        shown = known[topic]
    shown.print_help(sys.stdout)
