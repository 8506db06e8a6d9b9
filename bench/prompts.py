"""Measure how often prompt healing takes a word for a fragment, and a fragment for a word.

    python bench/prompts.py MODEL POSTS [COUNT]

POSTS is a file of JSON lines with `text`, preferably posts that the model was not trained on. They
are cut after a word and inside one to make prompts. Then ten posts are generated for each of ten
words and ten fragments; the output has how many of them end the prompt's last word where it ends.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from popinjay.inference.open_decoder import open_decoder
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate
from popinjay.sampling.prompt import prefill
from popinjay.sampling.request import MIN_TOKENS

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder

WORDS = "my cat|the dog|I love coffee|today my brother|the moon|this pizza|my guitar"
WORDS += "|the garden|my boss|on the sofa"
FRAGMENTS = "the astron|my gui|this piz|I love cof|the gard|a weird dre|the gover"
FRAGMENTS += "|a beaut|what a wond|my frie"
POSTS = 10
_WORD = re.compile(r"[^\W\d_]+")


def cut_out(posts: list[str], count: int) -> tuple[list[str], list[str]]:
    """Return prompts that end with a word, and prompts that end with a part of one.

    No such part is a word anywhere in the posts.
    """
    known = {word.casefold() for post in posts for word in _WORD.findall(post)}
    rng = random.Random(0)
    words: list[str] = []
    fragments: list[str] = []
    for post in rng.choices(posts, k=count):
        for found in _WORD.finditer(post):
            if rng.random() < 0.2:
                words.append(post[: found.end()])
                part = found[0][: rng.randrange(len(found[0]))]
                if part and part.casefold() not in known:
                    fragments.append(post[: found.start() + len(part)])
                break
    return words, fragments


def is_kept(decoder: Decoder, prompt: str) -> bool:
    """Return whether the last word of a prompt is taken for a whole word."""
    return not prefill(decoder, prompt, MIN_TOKENS).continuations


def is_whole(text: str, prompt: str) -> bool:
    """Return whether the prompt's last word ends with the prompt in a post."""
    return not text[len(prompt) : len(prompt) + 1].isalnum()


def main(model: str, posts: str, count: str = "1000") -> None:
    """Print both counts."""
    known = [json.loads(line)["text"] for line in Path(posts).read_text("utf-8").splitlines()]
    with TemporaryDirectory() as cache:
        decoder = open_decoder(Path(model), cache=Path(cache))
        words, fragments = cut_out(known, int(count))
        lost = sum(not is_kept(decoder, prompt) for prompt in words)
        kept = sum(is_kept(decoder, prompt) for prompt in fragments)
        print(f"words taken for fragments: {lost} of {len(words)}")
        print(f"fragments taken for words: {kept} of {len(fragments)}")
        for name, prompts in (("word", WORDS), ("fragment", FRAGMENTS)):
            for prompt in prompts.split("|"):
                options = SayOptions(n=POSTS, seed=0, max_tokens=15)
                texts = [post.text for post in generate(decoder, options, prompt)]
                whole = sum(is_whole(text, prompt) for text in texts)
                print(f"{name:8} {prompt!r:20} whole in {whole:2} of {len(texts)}: {texts[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
