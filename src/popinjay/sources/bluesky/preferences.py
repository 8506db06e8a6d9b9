"""Authors' declarations about AI on Bluesky, and which of them refuse what popinjay does.

Making a persona trains a model on an author's posts and generates new ones. Of the purposes that
the two kinds of records name, a refusal of one of these counts, unless the user is the author:

    community.lexicon.preference.ai
        training: "training, fine-tuning, distillation, or RLHF of ML models"
        syntheticContent: "to generate synthetic content or interactions derived from user data"
    org.user-intents.declaration
        syntheticContentGeneration: "input to machine learning models which could be used to
        generate synthetic content", regardless of who makes them and why

Popinjay does none of the other purposes (inference, embedding, bulkDataset, publicAccessArchive,
protocolBridging); they are only reported, as is consent. Without a declaration there is neither
consent nor refusal. The first kind has scopes: a declaration for the posts' collection takes
precedence over one for everything, purpose by purpose, so consent to training on posts outweighs a
general refusal. A refusal with an unreadable scope applies to everything; consent without a scope
has no effect. Declarations to a named company or service do not concern popinjay, which is no
service. If records of one scope or of the two kinds disagree, the refusal wins.

Finally, the profile label `!no-unauthenticated` asks not to show posts to anyone who is not signed
in. Popinjay never is, so it counts as a refusal, even if the posts come from a file.
"""

from __future__ import annotations

import re
from typing import Any

from popinjay.sources.bluesky.records import POST
from popinjay.sources.json_values import as_list, as_object

PREFERENCES = ("community.lexicon.preference.ai", "org.user-intents.declaration")  # collections
SIGNED_IN = "!no-unauthenticated"  # a label
BOT = "bot"  # a label

_RELEVANT = {  # purposes whose refusal counts, as messages name them
    "training": "training models on these posts",
    "syntheticContent": "synthetic content made from these posts",
    "syntheticContentGeneration": "models that generate synthetic content from these posts",
}
_DRAFT_PREFIX = "org.user-intents."  # of purposes in a first draft of the declaration
_PURPOSE = re.compile(r"[A-Za-z][\w.-]{0,79}", re.ASCII)
_MAX_RECORDS = 5  # named in notes and refusals
_MAX_PURPOSES = 10  # named of one record


class Preferences:
    """The declarations of one author, added record by record; `notes` describes them."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        # purpose -> records that refuse it; an empty list if there is only consent
        self._for_everything: dict[str, list[str]] = {}
        self._for_posts: dict[str, list[str]] = {}

    def add(self, name: str, record: Any) -> None:
        """Add a record of one of the two kinds; `name` is its collection and key."""
        record = as_object(record)
        declared = _declared(record)
        scope = as_object(record.get("scope"))
        if len(self.notes) < _MAX_RECORDS:
            self.notes.append(_note(name, declared))
        kind = str(scope.get("$type")).rpartition("#")[2]
        if kind == "entityScope" or (kind == "collectionScope" and scope.get("collection") != POST):
            return
        refusals = self._for_posts if kind == "collectionScope" else self._for_everything
        for purpose in declared.keys() & _RELEVANT.keys():
            records = refusals.setdefault(purpose, [])
            if not declared[purpose] and len(records) < _MAX_RECORDS:
                records.append(name)

    def refusal(self, handle: str, labels: set[str]) -> str:
        """Return what the author refuses, as sentences; empty if nothing.

        `labels` are those of the profile.
        """
        refusals = self._for_everything | self._for_posts
        refused = [purpose for purpose in _RELEVANT if refusals.get(purpose)]
        sentences = []
        if refused:
            records = dict.fromkeys(name for purpose in refused for name in refusals[purpose])
            purposes = " and to ".join(_RELEVANT[purpose] for purpose in refused)
            sentences.append(f"{handle} says no to {purposes} ({', '.join(records)}).")
        if SIGNED_IN in labels:
            sentences.append(
                f"{handle} asks that these posts be shown only to users who are signed in "
                f"(the profile's label {SIGNED_IN})."
            )
        return " ".join(sentences)


def labels_of(profile: Any) -> set[str]:
    """Return the labels that an author has set in the profile (`app.bsky.actor.profile`)."""
    values = as_object(as_object(profile).get("labels")).get("values")
    found = [as_object(value).get("val") for value in as_list(values)]
    return {value for value in found if isinstance(value, str)}


def label_notes(labels: set[str]) -> list[str]:
    """Describe the labels of a profile."""
    notes = {
        BOT: "The profile says that this account is a bot.",
        SIGNED_IN: "The profile asks that posts be shown only to users who are signed in "
        f"({SIGNED_IN}). That applies to everyone but the author.",
    }
    return [note for label, note in notes.items() if label in labels]


def _declared(record: dict[str, Any]) -> dict[str, bool]:
    """Return the purposes that a record declares, with whether they are allowed."""
    purposes = as_object(record.get("preferences")) or record
    declared = {
        purpose.removeprefix(_DRAFT_PREFIX): as_object(value).get("allow")
        for purpose, value in purposes.items()
        if _PURPOSE.fullmatch(purpose)
    }
    return {purpose: allow for purpose, allow in declared.items() if isinstance(allow, bool)}


def _note(name: str, declared: dict[str, bool]) -> str:
    """Describe what a record declares."""
    if not declared:
        return f"The author's record {name} about AI says neither yes nor no to anything."
    refused = [purpose for purpose, allow in declared.items() if not allow]
    allowed = [purpose for purpose, allow in declared.items() if allow]
    parts = [
        f"{answer} {', '.join(purposes[:_MAX_PURPOSES])}"
        for answer, purposes in (("no to", refused), ("yes to", allowed))
        if purposes
    ]
    note = f"The author's record {name} about AI says {' and '.join(parts)}."
    return f"{note} The refusal applies to everyone but the author." if refused else note
