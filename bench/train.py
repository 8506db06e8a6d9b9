"""Compare training with HuggingTweets' recipe: speed, time to quality, and how the cost scales.

    python bench/train.py --work FOLDER [--personas FOLDER] [--gpt2 FOLDER] [--quick | --all]
        [--only speed quality promises growth] [--anew] ...

Ratios are of one run, which takes about 17 minutes on two cores. Speed is measured on GPT-2 124M
with random weights, in turns with Trainer and with matrix products of the same shapes as a ceiling;
quality on the built-in base, with the recipe and ours each run to its end. The tables are printed,
and all measurements are written to `WORK/training.json`. The recipe's runs for quality are kept in
WORK, and marked as kept if they are used again; `--anew` deletes them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from base import ENGLISH
from training import growth, peers, promises, quality, recipe, report, speed
from training.children import has_gpu, in_subprocess
from training.texts import english, posts_of

PARTS = ("speed", "quality", "promises", "growth")
THREE = ("pepys", "pd_bierce", "wl_obamawhitehouse")


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    speed_seconds: float = 170.0
    speed_posts: int = 1676  # as many as one of HuggingTweets' cards had
    shape: dict[str, int] = field(default_factory=dict)  # of GPT2Config
    authors: tuple[str, ...] = THREE
    max_posts: int = 300  # training posts of an author
    max_scored: int = 100  # held-out posts of an author
    samples: int = 100
    epochs: float | None = None  # None: the default
    # Epochs of shorter runs, which may already be as good as the recipe.
    quick: tuple[float, ...] = (0.25, 0.35, 0.5, 1.0)
    promised: int = 1500  # training posts of the runs with a time limit
    budgets: tuple[str, ...] = ("10s", "20s")
    sizes: tuple[int, ...] = (500, 2000, 8000, 20_000)
    share: float = 0.05  # of an epoch, for each size


SHAPE = {"n_layer": 2, "n_embd": 192, "n_head": 3}
QUICK = Plan(
    speed_seconds=5.0,
    speed_posts=300,
    shape=SHAPE,
    authors=THREE[1:2],
    max_posts=40,
    max_scored=30,
    samples=20,
    epochs=1.0,
    promised=40,
    budgets=("3s",),
    sizes=(100, 400),
)
ALL = Plan(authors=ENGLISH, max_posts=3000, max_scored=1000, samples=500)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for the results")
    parser.add_argument(
        "--personas",
        type=Path,
        help="a folder of NAME.jsonl.gz, posts of one author each;"
        " default: synthetic posts, and no quality",
    )
    parser.add_argument(
        "--gpt2",
        type=Path,
        help="a folder with GPT-2's encoder.json and vocab.bpe;"
        " default: the built-in base's tokenizer",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        action="store_true",
        help="only test that everything works, in about two minutes: a small model, few posts",
    )
    size.add_argument(
        "--all", action="store_true", help="five authors, up to 3,000 posts each: takes hours"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--authors", nargs="+", help="authors to measure quality on, instead of the default ones"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=recipe.RATE,
        help="the recipe's learning rate on the built-in base, instead of its own",
    )
    parser.add_argument("--anew", action="store_true", help="measure the recipe's quality again")
    return parser.parse_args()


def show(title: str, text: str) -> None:
    """Print a table under its title."""
    print(f"\n### {title}\n\n{text}\n", flush=True)


def measure_speed(args: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """Measure the speed on the CPU, and on a GPU if there is one."""
    found: dict[str, Any] = {}
    texts = english(args.personas, plan.speed_posts)
    for device in devices():
        found[device] = speed.measure(
            peers.Task(texts, args.gpt2, device, plan.shape), plan.speed_seconds
        )
        what = "fp32" if device == "cpu" else "bf16"
        posts = f"{len(texts):,} {'English' if args.personas else 'synthetic'} posts"
        show(
            f"GPT-2 {'small, for a trial' if plan.shape else '124M'}, {posts}, {device}, {what}",
            report.speed(found[device]),
        )
    return found


def devices() -> list[str]:
    """Return the devices to train on; a subprocess looks, since torch takes much memory."""
    return ["cpu", "cuda"] if in_subprocess(has_gpu)[0] else ["cpu"]


def measure_quality(args: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """Measure the quality for each author."""
    found: dict[str, Any] = {}
    for author in args.authors or plan.authors:
        posts = posts_of(author, args.personas, plan.max_posts, plan.max_scored)
        found[author] = quality.compare(
            posts, plan.samples, args.work / "kept", plan.quick, args.rate, plan.epochs
        )
        print(f"{author} at {time.strftime('%H:%M:%S')}", flush=True)
    title = (
        f"Built-in base, up to {plan.max_posts:,} posts of an author, held-out bits per byte,"
        f" {plan.samples} samples, the recipe's learning rate {args.rate:g}"
    )
    means = quality.means(found)
    show(title, report.quality(found, means))
    return {"authors": found, "means": means}


def measure_growth(args: argparse.Namespace, plan: Plan) -> list[dict[str, Any]]:
    """Measure the cost for each number of posts."""
    texts = english(args.personas, max(plan.sizes))
    found = [growth.measure(texts[:size], plan.share) for size in plan.sizes]
    show(f"Built-in base, {plan.share:g} of an epoch", report.growth(found))
    return found


def measure_promises(args: argparse.Namespace, plan: Plan) -> list[dict[str, Any]]:
    """Measure how well the estimate and the budget are kept, on one author's posts."""
    posts = posts_of(plan.authors[-1], args.personas, plan.promised, plan.max_scored)
    found = promises.measure(posts, plan.budgets)
    show(f"Built-in base, {len(posts.train):,} posts of {plan.authors[-1]}", report.promises(found))
    return found


def main() -> None:
    """Measure everything requested, print the tables and write the results."""
    started_at = time.monotonic()
    args = parse()
    plan = QUICK if args.quick else ALL if args.all else Plan()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.anew:
        shutil.rmtree(args.work / "kept", ignore_errors=True)
    measures = {
        "speed": measure_speed,
        "quality": measure_quality,
        "promises": measure_promises,
        "growth": measure_growth,
    }
    found: dict[str, Any] = {}
    for name in args.only:
        if name in ("quality", "promises") and args.personas is None:
            show(f"Built-in base, {name}", "Not measured: needs real authors' posts (--personas).")
            continue
        started = time.monotonic()
        found[name] = measures[name](args, plan)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    found["seconds"] = round(time.monotonic() - started_at)
    results = args.work / "training.json"
    results.write_text(json.dumps(found, indent=2))
    print(f"Finished in {found['seconds'] / 60:.1f} minutes; all measurements: {results}")


if __name__ == "__main__":
    main()
