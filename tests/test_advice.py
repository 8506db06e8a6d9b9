"""Tests of what is said to help after a persona was made."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from popinjay.advice import advice_on
from popinjay.events import StopReason
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.measure import PERSONA, Measure
from popinjay.models import bases
from popinjay.report.schema import PostCounts, Report
from popinjay.store.record import Asked, EntryState, Record, StageEntry
from popinjay.store.run import Run


def persona(folder: Path, *, base: str, stopped: str, characters: int, **options: Any) -> Run:
    """Return a persona of which only the record is there."""

    def done(facts: dict[str, Any], options: dict[str, Any]) -> StageEntry:
        return StageEntry(
            EntryState.DONE,
            version=1,
            finished=datetime(2026, 1, 1, tzinfo=UTC),
            makes={},
            facts=facts,
            options=options,
        )

    run = Run(folder)
    run.record = Record(asked=Asked(("ada.txt",), ("ada",))).updated(
        stages={
            "clean": done(
                {"authors": [{"used": 500, "characters": characters}], "languages": {"en": 1.0}}, {}
            ),
            "train": done({"base": base, "stopped": stopped}, options),
        }
    )
    return run


def report(auc: float) -> Report:
    """Return a report of a persona that a program tells with this AUC."""
    told = Measure.single({PERSONA: Estimate(auc, auc - 0.05, auc + 0.05)})
    return Report(posts=PostCounts(held_out=60, samples=1000), measures={"told_apart": told})


def test_nothing_is_said_if_all_is_well(tmp_path: Path) -> None:
    run = persona(tmp_path, base="builtin", stopped=StopReason.NO_IMPROVEMENT, characters=80_000)
    assert advice_on(run, report(0.6)) == []


def test_more_time_is_suggested_if_it_ran_out(tmp_path: Path) -> None:
    run = persona(
        tmp_path, base="builtin", stopped=StopReason.TIME_WAS_UP, characters=80_000, budget="1m"
    )
    (one,) = advice_on(run, report(0.6))
    assert "time was up" in one.text
    budget = one.options["budget"]
    assert budget.endswith("m")
    assert int(budget[:-1]) >= 3


def test_another_base_and_more_posts_are_suggested_if_it_is_easily_told(tmp_path: Path) -> None:
    run = persona(tmp_path, base="builtin", stopped=StopReason.NO_IMPROVEMENT, characters=20_000)
    base, posts = advice_on(run, report(0.95))
    assert base.options == {"base": bases.ENGLISH}
    assert "500 posts" in posts.text
    assert not posts.options


@pytest.mark.parametrize("base", ["smollm2", "gpt2"])
def test_no_base_is_suggested_to_one_made_of_a_better_one(tmp_path: Path, base: str) -> None:
    run = persona(tmp_path, base=base, stopped=StopReason.NO_IMPROVEMENT, characters=80_000)
    assert advice_on(run, report(0.95)) == []
