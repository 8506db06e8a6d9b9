"""What the rules take of the time in which posts are written, and of memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from popinjay.inference.open_decoder import open_decoder
from popinjay.options import SayOptions
from popinjay.sampling.filters import MIN_HOLDERS, OutputFilters, Watch
from popinjay.sampling.generate import generate
from popinjay.store.index_file import index_of_file


def rules_share(folder: Path, cache: Path, posts: Path, count: int) -> tuple[float, float, float]:
    """Measure the share of the output filters in generating `count` posts.

    Returns seconds in all, in loading the index of the training posts, and in filtering drafts.
    """
    clock = _Clock()
    rules, decoder = (
        OutputFilters(lambda: index_of_file(posts, cache / "posts.index", MIN_HOLDERS)),
        open_decoder(folder, cache=cache),
    )
    generate(decoder, SayOptions(n=2, seed=0))  # warm
    began = time.perf_counter()
    _ = rules.index
    index = time.perf_counter() - began
    with clock.on(Watch, "add"), clock.on(OutputFilters, "watch"), clock.on(OutputFilters, "judge"):
        began = time.perf_counter()
        generate(decoder, SayOptions(n=count, seed=1), filters=rules)
        seconds = time.perf_counter() - began
    return seconds + index, index, clock.seconds


class _Clock:
    """Adds up the time inside of methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, kind: type, name: str) -> Any:
        from unittest.mock import patch

        plain: Callable[..., Any] = getattr(kind, name)

        def timed(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return plain(*given, **named)
            finally:
                self.seconds += time.perf_counter() - began

        return patch.object(kind, name, timed)
