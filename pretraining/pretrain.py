"""Pretrain the built-in base: a small GPT-2-architecture model on general text and posts.

    python pretraining/pretrain.py --data FOLDER --out FOLDER

bf16 and compiled on a GPU and on a processor that multiplies bf16 itself, plain float32 elsewhere. A step's batch depends on
the seed and the step alone. There are checkpoints; the same command goes on from it. Writes transformers
files (fp16 safetensors), the asset's record and its card into OUT/model.
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
    """A GPT-2 with random weights, its residual branches silent at first."""
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
    """Muon (Jordan et al., 2024) for the matrices of the blocks, AdamW for everything else."""
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
    """Give the positions that training has not reached the embeddings of the later half of those it has, over and over."""
    table = model.transformer.wpe.weight.data
    half = trained // 2
    for start in range(trained, len(table), half):
        stop = min(len(table), start + half)
        table[start:stop] = table[half : half + stop - start]


def cross_entropy(model: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """Mean loss, nats a token, of token ids (blocks, block + 1)."""
    logits = model(ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


class Validation:
    """Bits a byte of general text and of posts by authors never seen, in blocks of the context that training starts with."""

    def __init__(self, data: Path, recipe: Recipe, facts: dict[str, Any]) -> None:
        length = recipe.block + 1
        general = np.load(data / "general_validation.npy")
        starts = np.linspace(0, len(general) - length, VALIDATION_BLOCKS).astype(int)
        posts, rng = Posts(data / "posts_validation.npz"), np.random.default_rng(0)
        self.blocks = {
            "general": np.stack([general[start : start + length] for start in starts]),
            "posts": np.stack([posts.block(length, True, rng) for _ in range(VALIDATION_BLOCKS)]),
        }
        tokens, size = facts["tokens"], facts["bytes"]
        self.tokens_a_byte = {
            name: tokens[f"{name}_validation"] / size[f"{name}_validation"] for name in self.blocks
        }

    @torch.no_grad()
    def __call__(self, model: GPT2LMHeadModel) -> dict[str, float]:
        """Both figures, in float32."""
        scores = {}
        for name, blocks in self.blocks.items():
            chunks = torch.from_numpy(blocks.astype(np.int64)).to(model.device).split(8)
            nats = sum(cross_entropy(model, chunk).item() * len(chunk) for chunk in chunks) / len(
                blocks
            )
            scores[name] = round(nats * self.tokens_a_byte[name] / math.log(2), 4)
        return scores


class Training:
    """A model on its way: weights, optimisers, step, and a checkpoint that holds them."""

    def __init__(self, recipe: Recipe, vocabulary: int, device: str, checkpoint: Path) -> None:
        self.recipe, self.device, self.checkpoint = recipe, device, checkpoint
        self.model = new_model(recipe, vocabulary).to(device)
        self.optimizers = optimizers(self.model, recipe)
        self.rates = [
            [group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers
        ]
        self.loss: Callable[..., torch.Tensor] = (
            torch.compile(cross_entropy, dynamic=False) if recipe.compiled else cross_entropy
        )
        self.step, self.seconds = 0, 0.0
        if checkpoint.exists():
            self._restore()

    def steps(self, mixture: Mixture) -> Iterator[float]:
        """Take one step after the other; the loss of each."""
        while self.step < self.recipe.steps:
            began = time.monotonic()
            if self.step == self.recipe.longer_at:
                spread_positions(self.model, self.recipe.block)
            loss = self._learn(torch.from_numpy(mixture.batch(self.step)).to(self.device))
            self.step += 1
            self.seconds += time.monotonic() - began
            yield loss

    def _learn(self, ids: torch.Tensor) -> float:
        factor = self.recipe.rate_factor(self.step)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        with torch.autocast(
            self.device, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16"
        ):
            loss = self.loss(self.model, ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    def save(self) -> None:
        """Write the checkpoint; the one before stays until this one is whole."""
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
        self.step, self.seconds = state["step"], state["seconds"]


def pretrain(
    data: Path, out: Path, recipe: Recipe, checkpoint_every: int, stop_at: int | None = None
) -> None:
    """Train to the end, or up to a step; go on from a checkpoint where one is."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    facts = json.loads((data / "prepared.json").read_text())
    validation, mixture = Validation(data, recipe, facts), Mixture(data, recipe)
    training = Training(recipe, facts["vocabulary"], device, out / "checkpoint.pt")
    for loss in training.steps(mixture):
        step, last = training.step, training.step == recipe.steps
        if step % 20 == 0:
            rate = step * recipe.batch_tokens / training.seconds
            print(
                f"step {step} of {recipe.steps}, loss {loss:.3f}, {training.seconds:,.0f} s, {rate:,.0f} tokens/s",
                flush=True,
            )
        if step % VALIDATE_EVERY == 0 and not last:
            print(f"bits a byte at {step}: {validation(training.model)}", flush=True)
        if step % checkpoint_every == 0 or last:
            training.save()
        if step == stop_at:
            return
    scores = validation(training.model)
    print(f"bits a byte at the end: {scores}", flush=True)
    where = (
        torch.cuda.get_device_name()
        if device == "cuda"
        else f"{torch.get_num_threads()} processor cores"
    )
    record = asset.Record(
        recipe=recipe,
        prepared=facts,
        validation=scores,
        seconds=round(training.seconds),
        device=where,
    )
    asset.save(training.model.cpu(), data / "tokenizer.json", out / "model", record)


def recipe_from(arguments: dict[str, Any]) -> Recipe:
    """The recipe asked for; where nothing is said, bf16 and compiling if this machine gains by them."""
    processor = torch.cpu.get_capabilities()
    able = torch.cuda.is_available() or processor.get("avx512_bf16") or processor.get("amx_bf16")
    usual = asdict(Recipe()) | ({} if able else {"precision": "fp32", "compiled": False})
    return Recipe(
        **{name: usual[name] if value is None else value for name, value in arguments.items()}
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
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
