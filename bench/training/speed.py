"""Tokens a second, in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from popinjay.training.device import WIDE, choose_precision
from training import ours, peers
from training.children import Peer, Slice, in_subprocess

OURS, HALF = "ours", "ours, bf16"
LEAST_PAIRS = 3


def measure(task: peers.Task, seconds: float, steps: int = 4) -> dict[str, Any]:
    """Rounds until the time is over, three at least, after one that does not count: the recipe and its like, then ours, products between."""
    with tempfile.TemporaryDirectory() as folder:
        in_subprocess(peers.save_gpt2, task, Path(folder))
        return _measure(task, seconds, steps, Path(folder))


def _measure(task: peers.Task, seconds: float, steps: int, folder: Path) -> dict[str, Any]:
    others = peers.others(task.device)
    rows = ours.head_rows(peers.tokenizer(task), task.shape.get("vocab_size", 50_257), task.texts)
    mine = {OURS: "fp32"} | (
        {HALF: "bf16"} if choose_precision("auto", task.device, WIDE) == "bf16" else {}
    )
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
    began, rounds = time.monotonic(), []
    while len(rounds) < LEAST_PAIRS or (time.monotonic() - began) * (1 + 1 / len(rounds)) < seconds:
        slices = {}
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
    rounds: Sequence[tuple[dict[str, Slice], tuple[Slice, Slice]]],
    work: dict[str, Slice],
    peaks: dict[str, float],
) -> dict[str, Any]:
    """Medians over the rounds, the ratios pair by pair."""
    ceilings = [
        2 * flops_of(work["ceiling"]) / (before.seconds + after.seconds) / 1e9
        for _, (before, after) in rounds
    ]
    bare = [
        2 * flops_of(work["ceiling"]) / (before.processor + after.processor) / 1e9
        for _, (before, after) in rounds
    ]  # a processor second
    found: dict[str, Any] = {}
    for name in rounds[0][0]:
        speeds = [tokens_a_second(slices[name]) for slices, _ in rounds]
        needed = flops_of(work[name]) / work[name].tokens / 1e9
        shares = [speed * needed / ceiling for speed, ceiling in zip(speeds, ceilings, strict=True)]
        busy = [
            needed / cost(slices[name]) / most
            for (slices, _), most in zip(rounds, bare, strict=True)
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
            "share of ceiling by processor time": median(busy),
            "peak GB": peaks[name],
        }
    return {
        "ceiling GFLOP/s": median(ceilings),
        "ceiling, least and most": [min(ceilings), max(ceilings)],
        "peers": found,
    }


def tokens_a_second(slice_: Slice) -> float:
    """Of one turn."""
    return slice_.tokens / slice_.seconds


def cost(slice_: Slice) -> float:
    """Processor seconds a token."""
    return slice_.processor / slice_.tokens


def flops_of(slice_: Slice) -> int:
    """Of a counted turn."""
    assert slice_.flops
    return slice_.flops
