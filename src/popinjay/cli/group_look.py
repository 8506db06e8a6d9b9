"""The commands to look at what was made: list, report, card, status, open."""

from __future__ import annotations

from typing import Any

from popinjay import options
from popinjay.cli import command_look
from popinjay.cli.arguments import add_json, add_name, add_options, command

TITLE = "Look"


def list_(actions: Any) -> None:
    """Add `list`."""
    added = command(
        actions,
        "list",
        command_look.do_list,
        "list the personas: when made, base, posts, size, how good",
        examples=("popinjay list", "popinjay list --json"),
        aliases=("ls",),
    )
    add_json(added)


def report(actions: Any) -> None:
    """Add `report`."""
    added = command(
        actions,
        "report",
        command_look.do_report,
        "show how good a persona is and how much it copies",
        more="That is a table here, and the page report.html.",
        examples=(
            "popinjay report ada",
            "popinjay report ada --against previous",
            "popinjay report ada --to-share",
        ),
    )
    add_name(added)
    add_options(added, options.ReportOptions)
    add_json(added)


def card(actions: Any) -> None:
    """Add `card`."""
    added = command(
        actions,
        "card",
        command_look.do_card,
        "draw a persona's picture, card.png, with posts of your choice",
        examples=("popinjay card ada", 'popinjay card ada --prompt "Today I" --pick 3'),
    )
    add_name(added)
    add_options(added, options.PictureOptions)
    add_json(added)


def status(actions: Any) -> None:
    """Add `status`."""
    added = command(
        actions,
        "status",
        command_look.do_status,
        "show which steps of a persona are done",
        more="A step is done, stale (to be done again), missing or failed.",
        examples=("popinjay status", "popinjay status ada"),
    )
    added.add_argument(
        "name", metavar="NAME", nargs="?", help="only this persona"
    ).completer = "personas"  # type: ignore[attr-defined]
    add_json(added)


def open_(actions: Any) -> None:
    """Add `open`."""
    added = command(
        actions,
        "open",
        command_look.do_open,
        "open a persona's folder, report or model card",
        more="Where nothing can be opened, as over SSH, the path is printed.",
        examples=("popinjay open ada", "popinjay open ada --report"),
    )
    add_name(added)
    which = added.add_mutually_exclusive_group()
    which.add_argument("--report", action="store_true", help="its report, in the browser")
    which.add_argument("--card", action="store_true", help="its model card, README.md")


COMMANDS = (list_, report, card, status, open_)
