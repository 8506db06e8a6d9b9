"""Make the tokenizer and the token files for the built-in base.

    python pretraining/prepare.py --corpus FOLDER --out FOLDER

The corpus folder holds `general.txt.xz` (documents separated by a blank line) and `posts.jsonl.xz`
(`{"author", "text"}` a line). The output is `tokenizer.json`, `general.npy` and `posts.npz`, the
same two for validation, and `prepared.json` (the inputs, with hashes). Tokens are uint16; every
document and post begins with the end token.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

import corpus
import tokenization

CHUNK_SIZE = 2000  # texts


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.uint16]]:
    """Return the tokens of each text, with the end token before them."""
    end = tokenizer.token_to_id(tokenization.END)
    chunks = (texts[start : start + CHUNK_SIZE] for start in range(0, len(texts), CHUNK_SIZE))
    return [
        np.array([end, *encoding.ids], dtype=np.uint16)
        for chunk in chunks
        for encoding in tokenizer.encode_batch(chunk)
    ]


def save_posts(path: Path, tokenizer: Tokenizer, posts: dict[str, list[str]]) -> dict[str, int]:
    """Write all posts to one file and return how many tokens each author has.

    The file has the posts' `tokens` end to end; `starts`, the offset of each post and of the end;
    `author`, the index of each post's author; and the authors' `names`.
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
    """Train the tokenizer, encode the corpus, and write everything."""
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
    tokens: dict[str, int] = {}
    size: dict[str, int] = {}
    for name, documents in (
        ("general", data.general),
        ("general_validation", data.general_validation),
    ):
        encoded = np.concatenate(encode(tokenizer, documents))
        np.save(args.out / f"{name}.npy", encoded)
        tokens[name] = len(encoded)
        size[name] = sum(len(document.encode()) for document in documents)
    for name, posts in (("posts", data.posts), ("posts_validation", data.posts_validation)):
        by_author = save_posts(args.out / f"{name}.npz", tokenizer, posts)
        tokens[name] = sum(by_author.values())
        size[name] = sum(len(text.encode()) for texts in posts.values() for text in texts)
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
