"""The commands of bots: queue."""

from __future__ import annotations

from typing import Any

from popinjay import options
from popinjay.cli import command_queue
from popinjay.cli.arguments import add_json, add_name, add_options, command

TITLE = "Bots"
STATES = ("all", "draft", "approved", "sending", "posted", "failed", "rejected", "superseded")


def queue(actions: Any) -> None:
    """Add `queue`."""
    added = command(
        actions,
        "queue",
        command_queue.do_queue,
        "write many posts, and choose which of them may be posted",
        more="In a terminal it shows one draft after another, with one key each: yes, no, edit, "
        "later, undo. Elsewhere it lists them. Nothing is posted before you said yes.",
        examples=(
            "popinjay queue ada --write 50",
            "popinjay queue ada",
            "popinjay queue ada --list approved",
            "popinjay queue ada --approve 3 7 12",
        ),
    )
    add_name(added)
    which = added.add_mutually_exclusive_group()
    which.add_argument(
        "--write",
        type=int,
        metavar="COUNT",
        help="write so many drafts that the queue did not have, then review them",
    )
    which.add_argument(
        "--list",
        nargs="?",
        const="all",
        choices=STATES,
        metavar="STATE",
        help=f"list the drafts, only those in a state if one is given: {', '.join(STATES[1:])}",
    )
    for flag, help in (
        ("--approve", "approve these drafts"),
        ("--reject", "reject these drafts"),
    ):
        which.add_argument(flag, nargs="+", type=int, default=[], metavar="ID", help=help)
    which.add_argument(
        "--edit",
        nargs=2,
        metavar=("ID", "TEXT"),
        help="approve another text in the place of a draft",
    )
    which.add_argument(
        "--undo", type=int, metavar="ID", help="have a draft undecided again, as it was written"
    )
    added.add_argument("--prompt", metavar="TEXT", help="with --write: how the drafts begin")
    add_options(added, options.QueueOptions)
    add_options(
        added, options.SayOptions, titles=lambda *_: "With --write", leaving=("n", "mix_by")
    )
    add_json(added)


COMMANDS = (queue,)
