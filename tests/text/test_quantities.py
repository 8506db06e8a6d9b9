"""Times and sizes are written in one way everywhere."""

from __future__ import annotations

import pytest

from popinjay.text.quantities import duration, size


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (3, "3 s"), (89, "89 s"), (96, "1.6 min"), (5399, "90 min"), (7200, "2.0 h")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 KB"),
        (93_000_000, "93 MB"),
        (2.5e9, "2.5 GB"),
        (64 * 2**30, "69 GB"),
        (2e18, "2,000,000 TB"),
    ],
)
def test_sizes(count: float, said: str) -> None:
    assert size(count) == said
