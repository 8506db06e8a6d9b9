"""Evaluate: how good is it, and how much does it copy?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from popinjay.errors import BaseModelError
from popinjay.events import Event, EventKind, Listener
from popinjay.inference.decoder import Decoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.suite import (
    BASE,
    MARKOV,
    MEASURES,
    PERSONA,
    Compared,
    chain,
    compare,
    how_many,
)
from popinjay.metrics.untouched_base import UntouchedBase
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.models.sampling_defaults import PLAIN
from popinjay.options import EvaluateOptions, Sampling, SayOptions
from popinjay.post import by_author, read_json, read_posts, read_rows
from popinjay.report.verdict import notes, verdict
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.generate import MAX_BATCH_ROWS, stream
from popinjay.store.files import content_hash
from popinjay.store.run import ENGINE_FOLDER, PREVIOUS_REPORT, Draft

STAGE = "evaluate"


class OfBase(NamedTuple):
    """What the untouched base is worth on the same posts, and what it writes."""

    bits: dict[str, float] | None = None
    written: list[str] | None = None


def evaluate(base: bases.Base, options: EvaluateOptions, draft: Draft, listener: Listener) -> None:
    """Write `report.json` and `samples.jsonl`."""
    held_out = {
        author: [post.text for post in own]
        for author, own in by_author(read_posts(draft.need("held_out.jsonl"))).items()
    }
    author = [text for own in held_out.values() for text in own]
    training = list(
        dict.fromkeys(row["text"] for row in read_rows(draft.need("train.jsonl")))
    )  # those of a smaller author are there several times
    folder, seed = draft.need("model"), options.seed
    bits = score(folder, held_out)
    decoder = open_decoder(folder, cache=draft.run.path / ENGINE_FOLDER)
    samples = write_unprompted(decoder, options.samples, seed, listener)
    of_base = _measure_base(base, held_out, seed, listener)
    written = {
        PERSONA: [said.text for said in samples],
        BASE: of_base.written,
        MARKOV: chain(training, author, seed),
    }
    compared = Compared(
        training, author, {name: texts for name, texts in written.items() if texts}, list(held_out)
    )
    what = "held-out posts, each scored alone from the separator; lower is better"
    size = sum(len(text.encode()) for text in author)
    report: dict[str, Any] = {
        "model": draft.run.record["stages"]["train"]["makes"]["model"],
        "posts": {
            "train": len(training),
            "held_out": len(author),
            "bytes": size,
            "samples": len(samples),
        },
        "sampling": {**sampling(decoder.sampling, seed), **_trials(draft)},
        "bits_per_byte": {
            "what": what,
            "base": of_base.bits,
            "persona": bits,
            "posts": len(author),
            "bytes": size,
        },
        **compare(compared, seed, _teller(listener)),
        "training": _training(draft),
    }
    report = {"verdict": verdict(report), "notes": notes(report), **report}
    _keep_previous(draft, report["model"])
    draft.write_json("report.json", report)
    draft.write_rows(
        "samples.jsonl",
        ({"text": said.text, "tokens": said.tokens, "finished": said.finished} for said in samples),
    )
    draft.facts.update(summary=report["verdict"])


def score(folder: Path, posts: dict[str, list[str]]) -> dict[str, float]:
    """A model's bits per byte of held-out posts, of all authors together (`all`) and of each."""
    model = LanguageModel.load(folder)
    bits = {author: model.bits(texts) for author, texts in posts.items()}
    result = {
        author: round(bits_per_byte(bits[author], texts), 4) for author, texts in posts.items()
    }
    every = [text for texts in posts.values() for text in texts]
    return {
        "all": round(bits_per_byte([b for own in bits.values() for b in own], every), 4),
        **result,
    }


def write_unprompted(
    decoder: Decoder,
    count: int,
    seed: int,
    listener: Listener,
    start: int = 0,
    given: Sampling | None = None,
) -> list[GeneratedPost]:
    """The posts that everything about outputs is measured on, those before place `start` left out.

    No prompt, the model's own settings or those `given`, fixed seed, and no rules: what the model
    writes, it writes.
    """
    said: list[GeneratedPost] = []
    began, left = time.monotonic(), count - start
    options = SayOptions(n=count, seed=seed).with_defaults(given or decoder.sampling)
    for post in stream(decoder, options, start=start):
        said.append(post)
        if len(said) % MAX_BATCH_ROWS == 0 or len(said) == left:
            seconds = time.monotonic() - began
            numbers = {"seconds_left": seconds / len(said) * (left - len(said))}
            event = Event(
                STAGE,
                EventKind.PROGRESS,
                "writing posts",
                done=start + len(said),
                total=count,
                unit="posts",
                numbers=numbers,
            )
            listener(event)
    return said


def sampling(given: Sampling, seed: int) -> dict[str, Any]:
    """The settings of unprompted posts, for the report and to tell kept ones apart."""
    return {**given._asdict(), "max_tokens": SayOptions.max_tokens, "seed": seed}


def _trials(draft: Draft) -> dict[str, Any]:
    """What was tried to find the persona's own settings; nothing where that was not done."""
    known = draft.run.facts("train").get("sampling", {})
    return {name: known[name] for name in ("trials", "author") if known.get(name)}


def _measure_base(
    base: bases.Base, held_out: dict[str, list[str]], seed: int, listener: Listener
) -> OfBase:
    """Of nothing where the base is no longer on this machine."""
    try:
        folder = bases.folder_of(base)
    except BaseModelError as error:
        return _unmeasured(error, listener)
    kept = UntouchedBase(bases.fingerprint(base) or content_hash(folder))
    count = how_many([text for own in held_out.values() for text in own])

    def write(start: int) -> list[str]:
        decoder = open_decoder(folder, cache=kept.engine)
        return [
            said.text for said in write_unprompted(decoder, count, seed, listener, start, PLAIN)
        ]

    try:
        bits = kept.bits(held_out, lambda: score(folder, held_out))
        return OfBase(bits, kept.written(count, sampling(PLAIN, seed), write))
    except BaseModelError as error:
        return _unmeasured(error, listener)


def _unmeasured(error: BaseModelError, listener: Listener) -> OfBase:
    listener(Event(STAGE, EventKind.WARNING, f"The base model can't be measured: {error.message}"))
    return OfBase()


def _teller(listener: Listener) -> Any:
    places = iter(range(len(MEASURES)))
    return lambda what: listener(
        Event(
            STAGE,
            EventKind.PROGRESS,
            f"measuring: {what}",
            done=next(places),
            total=len(MEASURES),
            unit="measures",
        )
    )


def _training(draft: Draft) -> dict[str, Any]:
    """How the training went: where it stopped, why, and which step was kept."""
    said = draft.run.facts("train")
    return {"why": said["stopped"], "best_step": said["best_step"], "steps": said["steps"]}


def _keep_previous(draft: Draft, model: str) -> None:
    """Keep the report of another model: two trainings can then be held against each other."""
    before = draft.run.file("report.json")
    if before.exists() and read_json(before).get("model", model) != model:
        draft.run.file(PREVIOUS_REPORT).write_bytes(before.read_bytes())
