"""Profiles on Bluesky: whether an account can post and says that it is a bot, and having it say so.

The profile is a record in the account's repository. Its label `bot`, which the account puts there
itself, is what Bluesky's apps show as a badge.
"""

from __future__ import annotations

from typing import Any

from popinjay.bots.networks.bluesky_record import self_labels
from popinjay.bots.networks.bluesky_session import Session
from popinjay.bots.networks.network import Profile
from popinjay.errors import NetworkError, PostingError
from popinjay.sources.bluesky.identity import error_in
from popinjay.sources.json_values import as_list, as_object, as_text
from popinjay.text.graphemes import graphemes

COLLECTION, KEY = "app.bsky.actor.profile", "self"
BOT = "bot"
MAX_DESCRIPTION = 256  # characters
_TRIES = 3  # if somebody changes the profile meanwhile
_TROUBLE = {
    "takendown": "has been taken down by the moderators of",
    "suspended": "has been suspended by the moderators of",
    "deactivated": "has been deactivated on",
    "desynchronized": "is out of step with the network on",
    "throttled": "is slowed down by",
}


def profile(session: Session) -> Profile:
    """Return what the server says about the account now."""
    found = session.value(session.get("com.atproto.server.getSession", {}))
    record, _ = _read(session)
    trouble = ""
    if found.get("active") is False:
        what = _TROUBLE.get(as_text(found.get("status")), "is not active on")
        trouble = f"{session.account.handle} {what} {session.host}."
    return Profile(
        handle=as_text(found.get("handle")) or session.account.handle,
        name=as_text(record.get("displayName")),
        description=as_text(record.get("description")),
        is_bot=BOT in _labels(record),
        trouble=trouble,
    )


def mark_as_bot(session: Session, statement: str) -> None:
    """Mark the account as a bot, and add a statement to its description; all else stays.

    Raises PostingError if the description has no room for it.
    """
    for _ in range(_TRIES):
        record, cid = _read(session)
        changed = _marked(record, statement, session.account.handle)
        if changed == record:
            return
        response = session.post(
            "com.atproto.repo.putRecord",
            {
                "repo": session.did(),
                "collection": COLLECTION,
                "rkey": KEY,
                "record": changed,
                "swapRecord": cid,
            },
        )
        if response.status == 400 and error_in(response)[0] == "InvalidSwap":
            continue
        session.value(response)
        return
    raise NetworkError(
        f"The profile of {session.account.handle} changes all the time.", "Try again later."
    )


def _read(session: Session) -> tuple[dict[str, Any], str | None]:
    """Return the profile's record and its version; an account without one has an empty one."""
    query = {"repo": session.did(), "collection": COLLECTION, "rkey": KEY}
    response = session.get("com.atproto.repo.getRecord", query)
    if response.status == 400:
        return {}, None
    found = session.value(response)
    return as_object(found.get("value")), as_text(found.get("cid")) or None


def _labels(record: dict[str, Any]) -> list[str]:
    values = as_list(as_object(record.get("labels")).get("values"))
    return [as_text(value.get("val")) for value in map(as_object, values)]


def _marked(record: dict[str, Any], statement: str, handle: str) -> dict[str, Any]:
    """Return a profile with the label and the statement."""
    changed = {"$type": COLLECTION, **record}
    labels = _labels(record)
    if BOT not in labels:
        changed["labels"] = self_labels([*labels, BOT])
    description = as_text(record.get("description"))
    if statement and statement not in description:
        description = f"{description.rstrip()}\n\n{statement}".lstrip()
        if (over := graphemes(description) - MAX_DESCRIPTION) > 0:
            raise PostingError(
                f"The description of {handle} is {over} characters too long with this statement.",
                f"Shorten it in Bluesky's app first. The statement: {statement}",
            )
        changed["description"] = description
    return changed
