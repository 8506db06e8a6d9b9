"""HuggingTweets' recipe with today's `transformers.Trainer`.

Each epoch has the posts in a new order, with `<|endoftext|>` between them and at both ends. All
epochs are one text, cut into blocks of 1,024 tokens and read once: one block a step, all weights,
AdamW, a learning rate of 1.372e-4 with cosine decay from the first step. Everything else is
Trainer's default.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EPOCHS = 4
BLOCK = 1024
RATE = 1.372e-4


def mixture(
    posts: Sequence[Sequence[int]], end: int, epochs: int = EPOCHS, seed: int = 0
) -> list[int]:
    """Return the token ids of all epochs in one list.

    Args:
        posts: The token ids of each post.
        end: The separator's id.
        epochs: How often each post occurs.
        seed: The seed of the posts' order.
    """
    rng = random.Random(seed)
    found = [end]
    shuffled = list(posts)
    for _ in range(epochs):
        rng.shuffle(shuffled)
        for ids in shuffled:
            found += [*ids, end]
    return found


def blocks(ids: Sequence[int], size: int = BLOCK) -> list[dict[str, list[int]]]:
    """Return examples for Trainer; an incomplete block at the end is dropped."""
    cut = (list(ids[start : start + size]) for start in range(0, len(ids) - size + 1, size))
    return [{"input_ids": block, "labels": block} for block in cut]


def arguments(folder: Path, device: str = "cpu", **more: Any) -> Any:
    """Return Trainer's arguments, with bf16 on a GPU; `more` overrides some."""
    from transformers import TrainingArguments

    usual = {
        "per_device_train_batch_size": 1,
        "num_train_epochs": 1,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": device == "cpu",
        "bf16": device == "cuda",
        "dataloader_pin_memory": device == "cuda",
    }
    return TrainingArguments(output_dir=str(folder), **{**usual, **more})


def trainer(
    model: Any,
    examples: Sequence[dict[str, list[int]]],
    arguments: Any,
    callbacks: Sequence[Any] = (),
) -> Any:
    """Return a Trainer that prints nothing."""
    from transformers import PrinterCallback, Trainer, default_data_collator

    found = Trainer(
        model=model,
        args=arguments,
        train_dataset=list(examples),
        data_collator=default_data_collator,
        callbacks=list(callbacks),
    )
    found.remove_callback(PrinterCallback)
    return found
