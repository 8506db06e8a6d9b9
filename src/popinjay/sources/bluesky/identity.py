"""Resolve identities on Bluesky's network: handle to DID, and DID to its document.

A handle is a domain name. Its DID is published at the domain's web server, or else in the DNS,
which is queried through the network's public resolver. A DID's document is stored in the PLC
directory or, for `did:web`, at a web server, and names the handle and the server of the account. A
handle counts as the account's only if handle and document name each other.

`POPINJAY_PLC_DIRECTORY` and `POPINJAY_BLUESKY_RESOLVER` select the directory and the resolver of
another network. With a custom resolver, handles are looked up only there, as they may mean other
accounts than on the web.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.network.http_client import HttpClient, Response, host_of
from popinjay.sources.bluesky.records import HANDLE
from popinjay.sources.json_values import as_line, as_list, as_object

PLC_DIRECTORY = "https://plc.directory"
RESOLVER = "https://public.api.bsky.app"

_DID = re.compile(r"did:plc:[a-z2-7]{24}|did:web:[A-Za-z0-9.-]{1,253}(?:%3[Aa]\d{1,5})?")
_AT = "at://"
_PDS = "#atproto_pds"  # the personal data server
_PDS_TYPE = "AtprotoPersonalDataServer"
_MAX_DOCUMENT = 2**20  # bytes; a document has a few hundred
_MAX_DID = 2**13  # bytes of a response that consists of a DID
_TRY_LATER = "What was read is kept. Try again later, or read the account from its export."


@dataclass(frozen=True)
class Identity:
    """An account: its DID, its handle (empty if none is verified) and the URL of its server."""

    did: str
    handle: str
    server: str


def look_up(name: str, client: HttpClient) -> Identity:
    """Resolve a handle or DID.

    Raises SpecError if there is no such account, NetworkError if that can't be determined.
    """
    if name.startswith("did:"):
        did = _checked_did(name)
        document = _document(did, client)
        handle = _handle_in(document)
        handle = handle if handle and _did_of(handle, client) == did else ""
        return Identity(did, handle, _server_in(document, did))
    if not HANDLE.fullmatch(name):
        raise SpecError(
            f"{name[:100]!r} is not a valid Bluesky handle.",
            "A handle is a domain name, such as ada.bsky.social.",
        )
    found = _did_of(name, client)
    if not found:
        raise SpecError(
            f"There is no Bluesky account {name}.",
            "Check the spelling. Handles can change, and stop working while an account is "
            "deactivated; a DID (did:plc:...) is permanent.",
        )
    document = _document(_checked_did(found), client)
    named = _handle_in(document)
    if named != name:
        raise SpecError(
            f"{name} points to the account {found}, whose handle is {named or 'unknown'}.",
            f"If that is the account you mean, give bsky:{found}",
        )
    return Identity(found, name, _server_in(document, found))


def xrpc(server: str, method: str) -> str:
    """Return the URL of a server's method."""
    return f"{server}/xrpc/{method}"


def error_in(response: Response) -> tuple[str, str]:
    """Return the name and the message of the error in a response, each empty if missing."""
    error: dict[str, Any] = {}
    with suppress(ValueError):
        error = as_object(response.value())
    return as_line(error.get("error")), as_line(error.get("message"))


def _did_of(handle: str, client: HttpClient) -> str:
    """Return the DID that a handle resolves to, empty if there is none."""
    resolver = os.environ.get("POPINJAY_BLUESKY_RESOLVER", "").rstrip("/")
    if not resolver:
        with suppress(NetworkError):  # many domains have no web server, only a DNS record
            response = client.get(
                f"https://{handle}/.well-known/atproto-did",
                max_bytes=_MAX_DID,
                cross_host=True,
                retry=False,
            )
            if response.status == 200:
                body = response.body.decode("ascii", "replace").strip()
                if _DID.fullmatch(body):
                    return body
    url = xrpc(resolver or RESOLVER, "com.atproto.identity.resolveHandle")
    response, value = client.json(url, {"handle": handle}, max_bytes=_MAX_DOCUMENT)
    if response.status == 400:
        return ""
    found = as_object(value).get("did")
    if not isinstance(found, str):
        raise NetworkError(
            f"{host_of(url)} can't resolve {handle} (status {response.status}).",
            f"Give the account's DID (did:plc:...). {_TRY_LATER}",
        )
    return found


def _checked_did(did: str) -> str:
    if not _DID.fullmatch(did):
        raise SpecError(
            f"{did[:100]!r} is not a DID of a Bluesky account.",
            "They look like did:plc:z72i7hdynmk6r22z27h6tvur or did:web:ada.example.",
        )
    return did


def _document(did: str, client: HttpClient) -> dict[str, Any]:
    """Fetch the document of a DID."""
    method, _, identifier = did.removeprefix("did:").partition(":")
    if method == "plc":
        directory = os.environ.get("POPINJAY_PLC_DIRECTORY", "").rstrip("/") or PLC_DIRECTORY
        url = f"{directory}/{did}"
    else:
        host = unquote(identifier)
        scheme = "http" if host.partition(":")[0] == "localhost" else "https"
        url = f"{scheme}://{host}/.well-known/did.json"
    response, value = client.json(url, max_bytes=_MAX_DOCUMENT)
    if response.status in (404, 410):
        state = "has been deleted" if response.status == 410 else "is unknown"
        raise SpecError(
            f"According to {host_of(url)}, the account {did} {state}.",
            "Check the spelling. A persona that was made of it stays as it is.",
        )
    if as_object(value).get("id") != did:
        raise NetworkError(
            f"{host_of(url)} has no document for {did} (status {response.status}).", _TRY_LATER
        )
    return as_object(value)


def _handle_in(document: dict[str, Any]) -> str:
    """Return the handle that a document names, which is the first one; empty if it is invalid."""
    names = document.get("alsoKnownAs")
    for name in as_list(names):
        if isinstance(name, str) and name.startswith(_AT):
            handle = name.removeprefix(_AT).lower()
            return handle if HANDLE.fullmatch(handle) else ""
    return ""


def _server_in(document: dict[str, Any], did: str) -> str:
    """Return the URL of the server that a document names. Raises NetworkError if there is none."""
    services = document.get("service")
    for service in map(as_object, as_list(services)):
        url = service.get("serviceEndpoint")
        if (
            service.get("id") in (_PDS, did + _PDS)
            and service.get("type") == _PDS_TYPE
            and isinstance(url, str)
            and _is_origin(url)
        ):
            return url.rstrip("/")
    raise NetworkError(f"The document of {did} names no server with its posts.", _TRY_LATER)


def _is_origin(url: str) -> bool:
    """Return whether a URL consists only of scheme, host and port."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"
            and "@" not in parts.netloc
        )
    except ValueError:
        return False
