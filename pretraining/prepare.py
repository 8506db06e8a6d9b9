"""Tokenizer and token files for the built-in base.

    python pretraining/prepare.py --corpus FOLDER --out FOLDER

`FOLDER` holds `general.txt.xz` (documents parted by a blank line) and `posts.jsonl.xz` (`{"author", "text"}` a line). Writes
`tokenizer.json`, `general.npy` and `posts.npz`, the same for validation, and `prepared.json` (what went in, with hashes).
Tokens are uint16; every document and post begins with the end token.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import corpus
import tokenization

AT_ONCE = 2000


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, the end token before them."""
    end = tokenizer.token_to_id(tokenization.END)
    chunks = (texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE))
    return [
        np.array([end, *encoding.ids], dtype=np.uint16)
        for chunk in chunks
        for encoding in tokenizer.encode_batch(chunk)
    ]


def save_posts(path: Path, tokenizer: Tokenizer, posts: dict[str, list[str]]) -> dict[str, int]:
    """Write posts end to end: `tokens`, where each post starts (one more for the end), and the number of its author, by name.

    Returns how many tokens each author has.
    """
    encoded = {name: encode(tokenizer, posts[name]) for name in sorted(posts)}
    every = [post for posts in encoded.values() for post in posts]
    np.savez(
        path,
        tokens=np.concatenate(every),
        starts=np.cumsum([0, *(len(post) for post in every)]),
        author=np.repeat(np.arange(len(encoded)), [len(posts) for posts in encoded.values()]),
        names=np.array(list(encoded)),
    )
    return {name: sum(len(post) for post in posts) for name, posts in encoded.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=16384)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    data = corpus.read(args.corpus, args.seed)
    tokenizer = tokenization.train(data, args.vocabulary)
    tokenizer.save(str(args.out / "tokenizer.json"))
    tokens, size = {}, {}
    for name, documents in (
        ("general", data.general),
        ("general_validation", data.general_validation),
    ):
        encoded = np.concatenate(encode(tokenizer, documents))
        np.save(args.out / f"{name}.npy", encoded)
        tokens[name], size[name] = (
            len(encoded),
            sum(len(document.encode()) for document in documents),
        )
    for name, posts in (("posts", data.posts), ("posts_validation", data.posts_validation)):
        by_author = save_posts(args.out / f"{name}.npz", tokenizer, posts)
        tokens[name], size[name] = (
            sum(by_author.values()),
            sum(len(text.encode()) for texts in posts.values() for text in texts),
        )
    record = {
        "corpus": corpus.hashes(args.corpus),
        "vocabulary": tokenizer.get_vocab_size(),
        "tokens": tokens,
        "bytes": size,
        "held_out_authors": list(corpus.HELD_OUT_AUTHORS),
        "seed": args.seed,
    }
    (args.out / "prepared.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
