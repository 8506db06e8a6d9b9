"""Samplers in separate processes, which take turns and whose memory is measured separately."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from samplers import llama_cpp, ours, peers
from samplers.ours import Say

OURS, EXACT, RECIPE = "ours, 8 bits", "ours, exact", "transformers generate"
SAMPLERS: dict[str, Callable[[Path, Path], Say]] = {
    RECIPE: peers.transformers_generate,
    OURS: ours.ours,
    EXACT: partial(ours.ours, exact=True),
    "CTranslate2 int8": peers.ctranslate2_int8,
    "ONNX Runtime int8": peers.onnxruntime_int8,
    "llama.cpp Q8_0": llama_cpp.llama_cpp_q8,
    "llama.cpp Q8_0, our sampler": partial(llama_cpp.llama_cpp_q8, own=False),
}


class Missing(Exception):
    """A sampler is not available here; the message has the reason."""


class Child:
    """The benchmark's side of one sampler's process."""

    def __init__(self, name: str, folder: Path, work: Path) -> None:
        """Start the process and wait until it is ready. Raises Missing."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_child, args=(theirs, name, folder, work), daemon=True
        )
        self.process.start()
        theirs.close()
        reason = self.pipe.recv()
        if reason:
            raise Missing(reason)

    def turn(self, rows: int, max_tokens: int, seed: int) -> tuple[int, float]:
        """Generate `rows` sequences; return the number of new tokens and the seconds."""
        self.pipe.send((rows, max_tokens, seed))
        found: tuple[int, float] = self.pipe.recv()
        return found

    def stop(self) -> int:
        """End the process; return the peak of its memory in MB."""
        self.pipe.send(None)
        peak: int = self.pipe.recv()
        self.process.join()
        return peak


def _child(pipe: Connection, name: str, folder: Path, work: Path) -> None:
    warnings.simplefilter("ignore")
    try:
        say = SAMPLERS[name](folder, work)
    except Exception as error:  # whatever it is, the parent prints it as the reason
        pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return
    pipe.send("")
    while (turn := pipe.recv()) is not None:
        started = time.perf_counter()
        tokens = say(*turn)
        pipe.send((tokens, time.perf_counter() - started))
    pipe.send(_peak())


def _peak() -> int:
    """Return the peak of this process's memory in MB, mapped files included; 0 if unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = status.read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kilobytes * 1024 // 1_000_000
