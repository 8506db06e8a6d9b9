"""Evaluate: how good is it, and how much does it copy?"""

from __future__ import annotations

import time
from typing import Any

from popinjay import bases
from popinjay.copying import Copies
from popinjay.decoding.decoder import Decoder
from popinjay.decoding.open import ENGINE_FOLDER, open_decoder
from popinjay.errors import BaseModelError
from popinjay.events import Event, Listener, What
from popinjay.generate import AT_ONCE, Said, stream
from popinjay.language_model import LanguageModel, bits_per_byte
from popinjay.options import EvaluateOptions, SayOptions
from popinjay.post import by_author, read_posts, read_rows
from popinjay.run import Draft

STAGE = "evaluate"


def score(model: LanguageModel, posts: dict[str, list[str]]) -> dict[str, float]:
    """Held-out bits per byte, of all authors together (`all`) and of each."""
    bits = {author: model.bits(texts) for author, texts in posts.items()}
    result = {author: round(bits_per_byte(bits[author], texts), 4) for author, texts in posts.items()}
    every = [text for texts in posts.values() for text in texts]
    return {"all": round(bits_per_byte([b for own in bits.values() for b in own], every), 4), **result}


def draw_samples(decoder: Decoder, options: EvaluateOptions, listener: Listener) -> list[Said]:
    """The posts that everything about outputs is measured on: no prompt, default settings, fixed seed, and no rules: what it writes, it writes."""
    said: list[Said] = []
    started = time.monotonic()
    for post in stream(decoder, SayOptions(n=options.samples, seed=options.seed)):
        said.append(post)
        if len(said) % AT_ONCE == 0 or len(said) == options.samples:
            seconds = time.monotonic() - started
            numbers = {"seconds_left": seconds / len(said) * (options.samples - len(said))}
            listener(Event(STAGE, What.PROGRESS, "writing posts", done=len(said), total=options.samples, unit="posts", numbers=numbers))
    return said


def evaluate(base: bases.Base, options: EvaluateOptions, draft: Draft, listener: Listener) -> None:
    """Write `report.json` and `samples.jsonl`."""
    held_out = {author: [post.text for post in own] for author, own in by_author(read_posts(draft.need("held_out.jsonl"))).items()}
    copies = Copies(row["text"] for row in read_rows(draft.need("train.jsonl")))
    model = LanguageModel.load(draft.need("model"))
    persona = score(model, held_out)
    samples = draw_samples(open_decoder(draft.need("model"), cache=draft.run.path / ENGINE_FOLDER), options, listener)
    texts = [said.text for said in samples]
    everything = [text for own in held_out.values() for text in own]
    report: dict[str, Any] = {
        "bits_per_byte": {
            "what": "held-out posts, each scored alone from the separator; lower is better",
            "base": _base_score(base, held_out, listener),
            "persona": persona,
            "posts": len(everything),
            "bytes": sum(len(text.encode()) for text in everything),
        },
        "copying": {
            "what": "share of outputs that are a training post word for word, beside the author's own held-out posts",
            "samples": len(texts),
            "exact": round(sum(map(copies.is_whole, texts)) / len(texts), 4),
            "held_out_exact": round(sum(map(copies.is_whole, everything)) / max(1, len(everything)), 4),
        },
        "sampling": {"temperature": SayOptions.temperature, "top_p": SayOptions.top_p, "max_tokens": SayOptions.max_tokens, "seed": options.seed},
    }
    draft.write_json("report.json", report)
    draft.write_rows("samples.jsonl", ({"text": said.text, "tokens": said.tokens, "finished": said.finished} for said in samples))
    draft.facts.update(summary=verdict(report))


def _base_score(base: bases.Base, held_out: dict[str, list[str]], listener: Listener) -> dict[str, float] | None:
    """The untouched base on the same posts; None where it is no longer on this machine."""
    try:
        return score(LanguageModel.load(bases.folder_of(base)), held_out)
    except BaseModelError as error:
        listener(Event(STAGE, What.WARNING, f"The base model can't be measured: {error.message}"))
        return None


def verdict(report: dict[str, Any]) -> str:
    """The report in one line."""
    bits, copying = report["bits_per_byte"], report["copying"]
    before = f" (base: {bits['base']['all']:.2f})" if bits["base"] else ""
    return (
        f"{bits['persona']['all']:.2f} bits per byte on posts it never saw{before}; "
        f"{copying['exact']:.1%} of what it writes is a copy, {copying['held_out_exact']:.1%} of the author's own new posts are"
    )
