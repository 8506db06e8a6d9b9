"""The line-up that an author is told from in the report: counts of runs of characters, and no text.

    python pretraining/authors.py --corpus FOLDER --out src/popinjay/assets/authors.npz.xz
    python pretraining/authors.py --corpus FOLDER --trial

`FOLDER` holds `posts.jsonl.xz` (`{"author", "text"}` a line). Posts are cleaned as a persona's are; an author who then has 40,000
characters stands in the line-up. `--trial` writes nothing: it sets a tenth of everybody's posts aside and says whom the line-up of
all the others takes them for.
"""

from __future__ import annotations

import argparse
import io
import lzma
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import corpus
from popinjay.metrics.attribution import CHARACTERS, CandidateAuthors
from popinjay.options import CleanOptions
from popinjay.post import Post
from popinjay.stages.clean import sort_out

SET_ASIDE = 0.1


def cleaned(path: Path) -> dict[str, list[str]]:
    """The posts of every author who has enough, as a persona would learn from them, in the order of names."""
    authors = {}
    for author, texts in sorted(corpus.posts_by_author(path).items()):
        kept = [
            text
            for _, text in sort_out(
                author, (Post(id="", author=author, text=text) for text in texts), CleanOptions()
            ).kept
        ]
        if sum(map(len, kept)) >= CHARACTERS:
            authors[author] = kept
    return authors


def packed(lineup: CandidateAuthors) -> bytes:
    """The line-up as it is stored: the same bytes for the same line-up."""
    file = io.BytesIO()
    np.savez(
        file,
        names=np.array(lineup.names),
        languages=np.array(lineup.languages),
        counts=np.ascontiguousarray(lineup.counts.T.astype(np.uint16)),
    )
    return lzma.compress(file.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def trial(posts: dict[str, list[str]]) -> Iterable[tuple[str, str, int, float, float]]:
    """Of each author: name, language, others of that language, and the shares of their own and of the others' new posts that fall to them."""
    train, aside = {}, {}
    for author, texts in posts.items():
        mixed = random.Random(author).sample(texts, len(texts))
        cut = round(SET_ASIDE * len(mixed))
        train[author], aside[author] = mixed[cut:], mixed[:cut]
    everybody = CandidateAuthors.of(train)
    spoken = dict(zip(everybody.names, everybody.languages, strict=True))
    for author, tongue in spoken.items():
        others = everybody.less([author])
        rivals = [
            text for other in others.names if spoken[other] == tongue for text in aside[other]
        ]
        own, wrong = (
            others.attributed_share(train[author], texts).value for texts in (aside[author], rivals)
        )
        yield author, tongue, others.languages.count(tongue), own, wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--out", type=Path)
    group.add_argument("--trial", action="store_true")
    args = parser.parse_args()
    posts = cleaned(args.corpus / "posts.jsonl.xz")
    if args.trial:
        shares = []
        print(f"{'author':<16} {'':<3} {'others':>6} {'own posts':>10} {'theirs':>7}")
        for author, tongue, rivals, own, wrong in trial(posts):
            shares.append((own, wrong))
            print(f"{author:<16} {tongue:<3} {rivals:>6} {own:>10.3f} {wrong:>7.4f}")
        print(
            f"{'mean':<27} {np.mean(shares, axis=0)[0]:>10.3f} {np.mean(shares, axis=0)[1]:>7.4f}"
        )
        return
    lineup = CandidateAuthors.of(posts)
    args.out.write_bytes(packed(lineup))
    for author, tongue in zip(lineup.names, lineup.languages, strict=True):
        print(f"{author:<16} {tongue}")
    print(f"{lineup.others} authors, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
