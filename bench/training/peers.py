"""The peers that take turns training a GPT-2 with random weights.

Each is a function `peer(turns, ...)` that runs in a subprocess.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import ours, recipe
from training.children import Turns

if TYPE_CHECKING:
    from transformers import GPT2Config, TrainerControl, TrainerState, TrainingArguments

TOKENS = 1000  # about as many as a step has


@dataclass(frozen=True)
class Task:
    """What all peers train, and where."""

    texts: list[str]
    gpt2: Path | None  # the folder of GPT-2's tokenizer; None: use the built-in base's
    device: str = "cpu"
    shape: dict[str, int] = field(default_factory=dict)  # of GPT2Config, if not GPT-2 124M's


def tokenizer(task: Task) -> Any:
    """Return GPT-2's tokenizer, or the built-in base's."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if task.gpt2 is None:
        from popinjay.models import bases

        return AutoTokenizer.from_pretrained(bases.folder_of(bases.row(bases.BUILT_IN)))
    from tokenizers import ByteLevelBPETokenizer

    raw = ByteLevelBPETokenizer(str(task.gpt2 / "encoder.json"), str(task.gpt2 / "vocab.bpe"))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw._tokenizer, eos_token="<|endoftext|>"
    )


def gpt2_config(shape: Mapping[str, Any]) -> GPT2Config:
    """Return GPT-2 124M's config with these changes."""
    from transformers import GPT2Config

    return GPT2Config(**shape)


def new_gpt2(task: Task, **config: Any) -> Any:
    """Return a GPT-2 with random weights, which cost the same as trained ones."""
    from transformers import GPT2LMHeadModel

    model: Any = GPT2LMHeadModel(gpt2_config({**task.shape, **config}))
    return model.to(task.device)


def finisher(device: str) -> Any:
    """Return a function that waits until the device has finished all its work."""
    import torch

    return torch.cuda.synchronize if device == "cuda" else lambda: None


def ceiling(turns: Turns, task: Task, rows: int) -> None:
    """Multiply bare matrices of the shapes of a training step.

    The products are those of each layer's four matrices and the head, in the forward pass and for
    both gradients. Each is made as often as a step makes it, into memory allocated once, in bf16 on
    a GPU and fp32 elsewhere. `rows` is the number of the head's rows.
    """
    import torch

    config = gpt2_config(task.shape)
    width = config.n_embd
    dtype = torch.bfloat16 if task.device == "cuda" else torch.float32
    turns.finish = finisher(task.device)
    shapes = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
    counts = [*((shape, config.n_layer) for shape in shapes), ((width, rows), 1)]
    products: list[tuple[Any, Any, Any]] = []

    def filled(*size: int) -> Any:
        return torch.randn(*size, device=task.device, dtype=dtype)

    for (inner, outer), count in counts:
        inputs = filled(TOKENS, inner)
        weights = filled(inner, outer)
        outputs = filled(TOKENS, outer)
        passes = [
            (inputs, weights, outputs),
            (outputs, weights.T, torch.empty_like(inputs)),
            (inputs.T, outputs, torch.empty_like(weights)),
        ]
        products += passes * count
    turns.ready()
    while True:
        for left, right, into in products:
            torch.mm(left, right, out=into)
        turns.step(TOKENS)


def with_trainer(
    turns: Turns,
    task: Task,
    config: dict[str, Any],
    settings: dict[str, Any],
    is_lora: bool = False,
) -> None:
    """Take steps of HuggingTweets' recipe, in turns with the other peers.

    Args:
        turns: When to take a step.
        task: What to train.
        config: Changes to the model's config.
        settings: Changes to Trainer's arguments.
        is_lora: Train with peft's LoRA and its defaults for GPT-2 (rank 8); else all weights.
    """
    from transformers import TrainerCallback

    class TakeTurns(TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            turns.ready()

        def on_step_end(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **kwargs: Any,
        ) -> None:
            turns.step(args.per_device_train_batch_size * (recipe.BLOCK - 1))

    encoder = tokenizer(task)
    posts = encoder(task.texts, add_special_tokens=False)["input_ids"]
    # More epochs than the turns ever reach.
    examples = recipe.blocks(recipe.mixture(posts, encoder.eos_token_id, epochs=40))
    model = new_gpt2(task, **config)
    if is_lora:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=8, fan_in_fan_out=True))
    turns.finish = finisher(task.device)
    with tempfile.TemporaryDirectory() as folder:
        arguments = recipe.arguments(Path(folder), task.device, **settings)
        recipe.trainer(model, examples, arguments, [TakeTurns()]).train()


def popinjay(turns: Turns, task: Task, folder: Path, precision: str = "fp32") -> None:
    """Take our steps, in turns with the other peers, on a base loaded from a folder."""
    from popinjay.models.language_model import LanguageModel

    turns.finish = finisher(task.device)
    ours.steps(turns, LanguageModel.load(folder, task.device), task.texts, precision)


def save_gpt2(task: Task, folder: Path) -> None:
    """Save the model and its tokenizer; run it in a subprocess, so that no peer's memory has it."""
    new_gpt2(task).save_pretrained(folder)
    tokenizer(task).save_pretrained(folder)


NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
# Trainer's best settings on a GPU.
BEST = {"optim": "adamw_torch_fused", "per_device_train_batch_size": 8, "torch_compile": True}


def others(device: str) -> dict[str, Sequence[Any]]:
    """Return the arguments of `with_trainer` after the task by peer, the recipe first."""
    found: dict[str, Sequence[Any]] = {
        "recipe": ({}, {}),
        "recipe, dropout 0": (NO_DROPOUT, {}),
        "recipe, peft LoRA": ({}, {}, True),
    }
    return {**found, "Trainer's best": (NO_DROPOUT, BEST)} if device == "cuda" else found
