"""Who wrote a row, by the usual columns and keys for that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from popinjay.post import handle_of, one_line, printable
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import first, folded, text_of
from popinjay.sources.rows.row import NOBODY, Writer

# all as `row_keys.fold` writes them
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
_MOST = 100  # characters of a handle
_ONE_SERVER = ("twitter.com", "x.com", "threads.net", "threads.com", "reddit.com", "old.reddit.com")
_GONE = ("[deleted]", "[removed]", "unknown")


def writer_in(row: Mapping[str, Any]) -> Writer:
    """Return who a row of folded keys says wrote it; NOBODY if it does not say."""
    if _NAMING.isdisjoint(row):
        return NOBODY
    named = [row[key] for key in HANDLES if key in row]
    for value in named:
        if isinstance(value, dict) and (whom := writer_from(value)):
            return whom
    handle = next((found for value in named if (found := handle_from(value))), "")
    account = id_from(first(row, ACCOUNTS))
    if not handle:
        account = account or next((id for value in named if (id := _number(value))), "")
    if not handle and not account:
        return NOBODY
    return Writer(handle, account, _shown(text_of(first(row, NAMES))))


def writer_from(value: Any) -> Writer:
    """Return the person that an object (a user, an account) or a plain value stands for."""
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
    """Return the id of the post that a row of folded keys answers, and whose it is."""
    if _ANSWERING.isdisjoint(row):
        return "", NOBODY
    post = id_from(first(row, _ANSWERS))
    inner = next((row[key] for key in _ANSWERED_USERS if isinstance(row.get(key), dict)), None)
    if inner is not None:
        return post, writer_from(inner)
    handles = (handle_from(row[key]) for key in _ANSWERED_HANDLES if key in row)
    handle = next((one for one in handles if one), "")
    account = id_from(first(row, _ANSWERED_ACCOUNTS))
    return post, Writer(handle, account)


def handle_from(value: Any) -> str:
    """Return a value as a handle: of an address, its last part. Empty if it can be none."""
    text = text_of(value)
    if text.lower().startswith(("http://", "https://")):
        text = _in_address(text)
    if not text or len(text) > _MOST or "\n" in text or text.lower() in _GONE or text.isdecimal():
        return ""
    return handle_of(text)


def _in_address(address: str) -> str:
    """Return the name that an account's address ends in, with its host where names need one."""
    try:
        place = urlsplit(address)
    except ValueError:
        return ""
    name = unquote(place.path.rstrip("/").rpartition("/")[2]).lstrip("@")
    host = re.sub(r"^(?:www|mobile|m)\.", "", place.hostname or "")
    alone = "." in name or host in _ONE_SERVER
    return name if not name or alone else f"{name}@{host}"


def _number(value: Any) -> str:
    text = id_from(value)
    return text if text.isdecimal() else ""


def _shown(name: str) -> str:
    return one_line(printable(name))[:200]
