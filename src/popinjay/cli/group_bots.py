"""The commands of bots: queue, login, logout, accounts, post, bot, posted."""

from __future__ import annotations

import argparse
from typing import Any

from popinjay import options
from popinjay.cli import command_accounts, command_post, command_posted, command_queue
from popinjay.cli.arguments import add_json, add_name, add_options, command
from popinjay.cli.parser import Parser

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


def login(actions: Any) -> None:
    """Add `login`."""
    added = command(
        actions,
        "login",
        command_accounts.do_login,
        "log in to the account of a bot, on Bluesky or Mastodon",
        more="Bluesky takes an app password; on Mastodon you authorize popinjay on a page of the "
        "server, or paste a token. Either is kept in the system's keyring. Where there is none, "
        "as on many servers, set POPINJAY_BSKY_ACCOUNT and POPINJAY_BSKY_PASSWORD, or "
        "POPINJAY_MASTODON_ACCOUNT and POPINJAY_MASTODON_TOKEN instead.",
        examples=(
            "popinjay login bsky ada-bot.bsky.social",
            "popinjay login mastodon botsin.example",
            "popinjay login mastodon @ada_bot@botsin.example --token",
            "popinjay login bsky ada-bot.bsky.social --stdin",
        ),
    )
    network = added.add_argument("network", metavar="NETWORK", help="bsky or mastodon")
    network.completer = ("bsky", "mastodon")  # type: ignore[attr-defined]
    added.missing["NETWORK"] = (
        "login needs the network.",
        "Such as: popinjay login bsky, or popinjay login mastodon",
    )
    added.add_argument(
        "account",
        metavar="ACCOUNT",
        nargs="?",
        help="on Bluesky the bot's handle; on Mastodon its server, or @user@server; it is asked "
        "for if it is missing",
    )
    add_options(added, options.LoginOptions)
    add_json(added)


def logout(actions: Any) -> None:
    """Add `logout`."""
    added = command(
        actions,
        "logout",
        command_accounts.do_logout,
        "forget the login of an account, here and on its server",
        more="App passwords, and tokens that you made yourself, stay valid until you revoke them "
        "there.",
        examples=("popinjay logout bsky:ada-bot.bsky.social", "popinjay logout mastodon"),
    )
    added.add_argument(
        "account",
        metavar="ACCOUNT",
        help="its name, or its network if there is only one on it",
    ).completer = "accounts"  # type: ignore[attr-defined]
    added.missing["ACCOUNT"] = (
        "logout needs the account.",
        "Which there are: popinjay accounts",
    )
    add_options(added, options.AccountOptions)
    add_json(added)


def accounts(actions: Any) -> None:
    """Add `accounts`."""
    added = command(
        actions,
        "accounts",
        command_accounts.do_accounts,
        "list the accounts that are logged in, and whether they are marked as bots",
        more="Their servers are asked. Nothing is posted.",
        examples=("popinjay accounts", "popinjay accounts mastodon --rules"),
    )
    added.add_argument(
        "account", metavar="ACCOUNT", nargs="?", help="only this one"
    ).completer = "accounts"  # type: ignore[attr-defined]
    added.add_argument("--rules", action="store_true", help="show the rules of their servers too")
    add_options(added, options.AccountOptions)
    add_json(added)


def post(actions: Any) -> None:
    """Add `post`."""
    added = command(
        actions,
        "post",
        command_post.do_post,
        "post the next approved draft, for cron and systemd",
        more="Settings that are given once are kept for this persona. With --next and nothing that "
        "is approved and due, it says so and exits with 2. Without --next nothing is posted.",
        examples=(
            "popinjay post ada --next --dry-run",
            "popinjay post ada --every 6h --quiet-hours 22:00-08:00",
            "popinjay post ada --next",
            "popinjay post ada --schedule",
        ),
    )
    add_name(added)
    added.add_argument("--next", action="store_true", help="post the next approved draft")
    added.add_argument(
        "--if-due",
        action="store_true",
        help="with --next: if there is nothing to post now, say nothing, and exit with 0",
    )
    added.add_argument(
        "--dry-run", action="store_true", help="show what would go where, and post nothing"
    )
    added.add_argument(
        "--schedule",
        action="store_true",
        help="print the lines for cron, and the units for systemd, that post at its times",
    )
    _add_posting(added)
    add_json(added)


def bot(actions: Any) -> None:
    """Add `bot`."""
    added = command(
        actions,
        "bot",
        command_post.do_bot,
        "stay, and post approved drafts at their times until Ctrl-C",
        more="It waits for networks that are away. Settings that are given once are kept for this "
        "persona.",
        examples=("popinjay bot ada --every 6h", "popinjay bot ada --to bsky:ada.example"),
    )
    add_name(added)
    _add_posting(added)


def posted(actions: Any) -> None:
    """Add `posted`."""
    added = command(
        actions,
        "posted",
        command_posted.do_posted,
        "list what a persona has posted, count likes, delete a post",
        examples=("popinjay posted ada --count", "popinjay posted ada --delete 12"),
    )
    add_name(added)
    which = added.add_mutually_exclusive_group()
    which.add_argument("--delete", type=int, metavar="ID", help="delete a post, there and here")
    which.add_argument("--count", action="store_true", help="count likes and reposts now")
    add_options(added, options.AccountOptions)
    add_json(added)


def _add_posting(added: Parser) -> None:
    """Add what `post` and `bot` have in common."""
    added.add_argument(
        "--to",
        metavar="ACCOUNT",
        help="the account to post to, such as bsky:ada.example; needed if several are logged in",
    )
    added.add_argument(
        "--i-read-the-rules",
        action="store_true",
        help="confirm the rules of the account's server, also one that seems to forbid bots",
    )
    add_options(added, options.AccountOptions)
    add_options(added, options.BotOptions, titles=lambda *_: "Kept settings")
    for name, help in (
        ("mentions", "write @names and #tags so that they do nothing, again"),
        ("auto", "post only what a person has approved, again"),
    ):
        added.add_argument(
            f"--no-{name}", dest=name, action="store_false", default=argparse.SUPPRESS, help=help
        )


COMMANDS = (queue, login, logout, accounts, post, bot, posted)
