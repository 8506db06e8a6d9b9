"""Pretrain the built-in base: a small GPT-2-architecture model on general text and posts.

    python pretraining/pretrain.py --data FOLDER --out FOLDER

Training is compiled and in bf16 on a GPU and on a CPU with bf16 instructions, and in plain float32
elsewhere. A step's batch depends on the seed and the step alone. There are checkpoints, and the
same command resumes from the last one. The output, in OUT/model, is transformers files (fp16
safetensors), the record of the run, and the card.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import asset
from mixture import Mixture, Posts
from recipe import Recipe

VALIDATE_EVERY = 500
VALIDATION_BLOCKS = 96


def new_model(recipe: Recipe, vocabulary: int) -> GPT2LMHeadModel:
    """Return a GPT-2 with random weights, in which the residual branches start at zero."""
    torch.manual_seed(recipe.seed)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=recipe.positions,
        n_embd=recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        activation_function="gelu_pytorch_tanh",  # gelu_new in one fused operation
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    for name, weights in model.named_parameters():
        if name.endswith("c_proj.weight"):
            torch.nn.init.zeros_(weights)
    return model


def optimizers(model: GPT2LMHeadModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon (Jordan et al., 2024) for the blocks' matrices, and AdamW for everything else."""
    matrices = [
        weights for name, weights in model.named_parameters() if weights.ndim == 2 and ".h." in name
    ]
    known = {id(weights) for weights in matrices}
    rest = [weights for weights in model.parameters() if id(weights) not in known]
    return [
        torch.optim.Muon(
            matrices, lr=recipe.muon_rate, weight_decay=recipe.weight_decay, momentum=0.95
        ),
        torch.optim.AdamW(
            rest, lr=recipe.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        ),
    ]


def spread_positions(model: GPT2LMHeadModel, trained: int) -> None:
    """Initialize the embeddings of positions that training has not reached.

    They repeat the embeddings of the later half of the trained positions.
    """
    table = model.transformer.wpe.weight.data
    half = trained // 2
    for start in range(trained, len(table), half):
        stop = min(len(table), start + half)
        table[start:stop] = table[half : half + stop - start]


def nn_module(model: GPT2LMHeadModel) -> torch.nn.Module:
    """Return the model with torch's types; transformers' decorators hide those of its methods."""
    return model


