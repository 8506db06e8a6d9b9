"""The server behind `popinjay serve`: where it listens, and until when."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from popinjay.errors import OptionError
from popinjay.interrupts import Terminated
from popinjay.server.app import create_app
from popinjay.server.auth import Auth
from popinjay.server.connections import ImpatientProtocol
from popinjay.server.jobs.job import Job

HOME_HOST = "127.0.0.1"
PORTS = (8765, 0)  # the usual one, that an open page finds it again; else any free one
LAST_SECONDS = 3  # that answers under way have when it ends


def serve(
    home: Path,
    host: str | None = None,
    port: int | None = None,
    listening: Callable[[str], None] = lambda address: None,
) -> list[Job]:
    """Serve until Ctrl-C; the jobs that are at work then, and go on. `listening` is called with the address to open.

    Raises OptionError where nobody can listen there, PersonaBusy where another serves this home folder.
    """
    listener = listen(host or HOME_HOST, (port,) if port is not None else PORTS)
    found = listener.getsockname()[1]
    auth = Auth(found) if host is None else Auth(found, secrets.token_urlsafe(24), (host,))
    try:
        app = create_app(home, auth)
    except BaseException:
        listener.close()
        raise
    server = server_of(app)
    app.state.app_state.jobs.say_where(address(host, found, None))
    listening(address(host, found, auth.token))
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        server.run(sockets=[listener])
    at_work: list[Job] = getattr(app.state, "at_work", [])
    return at_work


def server_of(app: FastAPI) -> uvicorn.Server:
    """What runs the app, and tells its streams when it is about to end."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_SECONDS,
        lifespan="on",
        ws="none",
    )
    server = uvicorn.Server(config)
    app.state.app_state.is_closing = lambda: server.should_exit
    return server


def listen(host: str, ports: tuple[int, ...]) -> socket.socket:
    """A socket that listens on the first of these ports that is free."""
    for port in ports:
        try:
            if not 0 <= port < 2**16:  # which getaddrinfo takes for another one
                raise OverflowError("a port is a number from 0 to 65535")
            family, kind, protocol, _, where = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, protocol)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(where)
                listener.listen(128)
            except BaseException:
                listener.close()
                raise
        except (OSError, OverflowError, UnicodeError) as error:
            problem = error
        else:
            return listener
    raise OptionError(
        f"Nobody can listen at {host}, port {ports[0]}: {getattr(problem, 'strerror', None) or problem}.",
        "Give another --port or --host.",
    )


def address(host: str | None, port: int, token: str | None) -> str:
    """Where to open the page. The token stands behind #: browsers send that to nobody."""
    if host is None:
        return f"http://{HOME_HOST}:{port}/"
    name = (
        socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    )  # noqa: S104 (compared, not bound)
    return f"http://{name}:{port}/{f'#token={token}' if token else ''}"
