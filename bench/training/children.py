"""Subprocesses, so that each measured thing has its own peak of memory and they can take turns."""

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

CORES = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


@dataclass(frozen=True)
class Slice:
    """The results of one turn."""

    tokens: int  # predicted
    seconds: float
    processor: float  # CPU seconds of all its threads: waiting for a busy machine does not count
    flops: int | None  # of the matrix products; None if they were not counted
    peak: float  # the peak of the process's memory up to its end, in GB


@dataclass
class Turns:
    """The peer's side: it calls `ready` once and `step` after every step.

    Both return when it is the peer's turn again.
    """

    pipe: Connection
    left: int = 0
    tokens: int = 0
    watch: Stopwatch = field(default_factory=Stopwatch)
    counter: Any = None
    finish: Callable[[], None] = field(default=lambda: None)  # waits for the device's work

    def ready(self) -> None:
        """Report that everything is loaded, and wait for the first turn."""
        self.pipe.send("ready")
        self._wait()

    def step(self, tokens: int) -> None:
        """Report a step that predicted so many tokens. Raises SystemExit after the last turn."""
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
    """The benchmark's side of a process that runs `work(turns, *arguments)`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_peer, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def ready(self) -> None:
        """Wait until the process is ready."""
        assert self.pipe.recv() == "ready"

    def turn(self, steps: int, *, is_counted: bool = False) -> Slice:
        """Let the process take so many steps, and return the results.

        Counting operations takes extra memory, so counted turns should come last.
        """
        self.pipe.send((steps, is_counted))
        done: Slice = self.pipe.recv()
        return done

    def stop(self) -> None:
        """End the process."""
        self.pipe.send((0, False))
        self.process.join()


def in_subprocess(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Run `work(*arguments)` in a subprocess; return its result and the peak of memory in GB."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_send_result, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    result: tuple[Any, float] = ours.recv()
    process.join()
    return result


def peak() -> float:
    """Return the peak of this process's memory in GB; on a GPU, that of torch's memory there."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
            return float(torch.cuda.max_memory_allocated() / 1e9)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage may return the parent's peak
        lines = status.read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        return kilobytes * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # bytes on macOS


def matrix_counter() -> Any:
    """Return a context manager that counts the operations of the matrix products made in it.

    Those of torch's flash attention on a CPU are counted too.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

    def forward(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    def backward(grad: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return int(
            sdpa_backward_flop_count(grad, query, key, value)  # type: ignore[no-untyped-call]
        )

    def addmm(total: Any, left: Any, right: Any, *args: Any, **kwargs: Any) -> int:
        return int(2 * left[0] * left[1] * right[1])

    ops = torch.ops.aten
    attention = {
        ops._scaled_dot_product_flash_attention_for_cpu: forward,
        ops._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
    return FlopCounterMode(display=False, custom_mapping={**attention, ops.addmm_: addmm})


def _prepare() -> None:
    import warnings

    import torch
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(CORES)
    torch.manual_seed(0)


def _peer(pipe: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _prepare()
    work(Turns(pipe), *arguments)
    raise RuntimeError("the peer ended before its last turn")


def _send_result(pipe: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _prepare()
    pipe.send((work(*arguments), peak()))


_SPAWN = multiprocessing.get_context("spawn")


def has_gpu() -> bool:
    """Return whether torch can use a GPU; for a subprocess, since torch takes much memory."""
    import torch

    return torch.cuda.is_available()
