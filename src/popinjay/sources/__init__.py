"""Where posts come from: one module a kind of export, file or network.

`source` says how a source looks and what it returns, `registry` which one reads a spec.
Files come before networks: a name that exists on the disk is never looked up elsewhere.
"""

from __future__ import annotations

from popinjay.sources.registry import all_sources, find, read, read_all
from popinjay.sources.source import (
    FETCH,
    UNATTENDED,
    Access,
    Findings,
    Reading,
    Source,
    reading_of,
)
from popinjay.sources.source_options import options_of, own_options

__all__ = [
    "FETCH",
    "UNATTENDED",
    "Access",
    "Findings",
    "Reading",
    "Source",
    "all_sources",
    "find",
    "options_of",
    "own_options",
    "read",
    "read_all",
    "reading_of",
]
