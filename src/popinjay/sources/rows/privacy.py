"""Whether a row was for everybody: nothing is learnt from what says otherwise, whatever wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.sources.rows.keys import NO_WORDS, YES_WORDS, bare, fold, folded, is_nothing

FOLLOWERS = "followers-only post"
DIRECT = "direct message"
PROTECTED = "post of a protected account"
RESTRICTED = "post not for everybody"
DELETED = "deleted post"
_MAX_LEVELS = 10  # objects within each other that are gone into

# keys that name for whom a post is
_AUDIENCES = (
    "visibility", "postvisibility", "privacy", "privacylevel", "privacysetting", "privacysettings",
    "privacystatus", "audience", "audiencetype", "sharingaudience", "postaudience",
    "accesslevel", "viewableby", "visibleto", "sharedwith", "whocansee", "whocanseethis", "visiblefor",
    "sichtbarkeit", "privatsphäre", "visibilité", "confidentialité", "visibilidad", "privacidad",
    "visibilidade", "privacidade", "visibilità", "zichtbaarheid", "synlighet", "公開範囲",
)  # fmt: skip
# keys that may say so too, but also something else, or be the text itself: known words count
_STATES = (
    "status", "poststatus", "state", "publishstatus", "publicationstatus", "scope", "access",
    "permission", "permissions", "sharing", "shareto",
)  # fmt: skip
# keys that only letters and messages have; `to` beside `from` is one too
_RECIPIENTS = (
    "recipient", "recipientid", "recipients", "recipientids", "recipientname", "recipientusername",
    "recipientscreenname", "receiver", "receiverid", "receivername", "dmconversationid",
    "toemail", "emailto",
)  # fmt: skip
_OF_DISCORD = {"id", "timestamp", "contents", "attachments"}  # messages of channels and of two
_IN_LETTERS = frozenset(("subject", "body", "message", "text", "content", "contents"))
_DELETIONS = ("deletedat", "deletedon", "deletedtime", "deletiondate", "removedat", "trashedat")
_LISTS = ("acl", "postacl")  # who may see it, as objects within each other
_ASIDE = ("settings", "postsettings", "meta", "metadata", "options", "properties", "attributes")
_SAID_NO = ("public", "ispublic", "visible", "isvisible", "published", "ispublished")
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
    "onlyme": RESTRICTED,
    "isonlyme": RESTRICTED,
    "nurfürmich": RESTRICTED,
    "nurich": RESTRICTED,
    "moiuniquement": RESTRICTED,
    "soloyo": RESTRICTED,
    "closefriends": RESTRICTED,
    "closefriendsonly": RESTRICTED,
    "isclosefriends": RESTRICTED,
    "secret": RESTRICTED,
    "issecret": RESTRICTED,
    "privat": RESTRICTED,
    "privé": RESTRICTED,
    "privado": RESTRICTED,
    "privato": RESTRICTED,
    "draft": RESTRICTED,
    "isdraft": RESTRICTED,
    "scheduled": RESTRICTED,
    "isscheduled": RESTRICTED,
    "unpublished": RESTRICTED,
    "isunpublished": RESTRICTED,
    "deleted": DELETED,
    "isdeleted": DELETED,
    "isdirectmessage": DIRECT,
    "isdm": DIRECT,
}
_PRIVATE_USER = ("protected", "isprotected", "private", "isprivate")
_USERS = ("user", "author", "account")
_OPEN = {
    "public", "everyone", "everybody", "all", "world", "worldwide", "anyone", "open", "global",
    "unlisted", "home", "published", "publish", "visible", "aspublic", "öffentlich", "oeffentlich",
    "alle", "publique", "tous", "toutlemonde", "público", "publico", "pública", "publica", "todos",
    "pubblico", "pubblica", "tutti", "openbaar", "iedereen", "offentlig", "公開", "全体公開", "公开", "공개",
}  # fmt: skip
_CLOSED_STATES = {
    "private", "draft", "drafts", "pending", "trash", "trashed", "deleted", "future", "protected",
    "scheduled", "queued", "planned", "unpublished", "notpublished", "removed", "hidden", "onlyme",
    "followers", "followersonly", "friends", "friendsonly", "direct", "specified", "restricted",
    "entwurf", "geplant", "gelöscht", "privat", "brouillon", "privé", "borrador", "privado",
}  # fmt: skip
_TO_FOLLOWERS = {
    "followers", "followersonly", "private", "friends", "allfriends", "friendsonly",
    "friendsoffriends", "mutual", "mutuals", "mutualsonly", "mutualfollowers", "subscribers",
    "connections", "contacts", "freunde", "nurfreunde", "follower", "nurfollower", "amis", "abonnés",
    "amigos", "soloamigos", "seguidores", "amici", "vrienden", "フォロワー",
}  # fmt: skip
_TO_SOME = {"direct", "specified", "mentioned", "mentions", "message", "dm", "conversation"}
_SAYING = frozenset(("to", *_AUDIENCES, *_STATES, *_LISTS, *_ASIDE, *_SAID_NO, *_SAID_YES, *_USERS))
_SAYING = _SAYING.union(_RECIPIENTS, _DELETIONS, ("contents",))  # ids are in every row
_YES = {"true", "y", "t", "on", "x", *YES_WORDS}
_NO = {"false", "n", "f", "off", *NO_WORDS}
_PUBLIC_LIST = re.compile(r"(?:^|[\W_])public$", re.IGNORECASE)  # CIRCLE_TYPE_PUBLIC


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
    if reason := _addressed(named):
        return reason
    if any(_is_said(named.get(key)) for key in _DELETIONS):
        return DELETED
    for key in _USERS:
        if isinstance(named.get(key), dict) and _is_private(named[key]):
            return PROTECTED
    if any(named.get(key) and not _is_list_open(named[key]) for key in _LISTS):
        return RESTRICTED
    aside = (folded(named[key]) for key in _ASIDE if isinstance(named.get(key), dict))
    return next((reason for inner in aside if (reason := _hidden_aside(inner))), "")


def _addressed(named: Mapping[str, Any]) -> str:
    """Return why a row is left out that was sent to somebody; empty if it does not say so."""
    to = named.get("to")
    if isinstance(to, list) and to and all(fold(one) in _TO_FOLLOWERS for one in to):
        return FOLLOWERS
    ends = (named.get("from"), to)
    is_letter = all(isinstance(one, str) and _is_said(one) for one in ends)
    is_letter = is_letter and not _IN_LETTERS.isdisjoint(
        named
    )  # a page may be from one day to another
    if is_letter and reason_for(to):
        return DIRECT
    if named.keys() == _OF_DISCORD:
        return DIRECT
    return DIRECT if any(_is_said(named.get(key)) for key in _RECIPIENTS) else ""


def _is_said(value: Any) -> bool:
    """Whether there is a value, and not one that says no."""
    return bool(value) and not is_nothing(value) and fold(value) not in _NO


def _hidden_aside(inner: Mapping[str, Any]) -> str:
    """Return the same of what lies beside the text, where further objects are not gone into."""
    return hidden_in({key: value for key, value in inner.items() if key not in _ASIDE})


def _is_list_open(listed: Any) -> bool:
    """Whether a list of who may see a post has everybody in it, however deep that lies."""
    left = [(listed, 0)]
    while left:
        part, depth = left.pop()
        if isinstance(part, str) and _PUBLIC_LIST.search(part):
            return True
        if depth < _MAX_LEVELS and isinstance(part, dict | list):
            inner = part.values() if isinstance(part, dict) else part
            left += ((one, depth + 1) for one in inner)
    return False


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
