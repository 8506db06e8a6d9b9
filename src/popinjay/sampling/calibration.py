"""Choose the temperature and top-p with which a persona's posts come closest to its author's.

No setting suits every model: one that is unsure of its author drifts at temperature 1, and one that
is well trained repeats itself below it. So a few settings are tried: some posts are generated with
each and compared with posts of the author that the model was not trained on.
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
from popinjay.report.schema import Trial
from popinjay.sampling.generate import stream
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import words

TEMPERATURES = (1.0, 0.9, 0.8, 0.7, 0.6, 1.1)
NUCLEI = (0.9, 0.8, 1.0)  # tried at the best temperature
WRITTEN = 100  # posts generated with each setting
LEAST_POSTS = 300  # of an author; fewer give no reliable difference between settings
DOUBT = 2.0  # standard errors by which the share of copies may exceed the author's own


@dataclass(frozen=True)
class Calibration:
    """The chosen setting, all that were tried, and the author's own figures."""

    sampling: Sampling
    trials: Sequence[Trial] = ()
    author: dict[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as the record and the report hold it."""
        rows = [
            {name: round(value, 4) for name, value in asdict(one).items()} for one in self.trials
        ]
        return {**self.sampling._asdict(), "trials": rows, "author": self.author or {}}


class Reference:
    """The author's posts that settings are compared with.

    These are posts that the model was not trained on and, if they are few, the newest others.
    """

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
        """Compare texts that were generated with this setting."""
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
        """The share of copies above which a setting copies more than the author repeats."""
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
    """Choose the setting closest to the author among those that copy no more than the author does.

    Temperatures are tried first, then top-p at the best of them. If all settings copy too much, the
    one that copies least is chosen. With too few posts nothing is tried, and PLAIN is returned.

    Args:
        decoder: The trained model.
        validation: The author's posts that the model was not trained on.
        training: The posts that it was trained on.
        copies: An index of the training posts.
        seed: Of all random choices.
        tell: Is called with the number of settings tried and of all.
        seconds: After which no further setting is tried; None for no limit.
    """
    began = time.monotonic()
    if len(validation) + len(training) < LEAST_POSTS:
        return Calibration(PLAIN)
    reference = Reference(validation, training, copies)
    total = len(TEMPERATURES) + len(NUCLEI)
    trials: list[Trial] = []
    tell(0, total)

    def attempt(sampling: Sampling) -> None:
        taken = time.monotonic() - began
        if seconds is not None and trials and taken * (len(trials) + 1) / len(trials) > seconds:
            return
        options = SayOptions(n=WRITTEN, seed=seed).with_defaults(sampling)
        texts = [post.text for post in stream(decoder, options)]
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
    """Return the two-sample Kolmogorov-Smirnov statistic of the lengths in characters."""
    from scipy.stats import ks_2samp

    return float(ks_2samp([len(text) for text in texts], [len(text) for text in real]).statistic)


def _best(trials: Sequence[Trial], most_copied: float) -> Trial:
    fit = [trial for trial in trials if trial.copied <= most_copied]
    if fit:
        return min(fit, key=lambda trial: trial.distance)
    return min(trials, key=lambda trial: (trial.copied, trial.distance))
