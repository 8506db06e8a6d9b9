"""Who is who on Bluesky's network: from a handle to the DID behind it, and from that to the document which names handle and server.

A handle is a domain name, and says whom it stands for: at that domain's own web server, which alone is asked then, or else in the DNS,
where the network's public resolver looks for us. A DID's document lies in the PLC directory, or, for `did:web`, at a web server. The
document names a handle too. Only where both name one another is the handle taken for the account's.

`POPINJAY_PLC_DIRECTORY` and `POPINJAY_BLUESKY_RESOLVER` name the directory and the resolver of another network. With a resolver of one's
own only that is asked for handles: what they stand for there need not be what they do on the web.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.post import one_line, printable
from popinjay.sources.bluesky.records import HANDLE
from popinjay.sources.files.container import as_object
from popinjay.sources.network.http_client import Response, HttpClient, host_of

PLC_DIRECTORY, RESOLVER = "https://plc.directory", "https://public.api.bsky.app"

_DID = re.compile(r"did:plc:[a-z2-7]{24}|did:web:[A-Za-z0-9.-]{1,253}(?:%3[Aa]\d{1,5})?")
_AT = "at://"
_PDS, _PDS_KIND = "#atproto_pds", "AtprotoPersonalDataServer"
_MAX_DOCUMENT = 2**20  # bytes; documents have some hundred
_MAX_DID = 2**13  # bytes of an answer that is a DID and nothing else
_TRY_LATER = "What was read is kept. Try again later, or read the account from its export."


@dataclass(frozen=True)
class Identity:
    """An account: `handle` is empty where none is sure to be its own, `server` the address of its PDS."""

    did: str
    handle: str
    server: str


def look_up(name: str, client: HttpClient) -> Identity:
    """The account of a handle or DID. Raises SpecError where there is none, NetworkError where nobody can say."""
    if name.startswith("did:"):
        did = _checked_did(name)
        document = _document(did, client)
        handle = _handle_in(document)
        handle = handle if handle and _did_of(handle, client) == did else ""
        return Identity(did, handle, _server_in(document, did))
    if not HANDLE.fullmatch(name):
        raise SpecError(
            f"{name[:100]!r} can't be a handle on Bluesky.",
            "A handle is a domain name, such as ada.bsky.social.",
        )
    found = _did_of(name, client)
    if not found:
        hint = "Check how it is written. Handles can change, and rest while an account is deactivated; a DID (did:plc:...) is for good."
        raise SpecError(f"No account on Bluesky answers to {name}.", hint)
    document = _document(_checked_did(found), client)
    named = _handle_in(document)
    if named != name:
        raise SpecError(
            f"{name} leads to the account {found}, which calls itself {named or 'nothing'}.",
            f"If that is who you mean: bsky:{found}",
        )
    return Identity(found, name, _server_in(document, found))


def xrpc(server: str, method: str) -> str:
    """The address of a method of a server's."""
    return f"{server}/xrpc/{method}"


def error_in(answer: Response) -> tuple[str, str]:
    """The error's name and message in a server's answer, both empty where it says none."""
    said: dict[str, Any] = {}
    with suppress(ValueError):
        said = as_object(answer.value())
    return _line(said.get("error")), _line(said.get("message"))


def _line(value: Any) -> str:
    return one_line(printable(value))[:200] if isinstance(value, str) else ""


def _did_of(handle: str, client: HttpClient) -> str:
    """The DID that a handle stands for, empty where it stands for none."""
    resolver = os.environ.get("POPINJAY_BLUESKY_RESOLVER", "").rstrip("/")
    if not resolver:
        with suppress(NetworkError):  # many have no web server, and then the DNS knows
            answer = client.get(
                f"https://{handle}/.well-known/atproto-did",
                max_bytes=_MAX_DID,
                cross_host=True,
                retry=False,
            )
            said = answer.body.decode("ascii", "replace").strip() if answer.status == 200 else ""
            if _DID.fullmatch(said):
                return said
    address = xrpc(resolver or RESOLVER, "com.atproto.identity.resolveHandle")
    answer, value = client.json(address, {"handle": handle}, max_bytes=_MAX_DOCUMENT)
    if answer.status == 400:
        return ""
    found = as_object(value).get("did")
    if not isinstance(found, str):
        raise NetworkError(
            f"{host_of(address)} can't say who {handle} is (status {answer.status}).",
            f"Give the account's DID (did:plc:...). {_TRY_LATER}",
        )
    return found


def _checked_did(did: str) -> str:
    if not _DID.fullmatch(did):
        raise SpecError(
            f"{did[:100]!r} is no DID that accounts on Bluesky have.",
            "They look like did:plc:z72i7hdynmk6r22z27h6tvur, or did:web:ada.example.",
        )
    return did


def _document(did: str, client: HttpClient) -> dict[str, Any]:
    """What a DID stands for."""
    kind, _, rest = did.removeprefix("did:").partition(":")
    if kind == "plc":
        address = (
            f"{os.environ.get('POPINJAY_PLC_DIRECTORY', '').rstrip('/') or PLC_DIRECTORY}/{did}"
        )
    else:
        place = unquote(rest)
        address = f"{'http' if place.partition(':')[0] == 'localhost' else 'https'}://{place}/.well-known/did.json"
    answer, value = client.json(address, max_bytes=_MAX_DOCUMENT)
    if answer.status in (404, 410):
        gone = "has been deleted" if answer.status == 410 else "is not known"
        raise SpecError(
            f"The account {did} {gone}, says {host_of(address)}.",
            "Check how it is written. A persona that was made of it stays as it is.",
        )
    if as_object(value).get("id") != did:
        raise NetworkError(
            f"{host_of(address)} has no document for {did} (status {answer.status}).", _TRY_LATER
        )
    return as_object(value)


def _handle_in(document: dict[str, Any]) -> str:
    """The handle that a document names: by the protocol's rules it is the first, empty where that is none."""
    names = document.get("alsoKnownAs")
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str) and name.startswith(_AT):
            handle = name.removeprefix(_AT).lower()
            return handle if HANDLE.fullmatch(handle) else ""
    return ""


def _server_in(document: dict[str, Any], did: str) -> str:
    """The address of the PDS that a document names."""
    services = document.get("service")
    for service in map(as_object, services if isinstance(services, list) else []):
        address = service.get("serviceEndpoint")
        if (
            service.get("id") in (_PDS, did + _PDS)
            and service.get("type") == _PDS_KIND
            and isinstance(address, str)
            and _is_server(address)
        ):
            return address.rstrip("/")
    raise NetworkError(f"The document of {did} names no server with its posts.", _TRY_LATER)


def _is_server(address: str) -> bool:
    """Whether this is a web server's address and nothing more."""
    try:
        place = urlsplit(address)
        return (
            place.scheme in ("http", "https")
            and bool(place.hostname)
            and address.rstrip("/") == f"{place.scheme}://{place.netloc}"
            and "@" not in place.netloc
        )
    except ValueError:
        return False
