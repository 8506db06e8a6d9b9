"""What logging in takes on every network: a user to ask, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from popinjay.bots.credentials import Credentials, Secret, Secrets
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks.network import PostingAccount
from popinjay.network.http_client import HttpClient


class Asking(Protocol):
    """Asks the user who logs in. Each method raises LoginError if no user is there."""

    def line(self, question: str) -> str:
        """Return what the user types."""

    def secret(self, question: str) -> str:
        """Return what the user types, which is not shown."""

    def show(self, text: str) -> None:
        """Show a text to the user."""

    def can_open_pages(self) -> bool:
        """Return whether a page can be opened in the user's browser on this machine."""

    def open_page(self, address: str) -> None:
        """Open a page in the user's browser."""


@dataclass(frozen=True)
class LoginRequest:
    """What a user gave to log in."""

    name: str  # a handle or a server; empty: to be asked for
    secret: Secret | None  # given at once; None: to be asked for
    pastes_token: bool  # the user has a token, and wants to paste it
    allow_local: bool


@dataclass(frozen=True)
class LoggedIn:
    """An account whose login the server has accepted, and the secrets to keep."""

    account: KnownAccount
    secrets: Secrets
    parts: tuple[tuple[str, Secrets], ...] = ()  # further entries of the keyring


class NetworkModule(Protocol):
    """What the module of a network has."""

    def log_in(self, request: LoginRequest, asking: Asking, client: HttpClient) -> LoggedIn:
        """Log in to an account. Raises LoginError, SpecError or NetworkError."""

    def account_called(self, name: str, allow_local: bool) -> KnownAccount:
        """Return the account that a name of the environment means, with its server if that tells.

        Nothing is asked of a server. Raises LoginError if it is no name of an account.
        """

    def open_account(
        self,
        account: KnownAccount,
        credentials: Credentials,
        client: HttpClient,
        keep: Callable[[KnownAccount], None],
        *,
        mentions: bool,
    ) -> PostingAccount:
        """Return an account that is logged in.

        Args:
            account: Which.
            credentials: Its secrets.
            client: What it sends its requests with, and closes.
            keep: Is called when its server or id has changed.
            mentions: Whether handles and tags in posts become mentions and tags.

        Raises LoginError.
        """

    def log_out(self, account: KnownAccount, credentials: Credentials, client: HttpClient) -> None:
        """Have the server forget the login, as far as it can. Raises NetworkError, LoginError."""
