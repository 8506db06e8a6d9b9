"""Whose words a persona was made of: the answers, and what follows from each.

This table is the only place that lists them. The option `--whose`, the question in the terminal,
the page's form, the card and `publish` all read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Whose:
    """One answer to the question whose words these are."""

    label: str  # as it is offered
    meaning: str  # a sentence or two below the label: what is claimed, and what follows
    statement: str  # what the card says is on record, as a clause
    may_be_public: bool  # whether a model of these words may be published for everyone
    is_living: bool = True  # whether the author may have accounts, and may object
    rights: str = "The posts stay their authors'."  # about the posts, beside the model's licence


WHOSE: Mapping[str, Whose] = {
    "self": Whose(
        "My own",
        "I wrote these posts myself.",
        "the author made this model of their own posts",
        may_be_public=True,
    ),
    "permission": Whose(
        "I have permission",
        "Their author said yes to this.",
        "the author gave permission",
        may_be_public=True,
    ),
    "public-domain": Whose(
        "Public domain",
        "Their author died long ago, and the words belong to everyone.",
        "the author died long ago, and the words are in the public domain",
        may_be_public=True,
        is_living=False,
        rights="The texts that it learnt from are in the public domain.",
    ),
    "public-figure": Whose(
        "A public figure’s",
        "Made without them: such a model can only be published privately.",
        "the posts of a public figure, without their involvement",
        may_be_public=False,
    ),
    "fictional": Whose(
        "Nobody’s",
        "Their author is made up.",
        "the author is fictional",
        may_be_public=True,
        is_living=False,
    ),
}
# What may be published for everyone; all else only privately.
MAY_BE_PUBLIC = tuple(name for name, answer in WHOSE.items() if answer.may_be_public)
# The warning about a folder that holds a model of all else.
KEEP_PRIVATE = (
    "Keep that folder to yourself: it is not on record that these words may be made public."
)
# From what allows most to what allows least, for a model of the words of several.
_BY_STRICTNESS = ("fictional", "public-domain", "self", "permission", "public-figure")


def strictest(answers: Sequence[str | None]) -> str | None:
    """Return the answer that allows least; None, which allows least of all, if one is unknown."""
    known = [answer for answer in answers if answer in _BY_STRICTNESS]
    if len(known) < len(answers):
        return None
    return max(known, key=_BY_STRICTNESS.index, default=None)
