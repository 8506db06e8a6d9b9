"""Finding a base model on this machine, fetching it, and removing it."""

from __future__ import annotations

import shutil
from pathlib import Path

from popinjay.errors import BaseModelError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.models.bases.base import Base, Unavailable
from popinjay.models.bases.growth import STAGE
from popinjay.models.bases.places.cache import ORIGIN
from popinjay.models.bases.rows import BASES, BUILT_IN, places_of
from popinjay.post import printable
from popinjay.store.caches import cache_root, measured_folder
from popinjay.store.files import content_hash, storage_errors


def folder_of(base: Base, listener: Listener = ignore) -> Path:
    """Return the folder of a base model, which is fetched unless it is on this machine.

    Raises BaseModelError if it is not available or its terms are not accepted, StorageError if the
    disk is full.
    """
    if base.terms:
        base.terms.check_accepted(cache_root(), base.name)
    folder = found(base) or _fetched(base, listener)
    _check(base, folder)
    return folder


def is_here(base: Base) -> bool:
    """Return whether a base model is on this machine."""
    return found(base) is not None


def is_ready(base: Base) -> bool:
    """Return whether a base model is on this machine, with its terms, if any, accepted."""
    return is_here(base) and (base.terms is None or bool(base.terms.accepted(cache_root())))


def remove(base: Base) -> None:
    """Delete a base model from this machine, and the cached measurements of it.

    Raises BaseModelError if popinjay did not fetch it, StorageError if the disk fails.
    """
    if base.folder:
        raise BaseModelError(
            f"{base.name!r} is your own folder, which popinjay never deletes.",
            "Only fetched base models can be removed: see popinjay bases",
        )
    version = fingerprint(base)
    with storage_errors(f"the folder of {base.name}"):
        removed = [place.remove(base) for place in places_of(base)]
    if not any(removed):
        raise BaseModelError(f"{base.name!r} is not on this machine.", "See: popinjay bases")
    if version is not None:
        shutil.rmtree(measured_folder(version), ignore_errors=True)


def fingerprint(base: Base) -> str | None:
    """Return what identifies a base model's version; None if it is not on this machine."""
    folder = found(base)
    if folder is None:
        return None
    if folder.parent.name == "snapshots":  # the hub's cache names folders by commit
        return folder.name
    origin = folder / ORIGIN  # holds the hashes of all files beside it
    return content_hash(origin if origin.is_file() else folder)


def found(base: Base) -> Path | None:
    """Return a base model's folder if it is on this machine. Nothing is fetched."""
    return next((folder for place in places_of(base) if (folder := place.find(base))), None)


def _fetched(base: Base, listener: Listener) -> Path:
    """Fetch a base model from the first place that has it, and return its folder."""
    if base.name.startswith((".", "/", "~")) or base.name.count("/") > 1:
        raise BaseModelError(
            f"There is no folder {base.name!r}.",
            "Give the folder of a base model, or a model of the hub as organisation/name.",
        )
    reasons: list[Unavailable] = []
    listener(Event(STAGE, EventKind.START, f"fetching {printable(base.name)}"))
    for place in places_of(base):
        try:
            if folder := place.fetch(base, listener):
                listener(Event(STAGE, EventKind.DONE, f"{printable(base.name)} is here"))
                return folder
        except Unavailable as error:
            reasons.append(error)
    why = (
        ", and ".join(dict.fromkeys(error.reason for error in reasons))
        or "there is no place to fetch it from"
    )
    hints = [error.hint for error in reasons if error.hint] or [_known()]
    offline = f"Or use --base {BUILT_IN}, which needs no network."
    raise BaseModelError(
        f"{base.name!r} is not on this machine, and {why}.", f"{hints[-1]} {offline}"
    )


def _known() -> str:
    names = ", ".join(base.name for base in BASES)
    return f"Known names: {names}; or give organisation/name, or a folder."


def _check(base: Base, folder: Path) -> None:
    """Raise BaseModelError if a folder has no model that may be loaded."""
    if not (folder / "config.json").is_file():
        raise BaseModelError(
            f"{base.name!r} is not a model: there is no config.json.",
            "Give a folder that transformers could load.",
        )
    if not any(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{base.name!r} has no weights in safetensors format.",
            "Other formats can hide code and are never loaded; convert it with save_pretrained.",
        )
