"""Build the candidate authors of the report's attribution metric: character n-gram counts, no text.

    python pretraining/authors.py --corpus FOLDER --out src/popinjay/assets/authors.npz.xz
    python pretraining/authors.py --corpus FOLDER --trial

`FOLDER` holds `posts.jsonl.xz` (`{"author", "text"}` a line). Posts are cleaned as a persona's are,
and every author with 40,000 characters left becomes a candidate. `--trial` writes nothing: it holds
a tenth of each author's posts out and attributes them with all other authors as candidates.
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

HELD_OUT_SHARE = 0.1


def cleaned(path: Path) -> dict[str, list[str]]:
    """Return the cleaned posts of every author who has enough, sorted by author."""
    authors: dict[str, list[str]] = {}
    for author, texts in sorted(corpus.posts_by_author(path).items()):
        posts = (Post(id="", author=author, text=text) for text in texts)
        kept = [text for _, text in sort_out(author, posts, CleanOptions()).kept]
        if sum(map(len, kept)) >= CHARACTERS:
            authors[author] = kept
    return authors


def packed(candidates: CandidateAuthors) -> bytes:
    """Return the file's content, which is the same for the same candidates."""
    file = io.BytesIO()
    np.savez(
        file,
        names=np.array(candidates.names),
        languages=np.array(candidates.languages),
        counts=np.ascontiguousarray(candidates.counts.T.astype(np.uint16)),
    )
    return lzma.compress(file.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def trial(posts: dict[str, list[str]]) -> Iterable[tuple[str, str, int, float, float]]:
    """Yield how well the metric works for each author.

    Each row has the author's name, their language, the number of other authors of that language,
    and the shares of the author's own and of the others' held-out posts that are attributed to the
    author.
    """
    train: dict[str, list[str]] = {}
    held_out: dict[str, list[str]] = {}
    for author, texts in posts.items():
        shuffled = random.Random(author).sample(texts, len(texts))
        cut = round(HELD_OUT_SHARE * len(shuffled))
        train[author] = shuffled[cut:]
        held_out[author] = shuffled[:cut]
    candidates = CandidateAuthors.of(train)
    languages = dict(zip(candidates.names, candidates.languages, strict=True))
    for author, language in languages.items():
        others = candidates.less([author])
        by_others = [
            text
            for other in others.names
            if languages[other] == language
            for text in held_out[other]
        ]
        own = others.attributed_share(train[author], held_out[author]).value
        wrong = others.attributed_share(train[author], by_others).value
        yield author, language, others.languages.count(language), own, wrong


def main() -> None:
    """Write the file, or print the trial."""
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
        shares: list[tuple[float, float]] = []
        print(f"{'author':<16} {'':<3} {'others':>6} {'own posts':>10} {'theirs':>7}")
        for author, language, others, own, wrong in trial(posts):
            shares.append((own, wrong))
            print(f"{author:<16} {language:<3} {others:>6} {own:>10.3f} {wrong:>7.4f}")
        mean_own, mean_wrong = np.mean(shares, axis=0)
        print(f"{'mean':<27} {mean_own:>10.3f} {mean_wrong:>7.4f}")
        return
    candidates = CandidateAuthors.of(posts)
    args.out.write_bytes(packed(candidates))
    for author, language in zip(candidates.names, candidates.languages, strict=True):
        print(f"{author:<16} {language}")
    print(f"{candidates.others} authors, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
