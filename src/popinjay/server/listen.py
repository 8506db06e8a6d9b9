"""Run the server behind `popinjay serve`: listen on a port, and serve until interrupted."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from popinjay.errors import OptionError
from popinjay.interrupts import Terminated
from popinjay.server.app import create_app
from popinjay.server.auth import Auth
from popinjay.server.connections import TimeoutProtocol
from popinjay.server.cors import checked_origins
from popinjay.server.jobs.job import Job

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORTS = (8765, 0)  # a fixed one, so that an open page reconnects; else any free one
SHUTDOWN_SECONDS = 3  # granted to responses that are under way


def serve(
    home: Path,
    host: str | None = None,
    port: int | None = None,
    cors: Sequence[str] = (),
    listening: Callable[[str], None] = lambda address: None,
) -> list[Job]:
    """Serve until Ctrl-C, and return the jobs that are still running then; they go on.

    Args:
        home: The folder of the personas.
        host: The address to listen on; None is loopback, without a token.
        port: The port to listen on; None is the usual one, or a free one if it is taken.
        cors: Origins of other sites whose pages may use the API.
        listening: Called with the address to open as soon as the server listens.

    Raises OptionError if it can't listen there or an origin is not one, PersonaBusy if another
    server serves this folder.
    """
    origins = checked_origins(cors, has_token=host is not None)
    listener = listen(host or DEFAULT_HOST, (port,) if port is not None else DEFAULT_PORTS)
    bound_port = listener.getsockname()[1]
    auth = (
        Auth(bound_port, cors=origins)
        if host is None
        else Auth(bound_port, secrets.token_urlsafe(24), names=(host,), cors=origins)
    )
    try:
        app = create_app(home, auth)
    except BaseException:
        listener.close()
        raise
    server = server_of(app)
    app.state.app_state.jobs.publish_address(address(host, bound_port, None))
    listening(address(host, bound_port, auth.token))
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        server.run(sockets=[listener])
    running: list[Job] = getattr(app.state, "running_jobs", [])
    return running


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return a uvicorn server for the app, which lets open streams know when it shuts down."""
    config = uvicorn.Config(
        app,
        http=TimeoutProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        lifespan="on",
        ws="none",
    )
    server = uvicorn.Server(config)
    app.state.app_state.is_closing = lambda: server.should_exit
    return server


def listen(host: str, ports: tuple[int, ...]) -> socket.socket:
    """Return a socket that listens on the first of these ports that is free."""
    for port in ports:
        try:
            return _bind(host, port)
        except (OSError, OverflowError, UnicodeError) as error:
            problem = error
    reason = getattr(problem, "strerror", None) or problem
    raise OptionError(
        f"Can't listen on {host}, port {ports[0]}: {reason}.",
        "Choose another --port or --host.",
    )


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port < 2**16:  # getaddrinfo would take it modulo 65536
        raise OverflowError("a port is a number from 0 to 65535")
    family, kind, protocol, _, bind_address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(bind_address)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def address(host: str | None, port: int, token: str | None) -> str:
    """Return the URL to open. The token is in the fragment, which browsers send to no server."""
    if host is None:
        return f"http://{DEFAULT_HOST}:{port}/"
    fragment = f"#token={token}" if token else ""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        name = socket.gethostname()
    else:
        name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/{fragment}"
