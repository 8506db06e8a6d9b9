"""Compare fine-tuning from the built-in base, from random weights and from an earlier base.

    python bench/base.py --personas FOLDER --work FOLDER
        [--previous FOLDER] [--authors NAME ...] [--say 20]

The authors are real, and the base has never seen their posts. Measured are the bits per byte on the
held-out tenth of each author's posts, before and after fine-tuning with the built-in base's
defaults; then those of the base itself on single posts and on posts with twenty others before them:
the author's own or, as a control, another author's. Results are kept in `WORK/measured.jsonl`, and
an interrupted run resumes from them. `--previous` is an earlier base's folder, extracted with

    git archive REVISION src/popinjay/assets/base | tar -x -C FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairs import show
from popinjay.events import ignore
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import DatasetOptions, SayOptions, TrainOptions
from popinjay.pipeline import inspect
from popinjay.sampling.generate import generate
from popinjay.stages.dataset import split
from popinjay.stages.train import prepare

sys.path.append(str(Path(__file__).parents[1] / "pretraining"))
from evaluate import BEFORE, in_context

ENGLISH = ("pepys", "pd_bierce", "wl_obamawhitehouse", "wl_juliagillard", "wl_barackobama")
SCORED = 150  # held-out posts of each author, with posts before them
MODEL = "model.safetensors"


class Texts:
    """One author's posts, split as a persona's are."""

    def __init__(self, file: Path) -> None:
        (found,) = inspect(file)
        posts = split(
            [replace(post, text=text) for post, text in found.result.kept], DatasetOptions()
        )
        self.train, self.validation, self.held_out = (
            [post.text for post in part] for part in (posts.train, posts.validation, posts.held_out)
        )


class Measured:
    """The rows measured so far, on disk."""

    def __init__(self, work: Path) -> None:
        self.file = work / "measured.jsonl"
        work.mkdir(parents=True, exist_ok=True)
        self.rows = (
            [json.loads(line) for line in self.file.read_text().splitlines()]
            if self.file.exists()
            else []
        )

    def find(self, **what: str) -> dict[str, Any] | None:
        """Return the first row with these values, or None."""
        return next((row for row in self.rows if what.items() <= row.items()), None)

    def add(self, **row: Any) -> None:
        """Write a row to the file and print it."""
        self.rows.append(row)
        with self.file.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(
            ", ".join(f"{name} {value}" for name, value in row.items() if name != "said"),
            flush=True,
        )


def random_weights(base: Path, folder: Path) -> Path:
    """Save an untrained model with the base's architecture and tokenizer; return its folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if not (folder / MODEL).exists():
        torch.manual_seed(0)
        shutil.copytree(
            base,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(MODEL, "base.json", "README.md"),
        )
        config = AutoConfig.from_pretrained(base, dtype=torch.float32)
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        model.save_pretrained(folder)
    return folder


def fine_tune(folder: Path, texts: Texts, work: Path, say: int) -> dict[str, Any]:
    """Fine-tune a base as `make --base builtin` does, and return what was measured.

    Args:
        folder: The base's folder.
        texts: The author's posts.
        work: A folder for checkpoints, which is removed afterwards.
        say: How many posts to generate from the result.
    """
    started = time.monotonic()
    model = LanguageModel.load(folder)
    loading = time.monotonic() - started
    before = bits_per_byte(model.bits(texts.held_out), texts.held_out)
    started = time.monotonic()
    trainer = prepare(
        model,
        replace(bases.row(bases.BUILT_IN), where=str(folder)),
        TrainOptions(),
        texts.train,
        texts.validation,
        work,
        ignore,
    )
    trainer.run()
    trainer.train_step.finish(work)
    seconds = time.monotonic() - started
    shutil.rmtree(work)
    after = bits_per_byte(model.bits(texts.held_out), texts.held_out)
    samples: list[str] = []
    if say:
        posts = generate(TorchDecoder(model), SayOptions(n=say, seed=0))
        samples = [post.text for post in posts]
    return {
        "base": round(before, 4),
        "persona": round(after, 4),
        "seconds": round(seconds, 1),
        "loading": round(loading, 2),
        "steps": trainer.state.step,
        "best_step": trainer.state.best_step,
        "tokens": trainer.state.tokens,
        "said": samples,
    }


