"""Several personas of one base mixed into one voice, without training.

The voice's logits are the weighted sum of those of its members (`inference/mixture.py`), or with
`mix_by="turn"` each post is written by one of them, who is drawn by weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from popinjay.voice import Voice

BASE = "base"  # the name of the untouched base among the members


@dataclass(frozen=True)
class Mix:
    """Members and their weights; the member `base` is the untouched base.

    If all weights are positive they sum to 1. Else they are as they were given, and their sum is
    positive.
    """

    members: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Mix:
        """Return the mix of members with these weights. Raises OptionError."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the mix as `parse_mix` reads it, such as `ada=0.7,bob=0.3`."""
        raise NotImplementedError

    def with_strength(self, strength: float) -> Mix:
        """Return it moved away from the base, or towards it, as far as `strength` says."""
        raise NotImplementedError


def parse_mix(text: str) -> Mix:
    """Return the mix in `ada=0.7,bob=0.3` or, with equal weights, `ada+bob`.

    Raises OptionError.
    """
    raise NotImplementedError


def open_mix(mix: Mix, home: Path | None = None) -> Voice:
    """Open the personas of a mix.

    Raises PersonaError if one of them is missing, and BaseModelError if they have different bases.
    """
    raise NotImplementedError
