"""The report as a type: what `report.json` holds, read and written here and nowhere else.

Reports of earlier versions lack some parts, and a later version may have metrics that this one
does not know. Every part may therefore be missing, and every further object is taken for the
measure of a metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from popinjay.metrics.intervals import Estimate
from popinjay.metrics.measure import ONLY, Measure, Number
from popinjay.post import read_json

__all__ = [
    "BitsPerByte",
    "Estimate",
    "Measure",
    "PostCounts",
    "Report",
    "SamplingSettings",
    "Training",
    "Trial",
]

_WHAT = "what"
_COUNTS_LAST = ("privacy",)  # measures whose counts stand behind their sources in the file
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class PostCounts:
    """How many posts were learnt from, held out and written to be measured."""

    train: int | None = None
    held_out: int | None = None
    bytes: int | None = None  # of the held-out posts
    samples: int | None = None


@dataclass(frozen=True)
class Trial:
    """How posts generated with one setting compare with the author's (`sampling.calibration`).

    `told_apart` is an AUC, `distinct_2` the share of different word pairs, `length` a
    Kolmogorov-Smirnov distance, `new_words` the share of words that no training post has,
    `copied` the share of posts that repeat a training post. `distance` sums up the first four.
    """

    temperature: float
    top_p: float
    told_apart: float
    distinct_2: float
    length: float
    new_words: float
    copied: float
    distance: float


@dataclass(frozen=True)
class SamplingSettings:
    """How the measured posts were sampled, and what was tried before these settings were chosen."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    trials: tuple[Trial, ...] = ()
    author: Mapping[str, float] = field(default_factory=dict)  # the author's own figures

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> SamplingSettings:
        """Return the settings of a report's JSON, without trials of which something is missing."""
        names = {one.name for one in fields(Trial)}
        trials = [
            Trial(**{name: row[name] for name in names})
            for row in found.get("trials") or ()
            if names <= set(row)
        ]
        return cls(
            found.get("temperature"),
            found.get("top_p"),
            found.get("max_tokens"),
            found.get("seed"),
            tuple(trials),
            _object(found.get("author")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as the report holds them."""
        settings = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "trials": [asdict(one) for one in self.trials] or None,
            "author": dict(self.author) or None,
        }
        return _without_none(settings)


@dataclass(frozen=True)
class BitsPerByte:
    """Bits per byte of the held-out posts: of all of them (`all`), and of each author's."""

    persona: Mapping[str, float] = field(default_factory=dict)
    base: Mapping[str, float] | None = None  # None: the base could not be measured
    what: str = ""
    posts: int | None = None
    bytes: int | None = None

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> BitsPerByte:
        """Return the numbers of a report's JSON."""
        return cls(
            persona=_object(found.get("persona")),
            base=_object(found.get("base")) or None,
            what=found.get(_WHAT) or "",
            posts=found.get("posts"),
            bytes=found.get("bytes"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as the report holds them."""
        return {
            _WHAT: self.what,
            "base": None if self.base is None else dict(self.base),
            "persona": dict(self.persona),
            **_without_none({"posts": self.posts, "bytes": self.bytes}),
        }

    def of(self, source: str) -> Mapping[str, float]:
        """Return the numbers of the persona or its base; empty if there are none."""
        return {"persona": self.persona, "base": self.base}.get(source) or {}


@dataclass(frozen=True)
class Training:
    """How the training went: why it ended, which step was kept, and how many steps there were."""

    why: str
    best_step: int
    steps: int


@dataclass(frozen=True)
class Report:
    """All that was measured of a persona.

    Attributes:
        verdict: The most important of it in two or three sentences (see `report.verdict`).
        authors: The display names of the authors; empty in reports that do not have them.
        notes: What a reader should bear in mind.
        model: The hash of the model that was measured.
        measures: The numbers of each metric, by its name (see `metrics.suite`).
        training: None for reports that do not say how the training went.
    """

    verdict: str = ""
    authors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    model: str = ""
    posts: PostCounts = PostCounts()
    sampling: SamplingSettings = SamplingSettings()
    bits_per_byte: BitsPerByte = BitsPerByte()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    training: Training | None = None

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read a `report.json`."""
        return cls.from_json(read_json(path))

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Report:
        """Return the report of a JSON object, whatever parts it has."""
        parts = {key: value for key, value in found.items() if isinstance(value, Mapping)}
        own = {one.name for one in fields(cls)}
        return cls(
            verdict=found.get("verdict") or "",
            authors=tuple(found.get("authors") or ()),
            notes=tuple(found.get("notes") or ()),
            model=found.get("model") or "",
            posts=_part(PostCounts, parts.get("posts")) or PostCounts(),
            sampling=SamplingSettings.from_json(parts.get("sampling", {})),
            bits_per_byte=BitsPerByte.from_json(parts.get("bits_per_byte", {})),
            measures={
                key: _measure_from_json(value) for key, value in parts.items() if key not in own
            },
            training=_part(Training, parts.get("training")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as `report.json` holds it; parts that are missing stay so."""
        parts: dict[str, Any] = {
            "verdict": self.verdict,
            "authors": list(self.authors) or None,
            "notes": list(self.notes),
            "model": self.model or None,
            "posts": _without_none(asdict(self.posts)) or None,
            "sampling": self.sampling.to_json() or None,
            "bits_per_byte": self.bits_per_byte.to_json() if self.bits_per_byte.persona else None,
            **{name: _measure_to_json(name, one) for name, one in self.measures.items()},
            "training": None if self.training is None else asdict(self.training),
        }
        return _without_none(parts)

    def measure(self, name: str) -> Measure:
        """Return the numbers of a metric; an empty measure if it was not computed."""
        return self.measures.get(name) or Measure()

    def numbers(self) -> dict[str, float]:
        """Return every number by its path in `report.json`, such as `told_apart.persona.value`."""
        return dict(_flat(self.to_json()))


def _part(kind: type[_Part], found: Mapping[str, Any] | None) -> _Part | None:
    """Return a part of a report, None if it or any field without a default is missing."""
    if found is None:
        return None
    names = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    try:
        return kind(**{name: found[name] for name in names if name in found})
    except TypeError:
        return None


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _without_none(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if value is not None}


def _measure_from_json(found: Mapping[str, Any]) -> Measure:
    counts: dict[str, int] = {}
    sources: dict[str, Mapping[str, Number]] = {}
    for key, value in found.items():
        if key == _WHAT:
            continue
        if isinstance(value, int):
            counts[key] = value
        elif numbers := _numbers_from_json(value):
            sources[key] = numbers
    return Measure(sources, counts, str(found.get(_WHAT) or ""))


def _numbers_from_json(found: object) -> dict[str, Number]:
    """Return the numbers of one source by their keys; empty if these are none."""
    number = _number_from_json(found)
    if number is not None:
        return {ONLY: number}
    if not isinstance(found, Mapping):
        return {}
    known = {key: _number_from_json(value) for key, value in found.items()}
    return {key: number for key, number in known.items() if number is not None}


def _number_from_json(found: object) -> Number | None:
    if isinstance(found, Mapping) and {"value", "low", "high"} <= set(found):
        return Estimate(found["value"], found["low"], found["high"])
    return found if isinstance(found, int | float) else None


def _measure_to_json(name: str, measure: Measure) -> dict[str, Any]:
    sources = {
        source: {key: _number_to_json(number) for key, number in numbers.items()}
        for source, numbers in measure.sources.items()
    }
    shown = {
        source: numbers[ONLY] if set(numbers) == {ONLY} else numbers
        for source, numbers in sources.items()
    }
    first, second = (shown, measure.counts) if name in _COUNTS_LAST else (measure.counts, shown)
    return {_WHAT: measure.what, **first, **second}


def _number_to_json(number: Number) -> Any:
    return number._asdict() if isinstance(number, Estimate) else number


def _flat(found: Mapping[str, Any], path: str = "") -> list[tuple[str, float]]:
    numbers: list[tuple[str, float]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            numbers += _flat(value, f"{path}{key}.")
        elif isinstance(value, int | float):
            numbers.append((path + key, float(value)))
    return numbers
