"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """Return a free port below those that the system assigns itself.

    So no server of another test gets it between finding and taking it.
    """
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", random.randint(20_000, 32_000))) as server,
        ):
            return int(server.getsockname()[1])
