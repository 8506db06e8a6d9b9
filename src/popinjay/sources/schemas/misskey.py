"""Notes of Misskey, Firefish and Sharkey, from their exports and their API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable
from popinjay.sources.json_values import as_object
from popinjay.sources.rows.authors import handle_from, writer_from
from popinjay.sources.rows.facts import NO_POST, time_of
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.privacy import RESTRICTED, reason_for
from popinjay.sources.rows.row import Row, Writer
from popinjay.sources.schemas.page import Page

NAME = "Misskey"
_SIGNS = ("renoteId", "replyId", "visibleUserIds", "localOnly", "fileIds", "cw", "renoteCount")


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a note."""
    if "text" not in row or "createdAt" not in row or isinstance(row["text"], dict | list):
        return False
    return sum(key in row for key in _SIGNS) >= (1 if "visibility" in row else 2)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a note; one for home timelines counts as public but unlisted."""
    if reason := reason_for(row.get("visibility")):
        return reason
    if row.get("localOnly") is True:
        return RESTRICTED
    text = row["text"] or ""
    if not isinstance(text, str):
        return NO_POST
    renoted = bool(row.get("renoteId") or row.get("renote"))
    has_own = bool(text or row.get("fileIds") or row.get("poll") or row.get("cw"))
    kind = Kind.QUOTE if renoted else Kind.POST
    if renoted and not has_own:
        kind = Kind.REPOST
    answers = id_from(row.get("replyId"))
    found = Post(
        id=id_from(row.get("id")),
        author="",
        text=printable(text),
        kind=Kind.REPLY if answers and kind is not Kind.REPOST else kind,
        created_at=time_of(row["createdAt"]),
    )
    answered = as_object(row.get("reply"))
    return Row(
        position,
        found,
        _writer(row) or page.owner,
        answers,
        Writer(account=id_from(answered.get("userId"))),
        kind,
    )


def _writer(row: Mapping[str, Any]) -> Writer:
    user = as_object(row.get("user"))
    account = id_from(row.get("userId")) or id_from(user.get("id"))
    name = text_of(user.get("username"))
    host = text_of(user.get("host"))
    handle = handle_from(f"{name}@{host}" if name and host else name)
    return Writer(handle, account, writer_from(user).name if user else "")
