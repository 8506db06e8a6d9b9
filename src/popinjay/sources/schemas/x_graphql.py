"""Posts in the internal API of X's web pages, as saved by browser tools: version 1.1, wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.sources.json_values import as_object
from popinjay.sources.rows.row import Row
from popinjay.sources.schemas import x_v1
from popinjay.sources.schemas.page import Page

NAME = "X's website"


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post with a `legacy` part."""
    legacy = row.get("legacy")
    return isinstance(legacy, dict) and isinstance(legacy.get("full_text"), str)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post, long ones in full."""
    legacy = dict(row["legacy"])
    legacy.setdefault("id_str", row.get("rest_id"))
    user = as_object(_result(as_object(row.get("core")).get("user_results")))
    if user:
        newer = as_object(user.get("core"))
        older = as_object(user.get("legacy"))
        protected = as_object(user.get("privacy")).get("protected") or older.get("protected")
        names = {"screen_name": newer.get("screen_name") or older.get("screen_name")}
        names["name"] = newer.get("name") or older.get("name")
        legacy["user"] = {**names, "id_str": user.get("rest_id"), "protected": protected}
    note = _result(as_object(row.get("note_tweet")).get("note_tweet_results"))
    if isinstance(note.get("text"), str):
        legacy["extended_tweet"] = {"full_text": note["text"]}
    legacy.setdefault("edit_info", row.get("edit_control"))
    return x_v1.post(legacy, position, page)


def _result(value: Any) -> dict[str, Any]:
    return as_object(as_object(value).get("result"))
