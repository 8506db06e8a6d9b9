"""Invented reports, for tests of what is made of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from popinjay.report.html import Content

AROUND = 0.05


def estimate(value: float, around: float = AROUND) -> dict[str, float]:
    return {
        "value": value,
        "low": round(max(0.0, value - around), 4),
        "high": round(min(1.0, value + around), 4),
    }


def report(**changes: Any) -> dict[str, Any]:
    """Return a whole report as evaluate writes it; `changes` replace parts of it."""
    made: dict[str, Any] = {
        "verdict": "Hard to tell apart: a classifier is right 58 times in 100, "
        "and 52 on the author against themselves."
        " Copies less than the author repeats themselves.",
        "notes": ["Only 212 held-out posts: the intervals are wide."],
        "posts": {"train": 1900, "held_out": 212, "bytes": 24310, "samples": 1000},
        "sampling": {"temperature": 1.0, "top_p": 0.95, "max_tokens": 80, "seed": 0},
        "bits_per_byte": {
            "what": "held-out posts, each scored alone",
            "persona": {"all": 1.834, "ada": 1.834},
            "base": {"all": 2.291, "ada": 2.291},
            "posts": 212,
            "bytes": 24310,
        },
        "told_apart": {
            "what": "area under the ROC curve of a classifier of character n-grams",
            "texts": 212,
            "persona": estimate(0.583),
            "author": estimate(0.517),
            "earlier": estimate(0.548),
            "base": estimate(0.937, 0.02),
            "markov": estimate(0.741, 0.04),
        },
        "taken_for": {
            "what": "share of texts for which the author is the likeliest of all",
            "others": 39,
            "same_language": 12,
            "persona": estimate(0.412),
            "author": estimate(0.634),
            "base": estimate(0.031, 0.01),
            "markov": estimate(0.457),
        },
        "copying": {
            "what": "what stands in the training posts too",
            "persona": {
                "exact": estimate(0.004, 0.003),
                "run": estimate(0.012, 0.008),
                "near": estimate(0.009, 0.006),
                "longest": estimate(0.183, 0.01),
            },
            "author": {
                "exact": estimate(0.009, 0.008),
                "run": estimate(0.019, 0.015),
                "near": estimate(0.014, 0.012),
                "longest": estimate(0.171, 0.02),
            },
            "base": {
                "exact": estimate(0.0, 0.004),
                "run": estimate(0.001, 0.003),
                "near": estimate(0.0, 0.004),
                "longest": estimate(0.094, 0.01),
            },
            "markov": {
                "exact": estimate(0.061, 0.015),
                "run": estimate(0.387, 0.03),
                "near": estimate(0.104, 0.019),
                "longest": estimate(0.538, 0.015),
            },
        },
        "variety": {
            "what": "of as many texts of each",
            "texts": 212,
            "persona": {
                "distinct_1": 0.281,
                "distinct_2": 0.741,
                "distinct_3": 0.921,
                "self_bleu": 0.214,
                "repeats": 0.006,
            },
            "author": {
                "distinct_1": 0.307,
                "distinct_2": 0.789,
                "distinct_3": 0.944,
                "self_bleu": 0.187,
                "repeats": 0.009,
            },
            "base": {
                "distinct_1": 0.352,
                "distinct_2": 0.812,
                "distinct_3": 0.951,
                "self_bleu": 0.151,
                "repeats": 0.0,
            },
            "markov": {
                "distinct_1": 0.262,
                "distinct_2": 0.705,
                "distinct_3": 0.902,
                "self_bleu": 0.266,
                "repeats": 0.002,
            },
        },
        "habits": {
            "what": "distance from the author's posts",
            **{
                source: {
                    habit: estimate(value + 0.01 * n, 0.02)
                    for n, habit in enumerate(
                        ("length", "punctuation", "capitals", "emoji", "hashtags", "mentions")
                    )
                }
                for source, value in {
                    "persona": 0.07,
                    "author": 0.04,
                    "base": 0.41,
                    "markov": 0.12,
                }.items()
            },
        },
        "names": {
            "what": "handles and names that stand in no training post",
            "persona": {"handles": estimate(0.027), "of_base": estimate(0.142, 0.02)},
            "author": {"handles": estimate(0.061), "of_base": estimate(0.118, 0.03)},
            "base": {"handles": estimate(0.312), "of_base": estimate(0.871, 0.04)},
            "markov": {"handles": estimate(0.0, 0.004), "of_base": estimate(0.0, 0.004)},
        },
        "privacy": {
            "what": "by the patterns that cleaning masks",
            "persona": {"email": 0, "phone": 3, "card": 0, "key": 0},
            "in_training": 1,
            "let_out": 0,
        },
        "training": {"why": "it got no better", "best_step": 240, "steps": 320},
    }
    return {**made, **changes}


def metrics(steps: int = 320, best: float = 1.83) -> list[dict[str, Any]]:
    """Return the rows of a training that was validated every 20 steps."""
    chance = random.Random(1)
    rows: list[dict[str, Any]] = [{"step": 0, "validation_bits_per_byte": 2.29}]
    for step in range(1, steps + 1):
        left = 2.718 ** (-step / 80)
        rows.append(
            {
                "step": step,
                "epoch": step / 80,
                "loss": 2.6 + 1.6 * left + chance.gauss(0, 0.12),
                "learning_rate": 1e-3,
                "tokens": step * 2048,
            }
        )
        if step % 20 == 0:
            look = {
                "step": step,
                "validation_bits_per_byte": best + 0.46 * left + max(0, step - 240) * 2e-4,
            }
            rows.append(look | ({"copied": 0.0002 * (step / 80) ** 3} if step % 80 == 0 else {}))
    return rows


OPENINGS = ("Engine", "Coffee", "The loom", "My notes", "This morning", "A small proof")
MIDDLES = (
    "turned out",
    "kept me up",
    "was late again",
    "made no sense",
    "works at last",
    "deserves a walk",
)


def real_posts(count: int = 60) -> list[str]:
    """Return posts that no other function here makes."""
    return [_post(n, "really") for n in range(count)]


def written_posts(count: int = 200) -> list[str]:
    return [_post(n, "seemingly") for n in range(count)]


def _post(number: int, word: str) -> str:
    tail = " and so on" * (number * 7 % 11)
    return f"{OPENINGS[number % 6]} no. {number} {word} {MIDDLES[number * 5 // 6 % 6]}{tail}."


def content(**changes: Any) -> Content:
    """Return what the page of a report is about.

    Args:
        changes: Fields of the content, or the persona's `name`, `report`, `metrics` or `written`.
    """
    from popinjay.report.charts import Side
    from popinjay.report.html import Content
    from popinjay.report.schema import Report

    authors = changes.pop("authors", ["Ada Lovelace"])
    side = Side(
        changes.pop("name", "ada"),
        Report.from_json({"authors": authors, **changes.pop("report", report())}),
        changes.pop("metrics", metrics()),
        changes.pop("written", written_posts()),
    )
    return Content(side, authors, **{"posts": side.written[:10], "real": real_posts(), **changes})


def page(**changes: Any) -> str:
    """Return the page of a report; `changes` are those of `content`."""
    from popinjay.report.html import render

    return render(content(**changes))
