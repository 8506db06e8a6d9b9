"""The only file of this bench that knows how popinjay trains."""

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
    """Step after step of full fine-tuning as `train` does them with defaults, each in its turn."""
    with tempfile.TemporaryDirectory() as folder:
        options = TrainOptions(precision=precision, epochs=1.0)
        trainer = prepare(model, bases.row("gpt2"), options, texts, texts[:1], Path(folder), ignore)
        plan, _ = trainer.plan()
        turns.ready()
        for batch in cycle(plan):
            _, tokens = trainer.train_step.step([trainer.sequences[i] for i in batch], 1e-4)
            turns.step(tokens)


def whole(
    model: LanguageModel, name: str, job: Job, batch_tokens: int | None, folder: Path
) -> Trainer:
    """Prepare a whole training as `make` would with the row of this name and no other options."""
    base = next((base for base in bases.BASES if base.name == name), bases.row(str(job.folder)))
    options = TrainOptions(precision=job.precision, epochs=job.epochs, batch_tokens=batch_tokens)
    return prepare(model, base, options, job.texts, job.watched, folder, ignore)


def head_rows(tokenizer: Any, size: int, texts: Sequence[str]) -> int:
    """How many rows of a vocabulary of this size a step multiplies with: those at work, and those that stand for the rest."""
    at_work = len(active_rows(tokenizer(list(texts), add_special_tokens=False)["input_ids"], size))
    return at_work + min(NEGATIVE_SAMPLES, size - at_work)


def train(
    model: LanguageModel,
    posts: Sequence[str],
    watched: Sequence[str],
    work: Path,
    options: TrainOptions,
    look: Callable[[], float],
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Train the built-in base as `make` does: what `look` gave and the seconds until then at every look, and where it ended.

    The seconds that `look` takes do not count.
    """
    watch, looks, estimates = Stopwatch(), [], []

    def listen(event: Event) -> None:
        if event.what is EventKind.METRICS and "validation_bits_per_byte" in event.numbers:
            with watch.stopped(), trainer.train_step.full_model():
                looks.append(
                    {
                        **watch.read(),
                        "score": look(),
                        "validation": event.numbers["validation_bits_per_byte"],
                    }
                )
        if event.what is EventKind.NOTE and "seconds" in event.numbers:
            estimates.append(event.numbers["seconds"])

    trainer = prepare(model, bases.row(bases.BUILT_IN), options, posts, watched, work, listen)
    trainer.run()
    trainer.train_step.finish(work)
    return looks, {
        **watch.read(),
        "estimate": estimates[0],
        "steps": trainer.state.step,
        "tokens": trainer.state.tokens,
        "why": trainer.stop_reason,
    }


def train_alone(
    posts: Sequence[str], watched: Sequence[str], options: TrainOptions
) -> tuple[LanguageModel, dict[str, Any]]:
    """The built-in base taught as `make` does, with nobody looking, and where it ended."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    with tempfile.TemporaryDirectory() as folder:
        return model, train(model, posts, watched, Path(folder), options, lambda: 0.0)[1]
