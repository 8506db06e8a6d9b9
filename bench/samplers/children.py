"""Each sampler in a process of its own, which works only when it is its turn, and whose memory is its own."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

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
    "llama.cpp Q8_0, drawn as ours": partial(llama_cpp.llama_cpp_q8, own=False),
}


class Missing(Exception):
    """A sampler that can't be had here, with the reason."""


class Child:
    """The bench's side of one sampler's process. Raises Missing."""

    def __init__(self, name: str, folder: Path, work: Path) -> None:
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

    def turn(self, rows: int, most: int, seed: int) -> tuple[int, float]:
        """So many rows of up to so many tokens: the new tokens, and the seconds."""
        self.pipe.send((rows, most, seed))
        found: tuple[int, float] = self.pipe.recv()
        return found

    def stop(self) -> int:
        """End it; the most memory it ever held, in MB."""
        self.pipe.send(None)
        peak: int = self.pipe.recv()
        self.process.join()
        return peak


def _child(pipe: Connection, name: str, folder: Path, work: Path) -> None:
    warnings.simplefilter("ignore")
    try:
        say = SAMPLERS[name](folder, work)
    except Exception as error:  # whatever keeps a peer away is a reason to say
        pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return
    pipe.send("")
    while (asked := pipe.recv()) is not None:
        began = time.perf_counter()
        tokens = say(*asked)
        pipe.send((tokens, time.perf_counter() - began))
    pipe.send(_peak())


def _peak() -> Any:
    """The most memory this process ever held, in MB; files that are mapped are in it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return (
        next(
            int(line.split()[1])
            for line in status.read_text().splitlines()
            if line.startswith("VmHWM")
        )
        * 1024
        // 1_000_000
    )
