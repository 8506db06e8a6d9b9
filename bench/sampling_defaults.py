"""Compare the temperature and top-p chosen for a persona with fixed settings, on held-out posts.

    python bench/sampling_defaults.py PERSONA_FOLDER ... [--posts N]

Each persona's settings were chosen on its validation posts. Here it generates N posts with them and
N with each fixed setting, from a seed that the choice did not use. All are compared with the
held-out posts, which neither training nor the choice has seen. Smaller distances are better.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from popinjay.inference.open_decoder import open_decoder
from popinjay.options import Sampling, SayOptions
from popinjay.post import read_posts, read_rows
from popinjay.report.schema import Trial
from popinjay.sampling.calibration import Reference
from popinjay.sampling.generate import stream
from popinjay.text.verbatim_index import VerbatimIndex

FIXED = (Sampling(1.0, 0.95), Sampling(0.8, 0.95))
SEED = 101


def measure(folder: Path, count: int) -> dict[str, Trial]:
    """Compare one persona's posts with its own and with fixed settings; return a trial for each."""
    held_out = [post.text for post in read_posts(folder / "held_out.jsonl")]
    training = [row["text"] for row in read_rows(folder / "train.jsonl")]
    reference = Reference(held_out, training, VerbatimIndex(training))
    decoder = open_decoder(folder / "model", cache=folder / "engine")
    settings = {"own": decoder.sampling, **{f"fixed {one.temperature:g}": one for one in FIXED}}
    found: dict[str, Trial] = {}
    for name, sampling in settings.items():
        options = SayOptions(n=count, seed=SEED).with_defaults(sampling)
        texts = [post.text for post in stream(decoder, options)]
        found[name] = reference.judge(sampling, texts, SEED)
    return found


def main() -> None:
    """Measure all personas and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("personas", type=Path, nargs="+")
    parser.add_argument("--posts", type=int, default=200)
    args = parser.parse_args()
    head = (
        "persona",
        "setting",
        "T",
        "top-p",
        "distance",
        "two-sample AUC",
        "pairs",
        "length",
        "new words",
        "copied",
    )
    print("| " + " | ".join(head) + " |")
    print("| --- " * len(head) + "|")
    for folder in args.personas:
        for name, trial in measure(folder, args.posts).items():
            numbers = (
                trial.distance,
                trial.told_apart,
                trial.distinct_2,
                trial.length,
                trial.new_words,
                trial.copied,
            )
            cells = [
                folder.name,
                name,
                f"{trial.temperature:g}",
                f"{trial.top_p:g}",
                *(f"{number:.3f}" for number in numbers),
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
