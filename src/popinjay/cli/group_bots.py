"""The commands for bots, which post what a persona wrote: login, logout, accounts."""

from __future__ import annotations

from typing import Any

from popinjay import options
from popinjay.cli import command_accounts
from popinjay.cli.arguments import add_json, add_options, command

TITLE = "Bots"


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


COMMANDS = (login, logout, accounts)
