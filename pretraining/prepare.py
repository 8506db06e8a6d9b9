"""Tokenizer and token files for the built-in base.

    python pretraining/prepare.py --corpus FOLDER --out FOLDER

`FOLDER` holds `general.txt.xz` (documents parted by a blank line) and `posts.jsonl.xz` (`{"author", "text"}` a line).
Writes `tokenizer.json`, `general.npy` and `posts.npy` (uint16 token ids, documents and posts each *begun* by the end token),
the same for validation, and `prepared.json` (what went in, with hashes).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
HELD_OUT_AUTHORS = ("number10gov", "rthon_johnkey", "queennoor")  # never trained on: they stand for the stranger
ENGLISH_AUTHORS = frozenset(
    [
        "primeministergr",
        "amamambabazi",
        "stephenharper",
        "pmoindia",
        "number10gov",
        "rthon_johnkey",
        "hhshkmohd",
        "jmkikwete",
        "putinrf_eng",
        "noynoyaquino",
        "queennoor",
        "medvedevrussiae",
        "jdmahama",
        "drwaheedh",
        "eucopresident",
        "jmdbarroso",
        "ilvestoomas",
        "samiralrifai",
        "netanyahu",
    ]
)


def documents(path: Path) -> Iterator[str]:
    """The general corpus, one document at a time."""
    lines: list[str] = []
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                lines.append(line)
            elif lines:
                yield "".join(lines).strip()
                lines = []
    if lines:
        yield "".join(lines).strip()


def posts_by_author(path: Path) -> dict[str, list[str]]:
    authors: dict[str, list[str]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            text = without_links(row["text"])
            if text:
                authors[row["author"]].append(text)
    return dict(authors)


def without_links(text: str) -> str:
    """Posts as a persona's cleaning leaves them: on one line, no links."""
    return " ".join(word for word in text.split() if "http" not in word)


def train_tokenizer(texts: Iterator[str], vocabulary: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # every byte: any script and emoji survives
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """Token ids of the texts, the end token before each."""
    end = tokenizer.token_to_id(END)
    ids: list[np.ndarray] = []
    for start in range(0, len(texts), 2000):
        for encoding in tokenizer.encode_batch(texts[start : start + 2000]):
            ids.append(np.array([end, *encoding.ids], dtype=np.uint16))
    return np.concatenate(ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--general-mb", type=int, default=80, help="how much of the general text is used")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    authors = posts_by_author(args.corpus / "posts.jsonl.xz")
    general: list[str] = []
    size = 0
    for document in documents(args.corpus / "general.txt.xz"):
        general.append(document)
        size += len(document)
        if size > args.general_mb * 1_000_000:
            break
    rng = random.Random(args.seed)
    rng.shuffle(general)
    held_out = {name: authors.pop(name) for name in HELD_OUT_AUTHORS}

    sample = general[: len(general) // 3] + [text for name in authors for text in authors[name]] * 2
    tokenizer = train_tokenizer(iter(sample), args.vocabulary)
    tokenizer.save(str(args.out / "tokenizer.json"))

    cut = len(general) - max(1, len(general) // 200)
    np.save(args.out / "general.npy", encode(tokenizer, general[:cut]))
    np.save(args.out / "general_validation.npy", encode(tokenizer, general[cut:]))
    english = [text for name in sorted(authors) if name in ENGLISH_AUTHORS for text in authors[name]]
    other = [text for name in sorted(authors) if name not in ENGLISH_AUTHORS for text in authors[name]]
    np.save(args.out / "posts_english.npy", encode(tokenizer, english))
    np.save(args.out / "posts_other.npy", encode(tokenizer, other))
    np.save(args.out / "posts_validation.npy", encode(tokenizer, [text for name in held_out for text in held_out[name]]))

    record = {
        "corpus": {name: hashlib.sha256((args.corpus / name).read_bytes()).hexdigest() for name in ("general.txt.xz", "posts.jsonl.xz")},
        "vocabulary": tokenizer.get_vocab_size(),
        "general_characters": size,
        "held_out_authors": list(HELD_OUT_AUTHORS),
        "tokens": {path.stem: int(np.load(path, mmap_mode="r").shape[0]) for path in sorted(args.out.glob("*.npy"))},
        "seed": args.seed,
    }
    (args.out / "prepared.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
