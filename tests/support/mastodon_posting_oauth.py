"""OAuth of `mastodon_posting_standin`: apps, codes with PKCE, tokens, as its documentation says.

Whoever gets `/oauth/authorize` is taken for the user, logged in, who presses Authorize.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
CODE_SECONDS = 600

Answered = tuple[Any, int, dict[str, str]]


def answer(
    data: dict[str, Any],
    now: float,
    method: str,
    path: str,
    query: Mapping[str, str],
    given: Mapping[str, Any],
) -> Answered:
    """Return body, status and headers of an answer."""
    if (method, path) == ("POST", "/api/v1/apps"):
        return _register(data, given)
    if (method, path) == ("GET", "/oauth/authorize"):
        return _authorize(data, now, query)
    if (method, path) == ("POST", "/oauth/token"):
        return _token(data, now, given)
    if (method, path) == ("POST", "/oauth/revoke"):
        app = data["apps"].get(given.get("client_id"))
        if not app or app["secret"] != given.get("client_secret"):
            return _error("unauthorized_client", 403)
        data["tokens"].pop(given.get("token"), None)
        return {}, 200, {}
    return _error("Record not found", 404)


def _register(data: dict[str, Any], given: Mapping[str, Any]) -> Answered:
    if not given.get("client_name") or not given.get("redirect_uris"):
        return _error("Validation failed", 422)
    redirects = given["redirect_uris"]
    id, secret = secrets.token_hex(8), secrets.token_hex(8)
    data["apps"][id] = {
        "secret": secret,
        "redirects": redirects if isinstance(redirects, list) else redirects.split(),
        "scopes": given.get("scopes", "read"),
        "name": given["client_name"],
    }
    shown = {"name": given["client_name"], "client_id": id, "client_secret": secret}
    return shown, 200, {}


def _authorize(data: dict[str, Any], now: float, query: Mapping[str, str]) -> Answered:
    app = data["apps"].get(query.get("client_id"))
    redirect, scopes = query.get("redirect_uri", ""), query.get("scope", "read")
    if not app or redirect not in app["redirects"] or query.get("response_type") != "code":
        return b"<p>Client authentication failed</p>", 401, {}
    if not set(scopes.split()) <= set(app["scopes"].split()):
        return b"<p>The requested scope is invalid, unknown, or malformed.</p>", 400, {}
    if query.get("code_challenge_method", "S256") != "S256":
        return b"<p>The code challenge method must be S256.</p>", 400, {}
    code = secrets.token_urlsafe(12)
    data["codes"][code] = {
        "client": query["client_id"],
        "redirect": redirect,
        "scopes": scopes,
        "challenge": query.get("code_challenge", ""),
        "until": now + CODE_SECONDS,
    }
    if redirect == OUT_OF_BAND:
        return f'<input readonly value="{code}">'.encode(), 200, {"Content-Type": "text/html"}
    state = {"state": query["state"]} if "state" in query else {}
    return b"", 302, {"Location": f"{redirect}?{urlencode({'code': code, **state})}"}


def _token(data: dict[str, Any], now: float, given: Mapping[str, Any]) -> Answered:
    app = data["apps"].get(given.get("client_id"))
    if not app or app["secret"] != given.get("client_secret"):
        return _error("invalid_client", 401)
    code = data["codes"].pop(given.get("code"), None)  # works once
    if (
        given.get("grant_type") != "authorization_code"
        or not code
        or code["client"] != given["client_id"]
        or code["redirect"] != given.get("redirect_uri")
        or code["until"] < now
    ):
        return _error("invalid_grant", 400)
    proof = hashlib.sha256(str(given.get("code_verifier", "")).encode()).digest()
    if code["challenge"] != base64.urlsafe_b64encode(proof).rstrip(b"=").decode():
        return _error("invalid_grant", 400)
    token = secrets.token_urlsafe(24)
    data["tokens"][token] = code["scopes"]
    shown = {"access_token": token, "token_type": "Bearer", "scope": code["scopes"]}
    return shown | {"created_at": int(now)}, 200, {}


def _error(name: str, status: int) -> Answered:
    return {"error": name, "error_description": f"{name}, says the stand-in"}, status, {}
