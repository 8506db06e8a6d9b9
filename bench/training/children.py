"""Processes of their own: each measured thing has its own peak of memory, and works only when it is its turn."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from training.stopwatch import Stopwatch

CORES = int(
    os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1
)  # fewer where a person has limited threads


@dataclass(frozen=True)
class Slice:
    """What came of one turn."""

    tokens: int  # predicted
    seconds: float
    processor: float  # seconds of all its threads: waiting for a busy machine is not in it
    flops: int | None  # of the matrix products, where they were counted
    peak: float  # the most memory the process held until its end, in GB


@dataclass
class Turns:
    """A peer's side: it says `ready` once and `step` after every step, and is held there until it is its turn again."""

    pipe: Connection
    left: int = 0
    tokens: int = 0
    watch: Stopwatch = field(default_factory=Stopwatch)
    counter: Any = None
    finish: Callable[[], None] = field(
        default=lambda: None
    )  # waits for work that a device still has to do

    def ready(self) -> None:
        """Everything is loaded."""
        self.pipe.send("ready")
        self._wait()

    def step(self, tokens: int) -> None:
        """A step is done, and so many tokens were predicted in it. Raises SystemExit where no more is wanted."""
        self.tokens += tokens
        self.left -= 1
        if self.left:
            return
        self.finish()
        spent = self.watch.read()
        flops = None
        if self.counter:
            self.counter.__exit__(None, None, None)
            flops = self.counter.get_total_flops()
        self.pipe.send(Slice(self.tokens, **spent, flops=flops, peak=peak()))
        self._wait()

    def _wait(self) -> None:
        self.left, is_counted = self.pipe.recv()
        if not self.left:
            raise SystemExit
        self.counter = matrix_counter() if is_counted else None
        if self.counter:
            self.counter.__enter__()
        self.tokens, self.watch = 0, Stopwatch()


class Peer:
    """The bench's side of a process that runs `work(turns, *arguments)`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_peer, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def ready(self) -> None:
        """Wait until it is."""
        assert self.pipe.recv() == "ready"

    def turn(self, steps: int, *, is_counted: bool = False) -> Slice:
        """Let it do so many steps; counting takes memory of its own, so it comes last."""
        self.pipe.send((steps, is_counted))
        done: Slice = self.pipe.recv()
        return done

    def stop(self) -> None:
        """End it."""
        self.pipe.send((0, False))
        self.process.join()


def in_subprocess(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What `work(*arguments)` gives in a process of its own, and the most memory that took, in GB."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_send_result, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    result: tuple[Any, float] = ours.recv()
    process.join()
    return result


def peak() -> float:
    """The most memory this process ever held, in GB; on a GPU, what torch held there."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
            return float(torch.cuda.max_memory_allocated() / 1e9)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage may tell the parent's peak
        return (
            next(
                int(line.split()[1])
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
            * 1024
            / 1e9
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # bytes on macOS


def matrix_counter() -> Any:
    """A context that counts the operations of every matrix product really made in it, also those of torch's fast attention on a CPU."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

    def forward(
        query: Any, key: Any, value: Any, *more: Any, out_shape: Any = None, **named: Any
    ) -> int:
        return int(sdpa_flop_count(query, key, value))

    def backward(
        grad: Any, query: Any, key: Any, value: Any, *more: Any, out_shape: Any = None, **named: Any
    ) -> int:
        return int(sdpa_backward_flop_count(grad, query, key, value))

    def added(
        total: Any, left: Any, right: Any, *more: Any, out_shape: Any = None, **named: Any
    ) -> int:
        return int(2 * left[0] * left[1] * right[1])

    ops = torch.ops.aten
    attention = {
        ops._scaled_dot_product_flash_attention_for_cpu: forward,
        ops._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
    return FlopCounterMode(display=False, custom_mapping={**attention, ops.addmm_: added})


def _prepare() -> None:
    import warnings

    import torch
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(CORES)
    torch.manual_seed(0)


def _peer(pipe: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _prepare()
    work(Turns(pipe), *arguments)
    raise RuntimeError("it ran out of steps")


def _send_result(pipe: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _prepare()
    pipe.send((work(*arguments), peak()))


_SPAWN = multiprocessing.get_context("spawn")
