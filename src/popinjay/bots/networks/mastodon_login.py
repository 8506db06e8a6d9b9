"""Log in to Mastodon: OAuth with PKCE, or a token that the user pastes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from popinjay.bots.credentials import Credentials, Secret
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks.authorization_code import LoopbackRedirect
from popinjay.bots.networks.login import Asking, LoggedIn, LoginRequest
from popinjay.bots.networks.mastodon_api import MastodonApi, error_in, form
from popinjay.bots.networks.requests import in_brackets, server_of
from popinjay.errors import LoginError, NetworkError
from popinjay.network.http_client import HttpClient, Response
from popinjay.options import FetchOptions
from popinjay.project_links import HOMEPAGE
from popinjay.sources import Access
from popinjay.sources.json_values import as_object, as_text
from popinjay.sources.mastodon.identity import AccountName, look_up, parse_name
from popinjay.sources.mastodon.posts import id_of

# To see whose login it is, and whether it is a bot; to look whether a post stands there, and how
# often it was liked; to post and delete; for pictures; to mark the account as a bot if asked to.
SCOPES = "read:accounts read:statuses write:statuses write:media write:accounts"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
TOKEN = "token"  # noqa: S105 (the name of an entry)
HOW = (
    "A token is made there under Preferences, Development, New application, with the permissions "
    f"{SCOPES.replace(' ', ', ')}."
)


@dataclass(frozen=True)
class _App:
    """Popinjay as a server knows it."""

    id: str
    secret: Secret


def log_in(request: LoginRequest, asking: Asking, client: HttpClient) -> LoggedIn:
    """Log in to an account. Raises LoginError, SpecError or NetworkError."""
    name = request.name or asking.line("The server, such as mastodon.social, or @user@server: ")
    wanted, server = _server(name.strip(), request, client)
    values: dict[str, Secret] = {}
    if request.secret or request.pastes_token:
        if not request.secret:
            asking.show(HOW)
        token = request.secret or Secret(asking.secret("Its access token: ").strip())
    else:
        app, token = _authorized(server, asking, client)
        values = {"client_id": Secret(app.id), "client_secret": app.secret}
    if not token:
        raise LoginError("No token was given.", HOW)
    account = _whose(server, wanted, token, client)
    return LoggedIn(account, {TOKEN: token, **values})


def log_out(account: KnownAccount, credentials: Credentials, client: HttpClient) -> None:
    """Have the server revoke the token, unless it was pasted: then only its user can."""
    kept = credentials.read()
    if not {TOKEN, "client_id", "client_secret"} <= kept.keys():
        return
    client.send(
        "POST",
        f"{account.server}/oauth/revoke",
        body=form({name: secret.reveal() for name, secret in kept.items()}),
    )


def token_of(account: KnownAccount, credentials: Credentials) -> Secret:
    """Return the token of an account. Raises LoginError if there is none."""
    token = credentials.read().get(TOKEN)
    if not token:
        raise LoginError(
            f"There is no token of {account.handle} in the system's keyring.",
            f"Log in again: popinjay login mastodon {account.handle}",
            page_hint="Log in again.",
        )
    return token


def _server(
    given: str, request: LoginRequest, client: HttpClient
) -> tuple[AccountName | None, str]:
    """Return the account that a user means, if any, and the address of the server."""
    access = Access(FetchOptions(allow_local=request.allow_local))
    if name := parse_name(given):
        try:
            _, server = look_up(client, name, access)
        except NetworkError:  # such as a server that shows its accounts to nobody
            server = name.server(access)
        return name, server
    host = urlsplit(given if "://" in given else f"//{given}").netloc
    name = parse_name(f"@user@{host}")
    if name is None:
        raise LoginError(
            f"{given[:100]!r} is not a Mastodon server.",
            "Give it as example.social, or the account as @user@example.social.",
        )
    scheme = given.partition("://")[0] if "://" in given else ""
    return None, AccountName("user", name.host, scheme).server(access)


def _authorized(server: str, asking: Asking, client: HttpClient) -> tuple[_App, Secret]:
    """Let the user authorize Popinjay on a page of the server; return what came of it."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    state = secrets.token_urlsafe(16)
    loopback = LoopbackRedirect(state) if asking.can_open_pages() else None
    try:
        redirect = loopback.address if loopback else OUT_OF_BAND
        app = _register(server, redirect, client)
        query = {
            "response_type": "code",
            "client_id": app.id,
            "redirect_uri": redirect,
            "scope": SCOPES,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": state,
        }
        page = f"{server}/oauth/authorize?{urlencode(query)}"
        asking.show(f"Open this page, log in as the bot, and authorize popinjay:\n{page}")
        if loopback:
            asking.open_page(page)
            code = loopback.wait()
        else:
            code = asking.secret("The code that the page shows then: ").strip()
    finally:
        if loopback:
            loopback.close()
    return app, _token(server, app, {"code": code, "redirect_uri": redirect}, verifier, client)


def _register(server: str, redirect: str, client: HttpClient) -> _App:
    fields = {"client_name": "popinjay", "redirect_uris": redirect, "scopes": SCOPES}
    if HOMEPAGE:
        fields["website"] = HOMEPAGE
    answer = client.send("POST", f"{server}/api/v1/apps", body=form(fields))
    found = _value(answer)
    id, secret = as_text(found.get("client_id")), as_text(found.get("client_secret"))
    if answer.status != 200 or not id or not secret:
        raise LoginError(
            f"{server_of(server)} takes no logins of programs (status {answer.status}).",
            "Check its name. It may not speak Mastodon's API.",
        )
    return _App(id, Secret(secret))


def _token(
    server: str, app: _App, fields: dict[str, str], verifier: str, client: HttpClient
) -> Secret:
    given = {
        **fields,
        "grant_type": "authorization_code",
        "client_id": app.id,
        "client_secret": app.secret.reveal(),
        "code_verifier": verifier,
        "scope": SCOPES,
    }
    answer = client.send("POST", f"{server}/oauth/token", body=form(given))
    token = as_text(_value(answer).get("access_token"))
    if answer.status != 200 or not token:
        raise LoginError(
            f"{server_of(server)} does not accept the code{in_brackets(error_in(answer))}.",
            "Codes work once, and only for some minutes: log in again.",
        )
    return Secret(token)


def _whose(
    server: str, wanted: AccountName | None, token: Secret, client: HttpClient
) -> KnownAccount:
    """Return the account that a token is of. Raises LoginError if it is not the wanted one."""
    host = server_of(server)
    api = MastodonApi(client, server, str(wanted) if wanted else host, token)
    found = as_object(api.get("/api/v1/accounts/verify_credentials"))
    user, id = as_text(found.get("username")), id_of(found.get("id"))
    name = parse_name(f"@{user}@{wanted.host if wanted else host}")
    if not id or name is None:
        raise LoginError(
            f"{host} does not say whose login it is.", "It may not speak Mastodon's API."
        )
    if wanted and wanted.user.casefold() != user.casefold():
        raise LoginError(
            f"That is the login of {name}, not of {wanted}.",
            "Log out of the server's page first, then in as the bot.",
        )
    return KnownAccount("mastodon", str(name), server, id)


def _value(answer: Response) -> dict[str, Any]:
    try:
        return as_object(answer.value())
    except ValueError:
        return {}
