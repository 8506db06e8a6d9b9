"""The report's numbers: what the persona writes beside what its author, its base and a Markov chain write."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from popinjay.metrics.attribution import CandidateAuthors
from popinjay.metrics.diversity import diversity
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.markov_baseline import MarkovChain
from popinjay.metrics.memorization import Memorization
from popinjay.metrics.names import UnknownNames
from popinjay.metrics.pii_leaks import pii_leaks
from popinjay.metrics.stylometry import self_split, stylometry
from popinjay.metrics.two_sample_test import self_split_auc, two_sample_auc
from popinjay.text.masking import reveals

PERSONA, AUTHOR, BASE, MARKOV = "persona", "author", "base", "markov"
MOST = 1000  # texts of a source that are compared: more make intervals hardly narrower

WHAT = {
    "told_apart": "AUC of a classifier that tells these posts from the author's held-out ones; 0.5 is chance. Author: two halves of their own posts",
    "taken_for": "share of these posts that a classifier over many authors gives to this one",
    "copying": "share of posts that equal one that was learnt, that share eight words in a row with one, or nearly say the same; longest common run",
    "variety": "distinct words, pairs and triples as shares of all; self-BLEU; posts said before. As many posts of each",
    "habits": "how far apart the distributions are (Kolmogorov-Smirnov), from 0 to 1. Author: two halves of their own posts",
    "names": "share of posts, before any rule, with a handle that stands in no post it learnt, and with a name (a word that the untouched base writes "
    "with a capital inside sentences) that stands in none of them. Author: their held-out posts",
    "privacy": "personal data in what the model writes before any rule, how much of it stood in the posts it learnt, and how much would be let out",
}


@dataclass(frozen=True)
class Compared:
    """What is compared: the posts that were learnt, once each, the author's held-out posts, and what the machines wrote."""

    training: Sequence[str]
    author: Sequence[str]
    written: Mapping[
        str, Sequence[str]
    ]  # by source: PERSONA, BASE, MARKOV; one that could not be had is left out
    handles: Sequence[str] = ()  # of the authors, so that nobody is compared with themselves

    def sources(self) -> dict[str, Sequence[str]]:
        """All of them by name, the persona first."""
        return {PERSONA: self.written[PERSONA], AUTHOR: self.author, **self.written}


def how_many(author: Sequence[str]) -> int:
    """How many texts of each source are compared with so many of the author's."""
    return min(MOST, len(author))


def chain(training: Sequence[str], author: Sequence[str], seed: int) -> list[str]:
    """What a Markov chain writes that learnt the same posts: what a bot would use otherwise."""
    return MarkovChain(training, seed).say(how_many(author))


def compare(given: Compared, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every row of the report but the bits; `tell` hears what comes next."""
    found: dict[str, Any] = {}
    for name, measure in MEASURES.items():
        tell(name.replace("_", " "))
        found[name] = {"what": WHAT[name], **measure(given, seed)}
    return found


def _told_apart(given: Compared, seed: int) -> dict[str, Any]:
    older = random.Random(seed).sample(
        given.training, min(len(given.training), how_many(given.author))
    )
    found = {
        name: two_sample_auc(given.author, texts, seed)
        for name, texts in given.written.items()
        if texts
    }
    return {
        "texts": how_many(given.author),
        **_json(
            found
            | {
                AUTHOR: self_split_auc(given.author, seed),
                "earlier": two_sample_auc(given.author, older, seed),
            }
        ),
    }


def _taken_for(given: Compared, seed: int) -> dict[str, Any]:
    candidates = CandidateAuthors.load(without=given.handles)
    found = {
        name: candidates.attributed_share(given.training, texts[:MOST])
        for name, texts in given.sources().items()
        if texts
    }
    return {
        "others": candidates.others,
        "same_language": candidates.same_language(given.training),
        **_json(found),
    }


def _copying(given: Compared, seed: int) -> dict[str, Any]:
    overlap = Memorization(given.training)
    return {name: _json(overlap.measure(texts)) for name, texts in given.sources().items() if texts}


def _variety(given: Compared, seed: int) -> dict[str, Any]:
    count = min(how_many(given.author), *(len(texts) for texts in given.written.values() if texts))
    found = {name: diversity(texts[:count]) for name, texts in given.sources().items() if texts}
    return {
        "texts": count,
        **{
            name: {key: round(value, 4) for key, value in each.items()}
            for name, each in found.items()
        },
    }


def _habits(given: Compared, seed: int) -> dict[str, Any]:
    found = {
        name: stylometry(texts[:MOST], given.author, seed)
        for name, texts in given.written.items()
        if texts
    }
    return {
        name: _json(each)
        for name, each in (found | {AUTHOR: self_split(given.author, seed)}).items()
    }


def _names(given: Compared, seed: int) -> dict[str, Any]:
    strangers = UnknownNames(given.training, given.written.get(BASE, ()))
    found = {name: strangers.measure(texts[:MOST]) for name, texts in given.sources().items()}
    if not given.written.get(BASE):
        found = {name: {"handles": each["handles"]} for name, each in found.items()}
    return {name: _json(each) for name, each in found.items()}


def _privacy(given: Compared, seed: int) -> dict[str, Any]:
    written = given.written[PERSONA]
    found = pii_leaks(written, given.training)
    let_out = sum(pii_leaks([text], ()).total > 0 for text in written if not reveals(text))
    return {PERSONA: found.found, "in_training": found.in_training, "let_out": let_out}


def _json(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}


MEASURES: Mapping[str, Callable[[Compared, int], dict[str, Any]]] = {
    "told_apart": _told_apart,
    "taken_for": _taken_for,
    "copying": _copying,
    "variety": _variety,
    "habits": _habits,
    "names": _names,
    "privacy": _privacy,
}
