"""The base's tokenizer: byte-level BPE, so that any script and emoji survives whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import Corpus

END = "<|endoftext|>"
GENERAL_SHARE = 5  # every so-manieth document is read
POSTS_COPIES = 4  # posts are what it will read later, and far fewer
# Scripts that the corpus hardly has. A character of theirs is three or four bytes: one token or two instead are worth their rows.
RARE_CHARACTERS = (range(0x3041, 0x30FF), range(0x1F600, 0x1F64F), range(0x1F440, 0x1F4AF), range(0x2764, 0x2765), range(0x1F1E6, 0x1F200))
RARE_COPIES = 60


def train(corpus: Corpus, vocabulary: int) -> Tokenizer:
    """A tokenizer of so many tokens, the end token first and the 256 bytes after it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts(corpus), trainer)
    return tokenizer


def texts(corpus: Corpus) -> Iterator[str]:
    """What the tokenizer is trained on."""
    posts = [text for author in sorted(corpus.posts) for text in corpus.posts[author]]
    rare = [chr(code) for characters in RARE_CHARACTERS for code in characters]
    return chain(corpus.general[::GENERAL_SHARE], *[posts] * POSTS_COPIES, *[rare] * RARE_COPIES)
