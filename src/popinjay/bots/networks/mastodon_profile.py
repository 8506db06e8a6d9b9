"""What a Mastodon server says about an account, and the statement that a bot adds to it."""

from __future__ import annotations

from typing import Any

from popinjay.bots.networks.network import Profile
from popinjay.sources.json_values import as_line, as_list, as_object, as_text
from popinjay.text.html_text import to_text


def profile_of(account: dict[str, Any], handle: str, server: str) -> Profile:
    """Return the profile of an account as its server shows it to itself."""
    fields = {
        as_line(field.get("name")): to_text(as_text(field.get("value"))).strip()
        for field in map(as_object, as_list(account.get("fields")))
    }
    return Profile(
        handle=handle,
        name=as_line(account.get("display_name")),
        description=to_text(as_text(account.get("note"))).strip(),
        is_bot=account.get("bot") is True,
        fields=fields,
        trouble=_trouble(account, handle, server),
    )


def note_with(account: dict[str, Any], statement: str) -> str:
    """Return the profile's text with a statement at its end; empty if it is in there already."""
    source = as_object(account.get("source"))
    note = source.get("note")
    if not isinstance(note, str):
        note = to_text(as_text(account.get("note")))
    if not statement or statement in note:
        return ""
    return f"{note.rstrip()}\n\n{statement}".lstrip()


def _trouble(account: dict[str, Any], handle: str, server: str) -> str:
    """Return why an account can't or should not post, as a sentence; empty if it can."""
    if account.get("suspended") is True:
        return f"{server} has suspended {handle}."
    if moved := as_object(account.get("moved")):
        return f"{handle} has moved to {as_line(moved.get('url')) or 'another account'}."
    if account.get("limited") is True:
        return f"The moderators of {server} have limited {handle}."
    if account.get("memorial") is True:
        return f"{server} shows {handle} as a memorial."
    return ""
