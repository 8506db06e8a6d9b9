"""Training speed: tokens a second, measured in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from popinjay.training.device import MIN_BF16_WIDTH, choose_precision
from training import ours, peers
from training.children import Peer, Slice, in_subprocess

OURS = "ours"
HALF = "ours, bf16"
LEAST_PAIRS = 3

# The peers' slices of one round, and the ceiling's before and after ours.
Round = tuple[dict[str, Slice], tuple[Slice, Slice]]


def measure(task: peers.Task, seconds: float, steps: int = 4) -> dict[str, Any]:
    """Run rounds until the time is over, after a warm-up round, but at least three.

    Each round has the recipe and its variants, then ours, with the ceiling before and after ours.

    Args:
        task: What to train.
        seconds: The time for all rounds.
        steps: How many of our steps a turn has.
    """
    with tempfile.TemporaryDirectory() as folder:
        in_subprocess(peers.save_gpt2, task, Path(folder))
        return _measure(task, seconds, steps, Path(folder))


def _measure(task: peers.Task, seconds: float, steps: int, folder: Path) -> dict[str, Any]:
    others = peers.others(task.device)
    rows = ours.head_rows(peers.tokenizer(task), task.shape.get("vocab_size", 50_257), task.texts)
    mine = {OURS: "fp32"}
    if choose_precision("auto", task.device, MIN_BF16_WIDTH) == "bf16":
        mine[HALF] = "bf16"
    alive = {name: Peer(peers.with_trainer, task, *more) for name, more in others.items()}
    alive |= {
        name: Peer(peers.popinjay, task, folder, precision) for name, precision in mine.items()
    }
    alive["ceiling"] = Peer(peers.ceiling, task, rows)
    for peer in alive.values():
        peer.ready()
    turns = dict.fromkeys(others, 1) | dict.fromkeys(mine, steps)
    for name, peer in alive.items():
        peer.turn(turns.get(name, 1))
    started = time.monotonic()
    rounds: list[Round] = []
    while (
        len(rounds) < LEAST_PAIRS or (time.monotonic() - started) * (1 + 1 / len(rounds)) < seconds
    ):
        slices: dict[str, Slice] = {}
        for name in turns:
            if name == OURS:
                before = alive["ceiling"].turn(1)
            slices[name] = alive[name].turn(turns[name])
        after = alive["ceiling"].turn(1)
        rounds.append((slices, (before, after)))
    work = {name: peer.turn(turns.get(name, 1), is_counted=True) for name, peer in alive.items()}
    peaks = {name: rounds[-1][0][name].peak for name in turns}
    for peer in alive.values():
        peer.stop()
    return {"pairs": len(rounds), "head rows": rows, **summary(rounds, work, peaks)}


def summary(
    rounds: Sequence[Round], work: dict[str, Slice], peaks: dict[str, float]
) -> dict[str, Any]:
    """Return the medians over the rounds, with ratios taken in each round.

    Args:
        rounds: The slices of each round.
        work: A slice of each peer with its operations counted.
        peaks: Each peer's peak of memory in GB.
    """
    ceilings = [
        2 * flops_of(work["ceiling"]) / (before.seconds + after.seconds) / 1e9
        for _, (before, after) in rounds
    ]
    ceilings_by_processor = [
        2 * flops_of(work["ceiling"]) / (before.processor + after.processor) / 1e9
        for _, (before, after) in rounds
    ]
    found: dict[str, Any] = {}
    for name in rounds[0][0]:
        speeds = [tokens_a_second(slices[name]) for slices, _ in rounds]
        needed = flops_of(work[name]) / work[name].tokens / 1e9
        shares = [speed * needed / ceiling for speed, ceiling in zip(speeds, ceilings, strict=True)]
        shares_by_processor = [
            needed / cost(slices[name]) / ceiling
            for (slices, _), ceiling in zip(rounds, ceilings_by_processor, strict=True)
        ]
        ratios = sorted(
            speed / tokens_a_second(slices["recipe"])
            for speed, (slices, _) in zip(speeds, rounds, strict=True)
        )
        found[name] = {
            "tokens a second": median(speeds),
            "x recipe": median(ratios),
            "x recipe, least and most": [ratios[0], ratios[-1]],
            "x recipe by processor time": median(
                cost(slices["recipe"]) / cost(slices[name]) for slices, _ in rounds
            ),
            "GFLOP a token": needed,
            "share of ceiling": median(shares),
            "share of ceiling by processor time": median(shares_by_processor),
            "peak GB": peaks[name],
        }
    return {
        "ceiling GFLOP/s": median(ceilings),
        "ceiling, least and most": [min(ceilings), max(ceilings)],
        "peers": found,
    }


def tokens_a_second(slice_: Slice) -> float:
    """Return the tokens a second of one turn."""
    return slice_.tokens / slice_.seconds


def cost(slice_: Slice) -> float:
    """Return the CPU seconds a token of one turn."""
    return slice_.processor / slice_.tokens


def flops_of(slice_: Slice) -> int:
    """Return the operations of a counted turn."""
    assert slice_.flops
    return slice_.flops
