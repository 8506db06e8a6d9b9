"""Whether a row was for everybody: nothing is learnt from what says otherwise, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.sources.row_keys import bare, fold, folded, is_nothing

FOLLOWERS = "followers-only post"
DIRECT = "direct message"
PROTECTED = "post of a protected account"
RESTRICTED = "post not for everybody"
DELETED = "deleted post"

# keys that name for whom a post is
_AUDIENCES = (
    "visibility", "postvisibility", "privacy", "privacylevel", "privacysetting", "privacysettings",
    "privacystatus", "audience", "audiencetype", "sharingaudience", "postaudience",
    "accesslevel", "viewableby", "visibleto", "sharedwith",
)  # fmt: skip
_STATES = ("status", "poststatus", "state")  # which may also be the text itself
_SAID_NO = ("public", "ispublic")
_SAID_YES = {
    "private": RESTRICTED,
    "isprivate": RESTRICTED,
    "protected": PROTECTED,
    "isprotected": PROTECTED,
    "userprotected": PROTECTED,
    "authorprotected": PROTECTED,
    "accountprotected": PROTECTED,
    "followersonly": FOLLOWERS,
    "isfollowersonly": FOLLOWERS,
    "friendsonly": FOLLOWERS,
    "subscribersonly": RESTRICTED,
    "membersonly": RESTRICTED,
    "localonly": RESTRICTED,
    "islocalonly": RESTRICTED,
    "hidden": RESTRICTED,
    "ishidden": RESTRICTED,
    "draft": RESTRICTED,
    "isdraft": RESTRICTED,
    "deleted": DELETED,
    "isdeleted": DELETED,
    "isdirectmessage": DIRECT,
    "isdm": DIRECT,
}
_PRIVATE_USER = ("protected", "isprotected", "private", "isprivate")
_USERS = ("user", "author", "account")
_OPEN = {
    "public", "everyone", "everybody", "all", "world", "worldwide", "anyone", "open", "global",
    "unlisted", "home", "published", "publish", "visible", "aspublic",
}  # fmt: skip
_CLOSED_STATES = {"private", "draft", "pending", "trash", "deleted", "future", "protected"}
_TO_FOLLOWERS = {
    "followers", "followersonly", "private", "friends", "allfriends", "friendsonly",
    "friendsoffriends", "mutual", "mutuals", "mutualsonly", "mutualfollowers", "subscribers",
    "connections", "contacts",
}  # fmt: skip
_TO_SOME = {"direct", "specified", "mentioned", "mentions", "message", "dm", "conversation"}
_SAYING = frozenset((*_AUDIENCES, *_STATES, *_SAID_NO, *_SAID_YES, *_USERS))
_YES = {"true", "yes", "1", "y", "t", "on"}
_NO = {"false", "no", "0", "n", "f", "off"}


def hidden_in(named: Mapping[str, Any]) -> str:
    """Return why a row of folded keys was not for everybody; empty if it does not say so."""
    if _SAYING.isdisjoint(named):
        return ""
    for key in _AUDIENCES:
        is_size = key == "audience" and str(named.get(key)).isdecimal()
        if key in named and not is_size and (reason := reason_for(named[key])):
            return reason
    for key, reason in _SAID_YES.items():
        if key in named and fold(named[key]) in _YES:
            return reason
    if any(key in named and fold(named[key]) in _NO for key in _SAID_NO):
        return RESTRICTED
    for key in _STATES:
        if isinstance(named.get(key), str) and fold(named[key]) in _CLOSED_STATES:
            return RESTRICTED
    for key in _USERS:
        if isinstance(named.get(key), dict) and _is_private(named[key]):
            return PROTECTED
    return ""


def _is_private(user: Mapping[str, Any]) -> bool:
    """Whether only followers see what somebody posts."""
    said = (value for key, value in user.items() if fold(key) in _PRIVATE_USER)
    return any(fold(value) in _YES for value in said)


def reason_for(audience: Any) -> str:
    """Return why a post for this audience is left out; empty for one for everybody, or if unsaid.

    Unlisted posts are for everybody who comes upon them. A value that is not known is not public.
    """
    audience = bare(audience)
    if isinstance(audience, dict):  # {"value": "EVERYONE", "description": "Public"}
        inner = folded(audience)
        found = next((inner[key] for key in ("value", "type", "name", "id") if key in inner), None)
        return RESTRICTED if found is None and inner else reason_for(found)
    if isinstance(audience, list):
        return "" if not audience or any(not reason_for(one) for one in audience) else RESTRICTED
    if is_nothing(audience) or isinstance(audience, float):
        return ""
    if isinstance(audience, bool):
        return "" if audience else RESTRICTED
    said = fold(str(audience).rpartition("#")[2])  # ...activitystreams#Public
    if said in _OPEN:
        return ""
    if said in _TO_FOLLOWERS:
        return FOLLOWERS
    return DIRECT if said in _TO_SOME else RESTRICTED
