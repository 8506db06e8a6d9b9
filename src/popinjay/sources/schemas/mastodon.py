"""A status of Mastodon's API, also as Pixelfed, Pleroma, GoToSocial and others write it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from popinjay.sources.files.container import as_object
from popinjay.sources.mastodon.posts import address_of, hostname_of, id_of, kind_of, status_of
from popinjay.sources.mastodon.profile import notes_on_account
from popinjay.sources.rows.authors import handle_from
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.row import About, Row, Writer
from popinjay.sources.schemas.page import Page

_SIGNS = ("spoiler_text", "in_reply_to_account_id", "reblogs_count", "favourites_count", "account")
_UNNAMED = "0"  # as the id of an account that a row does not give


def recognises(row: Mapping[str, Any]) -> bool:
    """Whether this is a status: HTML, or a boost, and what no other site writes beside it."""
    if not isinstance(row.get("content"), str) and not isinstance(row.get("reblog"), dict):
        return False
    account = row.get("account")
    if account is not None and not isinstance(account, dict):
        return False
    return any(key in row for key in _SIGNS[:4]) or ("account" in row and "visibility" in row)


def post(row: Mapping[str, Any], place: int, page: Page) -> Row | str:
    """Return a status as its account's post; only what is for the public, listed or not, is one."""
    account = as_object(row.get("account"))
    number = id_of(account.get("id")) or id_of(page.owner.account) or _UNNAMED
    whole = {"reblog": None, "visibility": "public", **row, "account": {"id": number}}
    if row.get("local_only") is True:
        return "post not for everybody"
    found = status_of(whole, number, "")
    if isinstance(found, str):
        return found
    return Row(
        place,
        found,
        _writer(row, account, number),
        answers=id_of(row.get("in_reply_to_id")),
        answered=Writer(account=id_of(row.get("in_reply_to_account_id"))),
        in_own_thread=kind_of({**whole, "in_reply_to_id": None}, number),
        about=partial(_about, account),
    )


def _writer(row: Mapping[str, Any], account: dict[str, Any], number: str) -> Writer:
    """Return whose status it is: `ada@social.example`, also if their own server says just `ada`."""
    name = text_of(account.get("acct")) or text_of(account.get("username"))
    if not name:
        return Writer(account="" if number == _UNNAMED else number)
    places = (account.get("uri"), account.get("url"), row.get("uri"), row.get("url"))
    host = next((host for one in places if (host := hostname_of(address_of(one)))), "")
    full = name if "@" in name or not host else f"{name}@{host}"
    shown = text_of(account.get("display_name"))
    return Writer(handle_from(full), "" if number == _UNNAMED else number, shown)


def _about(account: dict[str, Any]) -> About:
    return About(tuple(notes_on_account(account)))
