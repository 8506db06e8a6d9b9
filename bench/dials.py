"""Measure every dial at five settings: does its figure rise, and does copying?

    python bench/dials.py PERSONA_FOLDER ... --out FOLDER [--only emoji,length] [--seconds 480]
    python bench/dials.py PERSONA_FOLDER ... --out FOLDER --table [--svg docs/dials.svg]

Each setting of each persona writes 200 posts, as `say` does but with copies allowed so that they
can be counted, and is a file in FOLDER: a run goes on where the last one stopped. A dial passes if
its figure rises at every step for four personas of five, and copying (the share of posts that
repeat eight words in a row of a training post) is at no setting above the author's own held-out
posts beyond chance (two standard errors, the rule that `make` chooses a temperature by). The last
column tells where it is above them at all.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from cells import Cell, Cells
from curves import Curves, write_svg
from persona_posts import PersonaPosts
from popinjay.metrics.attribution import CandidateAuthors
from popinjay.metrics.diversity import diversity
from popinjay.metrics.stylometry import hashtags
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import SayOptions
from popinjay.persona import Persona
from popinjay.sampling.generate import PostStream
from popinjay.store.run import Run
from popinjay.text.emoji import count_emoji
from popinjay.text.words import words

SEED = 707
SCORED = 100  # posts that the base scores
LEAST_PERSONAS = 4
DOUBT = 2.0  # standard errors
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Dial(NamedTuple):
    """A dial, its settings, the one that changes nothing, and the figure that must rise."""

    name: str
    settings: tuple[float, ...]
    figure: str
    says: str  # what the figure is
    neutral: float | None = None


DIALS = (
    Dial("emoji", SHARES, "emoji", "share of posts with an emoji"),
    Dial("hashtags", SHARES, "hashtags", "share of posts with a hashtag"),
    Dial("length", (0.5, 0.75, 1, 1.5, 2), "words", "words a post", 1),
    Dial("temperature", (0.6, 0.8, 1, 1.2, 1.4), "bits", "bits a byte under the base"),
    Dial("strength", (0, 0.5, 1, 1.5, 2), "bits", "bits a byte under the base", 1),
)


class Author(PersonaPosts):
    """A persona and what its posts are measured against."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.persona = Persona(Run(folder))

    @property
    def base(self) -> LanguageModel:
        """The untouched base."""
        return base_named(self.persona.run.record.trained.base)

    def figures(self, texts: Sequence[str]) -> dict[str, float]:
        """Return the figures of some posts that need no model."""
        return {
            "emoji": mean(count_emoji(text) > 0 for text in texts),
            "hashtags": mean(hashtags(text) > 0 for text in texts),
            "words": mean(len(words(text)) for text in texts),
            "distinct_2": diversity(texts)["distinct_2"],
            "copied": mean(map(self.copies.repeats_run, texts)),
        }

    def scored(self, texts: Sequence[str]) -> dict[str, float]:
        """Return the figures of some posts that take seconds: bits under the base, taken for."""
        some = texts[:SCORED]
        candidates = CandidateAuthors.load(without=[self.name])
        return {
            "bits": bits_per_byte(self.base.bits(some), some),
            "taken": candidates.attributed_share(self.training, texts).value,
        }


@cache
def base_named(name: str) -> LanguageModel:
    """Return an untouched base, loaded once for all its personas."""
    return LanguageModel.load(bases.folder_of(bases.row(name)))


def measure(author: Author, options: SayOptions, *, is_scored: bool) -> Cell:
    """Write posts with some options; return them with their figures."""
    stream = author.persona.stream(options=options)
    posts = list(stream)
    texts = [post.text for post in posts]
    assert isinstance(stream, PostStream)
    return {
        "texts": texts,
        "tokens": sum(post.tokens for post in posts),
        "redrawn": {str(reason): count for reason, count in stream.tally.redrawn.items()},
        "missing": stream.tally.missing,
        "figures": author.figures(texts) | (author.scored(texts) if is_scored else {}),
    }


def run(folders: Sequence[Path], only: Sequence[str], posts: int, cells: Cells) -> None:
    """Measure what is missing, dial by dial, each for all personas."""
    authors = [Author(folder) for folder in folders]
    for author in authors:
        cells.get(f"{author.name}/author", lambda: _of_author(author))  # noqa: B023 (called now)
    for dial in DIALS:
        if only and dial.name not in only:
            continue
        for author in authors:
            for setting in dial.settings:
                turned: dict[str, Any] = {} if setting == dial.neutral else {dial.name: setting}
                options = SayOptions(n=posts, seed=SEED, allow_copies=True, **turned)
                is_scored = dial.figure == "bits" or not turned
                cells.get(
                    _name(author.name, dial, setting),
                    lambda: measure(author, options, is_scored=is_scored),  # noqa: B023
                )


