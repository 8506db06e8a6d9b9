"""Count posts that begin inside a word, with and without the rule for the first token.

    python bench/first_words.py PERSONA [COUNT]

PERSONA is a persona's folder. COUNT posts (300) are written without a prompt and before any filter,
with the rule of `sampling/prompt.py` and without it. The output has how many of them begin with a
token that texts hardly begin with, and how many have a first word that does not exist
(`metrics/non_words.py`); for the author's held-out posts, too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from popinjay.inference.decoder import Decoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.non_words import Lexicon, spelled_words
from popinjay.options import SayOptions
from popinjay.post import read_rows
from popinjay.sampling import prompt
from popinjay.sampling.generate import generate

POSTS = 300


def counted(posts: Sequence[str], decoder: Decoder, lexicon: Lexicon) -> tuple[int, int, list[str]]:
    """Return how many posts begin with such a token and with no word, and such beginnings."""
    pieces = decoder.pieces()
    assert pieces is not None
    fragments = frozenset(pieces.fragments)
    inside = [post for post in posts if (decoder.encode(post[:40]) or [-1])[0] in fragments]
    first = {post: next(iter(spelled_words(post[:40])), "") for post in posts}
    no_word = [
        post
        for post, word in first.items()
        if word and post.startswith(word) and not lexicon.exists(word)
    ]
    return len(inside), len(no_word), [post[:24] for post in inside[:8]]


def main(persona: str, count: str = str(POSTS)) -> None:
    """Print the counts."""
    folder = Path(persona)
    training, held_out = (
        [row["text"] for row in read_rows(folder / name)]
        for name in ("train.jsonl", "held_out.jsonl")
    )
    lexicon = Lexicon.of(training)
    decoder = open_decoder(folder / "model", cache=folder / "engine")
    options = SayOptions(n=int(count), seed=0).with_defaults(decoder.sampling)
    print(f"{'':24} posts  such a token  no word")
    found = {"the author, held out": held_out}
    usual = prompt.USUAL_START
    for name, least in (("without the rule", 0.0), ("with it", usual)):
        prompt.USUAL_START = least  # under a least probability of 0 there is no token
        found[name] = [post.text for post in generate(decoder, options)]
    for name, posts in found.items():
        tokens, words, some = counted(posts, decoder, lexicon)
        print(f"{name:24} {len(posts):5}  {tokens:12}  {words:7}  {'; '.join(some)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
