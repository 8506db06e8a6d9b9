"""What takes turns: each a function `peer(turns, ...)` for a process of its own, which trains a GPT-2 of random weights."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training import ours, recipe
from training.children import Turns

TOKENS = 1000  # a step has about so many


@dataclass(frozen=True)
class Task:
    """What all of them train, and where."""

    texts: list[str]
    gpt2: Path | None  # the folder of its tokenizer; None: the built-in base's serves
    device: str = "cpu"
    shape: dict[str, int] = field(default_factory=dict)  # other than GPT-2's 124M, of its config


def tokenizer(task: Task) -> Any:
    """GPT-2's tokenizer, or the built-in base's."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if task.gpt2 is None:
        from popinjay.models import bases

        return AutoTokenizer.from_pretrained(bases.folder_of(bases.row(bases.BUILT_IN)))
    from tokenizers import ByteLevelBPETokenizer

    raw = ByteLevelBPETokenizer(str(task.gpt2 / "encoder.json"), str(task.gpt2 / "vocab.bpe"))
    return PreTrainedTokenizerFast(tokenizer_object=raw._tokenizer, eos_token="<|endoftext|>")


def new_gpt2(task: Task, **config: Any) -> Any:
    """GPT-2 as its config makes it: 124 M random weights cost what the real ones do."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(**{**task.shape, **config})).to(task.device)


def finisher(device: str) -> Any:
    """Waits until a GPU has done what it was told."""
    import torch

    return torch.cuda.synchronize if device == "cuda" else lambda: None


def ceiling(turns: Turns, task: Task, rows: int) -> None:
    """Bare matrix products of the shapes of a training step: each layer's four and the head, forward and both ways back.

    Each kind as often as a step has it, into memory allocated once; bf16 on a GPU, fp32 elsewhere.
    """
    import torch
    from transformers import GPT2Config

    config = GPT2Config(**task.shape)
    width, dtype = config.n_embd, torch.bfloat16 if task.device == "cuda" else torch.float32
    turns.finish = finisher(task.device)
    shapes = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
    products: list[tuple[Any, Any, Any]] = []

    def filled(*size: int) -> Any:
        return torch.randn(*size, device=task.device, dtype=dtype)

    for (inner, outer), times in [
        *((shape, config.n_layer) for shape in shapes),
        ((width, rows), 1),
    ]:
        inputs, weights, outputs = (
            filled(TOKENS, inner),
            filled(inner, outer),
            filled(TOKENS, outer),
        )
        kinds = [
            (inputs, weights, outputs),
            (outputs, weights.T, torch.empty_like(inputs)),
            (inputs.T, outputs, torch.empty_like(weights)),
        ]
        products += kinds * times
    turns.ready()
    while True:
        for left, right, into in products:
            torch.mm(left, right, out=into)
        turns.step(TOKENS)


def with_trainer(
    turns: Turns, task: Task, config: dict[str, Any], asked: dict[str, Any], is_lora: bool = False
) -> None:
    """HuggingTweets' recipe; `config` changes the model's, `asked` Trainer's arguments; LoRA with peft's defaults for GPT-2 (rank 8)."""
    from transformers import TrainerCallback

    class Held(TrainerCallback):
        def on_train_begin(self, *more: Any, **named: Any) -> None:
            turns.ready()

        def on_step_end(self, arguments: Any, *more: Any, **named: Any) -> None:
            turns.step(arguments.per_device_train_batch_size * (recipe.BLOCK - 1))

    words = tokenizer(task)
    posts = words(task.texts, add_special_tokens=False)["input_ids"]
    examples = recipe.blocks(
        recipe.mixture(posts, words.eos_token_id, epochs=40)
    )  # one that never ends here
    model = new_gpt2(task, **config)
    if is_lora:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=8, fan_in_fan_out=True))
    turns.finish = finisher(task.device)
    with tempfile.TemporaryDirectory() as folder:
        recipe.trainer(
            model, examples, recipe.arguments(Path(folder), task.device, **asked), [Held()]
        ).train()


def popinjay(turns: Turns, task: Task, folder: Path, precision: str = "fp32") -> None:
    """Ours, from a folder as a user's base is."""
    from popinjay.models.language_model import LanguageModel

    turns.finish = finisher(task.device)
    ours.steps(turns, LanguageModel.load(folder, task.device), task.texts, precision)


def save_gpt2(task: Task, folder: Path) -> None:
    """Model and tokenizer as files; in a process of its own, so that nothing of it counts as anybody's memory."""
    new_gpt2(task).save_pretrained(folder)
    tokenizer(task).save_pretrained(folder)


NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
BEST = {
    "optim": "adamw_torch_fused",
    "per_device_train_batch_size": 8,
    "torch_compile": True,
}  # of Trainer's settings, on a GPU


def others(device: str) -> dict[str, Sequence[Any]]:
    """What ours is measured against: the arguments of `with_trainer` by name, the recipe first."""
    found: dict[str, Sequence[Any]] = {
        "recipe": ({}, {}),
        "recipe, dropout 0": (NO_DROPOUT, {}),
        "recipe, peft LoRA": ({}, {}, True),
    }
    return {**found, "Trainer's best": (NO_DROPOUT, BEST)} if device == "cuda" else found
