"""Train: teach a base model the voice, or a persona that was trained before the newer posts."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from popinjay.errors import TrainingError
from popinjay.events import Event, EventKind, Listener
from popinjay.inference.open_decoder import open_decoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel
from popinjay.models.sampling_defaults import PLAIN, write_sampling
from popinjay.options import Sampling, SayOptions, TrainOptions
from popinjay.post import read_rows
from popinjay.sampling.calibration import Calibration, calibrate
from popinjay.sampling.request import MIN_TOKENS
from popinjay.sampling.scripts import foreign_tokens
from popinjay.store.files import storage_errors
from popinjay.store.run import ENGINE_FOLDER
from popinjay.store.stage_runner import StageContext
from popinjay.text.quantities import duration
from popinjay.text.usual_prompts import usual_prompt
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training import warm_start
from popinjay.training.batches import predicted, training_sequences
from popinjay.training.checkpoints import Checkpoints
from popinjay.training.device import choose_device, choose_precision, memory
from popinjay.training.phases import Phase
from popinjay.training.reporter import STAGE
from popinjay.training.train_step import TrainStep, needs_recompute
from popinjay.training.trainable import LORA, trainable_weights
from popinjay.training.trainer import Settings, Trainer
from popinjay.training.warm_start import VALIDATIONS, WarmStart


def settle(
    options: TrainOptions, base: bases.Base, an_epoch: int, *, width: int, device: str
) -> Settings:
    """Return the settings: the options, and the rest from the base's row and the machine.

    Args:
        options: What was asked for; None stands for what suits the base.
        base: The base model.
        an_epoch: Tokens of an epoch.
        width: Of the model.
        device: Where it is trained.
    """
    tune = options.tune or base.tune
    options.check_keep(tune)
    usual = base.lora_rate if tune == LORA else base.learning_rate
    return Settings(
        tune=tune,
        epochs=round(min(base.epochs, base.max_tokens / an_epoch), 3)
        if options.epochs is None
        else options.epochs,
        learning_rate=usual if options.learning_rate is None else options.learning_rate,
        batch_tokens=base.batch_tokens if options.batch_tokens is None else options.batch_tokens,
        precision=choose_precision(options.precision, device, width),
        budget=options.budget_seconds(),
        seed=options.seed,
    )


def warmed(settings: Settings) -> Settings:
    """Return the settings of an update: one pass at most, and less of all else."""
    budget = settings.budget
    return replace(
        settings,
        epochs=min(1.0, settings.epochs),
        learning_rate=warm_start.RATE_SHARE * settings.learning_rate,
        budget=None if budget is None else warm_start.BUDGET_SHARE * budget,
    )


def prepare(
    model: LanguageModel,
    base: bases.Base,
    options: TrainOptions,
    texts: Sequence[str],
    validation_texts: Sequence[str],
    folder: Path,
    listener: Listener,
    warm: WarmStart | None = None,
) -> Trainer:
    """Return a training that is ready to run.

    Args:
        model: The base model, which is changed.
        base: Its row.
        options: What was asked for.
        texts: The training posts.
        validation_texts: The validation posts.
        folder: Holds the checkpoints, which are used by this very training only.
        listener: Is told how far it is.
        warm: The trained model to start from instead of the base model.
    """
    began = time.monotonic()
    learnt = training_sequences(model, texts)
    device = model.device.type
    settings = settle(options, base, predicted(learnt), width=model.width, device=device)
    about = [asdict(settings), device, bases.fingerprint(base), list(texts), list(validation_texts)]
    if warm is not None:
        lesson = warm.lesson(texts, settings.epochs, settings.seed)
        learnt = training_sequences(model, lesson)
        settings = warmed(settings)
        about = [*about, warm.fingerprint, asdict(settings)]
        if settings.tune != LORA:
            warm.load_weights(model)
    checkpoints = Checkpoints(folder, hashlib.sha256(json.dumps(about).encode()).hexdigest())
    tuned = trainable_weights(
        settings.tune,
        model,
        base.hub_id or PurePath(base.name).name,
        settings.seed,
        settings.precision,
    )
    if warm is not None and settings.tune == LORA:
        warm.load_adapter(model)
    recompute = needs_recompute(model, settings.batch_tokens, memory(device))
    train_step = TrainStep(
        model, tuned, learnt, folder, precision=settings.precision, recompute=recompute
    )
    return Trainer(
        train_step,
        learnt,
        list(validation_texts),
        VerbatimIndex(texts),
        settings,
        checkpoints,
        listener,
        began,
        validations=None if warm is None else VALIDATIONS,
    )


def train(
    base: bases.Base,
    options: TrainOptions,
    context: StageContext,
    listener: Listener,
    warm: WarmStart | None = None,
) -> None:
    """Write `model/` and `metrics.jsonl`: the base model taught the voice of `train.jsonl`.

    With a warm start it is the model of an earlier version that goes on to learn.
    """
    training, validation = (
        [row["text"] for row in read_rows(context.need(name))]
        for name in ("train.jsonl", "validation.jsonl")
    )
    posts = Posts(training, validation)
    if warm is not None and not warm.has_new(training):
        _carry_over(warm, context)
        return
    with storage_errors("a checkpoint of the training"):
        learnt = _learn(base, options, posts, context, listener, warm)
        settled = context.run.record.trained.sampling
        if warm is not None and settled.get("trials"):
            write_sampling(
                context.path("model"), Sampling(settled["temperature"], settled["top_p"])
            )
            sampling = settled
        else:
            sampling = _calibrate(posts, learnt, options.seed, context, listener).to_json()
    context.facts.update(learnt.facts, sampling=sampling)
    if warm is not None:
        before = context.run.record.facts("train")
        # What a training from the base model is given, for those who ask for a longer one
        given = {name: before[name] for name in ("epochs", "budget") if name in before}
        context.facts.update(warm.facts(), **given)


def _carry_over(warm: WarmStart, context: StageContext) -> None:
    """Take the model of an earlier version as it is: there is nothing new to learn."""
    shutil.copytree(warm.folder, context.path("model"))
    shutil.copyfile(warm.folder.parent / "metrics.jsonl", context.path("metrics.jsonl"))
    context.facts.update(context.run.record.facts("train"), **warm.facts())
    context.facts["summary"] = f"nothing new to learn: the weights are those of {warm.label}"


class Posts(NamedTuple):
    """The posts that are learnt from, and those that validate."""

    training: list[str]
    validation: list[str]


class Learnt(NamedTuple):
    """What is left of a training when its model is saved and out of memory."""

    facts: dict[str, Any]
    copies: VerbatimIndex  # of the training posts
    seconds_left: float | None  # of the budget


def _learn(
    base: bases.Base,
    options: TrainOptions,
    posts: Posts,
    context: StageContext,
    listener: Listener,
    warm: WarmStart | None,
) -> Learnt:
    """Train, and save the model."""
    began = time.monotonic()
    _doing("loading the base model" if warm is None else f"loading {warm.label}", listener)
    device = choose_device(options.device)
    model = LanguageModel.load(bases.folder_of(base), device)
    trainer = prepare(
        model, base, options, *posts, Checkpoints.folder_of(context.run.path), listener, warm
    )
    trainer.started_at = began
    trainer.default_epochs = options.epochs is None
    trainer.opening = usual_prompt(context.run.record.cleaned.languages)
    _tell_settings(base, trainer.settings, device, listener)
    try:
        trainer.run()
    except TrainingError:
        Checkpoints.forget(context.run.path)  # resumed from there it would only fail again
        raise
    _doing("saving the model", listener, Phase.SETTLE)
    folder = context.path("model")
    is_thin = options.keep == "adapter"
    trainer.train_step.finish(folder, thin=is_thin)
    _set_defaults(model, [*posts.training, *posts.validation])
    if is_thin:
        model.save_thin(folder, base)
    else:
        model.save(folder)
    for file in bases.passed_on(base):
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(trainer.checkpoints.metrics, context.path("metrics.jsonl"))
    return Learnt(
        _facts(base, options, model, trainer, device), trainer.index, trainer.seconds_left()
    )


def _doing(what: str, listener: Listener, phase: Phase = Phase.PREPARE) -> None:
    """Tell the user what is done now, which may take seconds."""
    listener(Event(STAGE, EventKind.PROGRESS, what, phase=phase))


def _tell_settings(base: bases.Base, settings: Settings, device: str, listener: Listener) -> None:
    known = asdict(settings)
    words = {
        "base": PurePath(base.name).name,
        "device": device,
        **{name: value for name, value in known.items() if isinstance(value, str)},
    }
    numbers = {name: value for name, value in known.items() if isinstance(value, int | float)}
    listener(Event(STAGE, EventKind.SETTINGS, numbers=numbers, words=words))


def _set_defaults(model: LanguageModel, texts: Sequence[str]) -> None:
    """Set the model's sampling defaults, and suppress scripts that its author never uses."""
    if (pieces := TorchDecoder(model).pieces()) is not None:
        model.suppressed_tokens = sorted(
            {*model.suppressed_tokens, *foreign_tokens(pieces, texts)} - {model.eos_token}
        )
    most = min(SayOptions.max_tokens, model.context // 2)  # leaves room for a prompt
    model.set_generation_config(
        do_sample=True, **PLAIN._asdict(), min_new_tokens=MIN_TOKENS, max_new_tokens=most
    )


def _calibrate(
    posts: Posts, learnt: Learnt, seed: int, context: StageContext, listener: Listener
) -> Calibration:
    """Choose how the saved model samples by default, and write that beside it."""

    def tell(done: int, total: int) -> None:
        listener(
            Event(
                STAGE,
                EventKind.PROGRESS,
                "trying how it speaks best",
                done=done,
                total=total,
                unit="settings",
                phase=Phase.SETTLE,
            )
        )

    _doing("getting it ready to write", listener, Phase.SETTLE)
    folder = context.path("model")
    decoder = open_decoder(folder, cache=context.run.path / ENGINE_FOLDER)
    found = calibrate(
        decoder, posts.validation, posts.training, learnt.copies, seed, tell, learnt.seconds_left
    )
    if found.trials:
        write_sampling(folder, found.sampling)
        temperature, top_p = found.sampling
        listener(
            Event(
                STAGE,
                EventKind.NOTE,
                f"It sounds most like its author at temperature {temperature:g} with top-p "
                f"{top_p:g}.",
            )
        )
    return found


def _facts(
    base: bases.Base, options: TrainOptions, model: LanguageModel, trainer: Trainer, device: str
) -> dict[str, Any]:
    """Return what the record keeps of a training."""
    now = trainer.state
    settings = trainer.settings
    return {
        "summary": f"{now.tokens:,} tokens in {duration(now.seconds)}, best at step "
        f"{now.best_step:,}; {trainer.stop_reason}",
        "stopped": str(trainer.stop_reason),
        "base": base.name,
        "base_hub": base.hub_id,
        "base_record": {
            name: value for name, value in bases.record(base).items() if value is not None
        },
        "parameters": model.parameters,
        "device": device,
        "steps": now.step,
        "best_step": now.best_step,
        "epochs_seen": round(now.step / trainer.steps_per_epoch, 3),
        "tokens": now.tokens,
        "seconds": round(now.seconds, 1),
        "validation_bits_per_byte": round(now.best, 4),
        **asdict(settings),
        "keep": options.keep,
        "versions": {
            name: version(name) for name in ("popinjay", "torch", "transformers", "tokenizers")
        },
    }
