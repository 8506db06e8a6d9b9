"""Popinjay's training; the only file of this benchmark that knows how it works."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.events import Event, EventKind, ignore
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel
from popinjay.options import TrainOptions
from popinjay.stages.train import prepare
from popinjay.training.vocabulary import NEGATIVE_SAMPLES, active_rows
from training.children import Turns
from training.stopwatch import Stopwatch

if TYPE_CHECKING:
    from popinjay.training.trainer import Trainer
    from training.whole import Job


def steps(turns: Turns, model: LanguageModel, texts: Sequence[str], precision: str) -> None:
    """Take steps of full fine-tuning as `train` does with its defaults, in turns with the peers."""
    with tempfile.TemporaryDirectory() as folder:
        options = TrainOptions(precision=precision, epochs=1.0)
        trainer = prepare(model, bases.row("gpt2"), options, texts, texts[:1], Path(folder), ignore)
        batches, _ = trainer.plan()
        turns.ready()
        for batch in cycle(batches):
            _, tokens = trainer.train_step.step([trainer.sequences[i] for i in batch], 1e-4)
            turns.step(tokens)


def whole(
    model: LanguageModel, name: str, job: Job, batch_tokens: int | None, folder: Path
) -> Trainer:
    """Prepare a whole training as `make` does with a base and no further options.

    Args:
        model: The loaded model.
        name: The base's name in the table of bases.
        job: What to train on.
        batch_tokens: Tokens in a step; None: the base's default.
        folder: A folder for checkpoints.
    """
    base = next((base for base in bases.BASES if base.name == name), bases.row(str(job.folder)))
    options = TrainOptions(precision=job.precision, epochs=job.epochs, batch_tokens=batch_tokens)
    return prepare(model, base, options, job.texts, job.validation, folder, ignore)


def head_rows(tokenizer: Any, size: int, texts: Sequence[str]) -> int:
    """Return how many rows of the output head a step multiplies with.

    These are the rows of tokens in the posts, and those sampled from the rest of the vocabulary.
    """
    posts = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    active = len(active_rows(posts, size))
    return active + min(NEGATIVE_SAMPLES, size - active)


def train(
    model: LanguageModel,
    posts: Sequence[str],
    validation: Sequence[str],
    work: Path,
    options: TrainOptions,
    score: Callable[[], float],
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Train the built-in base as `make` does.

    Args:
        model: The loaded base.
        posts: The training posts.
        validation: The validation posts.
        work: A folder for checkpoints and the result.
        options: The training's options.
        score: Called at every validation, in time that does not count.

    Returns:
        For every validation, the seconds until then and what `score` returned; and the outcome.
    """
    watch = Stopwatch()
    validations: list[dict[str, float]] = []
    estimates: list[float] = []

    def listen(event: Event) -> None:
        if event.what is EventKind.METRICS and "validation_bits_per_byte" in event.numbers:
            with watch.stopped(), trainer.train_step.full_model():
                validations.append(
                    {
                        **watch.read(),
                        "score": score(),
                        "validation": event.numbers["validation_bits_per_byte"],
                    }
                )
        if event.what is EventKind.NOTE and "seconds" in event.numbers:
            estimates.append(event.numbers["seconds"])

    trainer = prepare(model, bases.row(bases.BUILT_IN), options, posts, validation, work, listen)
    trainer.run()
    trainer.train_step.finish(work)
    return validations, {
        **watch.read(),
        "estimate": estimates[0],
        "steps": trainer.state.step,
        "tokens": trainer.state.tokens,
        "why": trainer.stop_reason,
    }


def train_alone(
    posts: Sequence[str], validation: Sequence[str], options: TrainOptions
) -> tuple[LanguageModel, dict[str, Any]]:
    """Train the built-in base as `make` does; return the model and the outcome."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    with tempfile.TemporaryDirectory() as folder:
        return model, train(model, posts, validation, Path(folder), options, lambda: 0.0)[1]
