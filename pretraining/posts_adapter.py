"""Train the adapter for posts: LoRA on SmolLM2, on the English posts of many authors.

    python pretraining/posts_adapter.py --posts posts.jsonl.xz --base FOLDER
        --work FOLDER --out FOLDER

SmolLM2 was trained on web text, not on posts. A persona that starts from this adapter already
knows what a post looks like. If the command is interrupted, the same command resumes from the last
checkpoint. Two accounts are held out as a whole, and training is validated on them.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
from collections import defaultdict
from pathlib import Path

from popinjay.events import Event, EventKind
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import TrainOptions
from popinjay.stages.train import prepare
from popinjay.training.lora import save_adapter
from popinjay.training.trainable import ALPHA, RANK

HELD_OUT = ("queennoor", "jdmahama")  # accounts that training never sees
VALIDATION_POSTS = 300  # of the held-out accounts
SEED = 0


def english_posts(path: Path, max_posts: int) -> dict[str, list[str]]:
    """Return the posts of each account that posts mostly in English, in random order."""
    from py3langid import classify

    posts: dict[str, list[str]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            posts[row["author"]].append(row["text"])
    rng = random.Random(SEED)
    found: dict[str, list[str]] = {}
    for author, texts in sorted(posts.items()):
        rng.shuffle(texts)
        sample = texts[:100]
        if sum(classify(text)[0] == "en" for text in sample) > 0.8 * len(sample):
            found[author] = texts[:max_posts]
    return found


def show(event: Event) -> None:
    """Print validations, samples and, every fifty steps, the progress."""
    if event.what is EventKind.METRICS and "validation_bits_per_byte" in event.numbers:
        print(event.done, event.numbers, flush=True)
    elif event.what is EventKind.SAMPLE:
        print("sample:", event.message, flush=True)
    elif event.what is EventKind.PROGRESS and event.done and event.done % 50 == 0:
        print(event.done, event.total, event.numbers, flush=True)


def main() -> None:
    """Train, save, and score the held-out accounts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=Path, required=True, help="JSON lines: author, text")
    parser.add_argument("--base", required=True, help="a base's name or folder")
    parser.add_argument("--work", type=Path, required=True, help="a folder for checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the adapter")
    parser.add_argument("--most", type=int, default=10_000, help="maximum posts an account")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch-tokens", type=int, default=1024)
    args = parser.parse_args()
    posts = english_posts(args.posts, args.most)
    print({author: len(texts) for author, texts in posts.items()}, flush=True)
    held_out = [text for author in HELD_OUT for text in posts.pop(author, [])]
    texts = [text for own in posts.values() for text in own]
    random.Random(SEED).shuffle(texts)
    base = bases.row(args.base)
    model = LanguageModel.load(bases.folder_of(base))
    options = TrainOptions(
        tune="lora",
        epochs=1.0,
        learning_rate=args.rate,
        batch_tokens=args.batch_tokens,
        seed=SEED,
    )
    trainer = prepare(model, base, options, texts, held_out[:VALIDATION_POSTS], args.work, show)
    trainer.run()
    save_adapter(model.model, base.hub_id or base.name, RANK, ALPHA, args.out)
    with trainer.train_step.full_model():
        rest = held_out[VALIDATION_POSTS:]
        print("held out:", bits_per_byte(model.bits(rest), rest), flush=True)


if __name__ == "__main__":
    main()
