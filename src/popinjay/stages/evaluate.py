"""Evaluate: how good is it, and how much does it copy?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from popinjay.errors import BaseModelError
from popinjay.events import Event, EventKind, Listener
from popinjay.inference.decoder import Decoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.each_author import compare_each
from popinjay.metrics.markov_baseline import MarkovChain
from popinjay.metrics.measure import BASE, MARKOV, PERSONA, Compared, Measure, max_texts
from popinjay.metrics.suite import METRICS, compare
from popinjay.metrics.untouched_base import UntouchedBase
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.models.sampling_defaults import PLAIN, unprompted_settings
from popinjay.options import EvaluateOptions, Sampling, SayOptions
from popinjay.post import by_author, read_authors, read_posts, read_rows
from popinjay.report.schema import BitsPerByte, PostCounts, Report, SamplingSettings, Training
from popinjay.report.verdict import notes, plain_verdict, short_verdict
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.filters import MIN_HOLDERS, OutputFilters
from popinjay.sampling.generate import MAX_BATCH_ROWS, stream
from popinjay.store.files import atomic_write, content_hash
from popinjay.store.forgotten import marks_of
from popinjay.store.run import ENGINE_FOLDER, PREVIOUS_REPORT
from popinjay.store.stage_runner import StageContext
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training.phases import Phase

STAGE = "evaluate"
WRITING = "writing posts to measure"
WRITING_AS_BASE = "having the base write, too"
BITS_WHAT = "held-out posts, each scored alone from the separator; lower is better"


class OfBase(NamedTuple):
    """The untouched base's bits per byte of the same posts, and what it writes."""

    bits: dict[str, float] | None = None
    written: list[str] | None = None


def evaluate(
    base: bases.Base, options: EvaluateOptions, context: StageContext, listener: Listener
) -> None:
    """Write `report.json` and `samples.jsonl`."""
    held_out = {
        author: [post.text for post in own]
        for author, own in by_author(read_posts(context.need("held_out.jsonl"))).items()
    }
    rows = read_rows(context.need("train.jsonl"))
    training = list(dict.fromkeys(row["text"] for row in rows))  # cyborgs repeat a smaller author's
    _doing("scoring posts it hasn't read", listener, Phase.SCORE)
    bits = score(context.need("model"), held_out)
    _doing(WRITING, listener, Phase.WRITE)
    decoder = open_decoder(context.need("model"), cache=context.run.path / ENGINE_FOLDER)
    samples = write_unprompted(decoder, options.samples, options.seed, listener)
    of_base = _measure_base(base, held_out, options.seed, listener)
    compared = _compared(held_out, training, samples, of_base, options.seed)
    size = sum(len(text.encode()) for text in compared.author)
    report = Report(
        authors=tuple(author.title for author in read_authors(context.need("authors.json"))),
        model=context.run.record.hashes()["model"],
        posts=PostCounts(len(training), len(compared.author), size, len(samples)),
        sampling=SamplingSettings.from_json(
            {**unprompted_settings(decoder.sampling, options.seed), **_trials(context)}
        ),
        bits_per_byte=BitsPerByte(bits, of_base.bits, BITS_WHAT, len(compared.author), size),
        measures={
            **compare(compared, options.seed, _progress(listener)),
            **_each_author(context, compared, held_out, options.seed),
        },
        training=_training(context),
    )
    little_read = context.run.record.trained.caution
    bear_in_mind = (*((little_read,) if little_read else ()), *notes(report))
    report = replace(report, verdict=plain_verdict(report), notes=bear_in_mind)
    _keep_previous(context, report.model)
    context.write_json("report.json", report.to_json())
    context.write_rows(
        "samples.jsonl",
        _sample_rows(samples, filters_of(training, context)),
    )
    context.facts.update(summary=short_verdict(report))  # the whole of it ends what is shown


def filters_of(training: Sequence[str], context: StageContext) -> OutputFilters:
    """Return the filters that decide which of the samples may be shown, as `Persona.filters` do."""
    marks = marks_of(context.run)
    return OutputFilters(lambda: VerbatimIndex(training, MIN_HOLDERS, marked=marks))


