"""The only file of this bench that knows how popinjay trains."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from popinjay import bases
from popinjay.checkpoints import Checkpoints
from popinjay.events import Event, What
from popinjay.language_model import LanguageModel
from popinjay.options import TrainOptions
from popinjay.train import Settings, Trainer, batches, lessons, new_optimizer, step_once
from training.children import Turns
from training.stopwatch import Stopwatch


def steps(turns: Turns, model: LanguageModel, texts: Sequence[str]) -> None:
    """Step after step of full fine-tuning as `train` does them with defaults, each in its turn."""
    learnt = lessons(model, texts)
    plan = batches([len(lesson) for lesson in learnt], Settings.of(TrainOptions(), bases.row("gpt2"), 1).batch_tokens, random.Random(0))
    optimizer = new_optimizer(model)
    turns.ready()
    for batch in cycle(plan):
        _, tokens = step_once(model, optimizer, [learnt[i] for i in batch])
        turns.step(tokens)


def head_rows(vocabulary: int, texts: Sequence[str]) -> int:
    """How many rows of the vocabulary a step multiplies with."""
    return vocabulary


def train(
    model: LanguageModel, posts: Sequence[str], watched: Sequence[str], work: Path, epochs: float | None, look: Callable[[], float]
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Train the built-in base as `make` does with defaults: what `look` gave and the seconds until then at every look, and where it ended.

    The seconds that `look` takes do not count.
    """
    watch, looks = Stopwatch(), []

    def listen(event: Event) -> None:
        if event.what is What.METRICS and "validation_bits_per_byte" in event.numbers:
            with watch.stopped():
                looks.append({**watch.read(), "score": look(), "validation": event.numbers["validation_bits_per_byte"]})

    learnt = lessons(model, posts)
    settings = Settings.of(TrainOptions(epochs=epochs), bases.row(bases.BUILT_IN), sum(len(lesson) - 1 for lesson in learnt))
    trainer = Trainer(model, learnt, list(watched), settings, Checkpoints(work, "bench"), listen)
    trainer.run()
    return looks, {**watch.read(), "steps": trainer.standing.step, "tokens": trainer.standing.tokens}
