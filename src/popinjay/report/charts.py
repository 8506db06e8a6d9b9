"""What each plot of the page shows: rows of the report put into words, bars and tables. The drawing is in `plots.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from popinjay.metrics.intervals import Estimate
from popinjay.report.svg import Bar, Line, Mark, Panel, Scale, bars, panels

SOURCES = {
    "persona": "The persona",
    "author": "The author",
    "base": "Base model",
    "markov": "Markov chain",
}
APART = {
    **SOURCES,
    "author": "The author against themselves",
    "earlier": "Newest posts against older",
}
APART_ORDER = ("persona", "author", "earlier", "base", "markov")
COPYING = {
    "exact": ("A whole post, word for word", "share of texts that are a training post"),
    "run": (
        "8 words in a row",
        "share of texts with 8 or more words in a row that stand in a training post",
    ),
    "near": ("Nearly the same post", "share of texts that say nearly the same as a training post"),
    "longest": (
        "Longest common run",
        "how much of a text its longest run of words shared with training takes up, on average",
    ),
}
HABITS = {
    "length": "Length of posts",
    "punctuation": "Punctuation",
    "capitals": "Capital letters",
    "emoji": "Emoji",
    "hashtags": "Hashtags",
    "mentions": "Mentions of others",
}
KINDS = (
    "persona first",
    "persona second",
)  # classes of what the one or two reports' personas are drawn as
STEP = 10  # characters that counts of lengths are kept in
MOST_BARS = 24
SMOOTHED = 120  # points that are left of a training's losses
NAME = 22  # characters of a name beside a bar


Measured = Callable[
    [Mapping[str, Any]], Mapping[str, Any] | None
]  # from a report to one number of each source


@dataclass(frozen=True)
class Side:
    """One report of the one or two that the page shows."""

    name: str
    report: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]] = ()
    written: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """A plot, the table of its numbers, and its words."""

    key: str
    title: str
    about: str
    svg: Markup
    head: Sequence[str]
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)
    legend: Sequence[tuple[str, str]] = ()  # class and words, where lines need them


def of(sides: Sequence[Side], real_lengths: Mapping[int, int] | None) -> dict[str, Any]:
    """All plots, as the page's template names them."""
    return {
        "told_apart": told_apart(sides),
        "taken_for": taken_for(sides),
        "copying": copying(sides),
        "training": training(sides),
        "lengths": lengths(sides, real_lengths),
        "habits": habits(sides),
    }


def estimate(found: Any) -> Estimate | None:
    """A number of a report, with its interval where it has one; None where it could not be had."""
    if isinstance(found, Mapping) and {"value", "low", "high"} <= set(found):
        return Estimate(float(found["value"]), float(found["low"]), float(found["high"]))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return Estimate(float(found), float(found), float(found))
    return None


def percent(value: float) -> str:
    """A share in percent, with one decimal where there is less than one in ten."""
    share = 100 * value
    return f"{share:.1f}%" if 0 < abs(share) < 9.95 else f"{share:.0f}%"


def tick(value: float) -> str:
    """A round share in percent, as an axis says it."""
    return f"{round(100 * value, 6):g}%"


def in_percent(found: Estimate) -> str:
    """A share with its interval, for people."""
    if found.low == found.high:
        return percent(found.value)
    return f"{percent(found.value)} ({percent(found.low)[:-1]}–{percent(found.high)[:-1]})"


def in_hundredths(found: Estimate) -> str:
    """A distance with its interval."""
    return f"{found.value:.2f}" + (
        f" ({found.low:.2f}–{found.high:.2f})" if found.high > found.low else ""
    )


def told_apart(sides: Sequence[Side]) -> Figure | None:
    """How often a classifier tells each source from the author's held-out posts."""
    found = _bars(sides, _whole("told_apart"), APART, APART_ORDER)
    low = min([0.4, *(bar.estimate.low for bar in found)])
    scale = Scale(low, 1.0, tick, start=0.5, mark=0.5, mark_words="50%: a coin toss")
    about = (
        "How often a classifier picks the real post of a pair, in percent. A coin is right in 50."
    )
    return _figure("told-apart", "How often a classifier is right", about, found, scale)


def taken_for(sides: Sequence[Side]) -> Figure | None:
    """How often each source is taken for the author among others."""
    found = _bars(sides, _whole("taken_for"), SOURCES, SOURCES)
    others = (sides[0].report.get("taken_for") or {}).get("others")
    guess = 1 / (others + 1) if others else None
    scale = Scale(
        0.0, 1.0, tick, mark=guess, mark_words=f"{percent(guess)}: guessing" if guess else ""
    )
    about = f"Share of texts for which a classifier names the author, among {(others or 0) + 1} authors."
    return _figure("taken-for", "How often it is taken for the author", about, found, scale)


