"""What the page says in numbers and words beside its plots: the figures at its top, tables, how things were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from popinjay.metrics.intervals import Estimate
from popinjay.report.charts import SOURCES, Side, estimate, in_percent, percent
from popinjay.report.verdict import can_be_given

WHY = {  # how a training ends, as `tuning.trainer` says it
    "it began to recite": "It was stopped because it began to repeat training posts word for word.",
    "it got no better": "It was stopped because posts that it does not learn from were no longer getting easier for it.",
    "all was learnt": "It ended because all that was planned was learnt.",
    "time was up": "It ended because the time given to it was up.",
}
VARIETY = {
    "distinct_1": ("Different words", "share of all words; more is more varied"),
    "distinct_2": ("Different pairs of words", "share; more is more varied"),
    "distinct_3": ("Different runs of 3 words", "share; more is more varied"),
    "self_bleu": ("Likeness to one another", "self-BLEU; less is more varied"),
    "repeats": ("Said before, word for word", "share of texts; less is more varied"),
}
NAMES = {
    "handles": ("A handle the author never used", "share of posts; popinjay lets none of them out"),
    "of_base": (
        "A name of the base model’s",
        "share of posts with a name that the untouched base writes, and the author never did",
    ),
}
PRIVATE = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "card numbers",
    "iban": "account numbers",
    "ip": "IP addresses",
    "key": "secret keys",
}
MEASURES = {
    "told_apart": "Can a classifier tell?",
    "taken_for": "Taken for the author",
    "copying": "Copying",
    "bits_per_byte": "Bits per byte",
    "variety": "Variety",
    "habits": "Habits",
    "names": "Others' names",
    "privacy": "Privacy",
}
SETTINGS = {
    ("posts", "train"): "Posts learnt from",
    ("posts", "held_out"): "Posts held out, never seen in training",
    ("posts", "bytes"): "Bytes of held-out posts",
    ("posts", "samples"): "Posts written to measure",
    ("sampling", "temperature"): "Temperature",
    ("sampling", "top_p"): "Top-p",
    ("sampling", "max_tokens"): "Longest post, in tokens",
    ("sampling", "seed"): "Seed",
}


class Tile(NamedTuple):
    """One of the numbers at the top of the page: what it is, what it is held against, and the other report's."""

    number: str
    words: str
    control: str
    other: str


class Table(NamedTuple):
    """Rows of words, each with a remark under its first cell."""

    head: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]


def of(sides: Sequence[Side]) -> dict[str, Any]:
    """All of it, as the page's template names it."""
    report = sides[0].report
    return {
        "verdicts": [
            (place, side.name, side.report["verdict"])
            for place, side in enumerate(sides)
            if side.report.get("verdict")
        ],
        "notes": [(side.name, note) for side in sides for note in side.report.get("notes") or ()],
        "tiles": tiles(sides),
        "classifier": estimate(_part(report, "told_apart").get("persona")),
        "others": _part(report, "taken_for").get("others"),
        "same_language": _part(report, "taken_for").get("same_language"),
        "whys": [
            (side.name, _why(str(side.report["training"]["why"])))
            for side in sides
            if _part(side.report, "training").get("why")
        ],
        "bits": bits(sides),
        "variety": variety(sides),
        "names": names(sides),
        "privacy": [
            (side.name, _part(side.report, "privacy"), private(side.report))
            for side in sides
            if _part(side.report, "privacy")
        ],
        "settings": settings(sides),
        "measures": [
            (words, _part(report, key)["what"])
            for key, words in MEASURES.items()
            if _part(report, key).get("what")
        ],
    }


def tiles(sides: Sequence[Side]) -> list[Tile]:
    """The numbers that say most, each with the control that gives it meaning."""
    found = [
        _tile(
            sides,
            ("told_apart",),
            "is how often a classifier picks the real post of two",
            "the author against themselves",
            "50% is a coin toss",
        ),
        _tile(
            sides,
            ("taken_for",),
            "of what it writes is taken for the author",
            "the author’s own new posts",
            "",
        ),
        _tile(
            sides,
            ("copying", "run"),
            "of what it writes has 8 words in a row from training",
            "the author’s own new posts",
            "",
        ),
    ]
    surprise = _part(_part(sides[0].report, "bits_per_byte"), "persona").get("all")
    if surprise is not None:
        before = _part(_part(sides[0].report, "bits_per_byte"), "base").get("all")
        others = [
            (side.name, _part(_part(side.report, "bits_per_byte"), "persona").get("all"))
            for side in sides[1:]
        ]
        beside = "".join(f"{name}: {value:.2f}" for name, value in others if value is not None)
        control = f"base model: {before:.2f}" if before is not None else ""
        found.append(
            Tile(
                f"{surprise:.2f}",
                "bits per byte of posts it never saw: its surprise, less is better",
                control,
                beside,
            )
        )
    if not can_be_given(sides[0].report):
        found[0] = None  # a coin that was tossed a few times
    return [tile for tile in found if tile]