def _of_author(author: Author) -> Cell:
    """Return the figures of the author's own held-out posts, and how often the author has what."""
    own = author.figures(author.held_out)
    train = {name: author.figures(author.training)[name] for name in ("emoji", "hashtags")}
    return {"figures": own, "posts": len(author.held_out), "training": train}


def _name(author: str, dial: Dial, setting: float) -> str:
    return f"{author}/untouched" if setting == dial.neutral else f"{author}/{dial.name}-{setting:g}"


def table(names: Sequence[str], cells: Cells, svg: Path | None) -> None:
    """Print a table of all dials, write it as JSON, and draw the curves."""
    found: dict[str, Any] = {"authors": {}, "dials": {}}
    for name in names:
        own = cells.read(f"{name}/author") or {"figures": {}, "posts": 1}
        found["authors"][name] = own
    print("| dial | persona | figure at five settings | rises | copied |")
    print("| --- | --- | --- | --- | --- |")
    panels, summary = [], []
    for dial in DIALS:
        rows = {name: _row(name, dial, cells, found["authors"][name]) for name in names}
        rows = {name: row for name, row in rows.items() if row["figure"]}
        if not rows:
            continue
        rising = sum(row["rises"] for row in rows.values())
        copying = [name for name, row in rows.items() if row["copies_more"]]
        verdict = rising >= LEAST_PERSONAS and not copying
        found["dials"][dial.name] = {"rising": rising, "passes": verdict, "personas": rows}
        for name, row in rows.items():
            print(_line(dial, name, row))
        summary.append(
            f"{dial.name}: rises for {rising} of {len(rows)}, copies more: {copying or 'none'}"
        )
        lines = {
            name: list(zip(dial.settings, row["figure"], strict=False))
            for name, row in rows.items()
        }
        low = 0.0 if dial.figure != "bits" else None
        panels.append(Curves(f"{dial.name}: {dial.says}", dial.name, lines, low))
    print("", *summary, sep="\n")
    (cells.folder / "dials.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    if svg is not None:
        write_svg(svg, "What each dial does, measured on 200 posts a setting", panels)


def _row(name: str, dial: Dial, cells: Cells, own: Cell) -> dict[str, Any]:
    """Return a dial's figures for a persona; no figures if a setting is not measured yet."""
    measured = [cells.read(_name(name, dial, setting)) for setting in dial.settings]
    if any(one is None or dial.figure not in one["figures"] for one in measured):
        return {"figure": [], "copied": [], "rises": False, "copies_more": False}
    known = [one for one in measured if one is not None]
    figure = [one["figures"][dial.figure] for one in known]
    copied = [one["figures"]["copied"] for one in known]
    limit = own["figures"]["copied"]
    copies_more = any(one["figures"]["copied"] > _most(limit, len(one["texts"])) for one in known)
    return {
        "figure": [round(value, 4) for value in figure],
        "copied": [round(value, 4) for value in copied],
        "author_copied": round(limit, 4),
        "rises": all(a < b for a, b in itertools.pairwise(figure)),
        "copies_more": copies_more,
        "redrawn": [sum(one["redrawn"].values()) for one in known],
        "taken": [round(one["figures"].get("taken", math.nan), 3) for one in known],
        "distinct_2": [round(one["figures"]["distinct_2"], 3) for one in known],
    }


def _most(own: float, posts: int) -> float:
    """Return the share of copies above which it is more than the author's own beyond chance."""
    chance = max(own, 1 / posts)
    return own + DOUBT * math.sqrt(chance * (1 - chance) / posts)


def _line(dial: Dial, name: str, row: dict[str, Any]) -> str:
    def joined(values: Sequence[float], form: Callable[[float], str]) -> str:
        return ", ".join(map(form, values))

    form = "{:.1f}".format if dial.figure == "words" else "{:.3f}".format
    copied = joined(row["copied"], "{:.1%}".format)
    above = [
        f"{setting:g}"
        for setting, share in zip(dial.settings, row["copied"], strict=True)
        if share > row["author_copied"]
    ]
    rises = "yes" if row["rises"] else "no"
    return (
        f"| {dial.name} | {name} | {joined(row['figure'], form)} | {rises}"
        f" | {copied}; own {row['author_copied']:.1%}; above at {', '.join(above) or 'none'} |"
    )


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("personas", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="dials, separated by commas")
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--svg", type=Path)
    args = parser.parse_args()
    cells = Cells(args.out, args.seconds)
    if not args.table:
        run(args.personas, [one for one in args.only.split(",") if one], args.posts, cells)
        print(f"{cells.missing} settings are left" if cells.missing else "all measured")
        return
    table([folder.name for folder in args.personas], cells, args.svg)


if __name__ == "__main__":
    main()
