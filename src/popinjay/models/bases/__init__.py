"""Base models: their table, the places they come from, and how they are found and fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from popinjay.models.bases.base import Ask, Base
from popinjay.models.bases.choice import Consent, choose, get, preferred
from popinjay.models.bases.finding import fingerprint, folder_of, found, is_here, is_ready, remove
from popinjay.models.bases.growth import size_of
from popinjay.models.bases.places.cache import ORIGIN
from popinjay.models.bases.prepared import NOTICE
from popinjay.models.bases.rows import BASES, BUILT_IN, ENGLISH, MULTILINGUAL, row
from popinjay.models.bases.terms import Terms
from popinjay.store.caches import cache_root as root

__all__ = [
    "BASES",
    "BUILT_IN",
    "ENGLISH",
    "MULTILINGUAL",
    "Ask",
    "Base",
    "Consent",
    "Terms",
    "choose",
    "fingerprint",
    "folder_of",
    "get",
    "is_here",
    "is_ready",
    "listed",
    "passed_on",
    "preferred",
    "record",
    "remove",
    "root",
    "row",
]
RECORD = "base.json"  # beside weights that were made as a base model


def record(base: Base) -> dict[str, Any]:
    """Return the record of how a base model was made; empty if there is none."""
    folder = found(base)
    if folder is None:
        return {}
    for file in (folder / RECORD, folder / ORIGIN):
        if file.is_file():
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return content
    return {}


def passed_on(base: Base) -> list[Path]:
    """Return the files that the base's terms require beside every model made from it."""
    if base.terms is None:
        return []
    folder = folder_of(base)
    return [folder / base.terms.file, folder / NOTICE]


def listed() -> list[dict[str, Any]]:
    """Return every row of the table, for JSON."""
    return [_to_json(base) for base in BASES]


def _to_json(base: Base) -> dict[str, Any]:
    known = record(base)
    folder = found(base)
    terms = base.terms
    return {
        "name": base.name,
        "hub": base.hub_id or None,
        "parameters": base.parameters or known.get("parameters"),
        "license": base.license,
        "languages": list(base.languages),
        "terms": terms
        and {
            "name": terms.name,
            "title": terms.title,
            "url": terms.url,
            "summary": list(terms.summary),
            "accepted": bool(terms.accepted(root())),
        },
        "here": folder is not None,
        "bytes": None if folder is None else size_of(folder),
        "download_bytes": base.download_bytes,
        "seconds_a_post": base.seconds_a_post,
        "summary": base.summary,
        "record": known or None,
    }