def _tile(
    sides: Sequence[Side], path: Sequence[str], words: str, control: str, besides: str
) -> Tile | None:
    ours = _source(sides[0], path, "persona")
    if not ours:
        return None
    author = _source(sides[0], path, "author")
    said = "; ".join(
        part for part in (f"{control}: {percent(author.value)}" if author else "", besides) if part
    )
    others = [(side.name, _source(side, path, "persona")) for side in sides[1:]]
    return Tile(
        percent(ours.value),
        words,
        said,
        "".join(f"{name}: {percent(value.value)}" for name, value in others if value),
    )


def _source(side: Side, path: Sequence[str], source: str) -> Estimate | None:
    """A measure's number for a source; the measure's name, then which of its numbers where it has several."""
    found: Any = _part(side.report, path[0]).get(source)
    for key in path[1:]:
        found = found.get(key) if isinstance(found, Mapping) else None
    return estimate(found)


def _part(report: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a report; empty where it could not be had."""
    found = report.get(key)
    return found if isinstance(found, Mapping) else {}


def _why(why: str) -> str:
    return WHY.get(why, f"It ended because {why}.")


def bits(sides: Sequence[Side]) -> Table | None:
    """Bits per byte of everybody's held-out posts together, then of each author's where there are several."""
    known = [_part(side.report, "bits_per_byte") for side in sides]
    authors = [name for name in _part(known[0], "persona") if name != "all"]
    rows = ["all", *(authors if len(authors) > 1 else [])]
    head, columns = [], []
    for side, own in zip(sides, known, strict=True):
        for source in ("persona", "base"):
            if _part(own, source):
                head.append(_column(sides, side, source))
                columns.append(_part(own, source))
    cells = [
        (
            "All held-out posts" if row == "all" else row,
            "",
            [f"{own[row]:.3f}" if row in own else "–" for own in columns],
        )
        for row in rows
    ]
    return Table(head, cells) if columns else None


def variety(sides: Sequence[Side]) -> Table | None:
    """How varied each source is, and how often it repeats itself."""
    known = [
        (side, source, _part(_part(side.report, "variety"), source))
        for side in sides
        for source in SOURCES
    ]
    known = [(side, source, own) for side, source, own in known if own]
    cells = [
        (words, remark, [_share(own.get(key)) for _, _, own in known])
        for key, (words, remark) in VARIETY.items()
    ]
    return (
        Table([_column(sides, side, source) for side, source, _ in known], cells) if known else None
    )


def _column(sides: Sequence[Side], side: Side, source: str) -> str:
    return SOURCES[source] if len(sides) == 1 else f"{SOURCES[source]} · {side.name}"


def _share(found: Any) -> str:
    known = estimate(found)
    return in_percent(known) if known else "–"


def names(sides: Sequence[Side]) -> Table | None:
    """How often each source names somebody whom the author never named."""
    sources = [(side, source) for side in sides for source in SOURCES]
    known = [(side, source, _part(_part(side.report, "names"), source)) for side, source in sources]
    known = [(side, source, own) for side, source, own in known if own]
    rows = [(key, words, remark) for key, (words, remark) in NAMES.items()]
    cells = [
        (words, remark, [_share(own.get(key)) for *_, own in known]) for key, words, remark in rows
    ]
    return (
        Table([_column(sides, side, source) for side, source, _ in known], cells) if known else None
    )


def private(report: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many of each sort of personal data the samples held."""
    found = _part(_part(report, "privacy"), "persona")
    kinds = [*PRIVATE, *(kind for kind in found if kind not in PRIVATE)]
    return [(PRIVATE.get(kind, kind), int(found.get(kind, 0))) for kind in kinds]


def settings(sides: Sequence[Side]) -> Table:
    """What was measured on, and how it was written."""
    rows = [
        (words, "", [_plain(_part(side.report, part).get(key)) for side in sides])
        for (part, key), words in SETTINGS.items()
    ]
    return Table(
        [side.name for side in sides], [row for row in rows if any(cell != "–" for cell in row[2])]
    )


def _plain(found: Any) -> str:
    return "–" if found is None else f"{found:,}" if isinstance(found, int) else str(found)
