"""Sessions on Bluesky: made with an app password, kept with it, and refreshed.

A server makes few sessions for an account (30 in five minutes, 300 a day), so the tokens of one are
kept in the keyring beside the password, and a new one is made only when they don't do any more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from popinjay.bots.credentials import Credentials, Secret, Secrets
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks.requests import ServerClock, in_brackets, patiently, server_of
from popinjay.errors import LoginError, NetworkError
from popinjay.network.http_client import HttpClient, Response
from popinjay.sources.bluesky.identity import error_in, look_up, xrpc
from popinjay.sources.json_values import as_object, as_text

PART = "session"  # of the credentials
PASSWORD = "password"  # noqa: S105 (the name of an entry)
HOW = (
    "An app password is made in Bluesky's app under Settings, Privacy and security, App passwords."
)
_EXPIRED = ("ExpiredToken", "InvalidToken", "AuthMissing")
_FULL_ACCESS = "com.atproto.access"  # the scope of a session made with the account's own password
_CLOSED = {
    "AccountTakedown": "has been taken down by the moderators of",
    "AccountSuspended": "has been suspended by the moderators of",
    "AccountDeactivated": "has been deactivated on",
    "AccountNotFound": "is not there any more on",
    "RepoTakendown": "has been taken down by the moderators of",
    "RepoDeactivated": "has been deactivated on",
    "RepoSuspended": "has been suspended by the moderators of",
}


class Session:
    """An account's requests to its server.

    Every method raises NetworkError if the server can't be reached or does not make sense, and
    LoginError if it does not accept the login.
    """

    def __init__(
        self,
        account: KnownAccount,
        credentials: Credentials,
        client: HttpClient,
        keep: Callable[[KnownAccount], None],
    ) -> None:
        self.account = account
        self.client = client
        self.clock = ServerClock()
        self._credentials = credentials
        self._keep = keep
        self._tokens: Secrets = {}

    @property
    def host(self) -> str:
        """The server, for sentences."""
        return server_of(self.account.server)

    def did(self) -> str:
        """Return the account's DID, by which its server knows it; both are looked up if needed."""
        if not self.account.id or not self.account.server:
            self._locate()
        return self.account.id

    def get(
        self, method: str, query: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    ) -> Response:
        """Return the answer to a method that reads."""

        def ask(token: Secret) -> Response:
            url = xrpc(self.account.server, method)
            url = f"{url}?{urlencode(query)}" if query else url
            return self.client.get(url, headers=bearer(token), check=self._check_closed)

        return self._as_account(ask)

    def post(
        self, method: str, value: Any = None, *, body: tuple[str, bytes] | None = None
    ) -> Response:
        """Return the answer to a method that changes something.

        It is sent again only if the server refused it for an old token or as one too many. Raises
        AnswerLost if the answer is lost.
        """

        def ask(token: Secret) -> Response:
            url = xrpc(self.account.server, method)
            return patiently(
                self.client,
                lambda: self.client.send("POST", url, value, body=body, headers=bearer(token)),
            )

        return self._as_account(ask)

    def value(self, response: Response) -> dict[str, Any]:
        """Return what an answer holds. Raises NetworkError unless it is a success."""
        if response.status == 200:
            with suppress(ValueError):
                return as_object(response.value())
        name, message = error_in(response)
        raise NetworkError(
            f"{self.host} answered with status {response.status}{in_brackets(message or name)}.",
            "Try again later.",
        )

    def _as_account(self, ask: Callable[[Secret], Response]) -> Response:
        """Return the answer to a request, with a new token if the kept one is too old."""
        response = ask(self._access())
        if self._is_expired(response):
            self._renew()
            response = ask(self._access())
        self.clock.note(response)
        self._check(response)
        return response

    def _access(self) -> Secret:
        """Return the token of the session, which is made if there is none."""
        if not self._tokens:
            self._tokens = self._credentials.read(PART)
        if not {"access", "refresh"} <= self._tokens.keys():
            self._begin()
        return self._tokens["access"]

    def _renew(self) -> None:
        """Refresh the session, or make a new one."""
        url = xrpc(self.account.server, "com.atproto.server.refreshSession")
        refresh = self._tokens["refresh"]
        answer = patiently(
            self.client, lambda: self.client.send("POST", url, headers=bearer(refresh))
        )
        if answer.status == 200:
            self._take(answer)
        elif answer.status in (400, 401, 403):
            self._check_closed(answer)
            self._begin()
        else:
            self.value(answer)

    def _begin(self) -> None:
        """Make a session with the password."""
        password = self._credentials.read().get(PASSWORD)
        if not password:
            raise LoginError(
                f"There is no password of {self.account.handle} in the system's keyring.",
                f"Log in again: popinjay login bsky {self.account.handle}",
                page_hint="Log in again.",
            )
        self._locate()
        self._take(create_session(self.account, password, self.client))

    def _locate(self) -> None:
        """Look up where the account lives, which can change."""
        found = look_up(self.account.id or self.account.handle, self.client)
        changed = replace(self.account, id=found.did, server=found.server)
        if changed != self.account:
            self.account = changed
            self._keep(changed)

    def _take(self, answer: Response) -> None:
        self.clock.note(answer)
        self._tokens = tokens_in(answer, self.host)
        with suppress(LoginError):  # a keyring that can't be written: another session next time
            self._credentials.keep(self._tokens, PART)

    @staticmethod
    def _is_expired(response: Response) -> bool:
        return response.status in (400, 401) and error_in(response)[0] in _EXPIRED

    def _check(self, response: Response) -> None:
        """Raise LoginError if an answer says that the login does not do."""
        self._check_closed(response)
        if response.status in (401, 403):
            name, message = error_in(response)
            raise LoginError(
                f"{self.host} does not accept the login of {self.account.handle} any more"
                f"{in_brackets(message or name)}.",
                f"Log in again: popinjay login bsky {self.account.handle}",
                page_hint="Log in again.",
            )

    def _check_closed(self, response: Response) -> None:
        """Raise LoginError if an answer says that the account can't do anything."""
        name = error_in(response)[0] if response.status in (400, 401, 403) else ""
        if name in _CLOSED:
            raise LoginError(
                f"{self.account.handle} {_CLOSED[name]} {self.host}.",
                "Log in to Bluesky's app: it says what can be done.",
            )


