"""The report in words. The thresholds are set down in docs/decisions/18-report.md."""

from __future__ import annotations

from popinjay.metrics.attribution import LEAST_OTHERS
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.measure import AUTHOR, BASE, PERSONA, Measure
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report.schema import PostCounts, Report

MIN_POSTS = (
    20  # a side: with fewer, a classifier or a reader of single posts does no better than chance
)
FEW_POSTS = 100  # held-out posts; with fewer of them every comparison is rough
TOLD_APART = (  # up to which AUC
    (0.6, "Hard to tell apart"),
    (0.75, "Sometimes told apart"),
    (0.9, "Often told apart"),
    (1.01, "Easily told apart"),
)
MARGIN = 0.03  # of AUC: a lead no larger than this counts as none
SAME_AUTHOR_AUC = 0.6  # of newest against older posts, up to which an author has hardly changed


def verdict(report: Report) -> str:
    """Return one line: how hard it is to tell apart, and how much it copies compared to the author.

    With too few posts it says why no verdict can be given.
    """
    if said := _too_few(report.posts):
        return f"No verdict can be given: {said}"
    return f"{_apart(report.measure('told_apart'))} {_copies(report.measure('copying'))}"


def can_be_given(report: Report) -> bool:
    """Return whether there are enough posts to compare the persona with its author."""
    return not _too_few(report.posts)


def _too_few(posts: PostCounts) -> str:
    """Return of what there is too little, and what to change; empty for nothing."""
    held_out = MIN_POSTS if posts.held_out is None else posts.held_out
    samples = MIN_POSTS if posts.samples is None else posts.samples
    if held_out < MIN_POSTS:
        verb = "was" if held_out == 1 else "were"
        return (
            f"only {held_out:,} of the author's posts {verb} held out to compare with, and it "
            f"takes {MIN_POSTS}. More posts, or a larger --held-out, give one."
        )
    if samples < MIN_POSTS:
        return (
            f"only {samples:,} posts were written to be measured, and it takes {MIN_POSTS}: "
            "--samples 1000."
        )
    return ""


def _apart(told_apart: Measure) -> str:
    """Return how hard the persona is to tell apart.

    Held-out posts are the newest. What the author wrote before is all that a model could learn, so
    the AUC of the older posts is the best that it could reach.
    """
    found = told_apart.estimate(PERSONA)
    self_split = told_apart.estimate(AUTHOR)
    older = told_apart.estimate(EARLIER)
    if found.value > max(self_split.value, older.value) + MARGIN:
        what = next(words for most, words in TOLD_APART if found.value < most)
    elif older.value > SAME_AUTHOR_AUC:
        what = "Told apart no better than the author's own older posts"
    else:
        what = "Not to be told apart"
    return (
        f"{what}: shown one post of each, a classifier picks the machine's {_times(found)} times "
        f"in 100, the author's own older ones {_times(older)} times, and {_times(self_split)} on "
        "two halves of the same posts."
    )


def _times(auc: Estimate) -> str:
    return f"{auc.value * 100:.0f}"


def _copies(copying: Measure) -> str:
    found = copying.estimate(PERSONA, "run")
    own = copying.estimate(AUTHOR, "run")
    shares = (
        f"{found.value:.1%} of posts repeat eight words of one it learnt, {own.value:.1%} of the "
        "author's own new posts do"
    )
    if not found.value:
        return "Copies nothing: no post repeats eight words of one it learnt."
    if found.value <= own.value:
        return f"Copies less than the author repeats themselves: {shares}."
    if not found.apart_from(own):
        return f"Copies about as much as the author repeats themselves: {shares}."
    return (
        f"Copies more than the author repeats themselves: {shares} (what you are shown never does)."
    )


def notes(report: Report) -> tuple[str, ...]:
    """Return what a reader should bear in mind."""
    told_apart, taken_for = report.measure("told_apart"), report.measure("taken_for")
    count = report.posts.held_out or 0
    found = []
    if MIN_POSTS <= count < FEW_POSTS:
        found.append(
            f"Only {count:,} of the author's posts were held out to compare with: intervals are "
            "wide, and a small difference means nothing."
        )
    if can_be_given(report) and _may_be_chance(told_apart):
        found.append(
            "That it is told apart more often than the author's own posts may be chance: with more "
            "held-out posts the interval would be narrower."
        )
    if (alike := taken_for.counts["same_language"]) < LEAST_OTHERS:
        found.append(
            f"Only {alike} of the {taken_for.counts['others']} other authors write in this "
            "language: being taken for the author is easy here."
        )
    if report.measure("privacy").counts["in_training"]:
        found.append(
            "It writes personal data that stood in the posts it learnt. What leaves this machine "
            "through popinjay never holds any."
        )
    if BASE not in told_apart.sources:
        found.append(
            "The base model is not on this machine any more: it could not be measured beside."
        )
    return tuple(found)


def _may_be_chance(told_apart: Measure) -> bool:
    """Return whether the persona's AUC is higher than the author's, but perhaps by chance."""
    found = told_apart.estimate(PERSONA)
    reachable = max(told_apart.estimate(one).value for one in (AUTHOR, EARLIER))
    return found.low <= reachable < found.value - MARGIN
