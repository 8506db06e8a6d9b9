"""Time to quality: the recipe run to its end on the built-in base, and how long ours takes to be as good."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import SayOptions, TrainOptions
from popinjay.sampling.generate import generate
from popinjay.text.verbatim_index import VerbatimIndex
from training import ours, recipe
from training.children import in_subprocess
from training.stopwatch import Stopwatch
from training.texts import Posts


def bits(model: LanguageModel, texts: Sequence[str]) -> float:
    """Bits per byte, each text alone from the separator."""
    return bits_per_byte(model.bits(texts), texts)


def copying(texts: Sequence[str], training: Sequence[str]) -> dict[str, float]:
    """Shares of texts that are a training post, and that repeat one, whole or eight words of it."""
    copies = VerbatimIndex(training)
    return {
        "copies": sum(map(copies.is_whole, texts)) / max(1, len(texts)),
        "runs": copies.share(texts),
    }


def outcome(model: LanguageModel, posts: Posts, samples: int) -> dict[str, float]:
    """What a trained model is worth, and what it copies."""
    said = [one.text for one in generate(TorchDecoder(model), SayOptions(n=samples, seed=0))]
    return {
        "held-out": bits(model, posts.held_out),
        "validation": bits(model, posts.validation),
        **copying(said, posts.train),
    }


def by_recipe(posts: Posts, samples: int, rate: float) -> dict[str, float]:
    """HuggingTweets' recipe to its end; dropout as the base's config has it."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    watch = Stopwatch()
    examples = recipe.blocks(recipe.mixture(model.encode(posts.train), model.eos_token))
    with tempfile.TemporaryDirectory() as folder:
        recipe.trainer(
            model.model, examples, recipe.arguments(Path(folder), learning_rate=rate)
        ).train()
    spent = watch.read()
    model.model.eval()
    return {
        **spent,
        "steps": len(examples),
        "tokens": len(examples) * (recipe.BLOCK - 1),
        **outcome(model, posts, samples),
    }


def by_ours(posts: Posts, samples: int, options: TrainOptions) -> dict[str, Any]:
    """Ours to its end, with the held-out score at each look."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    with tempfile.TemporaryDirectory() as folder:
        looks, end = ours.train(
            model,
            posts.train,
            posts.validation,
            Path(folder),
            options,
            lambda: bits(model, posts.held_out),
        )
    return {"looks": looks, **end, **outcome(model, posts, samples)}


def compare(
    posts: Posts,
    samples: int,
    cache: Path,
    quick: Sequence[float],
    rate: float = recipe.RATE,
    epochs: float | None = None,
) -> dict[str, Any]:
    """Both on one author's posts. The recipe's run is kept in a folder, and taken from there where nothing about it has changed.

    How long ours takes to be as good is asked of runs of `quick` epochs, the shortest first, and then of the whole one: a run that
    is planned to be short ends better than the same stretch of a long one, whose rate is still high.
    """
    theirs = kept(cache, posts, samples, rate)
    found, gigabytes = in_subprocess(by_ours, posts, samples, TrainOptions(epochs=epochs))
    reached, planned = None, None
    for planned in [*quick, epochs]:
        looks = (
            found["looks"]
            if planned == epochs
            else in_subprocess(by_ours, posts, 10, TrainOptions(epochs=planned))[0]["looks"]
        )
        reached = next((look for look in looks if look["score"] <= theirs["held-out"]), None)
        if reached:
            break
    return {
        "posts": len(posts.train),
        "recipe": theirs,
        "ours": {**found, "peak GB": gigabytes},
        "epochs until as good": planned,
        "author": copying(posts.held_out, posts.train),
        "seconds until as good": reached["seconds"] if reached else None,
        "times less": theirs["seconds"] / reached["seconds"] if reached else None,
        "times less by processor time": theirs["processor"] / reached["processor"]
        if reached
        else None,
    }


def kept(cache: Path, posts: Posts, samples: int, rate: float) -> dict[str, Any]:
    """The recipe's run, measured now or before."""
    about = [
        asdict(posts),
        samples,
        rate,
        recipe.EPOCHS,
        recipe.BLOCK,
        bases.fingerprint(bases.row(bases.BUILT_IN)),
    ]
    file = cache / f"recipe-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]}.json"
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return {**known, "is kept": True}
    found, gigabytes = in_subprocess(by_recipe, posts, samples, rate)
    found["peak GB"] = gigabytes
    cache.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return {**found, "is kept": False}


def means(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Over authors: how many times less time, where all were reached, and both ends."""
    ratios = {
        name: [one[name] for one in found.values()]
        for name in ("times less", "times less by processor time")
    }
    return {
        **{name: mean(of) if all(of) else None for name, of in ratios.items()},
        "recipe": mean(one["recipe"]["held-out"] for one in found.values()),
        "ours": mean(one["ours"]["held-out"] for one in found.values()),
    }
