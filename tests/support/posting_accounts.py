"""Accounts that tests post to, logged in: on the real Bluesky server, and on Mastodon's stand-in.

The variables let other processes open them, by `open_account`, without a keyring.
"""

from __future__ import annotations

from typing import Any, Protocol

from bluesky_network import Account
from mastodon_posting_api import TOKEN
from popinjay.bots.credentials import GivenCredentials, Secret
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks import bluesky, mastodon
from popinjay.events import Listener, ignore
from popinjay.network.http_client import HttpClient
from popinjay.store.post_queue import Draft, DraftState


class Hosted(Protocol):
    """The stand-in, in a thread or in a process of its own."""

    @property
    def account(self) -> str: ...

    @property
    def address(self) -> str: ...


def mastodon_account(
    stand_in: Hosted, token: str = TOKEN, listener: Listener = ignore
) -> mastodon.MastodonAccount:
    """Return the stand-in's account, logged in."""
    return mastodon.open_account(
        KnownAccount("mastodon", stand_in.account, stand_in.address),
        GivenCredentials({"token": Secret(token)}),
        HttpClient(listener, stage="post", allow_local=True),
        lambda account: None,
        mentions=False,
    )


def mastodon_variables(stand_in: Hosted) -> dict[str, str]:
    """Return the variables of the environment by which the stand-in's account is opened."""
    return {
        "POPINJAY_MASTODON_ACCOUNT": stand_in.account,
        "POPINJAY_MASTODON_TOKEN": TOKEN,
    }


def app_password(account: Account, name: str = "popinjay") -> str:
    """Return a new app password of an account on the real server."""
    made = account.call("com.atproto.server.createAppPassword", {"name": name})
    return str(made["password"])


def bluesky_account(
    account: Account,
    password: str,
    listener: Listener = ignore,
    *,
    server: str = "",
    mentions: bool = False,
) -> bluesky.BlueskyAccount:
    """Return an account on the real server, logged in with an app password.

    The variables of its network have to be set: see `bluesky_network.Network.variables`.
    """
    return bluesky.open_account(
        KnownAccount("bsky", account.handle, server or account.network.server, account.did),
        GivenCredentials({"password": Secret(password)}),
        HttpClient(listener, stage="post", allow_local=True),
        lambda changed: None,
        mentions=mentions,
    )


def bluesky_variables(account: Account, password: str) -> dict[str, str]:
    """Return the variables of the environment by which an account is opened."""
    return {
        **account.network.variables,
        "POPINJAY_BSKY_ACCOUNT": account.handle,
        "POPINJAY_BSKY_PASSWORD": password,
    }


def draft(text: str, id: int = 1, **values: Any) -> Draft:
    """Return a draft that was approved."""
    given: dict[str, Any] = {
        "written_at": "2026-11-29T10:00:00+00:00",
        "decided_at": "2026-11-30T10:00:00+00:00",
        "decided_by": "human",
        **values,
    }
    return Draft(id=id, text=text, state=DraftState.APPROVED, made_with={}, **given)
