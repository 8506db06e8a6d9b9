"""Train: teach a base model the voice."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from popinjay import bases
from popinjay.checkpoints import Checkpoints
from popinjay.copying import Copies
from popinjay.decoding.defaults import PLAIN
from popinjay.decoding.open import ENGINE_FOLDER, open_decoder
from popinjay.decoding.scripts import foreign_tokens
from popinjay.decoding.torch_decoder import TorchDecoder
from popinjay.disk import storage_errors
from popinjay.evaluation.calibration import Calibration, calibrate
from popinjay.events import Event, Listener, What
from popinjay.generate import LEAST_TOKENS
from popinjay.language_model import LanguageModel
from popinjay.options import Sampling, SayOptions, TrainOptions
from popinjay.post import read_rows
from popinjay.run import Draft
from popinjay.tuning.learner import Learner, asks_to_recompute
from popinjay.tuning.lessons import lessons, predicted
from popinjay.tuning.machine import choose_device, choose_precision, memory
from popinjay.tuning.modes import LORA, mode
from popinjay.tuning.trainer import STAGE, Settings, Trainer, in_words


def settle(options: TrainOptions, base: bases.Base, an_epoch: int, *, width: int, device: str) -> Settings:
    """What was asked for, and the rest from the base's row and the machine, for so many tokens an epoch and a model so wide."""
    tune = options.tune or base.tune
    options.check_keep(tune)
    usual = base.lora_rate if tune == LORA else base.learning_rate
    return Settings(
        tune=tune,
        epochs=round(min(base.epochs, base.most_tokens / an_epoch), 3) if options.epochs is None else options.epochs,
        learning_rate=usual if options.learning_rate is None else options.learning_rate,
        batch_tokens=base.batch_tokens if options.batch_tokens is None else options.batch_tokens,
        precision=choose_precision(options.precision, device, width),
        budget=options.budget_seconds(),
        seed=options.seed,
    )


def prepare(
    model: LanguageModel, base: bases.Base, options: TrainOptions, texts: Sequence[str], watched: Sequence[str], folder: Path, listener: Listener
) -> Trainer:
    """A training of this model on texts, watched on others, ready to run; `folder` holds its checkpoints, for this very training only."""
    began = time.monotonic()
    learnt, device = lessons(model, texts), model.device.type
    settings = settle(options, base, predicted(learnt), width=model.width, device=device)
    about = [asdict(settings), device, bases.fingerprint(base), list(texts), list(watched)]
    checkpoints = Checkpoints(folder, hashlib.sha256(json.dumps(about).encode()).hexdigest())
    tuned = mode(settings.tune, model, base.hub_id or PurePath(base.name).name, settings.seed, settings.precision)
    recompute = asks_to_recompute(model, settings.batch_tokens, memory(device))
    learner = Learner(model, tuned, learnt, folder, precision=settings.precision, recompute=recompute)
    return Trainer(learner, learnt, list(watched), Copies(texts), settings, checkpoints, listener, began)


def train(base: bases.Base, options: TrainOptions, draft: Draft, listener: Listener) -> None:
    """Write `model/` and `metrics.jsonl`: the base model taught the voice of `train.jsonl`."""
    began, device = time.monotonic(), choose_device(options.device)
    texts, watched = ([row["text"] for row in read_rows(draft.need(name))] for name in ("train.jsonl", "validation.jsonl"))
    model = LanguageModel.load(bases.folder_of(base), device)
    with storage_errors("a checkpoint of the training"):
        trainer = prepare(model, base, options, texts, watched, Checkpoints.folder_of(draft.run.path), listener)
        trainer.began = began
        settings = asdict(trainer.settings)
        words = {"base": PurePath(base.name).name, "device": device, **{name: value for name, value in settings.items() if isinstance(value, str)}}
        listener(Event(STAGE, What.SETTINGS, numbers={name: value for name, value in settings.items() if isinstance(value, int | float)}, words=words))
        trainer.run()
        is_thin = options.keep == "adapter"
        trainer.learner.finish(draft.path("model"), thin=is_thin)
        _suppress_foreign(model, [*texts, *watched])
        _say_by_default(model, PLAIN)
        if is_thin:
            model.save_thin(draft.path("model"), base)
        else:
            model.save(draft.path("model"))
        for file in bases.passed_on(base):
            shutil.copyfile(file, draft.path("model") / file.name)
        shutil.copyfile(trainer.checkpoints.metrics, draft.path("metrics.jsonl"))
        calibration = _calibrate(model, trainer, texts, draft, listener)
    draft.facts.update(_facts(base, options, model, trainer, device), sampling=calibration.to_json())


def _suppress_foreign(model: LanguageModel, texts: Sequence[str]) -> None:
    """Have the model never write in a script that its author never uses."""
    if (pieces := TorchDecoder(model).pieces()) is not None:
        model.unsayable = sorted({*model.unsayable, *foreign_tokens(pieces, texts)} - {model.end})


def _say_by_default(model: LanguageModel, sampling: Sampling) -> None:
    """Write down how it samples unless it is asked otherwise."""
    most = min(SayOptions.max_tokens, model.context // 2)  # room for a prompt where the context is short
    model.say_by_default(do_sample=True, **sampling._asdict(), min_new_tokens=LEAST_TOKENS, max_new_tokens=most)


def _calibrate(model: LanguageModel, trainer: Trainer, texts: Sequence[str], draft: Draft, listener: Listener) -> Calibration:
    """Choose how the saved model samples by default, and write that beside it."""

    def tell(done: int, total: int) -> None:
        listener(Event(STAGE, What.PROGRESS, "trying how it speaks best", done=done, total=total, unit="settings"))

    folder = draft.path("model")
    decoder = open_decoder(folder, cache=draft.run.path / ENGINE_FOLDER)
    found = calibrate(decoder, trainer.watched, texts, trainer.copies, trainer.settings.seed, tell)
    if found.trials:
        _say_by_default(model, found.sampling)
        model.model.generation_config.save_pretrained(folder)
        sampling = found.sampling
        listener(Event(STAGE, What.NOTE, f"It sounds most like its author at temperature {sampling.temperature:g} with top-p {sampling.top_p:g}."))
    return found


def _facts(base: bases.Base, options: TrainOptions, model: LanguageModel, trainer: Trainer, device: str) -> dict[str, Any]:
    """What the record keeps of a training."""
    now, settings = trainer.standing, trainer.settings
    return {
        "summary": f"{now.tokens:,} tokens in {in_words(now.seconds)}, best at step {now.best_step:,}; {trainer.why}",
        "stopped": trainer.why,
        "base": base.name,
        "base_hub": base.hub_id,
        "base_record": {name: value for name, value in bases.record(base).items() if value is not None},
        "parameters": model.parameters,
        "device": device,
        "steps": now.step,
        "best_step": now.best_step,
        "tokens": now.tokens,
        "seconds": round(now.seconds, 1),
        "validation_bits_per_byte": round(now.best, 4),
        **asdict(settings),
        "keep": options.keep,
        "versions": {name: version(name) for name in ("popinjay", "torch", "transformers", "tokenizers")},
    }
