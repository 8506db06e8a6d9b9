"""How long `make` will take on this machine, phase by phase, before anything was trained.

Where an earlier make measured a phase of the same base model here, that counts. Otherwise the
reference rates below are scaled by the speed of a matrix product, which takes a moment to measure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from popinjay.metrics.measure import MAX_TEXTS
from popinjay.metrics.untouched_base import UntouchedBase
from popinjay.models import bases
from popinjay.models.bases import Base
from popinjay.models.sampling_defaults import PLAIN, unprompted_settings
from popinjay.options import EvaluateOptions, TrainOptions
from popinjay.store.speed import measured_rates
from popinjay.text.quantities import duration, roughly
from popinjay.training.overhead import OVERHEAD_SHARE
from popinjay.training.phases import Phase

# Shares of the posts with usual options: held out to measure, set aside to validate.
HELD_OUT_SHARE = 0.1
VALIDATION_SHARE = 0.05
CALIBRATION_POSTS = 900  # nine settings, a hundred posts each
FEWEST_CALIBRATED = 300  # posts; with fewer no settings are tried
POST_OVERHEAD = 20  # characters: what a post costs besides its own, when it is written
FIXED_CHARACTERS = 20_000  # what loading a model costs, as characters to be scored
FIXED_POSTS = 1_000  # what a card costs besides its posts

# Seconds a unit on one core of a Xeon of 2.1 GHz (AVX-512, bf16), beside other work, which
# multiplies matrices at REFERENCE_SPEED: docs/log.md, "How long make takes".
REFERENCE_SPEED = 115e9  # operations a second, float32
REFERENCE: Mapping[str, Mapping[Phase, float]] = {
    bases.BUILT_IN: {
        Phase.PREPARE: 8.0,
        Phase.LEARN: 9.6e-4,
        Phase.SETTLE: 1.2e-4,
        Phase.SCORE: 3.6e-5,
        Phase.WRITE: 8.3e-5,
        Phase.SCORE_BASE: 2e-5,
        Phase.WRITE_BASE: 9.5e-5,
        Phase.COMPARE: 2.7e-3,
        Phase.PICTURE: 0.5,
        Phase.CARD: 1.2e-4,
    },
    bases.ENGLISH: {
        Phase.PREPARE: 22.0,
        Phase.LEARN: 4.5e-3,
        Phase.SETTLE: 5.6e-4,
        Phase.SCORE: 2.6e-4,
        Phase.WRITE: 4.4e-4,
        Phase.SCORE_BASE: 2.4e-4,
        Phase.WRITE_BASE: 1.7e-3,
        Phase.COMPARE: 2.8e-3,
        Phase.PICTURE: 1.5,
        Phase.CARD: 1.2e-4,
    },
}
TOKENS_A_CHARACTER = {bases.BUILT_IN: 0.29}
USUAL_TOKENS_A_CHARACTER = 0.26
REFERENCE_PARAMETERS = 134.5e6  # of the base whose rates stand for those not in the table
SAME_FOR_ALL = (Phase.COMPARE, Phase.CARD)  # whatever the base model
NEARLY_ALL = 0.95  # of the posts that the untouched base writes
MAX_CORES = 8  # that make a small model faster
CORES_EXPONENT = 0.75  # two cores are 1.7 times as fast as one


@dataclass(frozen=True)
class MakeEstimate:
    """How long a whole `make` will take, from the first post read to the card."""

    seconds: float  # without the download
    download_bytes: int  # of the base model; 0 if it is here
    is_measured: bool  # by an earlier make of the same base on this machine
    phases: Mapping[Phase, float]  # seconds of each, in order
    work: Mapping[Phase, float]  # units of each
    rates_key: str  # under which its rates are kept
    budget: float | None = None  # seconds, of the training

    def rate(self, phase: Phase) -> float:
        """Return the seconds that a unit of a phase is estimated to take."""
        work = self.work.get(phase)
        return self.phases.get(phase, 0.0) / work if work else 0.0

    def in_words(self) -> str:
        """Return the whole time in words, such as "about 5 minutes in all"."""
        whole = f"{roughly(self.seconds)} in all"
        if self.budget is not None:
            return f"{whole}, up to {duration(self.budget)} of them to learn"
        return whole if self.is_measured else f"{whole}, judging by the speed of this machine"

    def to_json(self) -> dict[str, float | bool]:
        """Return the estimate for JSON."""
        return {
            "seconds": round(self.seconds, 1),
            "download_bytes": self.download_bytes,
            "is_measured": self.is_measured,
        }


def estimate_make(
    base: Base, posts: int, characters: int, train: TrainOptions, evaluate: EvaluateOptions
) -> MakeEstimate:
    """Estimate how long `make` will take with this base model; it takes under half a second.

    Args:
        base: The base model, which need not be here.
        posts: The number of posts that are used.
        characters: In all of them.
        train: How the model is trained.
        evaluate: How it is measured.
    """
    here = bases.is_here(base)
    work = units(base, posts, characters, train, evaluate)
    measured = measured_rates(rates_key(base, train))
    is_measured = Phase.LEARN in measured
    is_known = all(phase in measured for phase, count in work.items() if count)
    slowness = 1.0 if is_known else REFERENCE_SPEED / machine_speed()
    reference = reference_rates(base)
    phases = {
        phase: count * measured.get(phase, slowness * reference[phase])
        for phase, count in work.items()
    }
    budget = train.budget_seconds()
    if budget is not None:
        within = phases[Phase.PREPARE] + phases[Phase.LEARN]
        phases[Phase.PREPARE] = min(phases[Phase.PREPARE], budget / 2)
        phases[Phase.LEARN] = min(within, budget) - phases[Phase.PREPARE]
        rest = max(budget - within, OVERHEAD_SHARE * budget)
        phases[Phase.SETTLE] = min(phases[Phase.SETTLE], rest)
    return MakeEstimate(
        seconds=sum(phases.values()),
        download_bytes=0 if here else base.download_bytes or 0,
        is_measured=is_measured,
        phases=phases,
        work=work,
        rates_key=rates_key(base, train),
        budget=budget,
    )


def rates_key(base: Base, train: TrainOptions) -> str:
    """Return under which name the rates of a base model are kept."""
    return f"{base.name} {train.tune or base.tune} {train.device}"


def units(
    base: Base, posts: int, characters: int, train: TrainOptions, evaluate: EvaluateOptions
) -> dict[Phase, float]:
    """Return how much there is to do in each phase, in units that each take about as long."""
    length = characters / max(1, posts) + POST_OVERHEAD
    held_out = min(HELD_OUT_SHARE * posts, MAX_TEXTS)
    scored = FIXED_CHARACTERS + HELD_OUT_SHARE * characters
    tokens = training_tokens(base, posts, characters, train)
    return {
        Phase.PREPARE: 1.0,
        Phase.LEARN: tokens,
        Phase.SETTLE: (CALIBRATION_POSTS if posts >= FEWEST_CALIBRATED else 50) * length,
        Phase.SCORE: scored,
        Phase.WRITE: evaluate.samples * length,
        Phase.SCORE_BASE: scored,
        Phase.WRITE_BASE: 0.0
        if has_written(base, round(held_out), evaluate)
        else held_out * length,
        Phase.COMPARE: evaluate.samples + held_out,
        Phase.PICTURE: 1.0,
        Phase.CARD: FIXED_POSTS + posts,
    }


def training_tokens(base: Base, posts: int, characters: int, train: TrainOptions) -> float:
    """Return the tokens that a training of these posts learns from, in all its epochs."""
    share = (1 - HELD_OUT_SHARE) * (1 - VALIDATION_SHARE)
    a_character = TOKENS_A_CHARACTER.get(base.name, USUAL_TOKENS_A_CHARACTER)
    an_epoch = max(1.0, share * (characters * a_character + posts))
    epochs = min(base.epochs, base.max_tokens / an_epoch) if train.epochs is None else train.epochs
    return an_epoch * epochs


def reference_rates(base: Base) -> dict[Phase, float]:
    """Return the seconds a unit on the reference machine.

    A base that was not measured takes as much longer than SmolLM2 as it has more weights.
    """
    if base.name in REFERENCE:
        return dict(REFERENCE[base.name])
    ratio = (base.parameters or REFERENCE_PARAMETERS) / REFERENCE_PARAMETERS
    return {
        phase: rate if phase in SAME_FOR_ALL else rate * ratio
        for phase, rate in REFERENCE[bases.ENGLISH].items()
    }


def has_written(base: Base, count: int, evaluate: EvaluateOptions) -> bool:
    """Return whether the untouched base's posts to compare with are cached, or nearly all."""
    if base.folder is not None and base.name != bases.BUILT_IN:
        return False  # to know its version all of it would have to be read
    version = bases.fingerprint(base)
    settings = unprompted_settings(PLAIN, evaluate.seed)
    return version is not None and UntouchedBase(version).has_written(
        int(NEARLY_ALL * count), settings
    )


@cache
def machine_speed(seconds: float = 0.1) -> float:
    """Measure, once, how many float operations a second the cores make in matrix products.

    One core is measured, by its fastest product: what else runs now may not run later.
    """
    import numpy as np

    size = 96  # too small to be divided between cores
    a = np.ones((size, size), dtype=np.float32)
    out = np.empty_like(a)
    best = float("inf")
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    cores: float = min(MAX_CORES, _cores()) ** CORES_EXPONENT
    return cores * 2 * size**3 / best


def _cores() -> int:
    """Return the cores that this process computes on."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
