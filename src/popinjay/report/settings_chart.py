"""The plot of how temperature and top-p were chosen (see `sampling.calibration`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from popinjay.models.sampling_defaults import PLAIN
from popinjay.report.charts import Figure, Side, tick
from popinjay.report.schema import SamplingSettings, Trial
from popinjay.report.svg import Line, Mark, Panel, panels

HEAD = ("temperature", "top-p", "distance", "told apart", "word pairs", "new words", "copied")


def settings(sides: Sequence[Side]) -> Figure | None:
    """Draw what was tried for the first persona; None if nothing was."""
    sampling = sides[0].report.sampling
    curve = [trial for trial in sampling.trials if trial.top_p == PLAIN.top_p]
    if len(curve) < 2 or sampling.temperature is None:
        return None
    title = "How daring it is by default"
    about = _about(sampling)
    stack = [
        _panel(
            "Distance from the author: the sum of four gaps",
            [(trial.temperature, trial.distance) for trial in curve],
            "{:.2f}".format,
        ),
        _panel(
            "Told apart by a classifier",
            [(trial.temperature, trial.told_apart) for trial in curve],
            tick,
        ),
        _panel(
            "Different word pairs", [(trial.temperature, trial.distinct_2) for trial in curve], tick
        ),
    ]
    across = (curve[0].temperature, curve[-1].temperature)
    chosen = Mark(sampling.temperature, "chosen", "persona first")
    svg = panels("settings", title, about, stack, across, [chosen], "temperature", digits=1)
    return Figure("settings", title, about, svg, HEAD, [_row(trial) for trial in sampling.trials])


def _panel(
    words: str, points: Sequence[tuple[float, float]], form: Callable[[float], str]
) -> Panel:
    return Panel(words, [Line("persona first", points)], 70, form, has_dots=True)


def _row(trial: Trial) -> list[str]:
    figures = (
        trial.distance,
        trial.told_apart,
        trial.distinct_2,
        trial.new_words,
        trial.copied,
    )
    settings = [f"{trial.temperature:g}", f"{trial.top_p:g}"]
    return [*settings, *(f"{figure:.3f}" for figure in figures)]


def _about(sampling: SamplingSettings) -> str:
    own = sampling.author
    words = (
        f"Chosen: temperature {sampling.temperature:g} with top-p {sampling.top_p:g}, of "
        f"{len(sampling.trials)} settings the nearest to the author's posts that copies no more "
        "than the author does."
    )
    if "distinct_2" in own:
        words += f" The author: {tick(own['distinct_2'])} different word pairs"
        words += f", {tick(own['new_words'])} new words."
    return words
