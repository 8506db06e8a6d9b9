"""Compare reports on real authors, and measure what a report costs.

    python bench/report.py --personas FOLDER --work FOLDER [--authors NAME ...]
        [--recipe-posts 3200] [--only ours recipe] [--bases NAME ...]

Compared are our persona, a Markov chain and HuggingTweets' recipe on the same base. `--personas` is
a folder of NAME.jsonl.gz, posts of one author each. The recipe trains on at most 3,200 posts of an
author, as many as HuggingTweets could read; ours and the chain train on all. Trained models are
kept in WORK and reused. The English authors' personas are also made from SmolLM2 if it is on this
machine, but without the recipe, which would take hours on it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from base import ENGLISH
from popinjay import make
from popinjay.events import ignore
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.measure import AUTHOR, BASE, MARKOV, ONLY, PERSONA, Compared
from popinjay.metrics.suite import compare
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel
from popinjay.pipeline import measure
from popinjay.post import read_rows
from popinjay.report.schema import BitsPerByte, Report
from popinjay.stages.evaluate import score, write_unprompted
from popinjay.store.run import Run
from training import recipe
from training.children import in_subprocess
from training.report import table

SMOLLM2 = "smollm2"
AUTHORS = ("pepys", "pd_bierce", "wl_juliagillard", "wl_cfkargentina", "ja_dayukoume")
SAMPLES = 1000
ROWS = {  # a row title: the measure and its part
    "two-sample AUC": ("told_apart", ONLY),
    "attributed to the author": ("taken_for", ONLY),
    "exact copies": ("copying", "exact"),
    "eight words copied": ("copying", "run"),
    "longest copied run": ("copying", "longest"),
    "length": ("habits", "length"),
    "punctuation": ("habits", "punctuation"),
    "distinct pairs": ("variety", "distinct_2"),
    "self-BLEU": ("variety", "self_bleu"),
}


def folder_of(work: Path, base: str) -> Path:
    """Return the folder for the personas made from one base."""
    return work if base == bases.BUILT_IN else work / base


def chosen_bases(requested: Sequence[str] | None) -> list[str]:
    """Return the requested bases, or the built-in one and SmolLM2 if it is on this machine."""
    if requested:
        return list(requested)
    known = [base for base in bases.BASES if base.name == SMOLLM2 and bases.is_here(base)]
    return [bases.BUILT_IN, *(base.name for base in known)]


def ours(author: str, personas: Path, work: Path, base: str) -> float:
    """Make the persona with the defaults and few samples; return the seconds taken.

    A persona that is up to date already is not made again.
    """
    started = time.monotonic()
    home = folder_of(work, base) / "personas"
    given: dict[str, Any] = {"base": base, "samples": 10, "track": "none", "whose": "public-figure"}
    make(personas / f"{author}.jsonl.gz", name=author, home=home, **given)
    return time.monotonic() - started


def measured(author: str, work: Path, base: str) -> tuple[Report, float]:
    """Return a persona's report, and the seconds that generating, scoring and comparing took."""
    started = time.monotonic()
    run = Run(folder_of(work, base) / "personas" / author)
    return measure(run, SAMPLES), time.monotonic() - started


