"""Determine whether a row was public: nothing is learnt from posts that were not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.sources.rows.keys import NO_WORDS, YES_WORDS, fold, folded, is_nothing, unwrapped

FOLLOWERS = "followers-only post"
DIRECT = "direct message"
PROTECTED = "post of a protected account"
RESTRICTED = "post not for everybody"
DELETED = "deleted post"
_MAX_LEVELS = 10  # of nested objects that are searched

# keys that name the audience of a post
_AUDIENCES = (
    "visibility", "postvisibility", "privacy", "privacylevel", "privacysetting", "privacysettings",
    "privacystatus", "audience", "audiencetype", "sharingaudience", "postaudience",
    "accesslevel", "viewableby", "visibleto", "sharedwith", "whocansee", "whocanseethis",
    "visiblefor",
    "sichtbarkeit", "privatsphäre", "visibilité", "confidentialité", "visibilidad", "privacidad",
    "visibilidade", "privacidade", "visibilità", "zichtbaarheid", "synlighet", "公開範囲",
)  # fmt: skip
# keys that may name it, but also something else, or hold the text: only known words count
_STATES = (
    "status", "poststatus", "state", "publishstatus", "publicationstatus", "scope", "access",
    "permission", "permissions", "sharing", "shareto",
)  # fmt: skip
# keys that only letters and messages have, like `to` together with `from`
_RECIPIENTS = (
    "recipient", "recipientid", "recipients", "recipientids", "recipientname", "recipientusername",
    "recipientscreenname", "receiver", "receiverid", "receivername", "dmconversationid",
    "toemail", "emailto",
)  # fmt: skip
_DISCORD_KEYS = {"id", "timestamp", "contents", "attachments"}  # of messages, private or not
_IN_LETTERS = frozenset(("subject", "body", "message", "text", "content", "contents"))
_DELETIONS = ("deletedat", "deletedon", "deletedtime", "deletiondate", "removedat", "trashedat")
_LISTS = ("acl", "postacl")  # access control lists, as nested objects
_NESTED = ("settings", "postsettings", "meta", "metadata", "options", "properties", "attributes")
_PUBLIC_FLAGS = ("public", "ispublic", "visible", "isvisible", "published", "ispublished")
_PRIVATE_FLAGS = {
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
    "pubblico", "pubblica", "tutti", "openbaar", "iedereen", "offentlig", "公開", "全体公開",
    "公开", "공개",
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
    "connections", "contacts", "freunde", "nurfreunde", "follower", "nurfollower", "amis",
    "abonnés",
    "amigos", "soloamigos", "seguidores", "amici", "vrienden", "フォロワー",
}  # fmt: skip
_TO_SOME = {"direct", "specified", "mentioned", "mentions", "message", "dm", "conversation"}
_RELEVANT = frozenset(
    (
        "to", "contents", *_AUDIENCES, *_STATES, *_LISTS, *_NESTED, *_PUBLIC_FLAGS, *_PRIVATE_FLAGS,
        *_USERS, *_RECIPIENTS, *_DELETIONS,
    )
)  # fmt: skip
_YES = {"true", "y", "t", "on", "x", *YES_WORDS}
_NO = {"false", "n", "f", "off", *NO_WORDS}
_PUBLIC_LIST = re.compile(r"(?:^|[\W_])public$", re.IGNORECASE)  # CIRCLE_TYPE_PUBLIC


def hidden_in(named: Mapping[str, Any]) -> str:
    """Return the reason why a row of folded keys is not public; empty if it gives none."""
    if _RELEVANT.isdisjoint(named):
        return ""
    for key in _AUDIENCES:
        is_size = key == "audience" and str(named.get(key)).isdecimal()
        if key in named and not is_size and (reason := reason_for(named[key])):
            return reason
    for key, reason in _PRIVATE_FLAGS.items():
        if key in named and fold(named[key]) in _YES:
            return reason
    if any(key in named and fold(named[key]) in _NO for key in _PUBLIC_FLAGS):
        return RESTRICTED
    for key in _STATES:
        if isinstance(named.get(key), str) and fold(named[key]) in _CLOSED_STATES:
            return RESTRICTED
    if reason := _addressed(named):
        return reason
    if any(_is_set(named.get(key)) for key in _DELETIONS):
        return DELETED
    for key in _USERS:
        if isinstance(named.get(key), dict) and _is_private(named[key]):
            return PROTECTED
    if any(named.get(key) and not _is_list_open(named[key]) for key in _LISTS):
        return RESTRICTED
    nested = (folded(named[key]) for key in _NESTED if isinstance(named.get(key), dict))
    return next((reason for inner in nested if (reason := _hidden_in_nested(inner))), "")


def _addressed(named: Mapping[str, Any]) -> str:
    """Return the reason to leave out a row with recipients; empty if it has none."""
    to = named.get("to")
    if isinstance(to, list) and to and all(fold(recipient) in _TO_FOLLOWERS for recipient in to):
        return FOLLOWERS
    has_ends = all(isinstance(end, str) and _is_set(end) for end in (named.get("from"), to))
    # a page may also be from one day to another, so a text is required
    is_letter = has_ends and not _IN_LETTERS.isdisjoint(named)
    if is_letter and reason_for(to):
        return DIRECT
    if named.keys() == _DISCORD_KEYS:
        return DIRECT
    return DIRECT if any(_is_set(named.get(key)) for key in _RECIPIENTS) else ""


def _is_set(value: Any) -> bool:
    """Return whether there is a value other than no."""
    return bool(value) and not is_nothing(value) and fold(value) not in _NO


def _hidden_in_nested(inner: Mapping[str, Any]) -> str:
    """Return the same for a nested object of settings, ignoring further nested ones."""
    return hidden_in({key: value for key, value in inner.items() if key not in _NESTED})


def _is_list_open(listed: Any) -> bool:
    """Return whether an access control list includes everyone, at any depth."""
    left = [(listed, 0)]
    while left:
        part, depth = left.pop()
        if isinstance(part, str) and _PUBLIC_LIST.search(part):
            return True
        if depth < _MAX_LEVELS and isinstance(part, dict | list):
            inner = part.values() if isinstance(part, dict) else part
            left += ((child, depth + 1) for child in inner)
    return False


def _is_private(user: Mapping[str, Any]) -> bool:
    """Return whether only followers see a user's posts."""
    flags = (value for key, value in user.items() if fold(key) in _PRIVATE_USER)
    return any(fold(flag) in _YES for flag in flags)


def reason_for(audience: Any) -> str:
    """Return the reason to leave out a post for an audience; empty if it is public or not given.

    Unlisted posts are public. An unknown audience is not.
    """
    audience = unwrapped(audience)
    if isinstance(audience, dict):  # {"value": "EVERYONE", "description": "Public"}
        inner = folded(audience)
        found = next((inner[key] for key in ("value", "type", "name", "id") if key in inner), None)
        return RESTRICTED if found is None and inner else reason_for(found)
    if isinstance(audience, list):
        is_public = not audience or any(not reason_for(member) for member in audience)
        return "" if is_public else RESTRICTED
    if is_nothing(audience) or isinstance(audience, float):
        return ""
    if isinstance(audience, bool):
        return "" if audience else RESTRICTED
    word = fold(str(audience).rpartition("#")[2])  # ...activitystreams#Public
    if word in _OPEN:
        return ""
    if word in _TO_FOLLOWERS:
        return FOLLOWERS
    return DIRECT if word in _TO_SOME else RESTRICTED
