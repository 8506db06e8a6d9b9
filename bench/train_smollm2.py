"""Training SmolLM2 beside transformers' Trainer in the same precision: tokens a second, in turns.

    python bench/train_smollm2.py [--base FOLDER] [--personas FOLDER] [--rounds N] [--precision bf16]

Ours is `make`'s step with its defaults for the base (LoRA on all linear layers) and full
fine-tuning; Trainer's is the same with peft's LoRA of the same rank, and full fine-tuning, on
blocks of 1,024 tokens with fused AdamW. All hold their models at the same time and take turns, so
that a busy machine slows each of them. Ratios are medians over the rounds. The ceiling is bare
matrix products of the shapes of ours with LoRA, in the same precision.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from training import recipe
from training.children import Peer, Slice, Turns
from training.report import table
from training.speed import tokens_a_second
from training.texts import english

POSTS = 1676
STEPS = {
    "ours, LoRA": 4,
    "ours, full": 4,
    "Trainer, peft LoRA": 1,
    "Trainer, full": 1,
    "ceiling": 1,
}
TOKENS = 384  # of the ceiling's products: as many as a step of ours has


def ours(turns: Turns, folder: Path, texts: Sequence[str], precision: str, tune: str) -> None:
    """Train step after step as `make` does, each in its turn."""
    from popinjay.events import ignore
    from popinjay.models import bases
    from popinjay.models.language_model import LanguageModel
    from popinjay.options import TrainOptions
    from popinjay.stages.train import prepare

    options = TrainOptions(precision=precision, tune=tune, batch_tokens=TOKENS, epochs=1.0)
    model, base = LanguageModel.load(folder), bases.row(str(folder))
    with tempfile.TemporaryDirectory() as work:
        trainer = prepare(model, base, options, texts, texts[:1], Path(work), ignore)
        turns.ready()
        for batch in cycle(trainer.plan()[0]):
            turns.step(trainer.train_step.step([trainer.sequences[i] for i in batch], 1e-5)[1])


def with_trainer(
    turns: Turns, folder: Path, texts: Sequence[str], precision: str, is_lora: bool
) -> None:
    """Train with transformers' Trainer on packed blocks, each step in its turn."""
    from transformers import TrainerCallback

    from popinjay.models.language_model import LanguageModel
    from popinjay.training.trainable import ALPHA, RANK

    class Held(TrainerCallback):
        def on_train_begin(self, *more: Any, **named: Any) -> None:
            turns.ready()

        def on_step_end(self, *more: Any, **named: Any) -> None:
            turns.step(recipe.BLOCK - 1)

    model = LanguageModel.load(folder)
    examples = recipe.blocks(recipe.mixture(model.encode(texts), model.eos_token, epochs=40))
    trained = model.model
    if is_lora:
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules="all-linear"
        )
        trained = get_peft_model(trained, config)
    more = {"optim": "adamw_torch_fused", "bf16": precision == "bf16"}
    with tempfile.TemporaryDirectory() as work:
        recipe.trainer(trained, examples, recipe.arguments(Path(work), **more), [Held()]).train()


def ceiling(turns: Turns, folder: Path, precision: str) -> None:
    """Multiply matrices as a LoRA step does with the frozen weights: forward, and back to the
    hidden states; the products with adapters and the head are left out."""
    import json

    import torch

    config = json.loads((folder / "config.json").read_text())
    width, inner = config["hidden_size"], config["intermediate_size"]
    shared = config["head_dim"] * config["num_key_value_heads"]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    products: list[tuple[Any, Any, Any]] = []
    for inputs, outputs in (
        (width, width + 2 * shared),
        (width, width),
        (width, 2 * inner),
        (inner, width),
    ):
        rows, weight = (
            torch.randn(TOKENS, inputs, dtype=dtype),
            torch.randn(outputs, inputs, dtype=dtype),
        )
        out = torch.empty(TOKENS, outputs, dtype=dtype)
        products += [(rows, weight.t(), out), (out.clone(), weight, torch.empty_like(rows))]
    turns.ready()
    while True:
        for _ in range(config["num_hidden_layers"]):
            for left, right, into in products:
                torch.mm(left, right, out=into)
        turns.step(TOKENS)


def measure(
    peers: dict[str, tuple[Callable[..., None], ...]], rounds: int
) -> dict[str, list[Slice]]:
    """Let each peer have its turn, round after round, after one round that does not count."""
    alive = {name: Peer(*work) for name, work in peers.items()}
    for peer in alive.values():
        peer.ready()
    found: dict[str, list[Slice]] = {name: [] for name in alive}
    for number in range(rounds + 1):
        for name, peer in alive.items():
            turn = peer.turn(STEPS[name])
            if number:
                found[name].append(turn)
    for peer in alive.values():
        peer.stop()
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--base", type=Path, help="SmolLM2's folder; default: the one of popinjay bases"
    )
    parser.add_argument("--personas", type=Path, help="real posts; without it synthetic ones")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--posts", type=int, default=POSTS)
    args = parser.parse_args()
    folder = args.base
    if folder is None:
        from popinjay.models import bases

        base = bases.row(bases.ENGLISH)
        if not bases.is_here(base):
            print(
                f"Nothing was measured: {base.name} is not here (popinjay bases get {base.name})."
            )
            return
        folder = bases.folder_of(base)
    texts, precision = english(args.personas, args.posts), args.precision
    found = measure(
        {
            "ours, LoRA": (ours, folder, texts, precision, "lora"),
            "ours, full": (ours, folder, texts, precision, "full"),
            "Trainer, peft LoRA": (with_trainer, folder, texts, precision, True),
            "Trainer, full": (with_trainer, folder, texts, precision, False),
            "ceiling": (ceiling, folder, precision),
        },  # type: ignore[arg-type]
        args.rounds,
    )
    speeds = {name: [tokens_a_second(one) for one in slices] for name, slices in found.items()}
    theirs = {"LoRA": speeds["Trainer, peft LoRA"], "full": speeds["Trainer, full"]}
    rows = []
    for name, own in speeds.items():
        beside = theirs["full" if name.endswith("full") else "LoRA"]
        ratio = median(a / b for a, b in zip(own, beside, strict=True))
        share = median(a / b for a, b in zip(own, speeds["ceiling"], strict=True))
        peak = f"{found[name][-1].peak:.2f}"
        rows.append([name, f"{median(own):,.0f}", f"{ratio:.2f}", f"{share:.0%}", peak])
    head = ["", "tokens/s", "x Trainer, same weights trained", "of the ceiling", "peak GB"]
    print(
        f"SmolLM2, {len(texts):,} posts, {precision}, {args.rounds} rounds\n\n{table(head, rows)}"
    )


if __name__ == "__main__":
    main()
