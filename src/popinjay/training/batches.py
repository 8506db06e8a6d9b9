"""Training sequences, one or more per post, and the batches of similar length they form."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from popinjay.models.language_model import LanguageModel

MAX_SEQUENCE_TOKENS = 512  # longer posts are split into several sequences


def training_sequences(model: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each post between its begin and end tokens.

    A post longer than the context (or MAX_SEQUENCE_TOKENS) becomes several sequences. Each starts
    with the last token of the one before, so that every token is predicted exactly once.
    """
    max_targets = min(model.context, MAX_SEQUENCE_TOKENS) - 1
    sequences = []
    for ids in model.encode(texts):
        post = [model.bos_token, *ids, model.eos_token]
        for start in range(0, len(post) - 1, max_targets):
            sequences.append(post[start : start + max_targets + 1])
    return sequences


def predicted(sequences: Sequence[Sequence[int]]) -> int:
    """Return how many tokens are predicted in one epoch over these sequences."""
    return sum(len(sequence) - 1 for sequence in sequences)


def batches(lengths: Sequence[int], batch_tokens: int, rng: random.Random) -> list[list[int]]:
    """Group the indices of all sequences into batches of similar length, in random order.

    A batch has at most `batch_tokens` predicted tokens, padding included, unless one sequence alone
    has more.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    order.sort(key=lambda i: lengths[i])  # stable: sequences of one length stay shuffled
    groups: list[list[int]] = [[]]
    for i in order:
        if groups[-1] and (len(groups[-1]) + 1) * (lengths[i] - 1) > batch_tokens:
            groups.append([])
        groups[-1].append(i)
    rng.shuffle(groups)
    return groups


def schedule_batches(
    lengths: Sequence[int], epochs: float, batch_tokens: int, seed: int
) -> tuple[list[list[int]], int]:
    """Return the batch of every step, first to last, and the number of steps per epoch.

    Args:
        lengths: The number of tokens of each sequence.
        epochs: May be fractional: 1.5 is one epoch and a half.
        batch_tokens: The maximum number of predicted tokens in a batch, padding included.
        seed: Together with the epoch's number it determines that epoch's order.
    """
    steps: list[list[int]] = []
    full_epochs = math.ceil(epochs)
    for epoch in range(full_epochs):
        steps += batches(lengths, batch_tokens, random.Random(f"{seed} {epoch}"))
    step_count = max(1, round(len(steps) * epochs / full_epochs))
    return steps[:step_count], max(1, len(steps) // full_epochs)
