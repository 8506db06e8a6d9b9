"""How near a blend is to each of its authors: whom its posts are taken for, and told apart from.

A persona of one author has one classifier against it. In a blend the question is which author is
heard how much, so each of them is a candidate beside all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from popinjay.metrics.attribution import CandidateAuthors
from popinjay.metrics.measure import AUTHOR, MAX_TEXTS, PERSONA, Label, Measure, Number
from popinjay.metrics.two_sample_test import self_split_auc, two_sample_auc

Posts = Mapping[str, Sequence[str]]  # by author


class EachAuthor(NamedTuple):
    """A measure with a number for each author, and how these are presented."""

    name: str  # its key in `report.json`
    title: str  # a heading
    row: str  # the title of an author's number
    what: str  # a sentence for readers of `report.json`

    def label(self, author: str) -> Label:
        """Return how the number of one author is presented; the terminal shows it first."""
        title = self.row.format(author=author)
        return Label(author, title, on_card=True, plain=title)


TOLD_FROM = EachAuthor(
    "told_from_each",
    "Can a classifier tell it from each author?",
    "told from {author} alone",
    "AUC of a classifier that tells these posts from the held-out ones of one author; 0.5 is "
    "chance. Author: two halves of their own posts",
)
TAKEN_FOR = EachAuthor(
    "taken_for_each",
    "Which author is heard",
    "taken for {author}",
    "share of these posts that a classifier gives to this author, among all authors of the blend "
    "and many others. Author: their own held-out posts",
)
EACH_AUTHOR = {one.name: one for one in (TOLD_FROM, TAKEN_FOR)}


def compare_each(
    written: Sequence[str], training: Posts, held_out: Posts, seed: int
) -> dict[str, Measure]:
    """Compare what a blend wrote with the posts of each of its authors.

    Args:
        written: What it wrote.
        training: The posts that were learnt, by author, without repetitions.
        held_out: The held-out posts, by author.
        seed: Draws texts.
    """
    told: dict[str, dict[str, Number]] = {
        PERSONA: {who: two_sample_auc(own, written, seed) for who, own in held_out.items()},
        AUTHOR: {who: self_split_auc(own, seed) for who, own in held_out.items()},
    }
    package = CandidateAuthors.load(without=list(training))
    shares: dict[str, dict[str, Number]] = {PERSONA: {}, AUTHOR: {}}
    for who, own in held_out.items():
        others = {name: texts for name, texts in training.items() if name != who}
        candidates = package.with_more(others)
        shares[PERSONA][who] = candidates.attributed_share(training[who], written[:MAX_TEXTS])
        shares[AUTHOR][who] = candidates.attributed_share(training[who], own[:MAX_TEXTS])
    return {
        TOLD_FROM.name: Measure(told, what=TOLD_FROM.what).rounded(),
        TAKEN_FOR.name: Measure(shares, {"others": package.others}, TAKEN_FOR.what).rounded(),
    }