def cross_entropy(model: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of token ids (blocks, block + 1), in nats a token."""
    logits: torch.Tensor = nn_module(model)(ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


class Validation:
    """Bits per byte of general text and of posts by held-out authors.

    They are measured in blocks of the context length that training starts with.
    """

    def __init__(self, data: Path, recipe: Recipe, facts: dict[str, Any]) -> None:
        length = recipe.block + 1
        general = np.load(data / "general_validation.npy")
        starts = np.linspace(0, len(general) - length, VALIDATION_BLOCKS).astype(int)
        posts = Posts(data / "posts_validation.npz")
        rng = np.random.default_rng(0)
        self.blocks = {
            "general": np.stack([general[start : start + length] for start in starts]),
            "posts": np.stack([posts.block(length, True, rng) for _ in range(VALIDATION_BLOCKS)]),
        }
        tokens = facts["tokens"]
        size = facts["bytes"]
        self.tokens_a_byte = {
            name: tokens[f"{name}_validation"] / size[f"{name}_validation"] for name in self.blocks
        }

    @torch.no_grad()
    def __call__(self, model: GPT2LMHeadModel) -> dict[str, float]:
        """Return the bits per byte of general text and of posts, computed in float32."""
        scores: dict[str, float] = {}
        for name, blocks in self.blocks.items():
            ids = torch.from_numpy(blocks.astype(np.int64)).to(model.device)
            losses = (
                cross_entropy(model, chunk).item() * len(chunk) for chunk in torch.split(ids, 8)
            )
            nats = sum(losses) / len(blocks)
            scores[name] = round(nats * self.tokens_a_byte[name] / math.log(2), 4)
        return scores


class Training:
    """A training run: weights, optimizers, step, and the checkpoint that holds them."""

    def __init__(self, recipe: Recipe, vocabulary: int, device: str, checkpoint: Path) -> None:
        """Start from random weights, or from the checkpoint if there is one."""
        self.recipe = recipe
        self.device = device
        self.checkpoint = checkpoint
        self.model = new_model(recipe, vocabulary)
        nn_module(self.model).to(device)
        self.optimizers = optimizers(self.model, recipe)
        self.rates = [
            [group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers
        ]
        self.loss: Callable[..., torch.Tensor] = (
            torch.compile(cross_entropy, dynamic=False) if recipe.compiled else cross_entropy
        )
        self.step = 0
        self.seconds = 0.0
        if checkpoint.exists():
            self._restore()

    def steps(self, mixture: Mixture) -> Iterator[float]:
        """Take one step after the other and yield the loss of each."""
        while self.step < self.recipe.steps:
            started = time.monotonic()
            if self.step == self.recipe.longer_at:
                spread_positions(self.model, self.recipe.block)
            loss = self._train_step(torch.from_numpy(mixture.batch(self.step)).to(self.device))
            self.step += 1
            self.seconds += time.monotonic() - started
            yield loss

    def _train_step(self, ids: torch.Tensor) -> float:
        factor = self.recipe.rate_factor(self.step)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        with torch.autocast(
            self.device, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16"
        ):
            loss = self.loss(self.model, ids)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    def save(self) -> None:
        """Write the checkpoint; the previous one is replaced only once this one is complete."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
        }
        new = self.checkpoint.with_suffix(".new")
        torch.save(state, new)
        new.rename(self.checkpoint)

    def _restore(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = state["step"]
        self.seconds = state["seconds"]


def pretrain(
    data: Path, out: Path, recipe: Recipe, checkpoint_every: int, stop_at: int | None = None
) -> None:
    """Train to the end or up to a step, from the checkpoint if there is one.

    Args:
        data: The folder that prepare.py wrote.
        out: The folder for the checkpoint and the model.
        recipe: The settings.
        checkpoint_every: Steps between checkpoints.
        stop_at: A step to stop at, as if interrupted.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    facts = json.loads((data / "prepared.json").read_text())
    validation = Validation(data, recipe, facts)
    mixture = Mixture(data, recipe)
    training = Training(recipe, facts["vocabulary"], device, out / "checkpoint.pt")
    for loss in training.steps(mixture):
        step = training.step
        is_last = step == recipe.steps
        if step % 20 == 0:
            rate = step * recipe.batch_tokens / training.seconds
            print(
                f"step {step} of {recipe.steps}, loss {loss:.3f},"
                f" {training.seconds:,.0f} s, {rate:,.0f} tokens/s",
                flush=True,
            )
        if step % VALIDATE_EVERY == 0 and not is_last:
            print(f"bits per byte at step {step}: {validation(training.model)}", flush=True)
        if step % checkpoint_every == 0 or is_last:
            training.save()
        if step == stop_at:
            return
    scores = validation(training.model)
    print(f"bits per byte at the end: {scores}", flush=True)
    device_name = f"{torch.get_num_threads()} processor cores"
    if device == "cuda":
        device_name = torch.cuda.get_device_name()
    record = asset.Record(
        recipe=recipe,
        prepared=facts,
        validation=scores,
        seconds=round(training.seconds),
        device=device_name,
    )
    training.model.cpu()
    asset.save(training.model, data / "tokenizer.json", out / "model", record)


def recipe_from(arguments: dict[str, Any]) -> Recipe:
    """Return the recipe with these settings; None means the default.

    The default is bf16 and compiled only if the machine has fast bf16.
    """
    cpu = torch.cpu.get_capabilities()
    is_fast = torch.cuda.is_available() or cpu.get("avx512_bf16") or cpu.get("amx_bf16")
    usual = asdict(Recipe()) | ({} if is_fast else {"precision": "fp32", "compiled": False})
    return Recipe(
        **{name: usual[name] if value is None else value for name, value in arguments.items()}
    )


def main() -> None:
    """Read the command line, which has an option for every setting of the recipe, and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder from prepare.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint-every", type=int, default=100, help="steps")
    parser.add_argument("--stop-at", type=int, help="a step to stop at, as if interrupted")
    for name, default in asdict(Recipe()).items():
        kind: Any = argparse.BooleanOptionalAction if isinstance(default, bool) else None
        more = {"action": kind} if kind else {"type": type(default)}
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=None, help=f"(default: {default})", **more
        )
    arguments = vars(parser.parse_args())
    data, out, checkpoint_every, stop_at = (
        arguments.pop(name) for name in ("data", "out", "checkpoint_every", "stop_at")
    )
    pretrain(data, out, recipe_from(arguments), checkpoint_every, stop_at)


if __name__ == "__main__":
    main()
