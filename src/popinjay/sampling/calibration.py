"""Choose temperature and top-p for a persona by what comes nearest to its author.

No one setting suits all: a model that is unsure of its author strays at temperature 1, one that has
learnt well says the same again and again below it. So some posts are written with each of a few
settings and compared with posts of the author's that the model has not learnt from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from popinjay.inference.decoder import Decoder
from popinjay.metrics.diversity import diversity
from popinjay.metrics.two_sample_test import two_sample_auc
from popinjay.models.sampling_defaults import PLAIN
from popinjay.options import Sampling, SayOptions
from popinjay.sampling.generate import stream
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import words

TEMPERATURES = (1.0, 0.9, 0.8, 0.7, 0.6, 1.1)
NUCLEI = (0.9, 0.8, 1.0)  # tried at the best temperature
WRITTEN = 100  # posts with each setting
LEAST_POSTS = 300  # of an author: with fewer there is too little to tell settings apart by
DOUBT = 2.0  # standard errors by which copying may lie above the author's own


@dataclass(frozen=True)
class Trial:
    """What posts written with one setting look like, and how far that is from the author's posts.

    `told_apart` is an AUC, `distinct_2` the share of different word pairs, `length` a
    Kolmogorov-Smirnov distance, `new_words` the share of words that no training post has,
    `copied` the share of posts that repeat a training post. `distance` sums up the first four.
    """

    temperature: float
    top_p: float
    told_apart: float
    distinct_2: float
    length: float
    new_words: float
    copied: float
    distance: float


@dataclass(frozen=True)
class Calibration:
    """The setting that was chosen, all that were tried, and the author's own figures."""

    sampling: Sampling
    trials: Sequence[Trial] = ()
    author: dict[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as the record and the report hold it."""
        rows = [
            {name: round(value, 4) for name, value in asdict(one).items()} for one in self.trials
        ]
        return {**self.sampling._asdict(), "trials": rows, "author": self.author or {}}


class Reference:
    """The author's posts that settings are judged by: those not learnt from, and if they are few
    the newest of the others."""

    def __init__(
        self, validation: Sequence[str], training: Sequence[str], copies: VerbatimIndex
    ) -> None:
        missing = max(0, WRITTEN - len(validation))
        self.real = [*validation, *(training[-missing:] if missing else ())][: 3 * WRITTEN]
        self._copies = copies
        self._known = {word for text in training for word in words(text)}
        self.distinct_2 = diversity(self.real[:WRITTEN])["distinct_2"]
        self.new_words = self._new_words(validation)
        self.copied = copies.share(validation)

    def _new_words(self, texts: Sequence[str]) -> float:
        found = [word for text in texts for word in words(text) if word.isalpha()]
        return sum(word not in self._known for word in found) / max(1, len(found))

    def judge(self, sampling: Sampling, texts: Sequence[str], seed: int) -> Trial:
        """Compare texts that were written with this setting."""
        apart = two_sample_auc(self.real, texts, seed).value
        distinct_2 = diversity(texts[:WRITTEN])["distinct_2"]
        length = _length_distance(texts, self.real)
        new_words = self._new_words(texts)
        distance = (
            max(0.0, 2 * (apart - 0.5))
            + abs(distinct_2 - self.distinct_2)
            + length
            + abs(new_words - self.new_words)
        )
        copied = self._copies.share(texts)
        return Trial(*sampling, apart, distinct_2, length, new_words, copied, distance)

    @property
    def most_copied(self) -> float:
        """From which share on a setting copies more than the author repeats themselves."""
        chance = max(self.copied, 1 / WRITTEN)
        return self.copied + DOUBT * math.sqrt(chance * (1 - chance) / WRITTEN)

    def to_json(self) -> dict[str, float]:
        """Return the author's own figures."""
        names = ("distinct_2", "new_words", "copied")
        return {name: round(getattr(self, name), 4) for name in names}


def calibrate(
    decoder: Decoder,
    validation: Sequence[str],
    training: Sequence[str],
    copies: VerbatimIndex,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, total: None,
    seconds: float | None = None,
) -> Calibration:
    """Choose the setting nearest to the author among those that copy no more than the author does.

    Temperatures are tried first, then top-p at the best of them. Where all copy too much, the one
    that copies least is taken. With too few posts nothing is tried and PLAIN is the answer. Where
    there are only so many `seconds`, what is tried by then is chosen from.
    """
    began = time.monotonic()
    if len(validation) + len(training) < LEAST_POSTS:
        return Calibration(PLAIN)
    reference = Reference(validation, training, copies)
    total = len(TEMPERATURES) + len(NUCLEI)
    trials: list[Trial] = []

    def attempt(sampling: Sampling) -> None:
        taken = time.monotonic() - began
        if seconds is not None and trials and taken * (len(trials) + 1) / len(trials) > seconds:
            return
        options = SayOptions(n=WRITTEN, seed=seed).with_defaults(sampling)
        texts = [said.text for said in stream(decoder, options)]
        trials.append(reference.judge(sampling, texts, seed))
        tell(len(trials), total)

    for temperature in TEMPERATURES:
        attempt(Sampling(temperature, PLAIN.top_p))
    best = _best(trials, reference.most_copied)
    for top_p in NUCLEI:
        attempt(Sampling(best.temperature, top_p))
    best = _best(trials, reference.most_copied)
    chosen = Sampling(best.temperature, best.top_p)
    trials.sort(key=lambda trial: (trial.temperature, trial.top_p))
    return Calibration(chosen, trials, reference.to_json())


def _length_distance(texts: Sequence[str], real: Sequence[str]) -> float:
    """The two-sample Kolmogorov-Smirnov statistic of their lengths in characters."""
    from scipy.stats import ks_2samp

    return float(ks_2samp([len(text) for text in texts], [len(text) for text in real]).statistic)


def _best(trials: Sequence[Trial], most_copied: float) -> Trial:
    fit = [trial for trial in trials if trial.copied <= most_copied]
    if fit:
        return min(fit, key=lambda trial: trial.distance)
    return min(trials, key=lambda trial: (trial.copied, trial.distance))
