"""The plot of how temperature and top-p were chosen (see `calibration.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.models.sampling_defaults import PLAIN
from popinjay.report.charts import Figure, Side, tick
from popinjay.report.svg import Line, Mark, Panel, panels

PANELS = (
    ("distance", "Distance from the author: the sum of four gaps"),
    ("told_apart", "Told apart by a classifier"),
    ("distinct_2", "Different word pairs"),
)
HEAD = ("temperature", "top-p", "distance", "told apart", "word pairs", "new words", "copied")
COLUMNS = ("distance", "told_apart", "distinct_2", "new_words", "copied")


def settings(sides: Sequence[Side]) -> Figure | None:
    """Draw what was tried for the first persona; None if nothing was."""
    sampling = sides[0].report.get("sampling") or {}
    trials: Sequence[Mapping[str, float]] = sampling.get("trials") or ()
    curve = [trial for trial in trials if trial["top_p"] == PLAIN.top_p]
    if len(curve) < 2:
        return None
    title = "How daring it is by default"
    about = _about(sampling)
    stack = [_panel(curve, key, words) for key, words in PANELS]
    low, high = curve[0]["temperature"], curve[-1]["temperature"]
    chosen = Mark(sampling["temperature"], "chosen", "persona first")
    svg = panels("settings", title, about, stack, (low, high), [chosen], "temperature", digits=1)
    return Figure("settings", title, about, svg, HEAD, [_row(trial) for trial in trials])


def _panel(curve: Sequence[Mapping[str, float]], key: str, words: str) -> Panel:
    points = [(trial["temperature"], trial[key]) for trial in curve]
    form = (lambda value: f"{value:.2f}") if key == "distance" else tick
    return Panel(words, [Line("persona first", points)], 70, form, has_dots=True)


def _row(trial: Mapping[str, float]) -> list[str]:
    settings = [f"{trial['temperature']:g}", f"{trial['top_p']:g}"]
    return [*settings, *(f"{trial[name]:.3f}" for name in COLUMNS)]


def _about(sampling: Mapping[str, Any]) -> str:
    own = sampling.get("author") or {}
    words = (
        f"Chosen: temperature {sampling['temperature']:g} with top-p {sampling['top_p']:g}, of "
        f"{len(sampling['trials'])} settings the nearest to the author's posts that copies no more "
        "than the author does."
    )
    if "distinct_2" in own:
        words += f" The author: {tick(own['distinct_2'])} different word pairs"
        words += f", {tick(own['new_words'])} new words."
    return words
