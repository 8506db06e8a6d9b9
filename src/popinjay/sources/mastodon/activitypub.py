"""Convert ActivityPub's activities and notes, as the fediverse's servers export them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from popinjay.post import Kind, Post, printable
from popinjay.sources.json_values import as_object, as_text
from popinjay.sources.mastodon.posts import number_of, post_of, time_of

NEITHER = "neither a post nor a boost"
_PUBLIC = {"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"}
_POSTS = ("Note", "Question")
_QUOTES = ("quote", "quoteUrl", "quoteUri", "_misskey_quote")


def reason_against(
    activity: Mapping[str, Any], note: Mapping[str, Any], me: str, followers: Any = None
) -> str | None:
    """Return the reason to leave out an activity with its note, None if there is none.

    `me` and `followers` are the URLs of the expected actor and of their followers collection.
    """
    kind = activity.get("type")
    if kind not in ("Create", "Announce") or (kind == "Create" and note.get("type") not in _POSTS):
        return NEITHER
    parts = [activity]
    if kind != "Announce":
        parts = [part for part in (activity, note) if "to" in part or "cc" in part]
    audiences = [_audience(part) for part in parts]
    if audiences and all(audience & _PUBLIC for audience in audiences):
        writer = note.get("attributedTo")
        is_foreign = me and isinstance(writer, str) and writer != me and kind == "Create"
        return "somebody else's post" if is_foreign else None
    if kind == "Announce":
        return "boost that is not public"
    recipients = {url for audience in audiences for url in audience}
    to_followers = any(url == followers or url.endswith("/followers") for url in recipients)
    return "followers-only post" if to_followers else "direct message"


def post_in(
    activity: Mapping[str, Any], note: Mapping[str, Any], author: str, mine: Iterable[str]
) -> Post:
    """Convert an activity for which `reason_against` found no reason.

    `mine` are the author's URLs, which identify replies to the author's own posts.
    """
    boost = activity["type"] == "Announce"
    id = number_of(printable(str((activity if boost else note).get("id") or "")))
    kind = Kind.REPOST if boost else _kind(note, mine)
    created_at = time_of(note.get("published")) or time_of(activity.get("published"))
    return post_of(id, author, kind, content_of(note), created_at, _language(note))


def answered_in(note: Mapping[str, Any]) -> str:
    """Return the URL of the post that a note replies to, empty if there is none."""
    answered = note.get("inReplyTo")
    if isinstance(answered, list):
        answered = answered[0] if answered else None
    return str(as_object(answered).get("id") or answered) if answered else ""


def kind_in_own_thread(note: Mapping[str, Any]) -> Kind:
    """Return the kind of a note that does not reply to another author."""
    return Kind.QUOTE if any(note.get(key) for key in _QUOTES) else Kind.POST


def content_of(note: Mapping[str, Any]) -> str:
    """Return a post's HTML; if there are only versions by language, the first one."""
    content = note.get("content")
    if content is None:
        content = next(iter(as_object(note.get("contentMap")).values()), None)
    return as_text(content)


def _kind(note: Mapping[str, Any], mine: Iterable[str]) -> Kind:
    answered = answered_in(note)
    if answered and not any(answered.startswith(f"{url}/") for url in mine if url):
        return Kind.REPLY
    return kind_in_own_thread(note)


def _audience(part: Mapping[str, Any]) -> set[str]:
    """Return the URLs that an object is addressed to."""
    found: set[str] = set()
    for value in (part.get("to"), part.get("cc")):
        listed = value if isinstance(value, list) else [value]
        found.update(url for url in listed if isinstance(url, str))
    return found


def _language(note: Mapping[str, Any]) -> str | None:
    """Return the language whose version is the post's content."""
    content = content_of(note)
    texts = as_object(note.get("contentMap"))
    return next((key for key, value in texts.items() if value == content), None)
