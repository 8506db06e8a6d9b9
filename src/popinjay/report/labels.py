"""What the numbers of a report are called, and how they are written.

One table for the page, the terminal and the card. The rows of the metrics stand beside their
functions in `metrics.suite`; here are those of everything else, and the formats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from popinjay.events import StopReason
from popinjay.metrics.each_author import EACH_AUTHOR
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.measure import (
    AUTHOR,
    BASE,
    MARKOV,
    ONLY,
    PERSONA,
    Format,
    Label,
    Measure,
    Metric,
)
from popinjay.metrics.suite import METRICS
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report.schema import Report

UNKNOWN = "–"  # in place of a number that is not there
SOURCES = {
    PERSONA: "The persona",
    AUTHOR: "The author",
    BASE: "Base model",
    MARKOV: "Markov chain",
}
TOLD_APART_SOURCES = {
    PERSONA: SOURCES[PERSONA],
    AUTHOR: "Two halves of the held-out posts",
    EARLIER: "Held-out posts against learnt ones",
    BASE: SOURCES[BASE],
    MARKOV: SOURCES[MARKOV],
}
BITS_TITLE = "Bits per byte"
BITS = Label(
    "all",
    "Bits per byte (less is better)",
    "how well it predicts posts that it never saw",
    Format.BITS,
)
STOP_REASONS = {
    StopReason.MEMORIZING: "It was stopped because it began to repeat training posts word for "
    "word.",
    StopReason.NO_IMPROVEMENT: "It was stopped because posts that it does not learn from were no "
    "longer getting easier for it.",
    StopReason.ALL_STEPS_DONE: "It ended because all that was planned was learnt.",
    StopReason.TIME_WAS_UP: "It ended because the time given to it was up.",
}
SETTINGS: tuple[tuple[str, Callable[[Report], float | None]], ...] = (
    ("Posts learnt from", lambda report: report.posts.train),
    ("Posts held out, never seen in training", lambda report: report.posts.held_out),
    ("Bytes of held-out posts", lambda report: report.posts.bytes),
    ("Posts written to measure", lambda report: report.posts.samples),
    ("Temperature", lambda report: report.sampling.temperature),
    ("Top-p", lambda report: report.sampling.top_p),
    ("Longest post, in tokens", lambda report: report.sampling.max_tokens),
    ("Seed", lambda report: report.sampling.seed),
)
_METRICS: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def title(name: str) -> str:
    """Return the heading of a metric; its name if this version does not know the metric."""
    metric = _METRICS.get(name) or EACH_AUTHOR.get(name)
    return metric.title if metric else name.replace("_", " ").capitalize()


def titles() -> dict[str, str]:
    """Return the heading of every metric."""
    return {name: title(name) for name in _METRICS}


def rows(name: str, measure: Measure) -> list[Label]:
    """Return the labels of a measure's numbers, then plain ones for numbers that have none."""
    metric = _METRICS.get(name)
    known = metric.labels if metric else ()
    form = known[0].format if known else Format.DECIMAL
    keys = dict.fromkeys(key for numbers in measure.sources.values() for key in numbers)
    labelled = {row.key for row in known}
    if name in EACH_AUTHOR:
        return [EACH_AUTHOR[name].label(key) for key in keys]
    plain = [Label(key, key or title(name), format=form) for key in keys if key not in labelled]
    return [*known, *plain]


def label(name: str, key: str = ONLY) -> Label:
    """Return the label of a number of a metric that this version knows."""
    return next(row for row in _METRICS[name].labels if row.key == key)


def stop_reason(why: str) -> str:
    """Return a sentence about why a training ended."""
    try:
        return STOP_REASONS[StopReason(why)]
    except ValueError:
        return f"It ended because {why}."


# formats


def percent(value: float) -> str:
    """Return a share in percent, with one decimal if it is below 10%."""
    share = 100 * value
    return f"{share:.1f}%" if 0 < abs(share) < 9.95 else f"{share:.0f}%"


def shown(found: Estimate | None, form: Format, *, interval: bool = True) -> str:
    """Return a number in its format, with its interval if it has one."""
    if found is None:
        return UNKNOWN
    write = _WRITTEN[form]
    value = write(found.value)
    if not interval or not found.high > found.low:
        return value
    low, high = (write(end).removesuffix("%") for end in (found.low, found.high))
    return f"{value} ({low}–{high})"


_WRITTEN: Mapping[Format, Callable[[float], str]] = {
    Format.SHARE: percent,
    Format.DECIMAL: "{:.2f}".format,
    Format.BITS: "{:.3f}".format,
    Format.COUNT: "{:,.0f}".format,
}
