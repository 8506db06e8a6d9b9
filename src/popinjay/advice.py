"""What would make a persona better, as far as its training and its report tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from popinjay.events import StopReason
from popinjay.metrics.measure import PERSONA
from popinjay.models import bases
from popinjay.options import EvaluateOptions, TrainOptions, build
from popinjay.report.schema import Report
from popinjay.report.verdict import can_be_given
from popinjay.stages.clean import FEW_CHARACTERS
from popinjay.store.run import Run
from popinjay.text.quantities import plural, roughly, size
from popinjay.training.estimate import MakeEstimate, estimate_make
from popinjay.training.outcome import as_budget
from popinjay.training.phases import Phase

EASILY_TOLD = 0.75  # AUC from which on a program can usually tell the persona by its style
LONGER = 3  # times a budget that was used up, at least, that is suggested next


@dataclass(frozen=True)
class Advice:
    """Something that would help."""

    text: str  # one or two sentences, without commands
    options: Mapping[str, Any] = field(default_factory=dict)  # of `make`; empty if none would help


def advice_on(run: Run, report: Report) -> list[Advice]:
    """Return what would make a persona better, the most useful first; often nothing.

    Nothing is said of what is as good as can be expected: more time is suggested if it ran out, and
    another base model or more posts if the persona is easily told apart.
    """
    if run.record.blend:  # its members can be made better
        return []
    found = [_more_time(run)]
    if _is_easily_told(report):
        found += [_better_base(run), _more_posts(run)]
    return [one for one in found if one is not None]


def _is_easily_told(report: Report) -> bool:
    told = report.measure("told_apart").get(PERSONA)
    return can_be_given(report) and told is not None and told.value >= EASILY_TOLD


def _more_time(run: Run) -> Advice | None:
    """Suggest a longer budget if the training was ended by it."""
    if run.record.trained.stopped != StopReason.TIME_WAS_UP:
        return None
    options = run.record.options("train") or {}
    budget = build(dict(options), TrainOptions)[0].budget_seconds()
    if budget is None:
        return None
    whole = _estimate(run, run.record.trained.base).phases.get(Phase.LEARN, 0.0)
    longer = as_budget(max(LONGER * budget, whole))
    return Advice("Its time was up while it still got better: give it more.", {"budget": longer})


def _better_base(run: Run) -> Advice | None:
    """Suggest a larger base model for English, if the persona was made from the built-in one."""
    shares = run.record.cleaned.languages
    better = bases.preferred(None, shares)
    if run.record.trained.base != bases.BUILT_IN or better.name == bases.BUILT_IN:
        return None
    estimate = _estimate(run, better.name)
    download = f", after a download of {size(estimate.download_bytes)}"
    return Advice(
        f"The built-in base model is small. {better.name} knows the language far better, and takes "
        f"{roughly(estimate.seconds)} here{download if estimate.download_bytes else ''}.",
        {"base": better.name},
    )


def _more_posts(run: Run) -> Advice | None:
    """Suggest more posts if there are few."""
    posts, characters = _amount(run)
    if characters >= FEW_CHARACTERS:
        return None
    return Advice(
        f"It learnt from {plural(posts, 'post')}, which is little: more posts of the same author "
        "would help most."
    )


def _estimate(run: Run, base: str) -> MakeEstimate:
    """Return how long `make` would take with a base model and no limit of time."""
    return estimate_make(bases.row(base), *_amount(run), TrainOptions(), EvaluateOptions())


def _amount(run: Run) -> tuple[int, int]:
    """Return the number of posts that were used, and of their characters."""
    counts = run.record.cleaned.authors
    return sum(one.get("used", 0) for one in counts), sum(
        one.get("characters", 0) for one in counts
    )
