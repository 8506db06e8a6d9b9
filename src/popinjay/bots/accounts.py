"""Accounts that a bot posts to: logging in and out, which there are, opening one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from popinjay.bots import known_accounts
from popinjay.bots.credentials import (
    Credentials,
    GivenCredentials,
    KeyringCredentials,
    check_keyring,
    environment_secret,
)
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks.login import Asking, LoginRequest
from popinjay.bots.networks.network import PostingAccount
from popinjay.bots.networks.registry import NETWORKS, Network, network
from popinjay.bots.networks.requests import USER_AGENT
from popinjay.errors import LoginError, NetworkError
from popinjay.events import Listener, ignore
from popinjay.network.http_client import HttpClient

STAGE = "post"  # that events name


def log_in(
    network_name: str, request: LoginRequest, asking: Asking, *, listener: Listener = ignore
) -> KnownAccount:
    """Log in to an account, and keep the login in the system's keyring.

    Raises LoginError if the server or the keyring does not accept it, SpecError if there is no such
    account, and NetworkError.
    """
    row = network(network_name)
    check_keyring(_by_environment(row))  # before anybody types a password
    with _client(request.allow_local, listener) as client:
        done = row.load().log_in(request, asking, client)
    credentials = KeyringCredentials(done.account.name)
    credentials.keep(done.secrets)
    for part, secrets in done.parts:
        credentials.keep(secrets, part)
    known_accounts.keep(done.account)
    return done.account


def log_out(name: str, *, allow_local: bool = False, listener: Listener = ignore) -> str:
    """Forget the login of an account, here and at its server; return its name.

    Raises LoginError if there is none of this name. A server that can't be reached is no error.
    """
    account = chosen(name, known_accounts.kept())
    row = network(account.network)
    credentials = KeyringCredentials(account.name)
    with _client(allow_local, listener) as client, suppress(NetworkError, LoginError):
        row.load().log_out(account, credentials, client)
    credentials.remove(*row.parts)
    known_accounts.drop(account)
    return account.name


def accounts(*, allow_local: bool = False) -> Sequence[KnownAccount]:
    """Return the accounts that can post: those of the environment, then those logged in.

    Raises LoginError if the environment names none that can be, or the list can't be read.
    """
    given = [found for row in NETWORKS if (found := _of_environment(row, allow_local))]
    names = {account.name for account in given}
    return [*given, *(account for account in known_accounts.kept() if account.name not in names)]


def open_account(
    name: str | None = None,
    *,
    allow_local: bool = False,
    listener: Listener = ignore,
    mentions: bool = False,
) -> PostingAccount:
    """Return an account that is logged in, for the caller to close.

    Args:
        name: Such as bsky:ada.example, a handle, or a network with only one account; None for the
            only account that there is.
        allow_local: Whether servers on this machine or in a local network are allowed.
        listener: Is told how long a server that limits requests is waited for.
        mentions: Whether handles and tags in posts become mentions and tags.

    Raises LoginError if there is no such account, or no secret of it.
    """
    account = chosen(name, accounts(allow_local=allow_local))
    row = network(account.network)
    return row.load().open_account(
        account,
        _credentials(row, account),
        _client(allow_local, listener),
        _keep,
        mentions=mentions,
    )


def chosen(name: str | None, known: Sequence[KnownAccount]) -> KnownAccount:
    """Return the account of this name, of those. Raises LoginError for none, or several."""
    found = [account for account in known if name is None or account.is_called(name)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(account.name for account in found or known)
    if not known:
        raise LoginError(
            "No account is logged in.",
            "Log in to one: popinjay login bsky, or popinjay login mastodon",
            page_hint="Log in to one in a terminal.",
        )
    if not found:
        raise LoginError(f"No account {name!r} is logged in.", f"These are: {listed}.")
    if name is None:
        raise LoginError(
            f"{len(found)} accounts are logged in.",
            f"Name one with --to: {listed}.",
            page_hint=f"Choose one: {listed}.",
        )
    raise LoginError(f"{name!r} could be {len(found)} accounts.", f"Name one: {listed}.")


def _credentials(row: Network, account: KnownAccount) -> Credentials:
    """Return the secrets of an account. The environment counts before the keyring."""
    secret = environment_secret(row.secret_variable)
    given = os.environ.get(row.account_variable, "").strip()
    if secret and given and account.is_called(given):  # else it may be another account's
        return GivenCredentials({row.secret: secret})
    return KeyringCredentials(account.name)


def _of_environment(row: Network, allow_local: bool) -> KnownAccount | None:
    """Return the account that the environment names, if it has the secret too.

    What is known of it already, such as its server, is kept.
    """
    name = os.environ.get(row.account_variable, "").strip()
    if not name or not environment_secret(row.secret_variable):
        return None
    kept = [account for account in known_accounts.kept() if account.network == row.name]
    for account in kept:
        if account.is_called(name):
            return account
    return row.load().account_called(name, allow_local)


def _keep(account: KnownAccount) -> None:
    """Keep what has changed about an account on the list; not about one of the environment."""
    if any(row.name == account.name for row in known_accounts.kept()):
        known_accounts.keep(account)


def _by_environment(row: Network) -> str:
    return (
        f"Set {row.account_variable} and {row.secret_variable} in the environment of what posts "
        "instead."
    )


def _client(allow_local: bool, listener: Listener) -> HttpClient:
    return HttpClient(listener, stage=STAGE, allow_local=allow_local, user_agent=USER_AGENT)
