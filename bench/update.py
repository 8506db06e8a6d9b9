"""Compare updating a persona with training it again: processor time, held-out bits a byte.

    python bench/update.py SPEC ... [--base builtin] [--posts N] [--work FOLDER]
        [--lesson 2.0] [--rate 0.25] [--passes 1]

The oldest ten elevenths of an author's posts are the first archive, all of them the second. Three
models are trained: one on the first archive from the base model, the update of it with the second,
and for comparison one from the base model on the same training posts as the update. Each is scored
on the posts that neither learnt: those held out of the first archive and those held out of the new
posts, alone and together. Times are processor seconds of the training with its validations, on one
thread, so that the ratio also holds on a machine with other work. With `--work` trained models and
their figures are kept, and a later call goes on from there; the values of `--lesson`, `--rate` and
`--passes` are lists separated by commas, of which every combination is tried.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.events import ignore
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import CleanOptions, CollectOptions, DatasetOptions, TrainOptions
from popinjay.post import Post
from popinjay.stages.clean import sort_out
from popinjay.stages.collect import open_specs
from popinjay.stages.dataset import Earlier, Split, extend, split
from popinjay.stages.train import prepare
from popinjay.training import warm_start
from popinjay.training.warm_start import WarmStart

OLDER = 10 / 11  # of the posts: the new ones are a tenth of them


@dataclass(frozen=True)
class Trained:
    """A model, what training it took, and its bits a byte."""

    folder: Path
    seconds: float  # of the processor
    steps: int
    best_step: int
    bits: dict[str, float]


@dataclass(frozen=True)
class Archives:
    """The posts of one author, as a first archive and as a second one with a tenth more."""

    first: Split
    second: Split

    @classmethod
    def of(cls, spec: str, most: int) -> Archives:
        """Read and clean the newest `most` posts of a file, and split them as `make` does."""
        with open_specs([spec], CollectOptions()) as opened:
            posts = sorted(opened.readings[0].posts(), key=lambda post: post.created_at or "")
        author = posts[0].author
        clean = [_with(post, text) for post, text in sort_out(author, posts, CleanOptions()).kept]
        clean = clean[-most:]
        older = clean[: round(OLDER * len(clean))]
        first = split(older, DatasetOptions())
        earlier = Earlier(first.train, first.validation, first.held_out)
        return cls(first, extend(earlier, clean, DatasetOptions()))

    def scored(self) -> dict[str, list[str]]:
        """Return the posts that no model learnt: those of the first archive, the new ones, all."""
        old = texts(self.first.held_out)
        new = [text for text in texts(self.second.held_out) if text not in set(old)]
        return {"old": old, "new": new, "all": [*old, *new]}


def _with(post: Post, text: str) -> Post:
    return Post.from_json({**post.to_json(), "text": text})


def texts(posts: Sequence[Post]) -> list[str]:
    """Return the texts of posts."""
    return [post.text for post in posts]


@contextmanager
def processor_seconds() -> Iterator[list[float]]:
    """Append the processor time spent in the context to a list."""
    taken: list[float] = []
    before = os.times()
    yield taken
    after = os.times()
    taken.append(after.user + after.system - before.user - before.system)


def trained(
    base: bases.Base,
    parts: Split,
    scored: dict[str, list[str]],
    folder: Path,
    warm: WarmStart | None = None,
) -> Trained:
    """Train as `make` or `update` does, and score; return what was kept of an earlier call."""
    kept = folder / "figures.json"
    if kept.exists():
        return Trained(folder / "model", **json.loads(kept.read_text()))
    shutil.rmtree(folder, ignore_errors=True)  # half a training would give half of its time
    folder.mkdir(parents=True)
    with processor_seconds() as taken:
        model = LanguageModel.load(bases.folder_of(base))
        trainer = prepare(
            model,
            base,
            TrainOptions(),
            texts(parts.train),
            texts(parts.validation),
            folder / "checkpoints",
            ignore,
            warm,
        )
        trainer.run()
        trainer.train_step.finish(folder / "model")
        model.save(folder / "model")
    state = trainer.state
    bits = {
        name: round(bits_per_byte(model.bits(some), some), 4)
        for name, some in scored.items()
        if some
    }
    figures: dict[str, Any] = {
        "seconds": round(taken[0], 1),
        "steps": state.step,
        "best_step": state.best_step,
        "bits": bits,
    }
    kept.write_text(json.dumps(figures))
    return Trained(folder / "model", **figures)


def compared(spec: str, base: bases.Base, args: argparse.Namespace, work: Path) -> None:
    """Compare for one author, and print a line for each way of updating."""
    archives = Archives.of(spec, args.posts)
    scored = archives.scored()
    name = Path(spec).name.split(".")[0]
    folder = work / f"{name}-{Path(base.name).name}-{args.posts}"
    first = trained(base, archives.first, scored, folder / "first")
    known = frozenset(texts(archives.first.train))
    fresh = trained(base, archives.second, scored, folder / "fresh")
    new = len(archives.second.train) - len(archives.first.train)
    print(
        f"{name} on {base.name}: {len(archives.first.train):,} training posts and {new:,} new ones;"
        f" held out {len(scored['old']):,} and {len(scored['new']):,}"
    )
    print(row("before", first, fresh))
    print(row("fresh", fresh, fresh))
    for lesson, rate, passes in itertools.product(args.lesson, args.rate, args.passes):
        warm_start.LESSON, warm_start.PASSES, warm_start.RATE_SHARE = lesson, int(passes), rate
        print_ = hashlib.sha256(first.folder.as_posix().encode()).hexdigest()
        warm = WarmStart(first.folder, "v0", print_, known)
        place = folder / f"update-{lesson:g}-{rate:g}-{passes:g}"
        update = trained(base, archives.second, scored, place, warm)
        label = f"update: lesson {lesson:g}, rate {rate:g}, passes {passes:g}"
        print(row(label, update, fresh), flush=True)


def row(label: str, found: Trained, fresh: Trained) -> str:
    """Return a line with the figures of a model beside those of the fresh one."""
    bits = "  ".join(
        f"{name} {value:.4f} ({value - fresh.bits[name]:+.4f})"
        for name, value in found.bits.items()
    )
    share = found.seconds / fresh.seconds
    return (
        f"  {label:44} {found.seconds:7.1f} s ({share:4.0%})  {bits}"
        f"  best step {found.best_step} of {found.steps}"
    )


def numbers(text: str) -> list[float]:
    """Return the numbers of a list separated by commas."""
    return [float(part) for part in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare for every author given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("specs", nargs="+", metavar="SPEC")
    parser.add_argument("--base", default=bases.BUILT_IN)
    parser.add_argument("--posts", type=int, default=10**6, help="the newest posts, at most")
    parser.add_argument("--work", type=Path)
    defaults: dict[str, Any] = {
        "--lesson": warm_start.LESSON,
        "--rate": warm_start.RATE_SHARE,
        "--passes": warm_start.PASSES,
    }
    for name, default in defaults.items():
        parser.add_argument(name, type=numbers, default=[default])
    args = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    # Once before all: what is imported for it takes seconds, which the first would be charged.
    LanguageModel.load(bases.folder_of(bases.row(args.base)))
    with tempfile.TemporaryDirectory() as scratch:
        for spec in args.specs:
            compared(spec, bases.row(args.base), args, args.work or Path(scratch))


if __name__ == "__main__":
    main()
