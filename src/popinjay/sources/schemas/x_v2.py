"""Posts as written by version 2 of X's API: alone, in pages, or flattened by twarc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from popinjay.post import Author, Kind
from popinjay.sources.json_values import as_list, as_object
from popinjay.sources.rows.authors import writer_from
from popinjay.sources.rows.facts import NO_POST
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.privacy import PROTECTED
from popinjay.sources.rows.row import Row, Writer
from popinjay.sources.schemas.page import Page
from popinjay.sources.x.api_responses import MAX_TEXT, Account, edits_of, either, post_of
from popinjay.sources.x.post import as_number

NAME = "X's API, version 2"
_SIGNS = frozenset(
    "author_id edit_history_tweet_ids edit_history_post_ids referenced_tweets referenced_posts "
    "note_tweet note_post conversation_id public_metrics".split()
)


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post: id and text, and one of the fields of this version."""
    return isinstance(row.get("text"), str) and "id" in row and not _SIGNS.isdisjoint(row)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post with its full text; posts of protected accounts are left out."""
    account = id_from(row.get("author_id"))
    author = as_object(row.get("author")) or page.users.get(account, {})
    writer = writer_from(author) if author else Writer(account=account)
    if not author and not account:
        writer = page.owner
    if author.get("protected") is True:
        return PROTECTED
    if len(row["text"]) > MAX_TEXT:
        return NO_POST
    id = id_from(row["id"])
    number = as_number(id) or 0
    references = [as_object(reference) for reference in as_list(_references(row))]
    answered = [one for one in references if one.get("type") == "replied_to"]
    others = [one for one in references if one.get("type") != "replied_to"]
    alone = {**row, "in_reply_to_user_id": None, "referenced_tweets": others}
    found = post_of(alone, number, Account(writer.account, Author("")))
    answers = (answered or row.get("in_reply_to_user_id")) and found.kind is not Kind.REPOST
    return Row(
        position,
        replace(found, id=id, kind=Kind.REPLY if answers else found.kind),
        writer,
        id_from(answered[0].get("id")) if answered else "",
        Writer(account=id_from(row.get("in_reply_to_user_id"))),
        found.kind,
        tuple(str(edit) for edit in edits_of(row) if edit < number),
    )


def _references(row: Mapping[str, Any]) -> Any:
    return either(row, "referenced_tweets", "referenced_posts")
