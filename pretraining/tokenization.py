"""The base's tokenizer: byte-level BPE, so that every script and emoji can be encoded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import Corpus

END = "<|endoftext|>"
GENERAL_STRIDE = 5  # only every fifth document is used
POSTS_COPIES = 4  # weights posts up: personas are trained on posts, and the corpus has far fewer
# Characters that are rare in the corpus. Each has three or four bytes, so that a token of its own
# is worth it for texts that use it.
KANA = "".join(chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD)))
JAPANESE = (
    KANA
    + "、。！？「」『』・～（）"
    + "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来"
    + "気小七山話女北午百書先名川千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨"
)
EMOJI = (
    "".join(
        chr(code)
        for code in (*range(0x1F600, 0x1F650), *range(0x1F440, 0x1F4B0), *range(0x1F1E6, 0x1F200))
    )
    + "❤✨🎉🔥🙏🤔🤣🥰🥺🚀"
)
RARE_COPIES = 1000


def train(corpus: Corpus, vocabulary: int) -> Tokenizer:
    """Train a tokenizer of `vocabulary` tokens: the end token, the 256 bytes, then the merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(corpus), trainer)
    return tokenizer


def texts(corpus: Corpus) -> Iterator[str]:
    """Return the texts that the tokenizer is trained on."""
    posts = [text for author in sorted(corpus.posts) for text in corpus.posts[author]]
    return chain(
        corpus.general[::GENERAL_STRIDE], *[posts] * POSTS_COPIES, *[JAPANESE + EMOJI] * RARE_COPIES
    )
