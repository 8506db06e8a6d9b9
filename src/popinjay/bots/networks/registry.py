"""The networks that can be posted to: adding one is a module and a row."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from popinjay.bots.networks.login import NetworkModule
from popinjay.errors import LoginError

PACKAGE = "popinjay.bots.networks"


@dataclass(frozen=True)
class Network:
    """A network."""

    name: str  # in commands
    title: str
    module: str
    secret: str  # the name of its secret, in words and in the keyring
    account_variable: str  # of the environment: which account
    secret_variable: str  # of the environment: its secret
    parts: tuple[str, ...] = ()  # further entries of the keyring
    also: tuple[str, ...] = ()  # other names that users may give

    def load(self) -> NetworkModule:
        """Return its module."""
        return cast(NetworkModule, importlib.import_module(f"{PACKAGE}.{self.module}"))


NETWORKS = (
    Network(
        "bsky",
        "Bluesky",
        "bluesky",
        "password",
        "POPINJAY_BSKY_ACCOUNT",
        "POPINJAY_BSKY_PASSWORD",
        parts=("session",),
        also=("bluesky",),
    ),
    Network(
        "mastodon",
        "Mastodon",
        "mastodon",
        "token",
        "POPINJAY_MASTODON_ACCOUNT",
        "POPINJAY_MASTODON_TOKEN",
    ),
)


def network(name: str) -> Network:
    """Return a network by its name. Raises LoginError if there is none of it."""
    wanted = name.strip().casefold()
    for row in NETWORKS:
        if wanted in (row.name, *row.also):
            return row
    raise LoginError(
        f"Popinjay can't post to {name[:100]!r}.",
        f"It posts to: {', '.join(names())}.",
    )


def names() -> Iterable[str]:
    """Return the names of all networks."""
    return [row.name for row in NETWORKS]
