"""Measure what the cut of implausible tokens does to posts at strengths above 1.

    python bench/mix_cut.py PERSONA [--home FOLDER] [--posts 200] [--strengths 1.5 2]
        [--cuts 0 0.001 0.01 0.1]

A cut is the share of the highest probability that a token must have under the persona alone
(`inference/mixture.py`). Posts are unfiltered. Each row has the share of words that do not exist,
distinct bigrams, how well a classifier tells the posts from the author's held-out ones (AUC), the
share of copies, bits a byte under the untouched base, and characters. The author's own held-out
posts come first, then the persona at strength 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from popinjay.inference.mixture import MixtureDecoder
from popinjay.metrics.diversity import diversity
from popinjay.metrics.non_words import Lexicon
from popinjay.metrics.two_sample_test import two_sample_auc
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import SayOptions
from popinjay.persona import Persona, load
from popinjay.post import read_posts, read_rows
from popinjay.sampling.generate import generate
from training.report import table


class Judge:
    """Measures posts beside those of a persona's author."""

    def __init__(self, persona: Persona, posts: int) -> None:
        """Take as many held-out posts as will be compared."""
        run = persona.run
        self.author = [post.text for post in read_posts(run.file("held_out.jsonl"))][:posts]
        training = [row["text"] for row in read_rows(run.file("train.jsonl"))]
        self._lexicon = Lexicon.of(training)
        self._index = persona.filters.index
        self._base = LanguageModel.load(persona.base.folder)

    def row(self, name: str, texts: Sequence[str]) -> list[str]:
        """Return a row of the table."""
        counted = self._lexicon.count(texts)
        apart = two_sample_auc(self.author, texts, 0).value if texts is not self.author else 0.5
        bits = bits_per_byte(self._base.bits(texts), texts)
        return [
            name,
            f"{counted.made_up / max(1, counted.words):.3f}",
            f"{diversity(texts)['distinct_2']:.3f}",
            f"{apart:.3f}",
            f"{self._index.share(texts):.3f}",
            f"{bits:.3f}",
            f"{mean(map(len, texts)):.0f}",
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("persona", help="a persona's name")
    parser.add_argument("--home", type=Path, default=Path.home() / ".popinjay")
    parser.add_argument("--posts", type=int, default=200, help="of each setting")
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.5, 2.0])
    parser.add_argument("--cuts", type=float, nargs="+", default=[0.0, 0.001, 0.01, 0.1])
    args = parser.parse_args()
    persona = load(args.persona, args.home)
    judge = Judge(persona, args.posts)
    head = ["", "made-up words", "distinct 2", "AUC", "copied", "bits a byte", "characters"]
    print(table(head, [judge.row("author", judge.author)]), flush=True)
    options = SayOptions(n=args.posts, seed=0)
    alone = [post.text for post in generate(persona.decoder(), options) if post.text]
    print(f"| {' | '.join(judge.row('strength 1', alone))} |", flush=True)
    for strength in args.strengths:
        for cut in args.cuts:
            decoder = MixtureDecoder(
                [persona.decoder().clone(), persona.base.decoder()],
                [strength, 1 - strength],
                sampling=persona.sampling,
                plausible=cut,
            )
            texts = [post.text for post in generate(decoder, options) if post.text]
            row = judge.row(f"strength {strength:g}, cut {cut:g}", texts)
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