def by_recipe(author: str, work: Path, max_posts: int) -> float:
    """Train as HuggingTweets did; return the seconds taken."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    posts = _texts(work, author, "train")
    some = posts if len(posts) <= max_posts else random.Random(0).sample(posts, max_posts)
    examples = recipe.blocks(recipe.mixture(model.encode(some), model.eos_token))
    started = time.monotonic()
    recipe.trainer(model.model, examples, recipe.arguments(work / "trainer")).train()
    model.model.eval()
    folder = work / "recipe" / author
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder)
    return time.monotonic() - started


def recipe_measured(author: str, work: Path) -> Report:
    """The same numbers of what the recipe trained."""
    folder, training, held_out = (
        work / "recipe" / author,
        _texts(work, author, "train"),
        _texts(work, author, "held_out"),
    )
    said = [one.text for one in write_unprompted(open_decoder(folder), SAMPLES, 0, ignore)]
    measures = compare(Compared(training, held_out, {PERSONA: said}), 0, lambda what: None)
    bits = BitsPerByte(score(folder, {author: held_out}))
    return Report(bits_per_byte=bits, measures=measures)


def _texts(work: Path, author: str, part: str) -> list[str]:
    return list(
        dict.fromkeys(
            row["text"] for row in read_rows(work / "personas" / author / f"{part}.jsonl")
        )
    )


def show(author: str, own: Report, theirs: Report | None) -> None:
    """Print one author's table."""
    columns = {
        "ours": (own, PERSONA),
        "the author": (own, AUTHOR),
        "base": (own, BASE),
        "Markov": (own, MARKOV),
    }
    if theirs:
        columns["recipe"] = (theirs, PERSONA)
    rows = [["bits per byte", *(_bits(report, source) for report, source in columns.values())]]
    rows += [
        [
            name,
            *(_cell(report, measure, source, key) for report, source in columns.values()),
        ]
        for name, (measure, key) in ROWS.items()
    ]
    posts = own.posts
    print(f"\n### {author}: {posts.train:,} posts learnt, {posts.held_out:,} held out\n")
    print(f"{table(['', *columns], rows)}\n")
    earlier = _cell(own, "told_apart", EARLIER, ONLY)
    print(f"Newest against older posts: {earlier}. {own.verdict}", flush=True)


def _bits(report: Report, source: str) -> str:
    found = report.bits_per_byte.of(source)
    return f"{found['all']:.3f}" if found else ""


def _cell(report: Report, measure: str, source: str, key: str) -> str:
    found = report.measure(measure).get(source, key)
    if found is None:
        return ""
    interval = f" ({found.low:.2f}, {found.high:.2f})" if found.high > found.low else ""
    return f"{found.value:.3f}{interval}"


def main() -> None:
    """Compare all authors on all bases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--personas", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--authors", nargs="+", default=AUTHORS)
    parser.add_argument("--recipe-posts", type=int, default=3200)
    parser.add_argument("--only", nargs="+", choices=("ours", "recipe"), default=("ours", "recipe"))
    parser.add_argument(
        "--bases", nargs="+", help="bases by name; default: builtin, and smollm2 if it is here"
    )
    args = parser.parse_args()
    for base in chosen_bases(args.bases):
        for author in args.authors:
            if base != SMOLLM2 or author in ENGLISH:
                compare_author(author, base, args)


def compare_author(author: str, base: str, args: argparse.Namespace) -> None:
    """Make one author's persona from a base, measure it, and print its table."""
    seconds, _ = in_subprocess(ours, author, args.personas, args.work, base)
    (report, took), gigabytes = in_subprocess(measured, author, args.work, base)
    print(
        f"{author} from {base}: made in {seconds:.0f} s; measured on {SAMPLES:,} posts"
        f" in {took:.0f} s, {gigabytes:.2f} GB at most",
        flush=True,
    )
    theirs = None
    if "recipe" in args.only and base == bases.BUILT_IN:
        theirs = of_recipe(author, args)
    show(f"{author} from {base}", report, theirs)


def of_recipe(author: str, args: argparse.Namespace) -> Report:
    """Return the measurements of the recipe's model, which is trained first if necessary."""
    kept = args.work / "recipe" / author / "measured.json"
    if not kept.exists():
        seconds, _ = in_subprocess(by_recipe, author, args.work, args.recipe_posts)
        print(f"{author}: the recipe in {seconds:.0f} s", flush=True)
        kept.write_text(json.dumps(in_subprocess(recipe_measured, author, args.work)[0].to_json()))
    return Report.load(kept)


if __name__ == "__main__":
    main()
