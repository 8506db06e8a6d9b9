"""`popinjay login`, `logout` and `accounts`: the accounts that bots post to."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from popinjay import options
from popinjay.cli import progress, questions, show_accounts, terminal
from popinjay.cli.commands import chosen_options
from popinjay.errors import LoginError, OptionError, PopinjayError
from popinjay.events import Listener

if TYPE_CHECKING:
    from popinjay.bots.known_accounts import KnownAccount

_MAX_SECRET = 4096  # characters on standard input


class _Terminal:
    """Asks the user at the terminal: see `bots.networks.login.Asking`."""

    def __init__(self, *, browser: bool) -> None:
        self._browser = browser

    def line(self, question: str) -> str:
        _check_terminal()
        return questions.line(question)

    def secret(self, question: str) -> str:
        _check_terminal()
        return questions.secret(question)

    def show(self, text: str) -> None:
        questions.show(text)

    def can_open_pages(self) -> bool:
        from popinjay.cli.opening import has_desktop

        return self._browser and has_desktop()

    def open_page(self, address: str) -> None:
        import threading
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _check_terminal() -> None:
    if not questions.may_ask(False):
        raise LoginError(
            "There is no terminal to ask in.",
            "Name the account, and give its app password or token with --stdin.",
        )


def do_login(args: argparse.Namespace) -> None:
    """Log in to an account."""
    from popinjay.bots import accounts
    from popinjay.bots.credentials import Secret
    from popinjay.bots.networks.login import LoginRequest

    chosen = chosen_options(args, options.LoginOptions)
    secret = None
    if chosen.stdin:
        if not args.account:
            raise OptionError(
                "--stdin needs the account too.",
                "Such as: popinjay login bsky ada-bot.bsky.social --stdin",
            )
        secret = Secret(sys.stdin.readline(_MAX_SECRET).strip())
        if not secret:
            raise LoginError(
                "Standard input is empty.", "Give the app password or the token on it."
            )
    request = LoginRequest(args.account or "", secret, chosen.token, chosen.allow_local)
    with progress.listening(quiet=True) as listener:
        account = accounts.log_in(
            args.network,
            request,
            _Terminal(browser=not chosen.no_browser),
            listener=listener,
        )
    if args.json:
        terminal.show_json(_known(account))
    else:
        show_accounts.show_logged_in(account.name)


def do_logout(args: argparse.Namespace) -> None:
    """Forget the login of an account."""
    from popinjay.bots import accounts

    chosen = chosen_options(args, options.AccountOptions)
    with progress.listening(quiet=True) as listener:
        name = accounts.log_out(args.account, allow_local=chosen.allow_local, listener=listener)
    if args.json:
        terminal.show_json({"name": name})
    else:
        show_accounts.show_logged_out(name)


def do_accounts(args: argparse.Namespace) -> None:
    """List the accounts, as their servers show them."""
    from popinjay.bots import accounts

    chosen = chosen_options(args, options.AccountOptions)
    known = accounts.accounts(allow_local=chosen.allow_local)
    if args.account:
        known = [accounts.chosen(args.account, known)]
    with progress.listening(quiet=True) as listener:
        rows = [_row(account, args.rules, chosen.allow_local, listener) for account in known]
    if args.json:
        terminal.show_json({"accounts": rows})
    else:
        show_accounts.show_accounts(rows, rules=args.rules)


def _known(account: KnownAccount) -> dict[str, Any]:
    return {"name": account.name, "network": account.network, "handle": account.handle}


def _row(
    account: KnownAccount, rules: bool, allow_local: bool, listener: Listener
) -> dict[str, Any]:
    """Return an account as its server shows it, or what keeps it from doing so."""
    from popinjay.bots.accounts import open_account

    row = {**_known(account), "server": "", "shown_as": "", "bot": None, "trouble": "", "hint": ""}
    try:
        opened = open_account(account.name, allow_local=allow_local, listener=listener)
        try:
            profile = opened.profile()
            row |= {
                "server": opened.server,
                "shown_as": profile.name,
                "bot": profile.is_bot,
                "trouble": profile.trouble,
            }
            if rules:
                row["rules"] = [{"id": rule.id, "text": rule.text} for rule in opened.rules()]
        finally:
            opened.close()
    except PopinjayError as error:
        row |= {"trouble": error.message, "hint": error.hint}
    return row