def create_session(account: KnownAccount, password: Secret, client: HttpClient) -> Response:
    """Return the answer to a request for a session.

    Raises LoginError if the server does not accept the password.
    """
    url = xrpc(account.server, "com.atproto.server.createSession")
    given = {"identifier": account.id or account.handle, "password": password.reveal()}
    answer = patiently(client, lambda: client.send("POST", url, given))
    host, handle = server_of(account.server), account.handle
    if answer.status == 200:
        return answer
    name, message = error_in(answer)
    if name in _CLOSED:
        raise LoginError(
            f"{handle} {_CLOSED[name]} {host}.",
            "Log in to Bluesky's app: it says what can be done.",
        )
    if name == "AuthFactorTokenRequired":
        raise LoginError(
            f"{host} wants a code from an e-mail too, as this is {handle}'s own password.",
            f"Use an app password, which needs none. {HOW}",
        )
    if answer.status in (400, 401, 403):
        raise LoginError(
            f"{host} does not accept this password for {handle}{in_brackets(message or name)}.",
            f"It may be mistyped or revoked. {HOW} Log in again: popinjay login bsky {handle}",
            page_hint=f"It may be mistyped or revoked. {HOW}",
        )
    raise NetworkError(
        f"{host} can't log anybody in now (status {answer.status}).", "Try again later."
    )


def tokens_in(answer: Response, host: str) -> Secrets:
    """Return the tokens of a session. Raises NetworkError if there are none."""
    found: dict[str, Any] = {}
    with suppress(ValueError):
        found = as_object(answer.value())
    access, refresh = as_text(found.get("accessJwt")), as_text(found.get("refreshJwt"))
    if not access or not refresh:
        raise NetworkError(f"{host} answered with something other than a session.", "")
    return {"access": Secret(access), "refresh": Secret(refresh)}


def has_full_access(token: Secret) -> bool:
    """Return whether a token is of a session made with the account's own password."""
    with suppress(ValueError, IndexError):
        part = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return bool(as_object(claims).get("scope") == _FULL_ACCESS)
    return False


def bearer(token: Secret) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token.reveal()}"}
