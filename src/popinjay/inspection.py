"""Inspect: what is in an archive, file or account, and what `make` would do with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.models import bases
from popinjay.options import MakeOptions
from popinjay.ownership import is_anonymous
from popinjay.post import Author, Post, one_line
from popinjay.sources import Access, Findings
from popinjay.stages.clean import Amount, Sorted, amount_of, languages, sort_out, verdict_on
from popinjay.stages.collect import open_specs, posts_of
from popinjay.store.forgotten import Forgotten
from popinjay.text.masking import mask
from popinjay.training.estimate import MakeEstimate, estimate_make

T = TypeVar("T")

EXAMPLES = 5  # posts shown of those kept, and of those dropped
LONGEST_EXAMPLE = 280  # characters
# Characters of a post that are searched for personal data: what is cut off at their end is far
# behind what is shown.
MOST_MASKED = 20_000


@dataclass(frozen=True)
class Example:
    """A post as it is shown in an inspection, with personal data masked."""

    text: str
    created_at: str | None
    reason: str = ""  # why it would be dropped; empty if it would be kept

    @classmethod
    def of(cls, post: Post, text: str, reason: str = "") -> Example:
        """Return a post as an example, with a text that may be longer than what is shown."""
        shown, _ = mask(one_line(text[:MOST_MASKED]))
        if len(shown) > LONGEST_EXAMPLE:
            shown = shown[: LONGEST_EXAMPLE - 1].rstrip() + "…"
        return cls(shown, post.created_at, reason)

    def to_json(self) -> dict[str, Any]:
        """Return the text and date and, if the post would be dropped, the reason."""
        row = {"text": self.text, "created_at": self.created_at}
        return {**row, "reason": self.reason} if self.reason else row


@dataclass(frozen=True)
class Forecast:
    """How long `make` would take with one base model."""

    base: str
    make: MakeEstimate

    def to_json(self) -> dict[str, Any]:
        """Return the base model's name with the estimate."""
        return {"base": self.base, **self.make.to_json()}


@dataclass(frozen=True)
class Inspection:
    """What is in one author's part of the specs, and what `make` would do with it."""

    author: Author
    findings: Findings
    result: Sorted
    refusal: str  # the author's declaration against being learnt from; empty without one
    # For `make` with everything that was inspected together: the base that it would choose, and
    # the built-in one if that needs a download. None if `make` would refuse.
    estimate: Forecast | None = None
    alternative: Forecast | None = None

    @property
    def source(self) -> str:
        """What the spec was recognised as, such as "text file, one post per line"."""
        return self.findings.source

    @property
    def amount(self) -> Amount:
        """How much text there is to learn from."""
        return amount_of(self.result.counts)

    @property
    def verdict(self) -> str:
        """A sentence or two about how much text there is, whatever the amount."""
        return verdict_on(self.result.counts).message

    @property
    def hint(self) -> str:
        """What would bring more text; empty if there is enough."""
        return verdict_on(self.result.counts).hint

    def kept(self, count: int = EXAMPLES) -> list[Example]:
        """Return posts that would be kept, spread evenly over the source."""
        return [Example.of(post, text) for post, text in spread(self.result.kept, count)]

    def dropped(self, count: int = EXAMPLES) -> list[Example]:
        """Return posts that would be dropped: one of each reason first, spread over the source."""
        by_reason: dict[str, list[Post]] = defaultdict(list)
        for post, reason in self.result.dropped:
            if post.text.strip():  # reposts of some networks have no text
                by_reason[reason].append(post)
        shares = dict.fromkeys(by_reason, 0)
        for reason in _in_turn(by_reason, count):
            shares[reason] += 1
        return [
            Example.of(post, post.text, reason)
            for reason, share in shares.items()
            for post in spread(by_reason[reason], share)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything that was found (see docs/json.md)."""
        dates = sorted(post.created_at for post, _ in self.result.kept if post.created_at)
        return {
            **self.result.counts.to_json(),
            "name": self.author.name,
            "anonymous": is_anonymous(self.author),
            "source": self.source,
            "first": dates[0] if dates else None,
            "last": dates[-1] if dates else None,
            "years": dict(Counter(date[:4] for date in dates)),
            "languages": languages(self.result.kept),
            "left_out": dict(self.findings.left_out),
            "unread": self.findings.unread,
            "notes": self.findings.notes,
            "amount": self.amount.value,
            "verdict": self.verdict,
            "hint": self.hint,
            "refusal": self.refusal,
            "examples": {
                "kept": [example.to_json() for example in self.kept()],
                "dropped": [example.to_json() for example in self.dropped()],
            },
            "estimate": self.estimate and self.estimate.to_json(),
            "alternative": self.alternative and self.alternative.to_json(),
        }


def _in_turn(by_reason: dict[str, list[Post]], count: int) -> Iterator[str]:
    """Yield reasons in turn, each at most as often as it has posts, `count` in all."""
    left = {reason: len(posts) for reason, posts in by_reason.items()}
    while count and any(left.values()):
        for reason in left:
            if count and left[reason]:
                left[reason] -= 1
                count -= 1
                yield reason


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return up to `count` items at even distances from one another, in their order."""
    count = min(count, len(items))
    return [items[(2 * place + 1) * len(items) // (2 * count)] for place in range(count)]


def inspect(
    *specs: str | Path,
    listener: Listener = ignore,
    ask: Callable[[str], bool] | None = None,
    **given: Any,
) -> list[Inspection]:
    """Return what is in each spec, and which posts would be kept; nothing is written.

    Raises PopinjayError.

    Args:
        specs: Files or accounts to read, as for `make`.
        listener: Receives progress.
        ask: Is asked for a yes before reading a network costs money.
        given: Fields of the stages' options, as for `make`.
    """
    options = MakeOptions.of(given)
    found = []
    access = Access(options.fetch, listener, ask, keeps=False)
    texts = [spec if isinstance(spec, str) else str(spec) for spec in specs]
    with (
        open_specs(texts, options.collect, access) as opened,
        TemporaryDirectory(prefix="popinjay-") as folder,
    ):
        opened.fetch(Path(folder), Forgotten())
        for reading in opened.readings:
            listener(
                Event("inspect", EventKind.START, f"reading the posts of {reading.author.handle}")
            )
            result = sort_out(
                reading.author.handle, posts_of(reading, listener), options.clean, listener
            )
            found.append(Inspection(reading.author, reading.findings, result, reading.refusal))
    return _with_forecasts(found, options)


def _with_forecasts(found: list[Inspection], options: MakeOptions) -> list[Inspection]:
    """Return the inspections with how long a `make` of all of them together would take."""
    if any(one.amount is Amount.TOO_LITTLE for one in found):
        return found
    shares = languages([pair for one in found for pair in one.result.kept])
    estimate = forecast(bases.preferred(options.train.base, shares), found, options)
    alternative = None
    if estimate.make.download_bytes:
        alternative = forecast(bases.row(bases.BUILT_IN), found, options)
    return [replace(one, estimate=estimate, alternative=alternative) for one in found]


def forecast(base: bases.Base, found: Sequence[Inspection], options: MakeOptions) -> Forecast:
    """Return how long a `make` of everything that was inspected would take from a base."""
    counts = [one.result.counts for one in found]
    posts = sum(one.used for one in counts)
    characters = sum(one.characters for one in counts)
    return Forecast(
        base.name, estimate_make(base, posts, characters, options.train, options.evaluate)
    )
