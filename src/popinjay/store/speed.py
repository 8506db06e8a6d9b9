"""How fast this machine was in earlier makes: a small file in the cache of the base models.

It holds, for each base model and way of tuning, the seconds that a unit of each phase of `make`
took (`training/estimate.py` says which units). A newer measurement moves the older one halfway, so
that one make beside other work does not spoil all later estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from popinjay.store.caches import MEASURED, cache_root, keep_entry, read_entry

FILE = "speed.json"
ABOUT = "seconds a unit, version 1"  # increased when the units of the phases change
NEWEST_SHARE = 0.5


def _file() -> Path:
    return cache_root() / MEASURED / FILE


def _all() -> dict[str, dict[str, float]]:
    known = read_entry(_file(), ABOUT)
    if not isinstance(known, dict):
        return {}
    return {
        key: {name: float(rate) for name, rate in rates.items() if _is_rate(rate)}
        for key, rates in known.items()
        if isinstance(rates, dict)
    }


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


def measured_rates(key: str) -> dict[str, float]:
    """Return the seconds that a unit of each phase took here; empty if nothing was measured.

    `key` names the base model and what else makes a difference, such as the way of tuning.
    """
    return _all().get(key, {})


def keep_rates(key: str, rates: Mapping[str, float]) -> None:
    """Add newly measured rates, if the disk allows it."""
    everything = _all()
    known = everything.setdefault(key, {})
    for name, rate in rates.items():
        if _is_rate(rate):
            before = known.get(name, rate)
            known[name] = (1 - NEWEST_SHARE) * before + NEWEST_SHARE * rate
    keep_entry(_file(), ABOUT, everything)
