"""What every metric takes and returns: the texts to compare, and numbers for each of their sources.

A metric is a function `(Compared, seed) -> Measure` in a module of its own, and one row (`Metric`)
in the table of `suite.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from popinjay.metrics.intervals import Estimate

PERSONA = "persona"
AUTHOR = "author"  # the author's held-out posts
BASE = "base"
MARKOV = "markov"
MAX_TEXTS = 1000  # of a source that are compared: more make intervals hardly narrower
ONLY = ""  # the key of the number of a metric that has one number a source
DECIMALS = 4  # of every number in a report

Number = Estimate | float


@dataclass(frozen=True)
class Compared:
    """The texts that are compared.

    Attributes:
        training: The posts that the persona learnt from, without repetitions.
        author: The author's held-out posts.
        written: What was generated, by source: `PERSONA`, and `BASE` and `MARKOV` if available.
        handles: The authors' handles, so that no author is compared with themselves.
    """

    training: Sequence[str]
    author: Sequence[str]
    written: Mapping[str, Sequence[str]]
    handles: Sequence[str] = ()

    def sources(self) -> dict[str, Sequence[str]]:
        """Return the texts of every source, the persona's first."""
        return {PERSONA: self.written[PERSONA], AUTHOR: self.author, **self.written}

    @property
    def count(self) -> int:
        """How many texts of each source are compared."""
        return max_texts(self.author)


def max_texts(author: Sequence[str]) -> int:
    """Return how many texts of each source are compared with these posts of the author."""
    return min(MAX_TEXTS, len(author))


@dataclass(frozen=True)
class Measure:
    """The numbers that one metric computed.

    Attributes:
        sources: Source -> key -> number. A metric with one number a source has it under `ONLY`.
        counts: Whole numbers about all sources, such as how many texts were compared.
        what: One sentence for readers of `report.json`: what the numbers mean, by default that of
            the metric; or why there are none.
    """

    sources: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    what: str = ""

    @classmethod
    def single(
        cls, numbers: Mapping[str, Number], counts: Mapping[str, int] | None = None
    ) -> Measure:
        """Return a measure with one number a source."""
        return cls({source: {ONLY: number} for source, number in numbers.items()}, counts or {})

    def get(self, source: str, key: str = ONLY) -> Estimate | None:
        """Return a number as an estimate, of no width if it has no interval; None if unknown."""
        number = self.sources.get(source, {}).get(key)
        if number is None or isinstance(number, Estimate):
            return number
        return Estimate(number, number, number)

    def estimate(self, source: str, key: str = ONLY) -> Estimate:
        """Return a number as `get` does. Raises KeyError if it is unknown."""
        found = self.get(source, key)
        if found is None:
            raise KeyError(f"{source} {key}".strip())
        return found

    def rounded(self) -> Measure:
        """Return the measure with numbers as `report.json` holds them."""
        sources = {
            source: {key: _rounded(number) for key, number in numbers.items()}
            for source, numbers in self.sources.items()
        }
        return Measure(sources, self.counts, self.what)


def _rounded(number: Number) -> Number:
    if isinstance(number, Estimate):
        return Estimate(*(round(part, DECIMALS) for part in number))
    return round(number, DECIMALS)


class Format(Enum):
    """How a number is shown."""

    SHARE = "share"  # in percent
    DECIMAL = "decimal"  # two decimals
    BITS = "bits"  # three decimals
    COUNT = "count"


@dataclass(frozen=True)
class Label:
    """How one number of a metric is presented, in the terminal, on the page and on the card.

    Attributes:
        key: Its key within the metric, `ONLY` if there is no other number.
        title: A few words, used as the name of a row.
        remark: What the number is and which way is better.
        format: How the number is shown.
        on_card: Whether the card's table has it.
    """

    key: str
    title: str
    remark: str = ""
    format: Format = Format.SHARE
    on_card: bool = False


@dataclass(frozen=True)
class Metric:
    """A row of the suite: one metric, and how its numbers are presented.

    Attributes:
        name: Its key in `report.json`.
        title: A heading for its numbers.
        what: One sentence for readers of `report.json` and of the page's last section.
        measure: The function that computes it, given the texts and a seed.
        labels: One row a number.
    """

    name: str
    title: str
    what: str
    measure: Callable[[Compared, int], Measure]
    labels: tuple[Label, ...]
