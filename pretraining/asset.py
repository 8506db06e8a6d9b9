"""Write the base that the package ships: transformers files, a record of the run, and a card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

from transformers import GenerationConfig, GPT2LMHeadModel, PreTrainedTokenizerFast

from recipe import Recipe
from tokenization import END

NAME = "popinjay-base"
VERSION = 2
SAMPLING = {
    "do_sample": True,
    "temperature": 1.0,
    "top_p": 0.95,
    "top_k": 0,
    "min_new_tokens": 10,
    "max_new_tokens": 160,
}


@dataclass(frozen=True)
class Record:
    """How a base was made."""

    recipe: Recipe
    prepared: dict[str, Any]  # written by prepare.py: hashes of the corpus, tokens, bytes
    validation: dict[str, float]  # bits per byte
    seconds: int
    device: str


def save(model: GPT2LMHeadModel, tokenizer_file: Path, out: Path, record: Record) -> None:
    """Write the model in half precision, its tokenizer, `base.json` and the card."""
    parameters = sum(weights.numel() for weights in model.parameters())
    model.half()  # type: ignore[no-untyped-call]
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        **SAMPLING, bos_token_id=0, eos_token_id=0, pad_token_id=0
    )
    model.save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(tokenizer_file), bos_token=END, eos_token=END, unk_token=END
    )
    tokenizer.model_max_length = model.config.n_positions
    tokenizer.save_pretrained(out)
    facts = {
        "name": NAME,
        "version": VERSION,
        "parameters": parameters,
        "sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
        "tokens_seen": record.recipe.steps * record.recipe.batch_tokens,
        "held_out_bits_per_byte": record.validation,
        "seconds": record.seconds,
        "device": record.device,
        "recipe": asdict(record.recipe),
        "data": record.prepared,
    }
    (out / "base.json").write_text(json.dumps(facts, indent=2) + "\n")
    (out / "README.md").write_text(card(facts))


def card(facts: dict[str, Any]) -> str:
    """Return the model's card, from the template in card.md."""
    recipe, data = facts["recipe"], facts["data"]
    return Template((Path(__file__).parent / "card.md").read_text()).substitute(
        parameters=f"{facts['parameters']:,}",
        version=facts["version"],
        layers=recipe["layers"],
        width=recipe["width"],
        positions=f"{recipe['positions']:,}",
        vocabulary=f"{data['vocabulary']:,}",
        tokens_seen=f"{facts['tokens_seen']:,}",
        general=f"{data['tokens']['general']:,}",
        posts=f"{data['tokens']['posts']:,}",
        minutes=f"{facts['seconds'] / 60:.0f}",
        device=facts["device"],
        validation_general=f"{facts['held_out_bits_per_byte']['general']:.3f}",
        validation_posts=f"{facts['held_out_bits_per_byte']['posts']:.3f}",
        held_out=", ".join(data["held_out_authors"]),
        corpus="\n".join(f"- `{name}`: {digest}" for name, digest in data["corpus"].items()),
    )
