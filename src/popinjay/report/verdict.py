"""The report in words. The thresholds are set down in docs/decisions/18-report.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.metrics.attribution import LEAST_OTHERS
from popinjay.metrics.intervals import Estimate

LEAST = 20  # posts a side: with fewer of them a classifier, and whoever looks at single posts, says what chance says
FEW = 100  # held-out posts; with fewer of them every comparison is rough
TOLD_APART = (
    (0.6, "Hard to tell apart"),
    (0.75, "Sometimes told apart"),
    (0.9, "Often told apart"),
    (1.01, "Easily told apart"),
)  # up to which AUC
EVEN = 0.03  # of AUC: so much nearer to being told apart is as good as no nearer
SAME = (
    0.6  # AUC between an author's newest and older posts up to which time has hardly changed them
)


def verdict(report: Mapping[str, Any]) -> str:
    """One line: how hard it is to tell apart, and how much it copies beside how much the author does; or why that can't be said."""
    if said := _too_few(report.get("posts", {})):
        return f"No verdict can be given: {said}"
    return f"{_apart(report['told_apart'])} {_copies(report['copying'])}"


def can_be_given(report: Mapping[str, Any]) -> bool:
    """Return whether there are enough posts on both sides to compare the persona with its author."""
    return not _too_few(report.get("posts", {}))


def _too_few(posts: Mapping[str, int]) -> str:
    """Return of what there is too little, and what to change; empty for nothing."""
    held_out, samples = posts.get("held_out", LEAST), posts.get("samples", LEAST)
    if held_out < LEAST:
        held = f"only {held_out:,} of the author's posts {'was' if held_out == 1 else 'were'} held out to compare with"
        return f"{held}, and it takes {LEAST}. More posts, or a larger --held-out, give one."
    if samples < LEAST:
        return f"only {samples:,} posts were written to be measured, and it takes {LEAST}: --samples 1000."
    return ""


def _apart(told: Mapping[str, Any]) -> str:
    """Held-out posts are the newest: what the author wrote before is all that a model could learn, so it is the measure of what it could reach."""
    found, halves, older = (_estimate(told[name]) for name in ("persona", "author", "earlier"))
    reachable = max(halves.value, older.value)
    near = (
        "Told apart no better than the author's own older posts"
        if older.value > SAME
        else "Not to be told apart"
    )
    what = (
        near
        if found.value <= reachable + EVEN
        else next(words for most, words in TOLD_APART if found.value < most)
    )
    picks = f"shown one post of each, a classifier picks the machine's {_times(found)} times in 100"
    return f"{what}: {picks}, the author's own older ones {_times(older)} times, and {_times(halves)} on two halves of the same posts."


def _times(auc: Estimate) -> str:
    return f"{auc.value * 100:.0f}"


def _copies(copying: Mapping[str, Any]) -> str:
    found, own = _estimate(copying["persona"]["run"]), _estimate(copying["author"]["run"])
    shares = f"{found.value:.1%} of posts repeat eight words of one it learnt, {own.value:.1%} of the author's own new posts do"
    if not found.value:
        return "Copies nothing: no post repeats eight words of one it learnt."
    if found.value <= own.value:
        return f"Copies less than the author repeats themselves: {shares}."
    if not found.apart_from(own):
        return f"Copies about as much as the author repeats themselves: {shares}."
    return (
        f"Copies more than the author repeats themselves: {shares} (what you are shown never does)."
    )


def notes(report: Mapping[str, Any]) -> list[str]:
    """What a reader should bear in mind."""
    found = []
    if LEAST <= (count := report["posts"]["held_out"]) < FEW:
        found.append(
            f"Only {count:,} of the author's posts were held out to compare with: intervals are wide, and a small difference means nothing."
        )
    told = report["told_apart"]
    reachable = max(told["author"]["value"], told["earlier"]["value"])
    if (
        can_be_given(report)
        and told["persona"]["low"] <= reachable < told["persona"]["value"] - EVEN
    ):
        found.append(
            "That it is told apart more often than the author's own posts may be chance: with more held-out posts the interval would be narrower."
        )
    if (alike := report["taken_for"]["same_language"]) < LEAST_OTHERS:
        found.append(
            f"Only {alike} of the {report['taken_for']['others']} other authors write in this language: being taken for the author is easy here."
        )
    if report["privacy"]["in_training"]:
        found.append(
            "It writes personal data that stood in the posts it learnt. What leaves this machine through popinjay never holds any."
        )
    if "base" not in report["told_apart"]:
        found.append(
            "The base model is not on this machine any more: it could not be measured beside."
        )
    return found


def _estimate(entry: Mapping[str, float]) -> Estimate:
    return Estimate(entry["value"], entry["low"], entry["high"])