def copying(sides: Sequence[Side]) -> list[Figure]:
    """How much each source repeats of the training posts, in four ways."""
    made = []
    for key, (title, about) in COPYING.items():
        found = _bars(sides, _inner("copying", key), SOURCES, SOURCES)
        top = max([0.01, *(bar.estimate.high for bar in found)])
        made.append(
            _figure(f"copying-{key}", title, about, found, Scale(0.0, min(1.0, top * 1.05), tick))
        )
    return [figure for figure in made if figure]


def habits(sides: Sequence[Side]) -> list[Figure]:
    """How far each source's habits are from the author's, on one scale for all of them."""
    found = {key: _bars(sides, _inner("habits", key), SOURCES, SOURCES) for key in HABITS}
    top = max([0.05, *(bar.estimate.high for rows in found.values() for bar in rows)])
    scale = Scale(0.0, min(1.0, top * 1.05), lambda value: f"{value:.2g}")
    made = [
        _figure(
            f"habits-{key}",
            HABITS[key],
            "0: just as the author does it; 1: nothing in common",
            rows,
            scale,
            in_hundredths,
        )
        for key, rows in found.items()
    ]
    return [figure for figure in made if figure]


def _whole(measure: str) -> Measured:
    """The one number of each source that a measure has."""
    return lambda report: report.get(measure)


def _inner(measure: str, key: str) -> Measured:
    """One number of each source, of a measure that has several."""
    return lambda report: {
        source: own[key]
        for source, own in (report.get(measure) or {}).items()
        if isinstance(own, Mapping) and key in own
    }


def _bars(
    sides: Sequence[Side], measure: Measured, labels: Mapping[str, str], order: Iterable[str]
) -> list[Bar]:
    """A bar for each source that was measured, the two reports' side by side."""
    found = []
    for source in order:
        is_said = False
        for side, place in zip(sides, ("first", "second"), strict=False):
            known = estimate((measure(side.report) or {}).get(source))
            if known:
                found.append(
                    Bar(
                        labels[source],
                        f"{source} {place}",
                        known,
                        side.name if len(sides) > 1 else "",
                        is_bare=is_said,
                    )
                )
                is_said = True
    return found


def _figure(
    key: str,
    title: str,
    about: str,
    found: Sequence[Bar],
    scale: Scale,
    say: Callable[[Estimate], str] = in_percent,
) -> Figure | None:
    if not found:
        return None
    rows = [
        [bar.label + (f" · {short(bar.owner)}" if bar.owner else ""), *_cells(bar.estimate)]
        for bar in found
    ]
    owners = {bar.kind.split()[-1]: bar.owner for bar in found if bar.owner}
    legend = [(f"round persona {number}", owner) for number, owner in owners.items()]
    return Figure(
        key,
        title,
        about,
        bars(key, title, about, found, scale, say),
        ("", "measured", "at least", "at most"),
        rows,
        legend,
    )


def _cells(found: Estimate) -> list[str]:
    """A number and its interval as a table shows them; the interval's cells are blank where there is none."""
    ends = (
        [f"{end:.4f}" for end in (found.low, found.high)] if found.high > found.low else ["–", "–"]
    )
    return [f"{found.value:.4f}", *ends]


def short(name: str) -> str:
    """A name short enough to stand beside a bar, in Unicode's isolating marks so that its neighbours stay in their order."""
    return f"\u2068{name if len(name) <= NAME else name[: NAME - 1] + '…'}\u2069"


# training


def training(sides: Sequence[Side]) -> Figure | None:
    """What a training came to: validation, loss and copying along its steps, and the step that was kept."""
    looks = [_points(side, "validation_bits_per_byte") for side in sides]
    if not any(len(points) > 1 for points in looks):
        return None
    stack = [
        Panel(
            "Bits per byte on validation posts",
            _lines(looks),
            150,
            lambda value: f"{value:.2f}",
            has_dots=max(map(len, looks)) <= 60,
        )
    ]
    losses = [smoothed(_points(side, "loss")) for side in sides]
    if any(losses):
        thin = [Line(f"{line.kind} thin", line.points) for line in _lines(losses)]
        stack.append(
            Panel(
                "Loss on training posts (nats a token, smoothed)",
                thin,
                80,
                lambda value: f"{value:.2g}",
            )
        )
    copied = [_points(side, "copied") for side in sides]
    if any(copied):
        stack.append(
            Panel(
                "Share copied: a whole post or 8 words",
                _lines(copied),
                60,
                tick,
                has_dots=True,
                from_zero=True,
            )
        )
    last = max(x for panel in stack for line in panel.lines for x, _ in line.points)
    svg = panels(
        "training",
        "The course of training",
        _course(sides),
        stack,
        (0.0, last),
        _stops(sides),
        "steps",
    )
    rows = [
        _look(side, row)
        for side in sides
        for row in side.metrics
        if row.get("validation_bits_per_byte") is not None
    ]
    legend = (
        [(kind, side.name) for kind, side in zip(KINDS, sides, strict=False)]
        if len(sides) > 1
        else []
    )
    return Figure(
        "training",
        "The course of training",
        _course(sides),
        svg,
        ("", "step", "bits per byte, validation", "share copied"),
        rows,
        legend,
    )


