"""The share of generation time that the output filters take."""

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


def filter_share(folder: Path, cache: Path, posts: Path, count: int) -> tuple[float, float, float]:
    """Generate posts with filters and return the seconds: in all, in the index, in the filters.

    Args:
        folder: The model.
        cache: A folder for the converted model and the index.
        posts: A file of JSON lines, the posts that the model was trained on.
        count: How many posts to generate.
    """
    timer = _Timer()
    filters = OutputFilters(lambda: index_of_file(posts, cache / "posts.index", MIN_HOLDERS))
    decoder = open_decoder(folder, cache=cache)
    generate(decoder, SayOptions(n=2, seed=0))  # warm-up
    started = time.perf_counter()
    _ = filters.index
    index = time.perf_counter() - started
    with timer.on(Watch, "add"), timer.on(OutputFilters, "watch"), timer.on(OutputFilters, "judge"):
        started = time.perf_counter()
        generate(decoder, SayOptions(n=count, seed=1), filters=filters)
        seconds = time.perf_counter() - started
    return seconds + index, index, timer.seconds


class _Timer:
    """Adds up the time spent inside of methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, kind: type, name: str) -> Any:
        """Return a context manager in which a method's time is added up."""
        from unittest.mock import patch

        plain: Callable[..., Any] = getattr(kind, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return plain(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return patch.object(kind, name, timed)
