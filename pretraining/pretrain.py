"""Pretrain the built-in base: a small GPT-2-architecture model on general text and posts.

    python pretraining/pretrain.py --data FOLDER --out FOLDER --steps 4000

Plain on a CPU, bf16 and compiled on a GPU. Deterministic by seed (each step's batch depends on seed and step only) and
resumable: run the same command again. Writes the model as transformers files (fp16 safetensors) into OUT/model.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

END = "<|endoftext|>"


@dataclass(frozen=True)
class Recipe:
    layers: int = 4
    width: int = 256
    heads: int = 4
    block: int = 256  # tokens of context in training
    positions: int = 512  # tokens of context the model has room for
    batch: int = 32  # blocks a step
    steps: int = 2000
    warmup: int = 60
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    optimizer: str = "muon"
    posts_first: float = 0.10  # share of post blocks at the start
    posts_last: float = 0.60  # and at the end, rising from half of the run on
    seed: int = 0


class Mixture:
    """Blocks of tokens drawn from general text and from posts, the posts' share rising towards the end."""

    def __init__(self, data: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.general = np.load(data / "general.npy", mmap_mode="r")
        self.english = np.load(data / "posts_english.npy")
        self.other = np.load(data / "posts_other.npy")

    def posts_share(self, step: int) -> float:
        rising = max(0.0, step / self.recipe.steps - 0.5) * 2
        return self.recipe.posts_first + (self.recipe.posts_last - self.recipe.posts_first) * rising

    def batch(self, step: int) -> torch.Tensor:
        """Token ids (batch, block + 1) of one step: the same for the same seed and step."""
        rng = np.random.default_rng((self.recipe.seed, step))
        length = self.recipe.block + 1
        rows = []
        for _ in range(self.recipe.batch):
            if rng.random() < self.posts_share(step):  # noqa: SIM108 (three sources read better as a ladder)
                source = self.english if rng.random() < 0.7 else self.other
            else:
                source = self.general
            start = int(rng.integers(0, len(source) - length))
            rows.append(source[start : start + length].astype(np.int64))
        return torch.from_numpy(np.stack(rows))


def new_model(recipe: Recipe, vocabulary: int) -> GPT2LMHeadModel:
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
    return GPT2LMHeadModel(config)


def optimizers(model: GPT2LMHeadModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "wte" not in name and "wpe" not in name]
    known = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in known]
    if recipe.optimizer == "adamw":
        return [torch.optim.AdamW(model.parameters(), lr=recipe.adam_rate, betas=(0.9, 0.95), weight_decay=0.05, fused=True)]
    return [
        torch.optim.Muon(matrices, lr=recipe.muon_rate, weight_decay=0.05, momentum=0.95),
        torch.optim.AdamW(rest, lr=recipe.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def rate_factor(step: int, recipe: Recipe) -> float:
    """Warm-up, then a straight line to nothing."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return max(0.0, (recipe.steps - step) / (recipe.steps - recipe.warmup))


def spread_positions(model: GPT2LMHeadModel, trained: int) -> None:
    """Give the positions that training never reached the embedding of the last ones it did."""
    table = model.transformer.wpe.weight.data
    for start in range(trained, table.shape[0], trained // 2):
        stop = min(table.shape[0], start + trained // 2)
        table[start:stop] = table[trained // 2 : trained // 2 + stop - start]


@torch.no_grad()
def validation_loss(model: torch.nn.Module, tokens: np.ndarray, recipe: Recipe, device: str, blocks: int = 96) -> float:
    """Mean loss (nats a token) over evenly spread blocks."""
    starts = np.linspace(0, len(tokens) - recipe.block - 2, blocks).astype(int)
    losses = []
    for chunk in np.array_split(starts, math.ceil(blocks / 16)):
        ids = torch.from_numpy(np.stack([tokens[s : s + recipe.block + 1].astype(np.int64) for s in chunk])).to(device)
        logits = model(ids[:, :-1]).logits.float()
        losses.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).item())
    return float(np.mean(losses))


def save(model: GPT2LMHeadModel, tokenizer_file: Path, out: Path, facts: dict[str, Any]) -> None:
    half = GPT2LMHeadModel(model.config).half()
    half.load_state_dict(model.state_dict())
    spread_positions(half, facts["recipe"]["block"])
    sampling = {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "top_k": 0, "min_new_tokens": 10, "max_new_tokens": 160}
    half.generation_config = GenerationConfig(**sampling, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    half.save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), bos_token=END, eos_token=END, unk_token=END)
    tokenizer.model_max_length = model.config.n_positions
    tokenizer.save_pretrained(out)
    (out / "base.json").write_text(json.dumps(facts, indent=2) + "\n")
    (out / "README.md").write_text(card(facts))


def card(facts: dict[str, Any]) -> str:
    """The model's card, from the template beside this file."""
    recipe, tokens = facts["recipe"], facts["data"]["tokens"]
    return Template((Path(__file__).parent / "card.md").read_text()).substitute(
        parameters=f"{facts['parameters']:,}",
        layers=recipe["layers"],
        width=recipe["width"],
        positions=recipe["positions"],
        vocabulary=f"{facts['data']['vocabulary']:,}",
        tokens_seen=f"{facts['tokens_seen']:,}",
        general=f"{tokens['general']:,}",
        posts=f"{tokens['posts_english'] + tokens['posts_other']:,}",
        minutes=f"{facts['seconds'] / 60:.0f}",
        device=facts["device"],
        validation_general=f"{facts['validation_loss']['general']:.3f}",
        validation_posts=f"{facts['validation_loss']['posts']:.3f}",
        held_out=", ".join(facts["data"]["held_out_authors"]),
        corpus="\n".join(f"- `{name}`: {mark}" for name, mark in facts["data"]["corpus"].items()),
    )


def train(data: Path, out: Path, recipe: Recipe, minutes: float | None) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mixture = Mixture(data, recipe)
    vocabulary = json.loads((data / "prepared.json").read_text())["vocabulary"]
    model = new_model(recipe, vocabulary).to(device)
    runner = torch.compile(model) if device == "cuda" else model
    steppers = optimizers(model, recipe)
    rates = [[group["lr"] for group in stepper.param_groups] for stepper in steppers]
    validation = {name: np.load(data / f"{name}_validation.npy") for name in ("general", "posts")}
    checkpoint = out / "checkpoint.pt"
    out.mkdir(parents=True, exist_ok=True)
    first, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        for stepper, saved in zip(steppers, state["optimizers"], strict=True):
            stepper.load_state_dict(saved)
        first, spent = state["step"], state["seconds"]
    started = time.monotonic()
    scores: dict[str, float] = {}
    for step in range(first, recipe.steps):
        factor = rate_factor(step, recipe)
        for stepper, plain in zip(steppers, rates, strict=True):
            for group, rate in zip(stepper.param_groups, plain, strict=True):
                group["lr"] = rate * factor
        ids = mixture.batch(step).to(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            logits = runner(ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad()
        seconds = spent + time.monotonic() - started
        done = step + 1
        if done % 20 == 0:
            tokens = done * recipe.batch * recipe.block
            print(f"step {done} loss {loss.item():.3f} {seconds:.0f}s {tokens / seconds:.0f} tokens/s", flush=True)
        if done % 250 == 0 or done == recipe.steps or (minutes and seconds > minutes * 60):
            scores = {name: validation_loss(model, tokens_, recipe, device) for name, tokens_ in validation.items()}
            print(f"validation at {done}: {scores}", flush=True)
            torch.save(
                {"model": model.state_dict(), "optimizers": [s.state_dict() for s in steppers], "step": done, "seconds": seconds},
                out / "checkpoint.new",
            )
            (out / "checkpoint.new").rename(checkpoint)
        if minutes and seconds > minutes * 60:
            break
    if not scores:
        scores = {name: validation_loss(model, tokens_, recipe, device) for name, tokens_ in validation.items()}
    facts = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_seen": recipe.steps * recipe.batch * recipe.block,
        "validation_loss": scores,
        "seconds": round(spent + time.monotonic() - started),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "recipe": asdict(recipe),
        "data": json.loads((data / "prepared.json").read_text()),
    }
    save(model.cpu(), data / "tokenizer.json", out / "model", facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="stop early after so long (for trials)")
    for name, default in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    args = vars(parser.parse_args())
    data, out, minutes = args.pop("data"), args.pop("out"), args.pop("minutes")
    train(data, out, Recipe(**args), minutes)


if __name__ == "__main__":
    main()
