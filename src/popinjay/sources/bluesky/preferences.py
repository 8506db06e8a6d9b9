"""What authors on Bluesky declare about AI and their posts, and what of it is a no to popinjay.

Whoever makes a persona trains a model on somebody's posts and lets it write new ones. So of what the two kinds of records name, a no
to one of these counts, unless it comes from the one who asks:

    community.lexicon.preference.ai   training: "training, fine-tuning, distillation, or RLHF of ML models"
                                      syntheticContent: "to generate synthetic content or interactions derived from user data"
    org.user-intents.declaration      syntheticContentGeneration: "input to machine learning models which could be used to generate
                                      synthetic content", whoever makes them and whatever for

All else that they name (inference, embedding, bulkDataset, publicAccessArchive, protocolBridging) popinjay does not do; it is told to
people, as a yes is. What is not declared is neither. The first kind has scopes: what is said of the collection with the posts goes
before what is said of everything, purpose by purpose, so that a yes to learning from posts outweighs a no to all. A no whose scope
can't be read is one to everything, a yes without one is none. What is said to a named company or service is not said to popinjay,
which is nobody's service. Where records of one scope disagree, and where the two kinds do, the no holds.

Last, an author can ask by the label `!no-unauthenticated` of the profile that posts are shown to nobody who is not signed in. Popinjay
never is, so that is a no too, also where the posts come from a file.
"""

from __future__ import annotations

import re
from typing import Any

from popinjay.sources.bluesky.records import POST
from popinjay.sources.files.container import as_object

PREFERENCES = ("community.lexicon.preference.ai", "org.user-intents.declaration")  # collections
SIGNED_IN, BOT = "!no-unauthenticated", "bot"  # labels

_COUNT = {
    "training": "training models on these posts",
    "syntheticContent": "synthetic content made from these posts",
    "syntheticContentGeneration": "models that generate synthetic content from these posts",
}
_EARLIER = "org.user-intents."  # stood before the purposes in a first draft
_PURPOSE = re.compile(r"[A-Za-z][\w.-]{0,79}", re.ASCII)
_MAX_TOLD = 5  # records
_MAX_NAMED = 10  # purposes of one record


class Preferences:
    """What the records of one author say, taken in one after another. `notes` tells it to people."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._of_all: dict[str, list[str]] = {}  # by purpose: the records that say no
        self._of_posts: dict[str, list[str]] = {}  # as above, also where there is but a yes

    def add(self, name: str, record: Any) -> None:
        """Take in a record of one of the two kinds. `name` is its collection and key."""
        record = as_object(record)
        said, scope = _said(record), as_object(record.get("scope"))
        if len(self.notes) < _MAX_TOLD:
            self.notes.append(_told(name, said))
        kind = str(scope.get("$type")).rpartition("#")[2]
        if kind == "entityScope" or (kind == "collectionScope" and scope.get("collection") != POST):
            return
        answers = self._of_posts if kind == "collectionScope" else self._of_all
        for purpose in said.keys() & _COUNT.keys():
            against = answers.setdefault(purpose, [])
            if not said[purpose] and len(against) < _MAX_TOLD:
                against.append(name)

    def refusal(self, handle: str, labels: set[str]) -> str:
        """What of it is a no, as sentences, empty where nothing is. `labels` are those of the profile."""
        answers = self._of_all | self._of_posts
        refused = [purpose for purpose in _COUNT if answers.get(purpose)]
        said = []
        if refused:
            records = dict.fromkeys(name for purpose in refused for name in answers[purpose])
            said.append(
                f"{handle} says no to {' and to '.join(_COUNT[purpose] for purpose in refused)} ({', '.join(records)})."
            )
        if SIGNED_IN in labels:
            said.append(
                f"{handle} asks that these posts are shown only to those who are signed in (the profile's label {SIGNED_IN})."
            )
        return " ".join(said)


def labels_of(profile: Any) -> set[str]:
    """The labels that an author has put into the profile (`app.bsky.actor.profile`)."""
    values = as_object(as_object(profile).get("labels")).get("values")
    found = [as_object(value).get("val") for value in (values if isinstance(values, list) else [])]
    return {value for value in found if isinstance(value, str)}


def label_notes(labels: set[str]) -> list[str]:
    """What the labels of a profile say, as sentences for people."""
    notes = {
        BOT: "The profile says that this account is a bot.",
        SIGNED_IN: f"The profile asks that posts are shown only to those who are signed in ({SIGNED_IN}). That holds for everybody but the author.",
    }
    return [note for label, note in notes.items() if label in labels]


def _said(record: dict[str, Any]) -> dict[str, bool]:
    """Yes or no by purpose, of all that a record says either to."""
    purposes = as_object(record.get("preferences")) or record
    said = {
        purpose.removeprefix(_EARLIER): as_object(value).get("allow")
        for purpose, value in purposes.items()
        if _PURPOSE.fullmatch(purpose)
    }
    return {purpose: allow for purpose, allow in said.items() if isinstance(allow, bool)}


def _told(name: str, said: dict[str, bool]) -> str:
    """What a record declares, as a sentence."""
    if not said:
        return f"The author's record {name} about AI says neither yes nor no to anything."
    refused, allowed = (
        [purpose for purpose, allow in said.items() if allow is wanted] for wanted in (False, True)
    )
    both = [
        f"{word} {', '.join(found[:_MAX_NAMED])}"
        for word, found in (("no to", refused), ("yes to", allowed))
        if found
    ]
    return f"The author's record {name} about AI says {' and '.join(both)}.{' The no holds for everybody but the author.' if refused else ''}"
