"""Statuses of Mastodon's API, which Pixelfed, Pleroma, GoToSocial and others share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from popinjay.sources.json_values import as_object
from popinjay.sources.mastodon.posts import address_of, hostname_of, id_of, kind_of, status_of
from popinjay.sources.mastodon.profile import notes_on_account
from popinjay.sources.rows.authors import handle_from
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.row import AuthorNotes, Row, Writer
from popinjay.sources.schemas.page import Page

NAME = "Mastodon"
_SIGNS = ("spoiler_text", "in_reply_to_account_id", "reblogs_count", "favourites_count", "account")
_UNNAMED = "0"  # the id of an account that a row does not name


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a status: HTML or a boost, with keys that no other site writes."""
    if not isinstance(row.get("content"), str) and not isinstance(row.get("reblog"), dict):
        return False
    account = row.get("account")
    if account is not None and not isinstance(account, dict):
        return False
    return any(key in row for key in _SIGNS[:4]) or ("account" in row and "visibility" in row)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a status; only public ones, listed or unlisted, are posts."""
    account = as_object(row.get("account"))
    number = id_of(account.get("id")) or id_of(page.owner.account) or _UNNAMED
    whole = {"reblog": None, "visibility": "public", **row, "account": {"id": number}}
    if row.get("local_only") is True:
        return "post not for everybody"
    found = status_of(whole, number, "")
    if isinstance(found, str):
        return found
    return Row(
        position,
        found,
        _writer(row, account, number),
        answers=id_of(row.get("in_reply_to_id")),
        answered=Writer(account=id_of(row.get("in_reply_to_account_id"))),
        in_own_thread=kind_of({**whole, "in_reply_to_id": None}, number),
        author_notes=partial(_author_notes, account),
    )


def _writer(row: Mapping[str, Any], account: dict[str, Any], number: str) -> Writer:
    """Return the writer as `ada@social.example`, even if their own server says just `ada`."""
    name = text_of(account.get("acct")) or text_of(account.get("username"))
    if not name:
        return Writer(account="" if number == _UNNAMED else number)
    urls = (account.get("uri"), account.get("url"), row.get("uri"), row.get("url"))
    host = next((host for url in urls if (host := hostname_of(address_of(url)))), "")
    full = name if "@" in name or not host else f"{name}@{host}"
    shown = text_of(account.get("display_name"))
    return Writer(handle_from(full), "" if number == _UNNAMED else number, shown)


def _author_notes(account: dict[str, Any]) -> AuthorNotes:
    return AuthorNotes(tuple(notes_on_account(account)))
