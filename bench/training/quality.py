"""Time to quality: how long our training takes to be as good as the recipe run to its end.

Both train the built-in base.
"""

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
    """Return the bits per byte, each text scored alone after the separator."""
    return bits_per_byte(model.bits(texts), texts)


def copying(texts: Sequence[str], training: Sequence[str]) -> dict[str, float]:
    """Return the share of texts that are a training post, and the share that repeat one.

    A text repeats a post if it has all of it or eight of its words in a row.
    """
    index = VerbatimIndex(training)
    return {
        "copies": sum(map(index.is_whole, texts)) / max(1, len(texts)),
        "runs": index.share(texts),
    }


def outcome(model: LanguageModel, posts: Posts, samples: int) -> dict[str, float]:
    """Return a trained model's bits per byte, and how much its samples copy."""
    generated = generate(TorchDecoder(model), SayOptions(n=samples, seed=0))
    return {
        "held-out": bits(model, posts.held_out),
        "validation": bits(model, posts.validation),
        **copying([post.text for post in generated], posts.train),
    }


def by_recipe(posts: Posts, samples: int, learning_rate: float) -> dict[str, float]:
    """Train by HuggingTweets' recipe to its end, with the dropout of the base's config."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    watch = Stopwatch()
    examples = recipe.blocks(recipe.mixture(model.encode(posts.train), model.eos_token))
    with tempfile.TemporaryDirectory() as folder:
        arguments = recipe.arguments(Path(folder), learning_rate=learning_rate)
        recipe.trainer(model.model, examples, arguments).train()
    spent = watch.read()
    model.model.eval()
    return {
        **spent,
        "steps": len(examples),
        "tokens": len(examples) * (recipe.BLOCK - 1),
        **outcome(model, posts, samples),
    }


def by_ours(posts: Posts, samples: int, options: TrainOptions) -> dict[str, Any]:
    """Train by ours to its end; return the held-out score at each validation, and the outcome."""
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    with tempfile.TemporaryDirectory() as folder:
        validations, end = ours.train(
            model,
            posts.train,
            posts.validation,
            Path(folder),
            options,
            lambda: bits(model, posts.held_out),
        )
    return {"looks": validations, **end, **outcome(model, posts, samples)}


def compare(
    posts: Posts,
    samples: int,
    cache: Path,
    quick: Sequence[float],
    rate: float = recipe.RATE,
    epochs: float | None = None,
) -> dict[str, Any]:
    """Train by both on one author's posts and compare them.

    The time that ours takes to be as good is read from runs of `quick` epochs, the shortest first,
    and then from the whole run: a short run ends better than the same part of a long one, whose
    learning rate is still high.

    Args:
        posts: The author's posts.
        samples: How many posts to generate from each model.
        cache: A folder for the recipe's run, which is used again if nothing about it has changed.
        quick: The epochs of our shorter runs.
        rate: The recipe's learning rate.
        epochs: The epochs of our whole run; None: the default.
    """
    theirs = kept(cache, posts, samples, rate)
    found, gigabytes = in_subprocess(by_ours, posts, samples, TrainOptions(epochs=epochs))
    reached: dict[str, float] | None = None
    planned: float | None = None
    for planned in [*quick, epochs]:
        run = found
        if planned != epochs:
            run, _ = in_subprocess(by_ours, posts, 10, TrainOptions(epochs=planned))
        good = (one for one in run["looks"] if one["score"] <= theirs["held-out"])
        reached = next(good, None)
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


def kept(cache: Path, posts: Posts, samples: int, learning_rate: float) -> dict[str, Any]:
    """Return the recipe's run from the cache, or measure it."""
    inputs = [
        asdict(posts),
        samples,
        learning_rate,
        recipe.EPOCHS,
        recipe.BLOCK,
        bases.fingerprint(bases.row(bases.BUILT_IN)),
    ]
    file = cache / f"recipe-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]}.json"
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text())
        return {**known, "is kept": True}
    found, gigabytes = in_subprocess(by_recipe, posts, samples, learning_rate)
    found["peak GB"] = gigabytes
    cache.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return {**found, "is kept": False}


def means(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Return the means over authors: the ratios of time, and both held-out scores.

    A ratio is None if ours was not as good for one of them.
    """
    ratios = {
        name: [one[name] for one in found.values()]
        for name in ("times less", "times less by processor time")
    }
    return {
        **{name: mean(of) if all(of) else None for name, of in ratios.items()},
        "recipe": mean(one["recipe"]["held-out"] for one in found.values()),
        "ours": mean(one["ours"]["held-out"] for one in found.values()),
    }
