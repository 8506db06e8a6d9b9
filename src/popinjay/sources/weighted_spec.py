"""How much of a cyborg an author is to be: `ada.zip*2` is read as `ada.zip`, with the weight 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from popinjay.errors import SpecError

LEAST, MOST = 0.1, 10.0
_WEIGHTED = re.compile(r"(?P<spec>.+)\*(?P<weight>\d+(?:\.\d+)?|\.\d+)", re.DOTALL)


class WeightedSpec(NamedTuple):
    """A spec without its weight, and the weight; None if none was given."""

    spec: str
    weight: float | None = None


def split_weight(spec: str) -> WeightedSpec:
    """Return a spec and its weight. A file that is really called so is read as it is.

    Raises SpecError for a weight that is out of bounds.
    """
    found = _WEIGHTED.fullmatch(spec)
    if found is None or _exists(spec):
        return WeightedSpec(spec)
    weight = float(found["weight"])
    if not LEAST <= weight <= MOST:
        raise SpecError(
            f"The weight of {found['spec']!r} can't be {found['weight']}.",
            f"It takes a number from {LEAST:g} to {MOST:g}, such as {found['spec']}*2.",
        )
    return WeightedSpec(found["spec"], weight)


def _exists(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):  # it is no name of a file
        return False


def as_text(weights: Mapping[str, float]) -> str:
    """Return the weights of authors in one line, the same for the same weights."""
    return ",".join(f"{handle}={weight:g}" for handle, weight in sorted(weights.items()))