def _sample_rows(
    samples: Iterable[GeneratedPost], filters: OutputFilters
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `samples.jsonl`; `shown` is the post as `say` would show it, if it would.

    As there, handles of strangers are masked, and unfinished posts are shown if need be.
    """
    for said in samples:
        yield {
            "text": said.text,
            "tokens": said.tokens,
            "finished": said.finished,
            "shown": filters.shown(said.text, said.finished),
        }


def _each_author(
    context: StageContext, compared: Compared, held_out: Mapping[str, Sequence[str]], seed: int
) -> dict[str, Measure]:
    """Return how near a blend is to each of its authors; nothing of other personas."""
    if not context.run.record.blend or len(held_out) < 2:
        return {}
    learnt = by_author(read_posts(context.need("train.jsonl")))
    training = {author: [post.text for post in own] for author, own in learnt.items()}
    known = {author: own for author, own in held_out.items() if author in training}
    return compare_each(compared.written[PERSONA], training, known, seed)


def _compared(
    held_out: Mapping[str, Sequence[str]],
    training: Sequence[str],
    samples: Sequence[GeneratedPost],
    of_base: OfBase,
    seed: int,
) -> Compared:
    """Return the texts that are compared, those of a Markov chain of the training posts included.

    Args:
        held_out: Each author's held-out posts.
        training: The posts that were learnt from, once each.
        samples: What the persona wrote.
        of_base: What its base wrote.
        seed: Of the chain.
    """
    author = [text for own in held_out.values() for text in own]
    written = {
        PERSONA: [said.text for said in samples],
        BASE: of_base.written,
        MARKOV: MarkovChain(training, seed).say(max_texts(author)),
    }
    known = {source: texts for source, texts in written.items() if texts}
    return Compared(training, author, known, list(held_out))


def score(folder: Path, posts: dict[str, list[str]]) -> dict[str, float]:
    """Return a model's bits per byte of held-out posts, of all authors (`all`) and of each."""
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


def _doing(what: str, listener: Listener, phase: Phase) -> None:
    """Tell the user what is done now, which may take seconds."""
    listener(Event(STAGE, EventKind.PROGRESS, what, phase=phase))


def write_unprompted(
    decoder: Decoder,
    count: int,
    seed: int,
    listener: Listener,
    start: int = 0,
    given: Sampling | None = None,
    phase: Phase = Phase.WRITE,
) -> list[GeneratedPost]:
    """Return the posts that outputs are measured on: without a prompt, and before any filter.

    Args:
        decoder: The model.
        count: How many posts there are, those before `start` included.
        seed: Of the sampling.
        listener: Is told how far it is.
        start: The place of the first post that is wanted.
        given: Sampling settings, by default the model's own.
        phase: Which phase of `make` this is.
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
                WRITING if phase is Phase.WRITE else WRITING_AS_BASE,
                done=start + len(said),
                total=count,
                unit="posts",
                numbers=numbers,
                phase=phase,
            )
            listener(event)
    return said


def _trials(context: StageContext) -> dict[str, Any]:
    """Return what was tried to find the persona's own settings; empty if nothing was."""
    known = context.run.record.trained.sampling
    return {name: known[name] for name in ("trials", "author") if known.get(name)}


def _measure_base(
    base: bases.Base, held_out: dict[str, list[str]], seed: int, listener: Listener
) -> OfBase:
    """Measure the base; the result is empty if it is no longer on this machine."""
    try:
        folder = bases.folder_of(base)
    except BaseModelError as error:
        return _unmeasured(error, listener)
    kept = UntouchedBase(bases.fingerprint(base) or content_hash(folder))
    count = max_texts([text for own in held_out.values() for text in own])

    def write(start: int) -> list[str]:
        _doing(WRITING_AS_BASE, listener, Phase.WRITE_BASE)
        decoder = open_decoder(folder, cache=kept.engine)
        posts = write_unprompted(decoder, count, seed, listener, start, PLAIN, Phase.WRITE_BASE)
        return [said.text for said in posts]

    _doing("scoring them with the base", listener, Phase.SCORE_BASE)
    try:
        bits = kept.bits(held_out, lambda: score(folder, held_out))
        return OfBase(bits, kept.written(count, unprompted_settings(PLAIN, seed), write))
    except BaseModelError as error:
        return _unmeasured(error, listener)


def _unmeasured(error: BaseModelError, listener: Listener) -> OfBase:
    listener(Event(STAGE, EventKind.WARNING, f"The base model can't be measured: {error.message}"))
    return OfBase()


def _progress(listener: Listener) -> Callable[[str], None]:
    """Return what tells the listener which metric comes next."""
    places = iter(range(len(METRICS)))
    return lambda what: listener(
        Event(
            STAGE,
            EventKind.PROGRESS,
            f"measuring: {what}",
            done=next(places),
            total=len(METRICS),
            unit="measures",
            phase=Phase.COMPARE,
        )
    )


def _training(context: StageContext) -> Training | None:
    """Return how the training went: why it stopped, and which step was kept; None of a blend."""
    if context.run.record.blend:
        return None
    trained = context.run.record.trained
    return Training(trained.stopped, trained.best_step, trained.steps)


def _keep_previous(context: StageContext, model: str) -> None:
    """Keep the report of another model, so that two trainings can be compared."""
    before = context.run.file("report.json")
    if before.exists() and Report.load(before).model not in ("", model):
        atomic_write(context.run.file(PREVIOUS_REPORT), before.read_bytes())
