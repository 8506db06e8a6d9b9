"""Requests to a Mastodon server as an account that is logged in, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from popinjay.bots.credentials import Secret
from popinjay.bots.networks.requests import ServerClock, in_brackets, patiently, server_of
from popinjay.errors import LoginError, NetworkError
from popinjay.network.http_client import HttpClient, Response
from popinjay.sources.json_values import as_line, as_object

FORM = "application/x-www-form-urlencoded"
_MAX_DOCUMENT = 2**20  # bytes of an answer that is not a list of posts
_SCOPE = re.compile(r"scope", re.I)
_CLOSED = re.compile(r"disabled|suspend|disabl|confirm|pending|approv|locked|moved", re.I)


class MastodonApi:
    """The API of one server.

    Every method raises NetworkError if the server can't be reached or answers with something else,
    and LoginError if it does not accept the login.
    """

    def __init__(self, client: HttpClient, server: str, name: str, token: Secret) -> None:
        self.client = client
        self.server = server
        self.host = server_of(server)
        self.clock = ServerClock()
        self._name = name  # of the account, for sentences
        self._token = token
        self._again = f"Log in again: popinjay login mastodon {self.host}"

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what a document holds; None if there is none."""
        response, value = self.client.json(
            f"{self.server}{path}", query, headers=self._headers(), check=self._check
        )
        self.clock.note(response)
        if response.status in (404, 410):
            return None
        if response.status == 422:  # "This method requires an authenticated user"
            raise self._revoked(response)
        self.expect(response, 200)
        return value

    def get_unsigned(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what a document holds that everybody may read; None if it may not be read."""
        response, value = self.client.json(f"{self.server}{path}", query, max_bytes=_MAX_DOCUMENT)
        self.clock.note(response)
        return value

    def send(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        body: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request that changes something, once unless it is refused as one too many.

        Raises AnswerLost if the answer is lost.
        """
        sent = {**self._headers(), **(headers or {})}
        response = patiently(
            self.client,
            lambda: self.client.send(
                method, f"{self.server}{path}", value, body=body, headers=sent
            ),
        )
        self.clock.note(response)
        self._check(response)
        return response

    def expect(self, response: Response, *statuses: int) -> None:
        """Raise NetworkError unless a response has one of these statuses."""
        if response.status not in statuses:
            said = error_in(response)
            raise NetworkError(
                f"{self.host} answered with status {response.status}{f': {said}' if said else ''}.",
                "Try again later.",
            )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def _check(self, response: Response) -> None:
        """Raise LoginError if a response says that the login does not do."""
        if response.status not in (401, 403):
            return
        said = error_in(response)
        if response.status == 403 and _SCOPE.search(said):
            raise LoginError(
                f"The login of {self._name} is not allowed to do this{in_brackets(said)}.",
                self._again,
                page_hint="Log in again.",
            )
        if _CLOSED.search(said) or response.status == 403:
            raise LoginError(
                f"{self.host} does not let {self._name} do this: "
                f"{said.rstrip('.') or 'it does not say why'}.",
                "Log in there with a browser: it says what is the matter with the account.",
            )
        raise self._revoked(response)

    def _revoked(self, response: Response) -> LoginError:
        return LoginError(
            f"{self.host} does not accept the login of {self._name} any more"
            f"{in_brackets(error_in(response))}.",
            self._again,
            page_hint="Log in again.",
        )


def error_in(response: Response) -> str:
    """Return what a server says about an error, in one line; empty if it says nothing."""
    error: dict[str, Any] = {}
    with suppress(ValueError):
        error = as_object(response.value())
    return as_line(error.get("error_description")) or as_line(error.get("error"))


def form(fields: Mapping[str, str]) -> tuple[str, bytes]:
    """Return fields as the body of a form."""
    return FORM, urlencode(fields).encode()


def multipart(fields: Mapping[str, str], file: tuple[str, str, bytes]) -> tuple[str, bytes]:
    """Return fields and a file (its name, kind and bytes) as the body of a form."""
    import secrets

    boundary = secrets.token_hex(16)
    name, kind, data = file
    quoted = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n'.encode()
        + f"{value}\r\n".encode()
        for field, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + data
        + f"\r\n--{boundary}--\r\n".encode()
    )
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)