def _look(side: Side, row: Mapping[str, Any]) -> list[str]:
    """A row of the table: what was seen at one step."""
    copied = row.get("copied")
    return [
        short(side.name),
        f"{row['step']:,}",
        f"{row['validation_bits_per_byte']:.4f}",
        "–" if copied is None else f"{copied:.4f}",
    ]


def smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of neighbours, so that some hundred points are left."""
    width = max(1, -(-len(points) // SMOOTHED))
    chunks = [points[start : start + width] for start in range(0, len(points), width)]
    return [
        (sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk))
        for chunk in chunks
    ]


def _points(side: Side, key: str) -> list[tuple[float, float]]:
    return [
        (float(row["step"]), float(row[key])) for row in side.metrics if row.get(key) is not None
    ]


def _lines(series: Sequence[Sequence[tuple[float, float]]]) -> list[Line]:
    return [Line(kind, points) for kind, points in zip(KINDS, series, strict=False) if points]


def _stops(sides: Sequence[Side]) -> list[Mark]:
    known = [
        (kind, side, side.report.get("training") or {})
        for kind, side in zip(KINDS, sides, strict=False)
    ]
    owned = "" if len(sides) == 1 else " of {}"
    return [
        Mark(
            float(t["best_step"]),
            f"step {t['best_step']:,}{owned.format(short(s.name))} is kept",
            kind,
        )
        for kind, s, t in known
        if "best_step" in t
    ]


def _course(sides: Sequence[Side]) -> str:
    told = [side.report.get("training") or {} for side in sides]
    return " ".join(
        f"{t['steps']:,} steps, of which step {t['best_step']:,} is kept. Training ended because {t['why']}."
        for t in told
        if t
    )


# lengths


def length_counts(texts: Iterable[str]) -> Counter[int]:
    """How many texts are how long: by their characters, in steps of ten. Counts only, so they may be shared where the texts may not."""
    return Counter(len(text) // STEP * STEP for text in texts)


def lengths(sides: Sequence[Side], real: Mapping[int, int] | None) -> Figure | None:
    """How long posts are: the author's filled, the persona's as a line."""
    written = [length_counts(side.written) for side in sides]
    if not any(written):
        return None
    known = {int(length): count for length, count in (real or {}).items()}
    width, starts = _bins([*written, known])
    shares = [_shares(counts, starts, width) for counts in (*written, known)]
    lines = [
        Line(kind, _stairs(starts, width, own))
        for kind, own, side in zip(KINDS, shares, sides, strict=False)
        if side.written
    ]
    areas = [Line("author", _stairs(starts, width, shares[-1]))] if known else []
    panel = Panel("Share of posts", lines, 160, tick, from_zero=True, areas=areas)
    about = f"Share of posts by their length, in bars of {width} characters; the last holds all that are longer."
    svg = panels(
        "lengths",
        "How long posts are",
        about,
        [panel],
        (0.0, float(starts[-1] + width)),
        (),
        "characters",
    )
    owners = [side.name if len(sides) > 1 else SOURCES["persona"] for side in sides if side.written]
    rows = [
        [
            _span(start, width, start == starts[-1]),
            *(percent(own[place]) for own in shares if any(own)),
        ]
        for place, start in enumerate(starts)
    ]
    head = ("characters", *owners, *([SOURCES["author"]] if known else []))
    legend = [
        *zip(KINDS, owners, strict=False),
        *([("author", "The author, posts never seen in training")] if known else []),
    ]
    return Figure("lengths", "How long posts are", about, svg, head, rows, legend)


def _bins(counts: Sequence[Mapping[int, int]]) -> tuple[int, list[int]]:
    """How wide bars are and where each starts: up to where all but 1 in 100 of the posts end."""
    ends = []
    for own in counts:
        left = sum(own.values()) * 0.99
        for length in sorted(own):
            left -= own[length]
            if left <= 0:
                ends.append(length + STEP)
                break
    width = STEP * max(1, -(-max(ends) // (STEP * MOST_BARS)))
    return width, list(range(0, max(max(ends), width), width))


def _shares(counts: Mapping[int, int], starts: Sequence[int], width: int) -> list[float]:
    found = [0] * len(starts)
    for length, count in counts.items():
        found[min(length // width, len(starts) - 1)] += count
    return [count / max(1, sum(found)) for count in found]


def _stairs(
    starts: Sequence[int], width: int, heights: Sequence[float]
) -> list[tuple[float, float]]:
    """The outline of bars."""
    return [
        (float(x), height)
        for start, height in zip(starts, heights, strict=True)
        for x in (start, start + width)
    ]


def _span(start: int, width: int, is_last: bool) -> str:
    return f"{start:,} or more" if is_last else f"{start:,}–{start + width - 1:,}"
