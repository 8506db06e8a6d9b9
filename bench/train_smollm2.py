"""Compare training SmolLM2 with transformers' Trainer in the same precision: tokens a second.

    python bench/train_smollm2.py [--base FOLDER] [--personas FOLDER] [--rounds N]
        [--precision bf16]

Ours is `make`'s step with its defaults for the base (LoRA on all linear layers) and full
fine-tuning. Trainer does the same with peft's LoRA of the same rank, and full fine-tuning, on
blocks of 1,024 tokens with fused AdamW. All models stay in memory and take turns, so that other
load on the machine slows each of them. Ratios are medians over the rounds. The ceiling is bare
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
# What a peer runs: a function and its arguments after the first one, its turns.
Work = tuple[Callable[..., None], *tuple[Any, ...]]

TOKENS = 384  # in the ceiling's products: as many as one of our steps has


def ours(turns: Turns, folder: Path, texts: Sequence[str], precision: str, tune: str) -> None:
    """Take training steps as `make` does, in turns with the peers.

    Args:
        turns: When to take a step.
        folder: The model.
        texts: The posts.
        precision: "bf16" or "fp32".
        tune: "lora" or "full".
    """
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
            sequences = [trainer.sequences[i] for i in batch]
            turns.step(trainer.train_step.step(sequences, 1e-5)[1])


def with_trainer(
    turns: Turns, folder: Path, texts: Sequence[str], precision: str, is_lora: bool
) -> None:
    """Take steps of transformers' Trainer on packed blocks, in turns with the peers.

    Args:
        turns: When to take a step.
        folder: The model.
        texts: The posts.
        precision: "bf16" or "fp32".
        is_lora: Train with peft's LoRA; else all weights.
    """
    from transformers import TrainerCallback

    from popinjay.models.language_model import LanguageModel
    from popinjay.training.trainable import ALPHA, RANK

    class TakeTurns(TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            turns.ready()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
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
    with tempfile.TemporaryDirectory() as work:
        arguments = recipe.arguments(
            Path(work), optim="adamw_torch_fused", bf16=precision == "bf16"
        )
        recipe.trainer(trained, examples, arguments, [TakeTurns()]).train()


def ceiling(turns: Turns, folder: Path, precision: str) -> None:
    """Multiply matrices as a LoRA step does with the frozen weights.

    The products are those of the forward pass and of the backward pass to the hidden states; those
    with the adapters and the head are left out.
    """
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
        rows = torch.randn(TOKENS, inputs, dtype=dtype)
        weight = torch.randn(outputs, inputs, dtype=dtype)
        out = torch.empty(TOKENS, outputs, dtype=dtype)
        products += [(rows, weight.t(), out), (out.clone(), weight, torch.empty_like(rows))]
    turns.ready()
    while True:
        for _ in range(config["num_hidden_layers"]):
            for left, right, into in products:
                torch.mm(left, right, out=into)
        turns.step(TOKENS)


def measure(peers: dict[str, Work], rounds: int) -> dict[str, list[Slice]]:
    """Give each peer its turn in every round, after a warm-up round; return the slices by peer."""
    alive = {name: Peer(function, *arguments) for name, (function, *arguments) in peers.items()}
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
    parser.add_argument("--personas", type=Path, help="real posts; default: synthetic ones")
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
    texts = english(args.personas, args.posts)
    precision: str = args.precision
    peers: dict[str, Work] = {
        "ours, LoRA": (ours, folder, texts, precision, "lora"),
        "ours, full": (ours, folder, texts, precision, "full"),
        "Trainer, peft LoRA": (with_trainer, folder, texts, precision, True),
        "Trainer, full": (with_trainer, folder, texts, precision, False),
        "ceiling": (ceiling, folder, precision),
    }
    found = measure(peers, args.rounds)
    speeds = {name: [tokens_a_second(one) for one in slices] for name, slices in found.items()}
    theirs = {"LoRA": speeds["Trainer, peft LoRA"], "full": speeds["Trainer, full"]}
    rows: list[list[str]] = []
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