def contexts(folder: Path, name: str, authors: dict[str, Texts]) -> dict[str, float]:
    """Return the bits per byte of an author's held-out posts in three contexts.

    The posts stand alone, after posts of other authors, and after posts of the same author.
    """
    rng = random.Random(0)
    scored = rng.sample(authors[name].held_out, min(SCORED, len(authors[name].held_out)))
    others = [
        text
        for other, texts in authors.items()
        if other != name
        for text in rng.sample(texts.train, 500)
    ]
    bits = in_context(LanguageModel.load(folder), scored, others, authors[name].train, rng)
    return {how: round(value, 4) for how, value in bits.items()}


def show_fine_tunes(measured: Measured, arms: list[str], names: list[str]) -> None:
    """Print every author's bits per byte before and after, from each arm, and the arms' means."""
    print("\nheld-out bits per byte, before -> after the fine-tune (seconds it took)")
    rows = [("author", "".join(f"{arm:>26}" for arm in arms))]
    after: dict[str, list[float]] = {arm: [] for arm in arms}
    for name in names:
        cells = []
        for arm in arms:
            row = measured.find(what="fine-tune", arm=arm, author=name)
            cells.append("{base:.3f} -> {persona:.3f} ({seconds:.0f})".format(**row) if row else "")
            after[arm] += [row["persona"]] if row else []
        rows.append((name, "".join(f"{cell:>26}" for cell in cells)))
    means = [f"{sum(found) / len(found):.3f}" if found else "" for found in after.values()]
    rows.append(("mean", "".join(f"{mean:>26}" for mean in means)))
    show(rows)


def show_contexts(measured: Measured, names: list[str]) -> None:
    """Print how much the posts before a post help the untuned base."""
    print(f"\nbits per byte of the untuned base, posts alone and after {BEFORE} others")
    rows = [("author", f"{'alone':>12}{'others before':>16}{'own before':>12}{'gain':>8}")]
    for name in names:
        if row := measured.find(what="in context", author=name):
            gain = row["alone"] - row["own"]
            rows.append(
                (
                    name,
                    f"{row['alone']:>12.3f}{row['others']:>16.3f}{row['own']:>12.3f}{gain:>8.3f}",
                )
            )
    show(rows)


def main() -> None:
    """Measure what has not been measured yet, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--personas",
        type=Path,
        required=True,
        help="a folder of NAME.jsonl.gz, posts of one author each",
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for the results")
    parser.add_argument("--base", type=Path, default=bases.folder_of(bases.row(bases.BUILT_IN)))
    parser.add_argument("--previous", type=Path, help="the folder of an earlier base")
    parser.add_argument("--authors", nargs="+", default=list(ENGLISH))
    parser.add_argument("--say", type=int, default=0, help="posts to generate from each persona")
    args = parser.parse_args()
    measured = Measured(args.work)
    arms = {
        "base": args.base,
        "random weights": random_weights(args.base, args.work / "random"),
        "previous base": args.previous,
    }
    authors = {name: Texts(args.personas / f"{name}.jsonl.gz") for name in args.authors}
    for name in authors:
        if not measured.find(what="in context", author=name):
            measured.add(what="in context", author=name, **contexts(args.base, name, authors))
    for arm, folder in arms.items():
        for name, texts in authors.items():
            if folder and not measured.find(what="fine-tune", arm=arm, author=name):
                measured.add(
                    what="fine-tune",
                    arm=arm,
                    author=name,
                    **fine_tune(
                        folder, texts, args.work / "training", args.say if arm == "base" else 0
                    ),
                )
    show_fine_tunes(measured, list(arms), args.authors)
    show_contexts(measured, args.authors)
    for name in args.authors:
        if (row := measured.find(what="fine-tune", arm="base", author=name)) and row["said"]:
            print(f"\n{name} says, not selected:", *row["said"], sep="\n- ")


if __name__ == "__main__":
    main()
