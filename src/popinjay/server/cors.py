"""Let pages of other sites use the API: `popinjay serve --cors ORIGIN`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from popinjay.errors import OptionError
from popinjay.server.auth import ANY_ORIGIN

PREFLIGHT_SECONDS = 600  # for which a browser need not ask again
_METHODS = ("GET", "POST", "PUT", "DELETE")
_SENT = ("authorization", "content-type", "last-event-id", "x-popinjay")
_READ = ("x-popinjay-version", "x-popinjay-ignored")
# SDKs in a browser describe themselves in such headers.
_SENT_BY_CLIENTS = tuple(
    f"x-stainless-{name}"
    for name in (
        "arch", "async", "helper-method", "lang", "os", "package-version", "raw-response",
        "read-timeout", "retry-count", "runtime", "runtime-version", "stream-helper", "timeout",
    )
)  # fmt: skip
_ORIGIN = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")


def checked_origins(given: Sequence[str], *, has_token: bool) -> tuple[str, ...]:
    """Return origins as browsers send them. Raises OptionError for what is none.

    Any origin is allowed only if the server has a token: without one, every page that the user
    opens could read their personas.
    """
    origins = tuple(dict.fromkeys(origin.lower() for origin in given))
    for origin in origins:
        if origin == ANY_ORIGIN and not has_token:
            raise OptionError(
                "--cors * would let every page that you open read your personas.",
                "Name the page's origin, or add --host: other pages then need the token.",
            )
        if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
            raise OptionError(
                f"--cors can't be {origin[:100]!r}.",
                "It takes an origin, without a path or a slash at its end: http://localhost:3000",
            )
    return origins


def allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Answer preflight requests of these origins, and let their pages read the responses.

    Must be added last: the answers to refused requests get these headers too.
    """
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=(*_SENT, *_SENT_BY_CLIENTS),
            expose_headers=_READ,
            max_age=PREFLIGHT_SECONDS,
        )
