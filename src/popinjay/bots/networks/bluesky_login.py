"""Log in to Bluesky with an app password."""

from __future__ import annotations

from popinjay.bots.credentials import Credentials, Secret
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks.bluesky_session import (
    HOW,
    PART,
    PASSWORD,
    bearer,
    create_session,
    has_full_access,
    tokens_in,
)
from popinjay.bots.networks.login import Asking, LoggedIn, LoginRequest
from popinjay.bots.networks.requests import server_of
from popinjay.errors import LoginError
from popinjay.network.http_client import HttpClient
from popinjay.sources.bluesky.identity import look_up, xrpc


def log_in(request: LoginRequest, asking: Asking, client: HttpClient) -> LoggedIn:
    """Log in to an account. Raises LoginError, SpecError or NetworkError."""
    if request.pastes_token:
        raise LoginError("Bluesky has app passwords, not tokens.", HOW)
    given = request.name or asking.line("The account's handle, such as ada.bsky.social: ")
    handle = given.strip().removeprefix("@").lower()
    found = look_up(handle, client)
    account = KnownAccount("bsky", found.handle or handle, found.server, found.did)
    if not request.secret:
        asking.show(HOW)
    password = request.secret or Secret(asking.secret("The app password: ").strip())
    if not password:
        raise LoginError("No password was given.", HOW)
    tokens = tokens_in(create_session(account, password, client), server_of(account.server))
    if has_full_access(tokens["access"]):
        _end(account, tokens["refresh"], client)
        raise LoginError(
            f"That is {account.handle}'s own password, with which everything can be changed.",
            f"Use an app password, which can be revoked. {HOW}",
        )
    return LoggedIn(account, {PASSWORD: password}, ((PART, tokens),))


def log_out(account: KnownAccount, credentials: Credentials, client: HttpClient) -> None:
    """Have the server end the kept session. The app password can only be revoked in the app."""
    if refresh := credentials.read(PART).get("refresh"):
        _end(account, refresh, client)


def _end(account: KnownAccount, refresh: Secret, client: HttpClient) -> None:
    url = xrpc(account.server, "com.atproto.server.deleteSession")
    client.send("POST", url, headers=bearer(refresh))
