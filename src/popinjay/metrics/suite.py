"""The table of metrics, which compare the persona with its author, its base and a Markov chain.

To add a metric, write a function `(Compared, seed) -> Measure` in a module of this folder, and add
a row here. The report, the terminal's table, the page and the card follow this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from popinjay.metrics.attribution import taken_for
from popinjay.metrics.diversity import variety
from popinjay.metrics.measure import (
    ONLY,
    Compared,
    Format,
    Label,
    Measure,
    Metric,
)
from popinjay.metrics.memorization import copying
from popinjay.metrics.names import unknown_names
from popinjay.metrics.non_words import non_words
from popinjay.metrics.pii_leaks import privacy
from popinjay.metrics.stylometry import habits
from popinjay.metrics.two_sample_test import told_apart

DISTANCE = "distance: 0 is just as the author does it, 1 has nothing in common"

METRICS: tuple[Metric, ...] = (
    Metric(
        "told_apart",
        "Can a classifier tell?",
        "AUC of a classifier that tells these posts from the author's held-out ones; 0.5 is "
        "chance. Author: two halves of their own posts",
        told_apart,
        (
            Label(
                ONLY,
                "Told apart (AUC; 50% is chance)",
                "how often a classifier picks the real post of a pair",
                on_card=True,
                plain="told from the author's posts",
            ),
        ),
    ),
    Metric(
        "taken_for",
        "Authorship",
        "share of these posts that a classifier over many authors gives to this one",
        taken_for,
        (
            Label(
                ONLY,
                "Taken for the author",
                "share of texts that a classifier over many authors gives to this one",
                on_card=True,
                plain="taken for the author",
            ),
        ),
    ),
    Metric(
        "copying",
        "Copying",
        "share of posts that equal one that was learnt, that share eight words in a row with one, "
        "or nearly say the same; longest common run",
        copying,
        (
            Label(
                "exact",
                "Copies a whole post",
                "share of texts that equal a training post word for word",
                on_card=True,
                plain="copies a whole post",
            ),
            Label(
                "run",
                "Repeats eight words in a row",
                "share of texts with 8 or more words in a row that stand in a training post",
                on_card=True,
                plain="copies eight words",
            ),
            Label(
                "near",
                "Says nearly the same as a post",
                "share of texts that say nearly the same as a training post",
                on_card=True,
            ),
            Label(
                "longest",
                "Longest run of words in common",
                "how much of a text its longest run of words shared with training takes up, on "
                "average",
            ),
        ),
    ),
    Metric(
        "non_words",
        "Words that do not exist",
        "share of words that stand in no list of the language's words (simplemma) and in no "
        "post it learnt; names, words of under four letters, hashtags and handles count as "
        "existing. Author: their held-out posts",
        non_words,
        (
            Label(
                ONLY,
                "Words that do not exist",
                "share of words that no word list and no training post has",
                on_card=True,
                plain="words that do not exist",
            ),
        ),
    ),
    Metric(
        "variety",
        "Variety",
        "distinct words, pairs and triples as shares of all; self-BLEU; posts said before. As many "
        "posts of each",
        variety,
        (
            Label("distinct_1", "Different words", "share of all words; more is more varied"),
            Label(
                "distinct_2",
                "Different pairs of words",
                "share; more is more varied",
                plain="different pairs of words",
            ),
            Label("distinct_3", "Different runs of 3 words", "share; more is more varied"),
            Label("self_bleu", "Likeness to one another (self-BLEU)", "less is more varied"),
            Label(
                "repeats",
                "Said before, word for word",
                "share of texts; less is more varied",
                plain="says the same again",
            ),
        ),
    ),
    Metric(
        "habits",
        "Habits",
        "how far apart the distributions are (Kolmogorov-Smirnov), from 0 to 1. Author: two halves "
        "of their own posts",
        habits,
        (
            Label(
                "length",
                "Length of posts",
                DISTANCE,
                Format.DECIMAL,
                plain="unlike in length (0 to 1)",
            ),
            Label("punctuation", "Punctuation", DISTANCE, Format.DECIMAL),
            Label("capitals", "Capital letters", DISTANCE, Format.DECIMAL),
            Label("emoji", "Emoji", DISTANCE, Format.DECIMAL),
            Label("hashtags", "Hashtags", DISTANCE, Format.DECIMAL),
            Label("mentions", "Mentions of others", DISTANCE, Format.DECIMAL),
        ),
    ),
    Metric(
        "names",
        "Others’ names",
        "share of posts, before any rule, with a handle that stands in no post it learnt, and with "
        "a name (a word that the untouched base writes with a capital inside sentences) that "
        "stands in none of them. Author: their held-out posts",
        unknown_names,
        (
            Label(
                "handles",
                "A handle the author never used",
                "share of posts; popinjay lets none of them out",
                plain="handles the author never used",
            ),
            Label(
                "of_base",
                "A name of the base model’s",
                "share of posts with a name that the untouched base writes, and the author never "
                "did",
                plain="names from the base model",
            ),
        ),
    ),
    Metric(
        "privacy",
        "Privacy",
        "personal data in what the model writes before any rule, how much of it stood in the posts "
        "it learnt, and how much would be let out",
        privacy,
        (
            Label("email", "e-mail addresses", format=Format.COUNT),
            Label("phone", "phone numbers", format=Format.COUNT),
            Label("card", "card numbers", format=Format.COUNT),
            Label("iban", "account numbers", format=Format.COUNT),
            Label("ip", "IP addresses", format=Format.COUNT),
            Label("key", "secret keys", format=Format.COUNT),
        ),
    ),
)


def compare(given: Compared, seed: int, tell: Callable[[str], None]) -> dict[str, Measure]:
    """Compute every metric. `tell` is called with the name of each one before it begins."""
    found = {}
    for metric in METRICS:
        tell(metric.name.replace("_", " "))
        measure = metric.measure(given, seed).rounded()
        found[metric.name] = replace(measure, what=measure.what or metric.what)
    return found
