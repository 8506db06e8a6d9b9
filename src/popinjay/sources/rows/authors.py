"""Determine who wrote a row, by the usual columns and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from popinjay.post import handle_of, one_line, printable
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import first, folded, text_of
from popinjay.sources.rows.row import UNKNOWN, Writer

# all as folded by `keys.fold`
HANDLES = (
    "screenname", "username", "userscreenname", "userusername", "authorusername", "authorhandle",
    "userhandle", "twitterhandle", "handle", "fromuser", "acct", "accountacct", "accountusername",
    "user", "author", "account", "twitteruser", "tweetauthor", "tweetby", "postedby", "poster",
    "creator", "owner", "from", "sender", "by", "authorname", "accountname", "profile",
)  # fmt: skip
ACCOUNTS = (
    "useridstr", "userid", "authorid", "accountid", "fromuseridstr", "fromuserid", "authordid",
    "did", "externalauthorid", "ownerid", "fromid",
)  # fmt: skip
NAMES = (
    "displayname", "userdisplayname", "authordisplayname", "fullname", "userfullname",
    "realname", "name",
)  # fmt: skip
_INNER_HANDLES = ("screenname", "acct", "username", "handle", "preferredusername", "login", "nick")
_INNER_ACCOUNTS = ("idstr", "did", "id", "pk", "restid", "userid", "authorid")
_INNER_NAMES = ("displayname", "name", "fullname", "nickname")
_ANSWERS = (
    "inreplytostatusidstr", "inreplytostatusid", "inreplytotweetidstr", "inreplytotweetid",
    "inreplytoidstr", "inreplytoid", "replytotweetid", "replytoid", "replyid", "parentid",
)  # fmt: skip
_ANSWERED_USERS = ("inreplytouser", "replytouser")
_ANSWERED_HANDLES = (
    "inreplytoscreenname", "inreplytousername", "replytoscreenname", "replytousername",
    "inreplytouser", "replytouser",
)  # fmt: skip
_ANSWERED_ACCOUNTS = (
    "inreplytouseridstr", "inreplytouserid", "inreplytoaccountid", "replytouserid",
)  # fmt: skip
_NAMING = frozenset(HANDLES + ACCOUNTS)
_ANSWERING = frozenset(_ANSWERS + _ANSWERED_USERS + _ANSWERED_HANDLES + _ANSWERED_ACCOUNTS)
_MAX_LENGTH = 100  # characters of a handle
_ONE_SERVER = ("twitter.com", "x.com", "threads.net", "threads.com", "reddit.com", "old.reddit.com")
_GONE = ("[deleted]", "[removed]", "unknown")


def writer_in(row: Mapping[str, Any]) -> Writer:
    """Return the writer that a row of folded keys names, UNKNOWN if it names none."""
    if _NAMING.isdisjoint(row):
        return UNKNOWN
    named = [row[key] for key in HANDLES if key in row]
    for value in named:
        if isinstance(value, dict) and (writer := writer_from(value)):
            return writer
    handle = next((found for value in named if (found := handle_from(value))), "")
    account = id_from(first(row, ACCOUNTS))
    if not handle:
        account = account or next((id for value in named if (id := _number(value))), "")
    if not handle and not account:
        return UNKNOWN
    return Writer(handle, account, _shown(text_of(first(row, NAMES))))


def writer_from(value: Any) -> Writer:
    """Return the writer that an object (a user, an account) or a plain value describes."""
    if not isinstance(value, dict):
        handle = handle_from(value)
        return Writer(handle) if handle else Writer(account=_number(value))
    inner = folded(value)
    handles = (handle_from(inner[key]) for key in _INNER_HANDLES if key in inner)
    handle = next((found for found in handles if found), "")
    account = id_from(first(inner, _INNER_ACCOUNTS))
    name = _shown(text_of(first(inner, _INNER_NAMES)))
    return Writer(handle or ("" if account else handle_from(name)), account, name)


def answered_in(row: Mapping[str, Any]) -> tuple[str, Writer]:
    """Return the id of the post that a row of folded keys replies to, and its writer."""
    if _ANSWERING.isdisjoint(row):
        return "", UNKNOWN
    post = id_from(first(row, _ANSWERS))
    inner = next((row[key] for key in _ANSWERED_USERS if isinstance(row.get(key), dict)), None)
    if inner is not None:
        return post, writer_from(inner)
    handles = (handle_from(row[key]) for key in _ANSWERED_HANDLES if key in row)
    handle = next((found for found in handles if found), "")
    account = id_from(first(row, _ANSWERED_ACCOUNTS))
    return post, Writer(handle, account)


def handle_from(value: Any) -> str:
    """Return a value as a handle: the last part of a URL, or else all. Empty if it is invalid."""
    text = text_of(value)
    if text.lower().startswith(("http://", "https://")):
        text = _name_in_url(text)
    if (
        not text
        or len(text) > _MAX_LENGTH
        or "\n" in text
        or text.lower() in _GONE
        or text.isdecimal()
    ):
        return ""
    return handle_of(text)


def _name_in_url(url: str) -> str:
    """Return the name that an account's URL ends in, with the host if names need one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    name = unquote(parts.path.rstrip("/").rpartition("/")[2]).lstrip("@")
    host = re.sub(r"^(?:www|mobile|m)\.", "", parts.hostname or "")
    is_complete = "." in name or host in _ONE_SERVER
    return name if not name or is_complete else f"{name}@{host}"


def _number(value: Any) -> str:
    text = id_from(value)
    return text if text.isdecimal() else ""


def _shown(name: str) -> str:
    return one_line(printable(name))[:200]
