"""What is learnt, in which order: posts as token ids, each by itself, in batches of like length."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from popinjay.models.language_model import LanguageModel

MAX_SEQUENCE_TOKENS = 512  # tokens of one lesson: longer posts are learnt in pieces


def training_sequences(model: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each post between the tokens that begin and end it; a post too long for one lesson comes in several."""
    most = min(model.context, MAX_SEQUENCE_TOKENS) - 1
    found = []
    for ids in model.encode(texts):
        whole = [model.bos_token, *ids, model.eos_token]
        found += [whole[start : start + most + 1] for start in range(0, len(whole) - 1, most)]
    return found


def predicted(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens are predicted in learning these lessons once."""
    return sum(len(sequence) - 1 for sequence in sequences)


def batches(lengths: Sequence[int], batch_tokens: int, rng: random.Random) -> list[list[int]]:
    """All lessons once, in chance order, those of like length together: at most `batch_tokens` a batch, padding included."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    order.sort(key=lambda i: lengths[i])  # stable: chance decides among equals
    found: list[list[int]] = [[]]
    for i in order:
        if found[-1] and (len(found[-1]) + 1) * (lengths[i] - 1) > batch_tokens:
            found.append([])
        found[-1].append(i)
    rng.shuffle(found)
    return found


def schedule_batches(
    lengths: Sequence[int], epochs: float, batch_tokens: int, seed: int
) -> tuple[list[list[int]], int]:
    """The batches of every step from first to last, and how many steps an epoch has."""
    steps: list[list[int]] = []
    whole = math.ceil(epochs)
    for epoch in range(whole):
        steps += batches(lengths, batch_tokens, random.Random(f"{seed} {epoch}"))
    return steps[: max(1, round(len(steps) * epochs / whole))], max(1, len(steps) // whole)
