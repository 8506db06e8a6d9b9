"""How a base model is found on this machine, fetched, and removed."""

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
    """Return the folder that holds a base model, fetched if it must be.

    Raises BaseModelError if it can't be had or its terms are not accepted, StorageError if the
    disk refuses.
    """
    if base.terms:
        base.terms.check_accepted(cache_root(), base.name)
    folder = found(base) or _fetched(base, listener)
    _check(base, folder)
    return folder


def is_here(base: Base) -> bool:
    """Return whether it can be used without a network."""
    return found(base) is not None


def is_ready(base: Base) -> bool:
    """Return whether it can be used at once: it is here, and its terms, if any, are accepted."""
    return is_here(base) and (base.terms is None or bool(base.terms.accepted(cache_root())))


def remove(base: Base) -> None:
    """Delete a base model from this machine, with what was measured with it.

    Raises BaseModelError if it is not popinjay's to delete, StorageError if the disk refuses.
    """
    if base.folder:
        raise BaseModelError(
            f"{base.name!r} is a folder of its own, which popinjay never deletes.",
            "Only what was fetched can be removed: see popinjay bases",
        )
    version = fingerprint(base)
    with storage_errors(f"the folder of {base.name}"):
        gone = [place.remove(base) for place in places_of(base)]
    if not any(gone):
        raise BaseModelError(f"{base.name!r} is not on this machine.", "See: popinjay bases")
    if version is not None:
        shutil.rmtree(measured_folder(version), ignore_errors=True)


def fingerprint(base: Base) -> str | None:
    """Return what tells one version of a base model from another; None if it is not here."""
    folder = found(base)
    if folder is None:
        return None
    if folder.parent.name == "snapshots":  # the hub's cache names folders by commit
        return folder.name
    origin = folder / ORIGIN  # holds the hashes of all files beside it
    return content_hash(origin if origin.is_file() else folder)


def found(base: Base) -> Path | None:
    """Return its folder if it is on this machine; nothing is fetched."""
    return next((folder for place in places_of(base) if (folder := place.find(base))), None)


def _fetched(base: Base, listener: Listener) -> Path:
    """Return its folder after fetching it from the first place that has it."""
    if base.name.startswith((".", "/", "~")) or base.name.count("/") > 1:
        raise BaseModelError(
            f"There is no folder {base.name!r} to take a base model from.",
            "Give a folder, or a model of the hub as organisation/name.",
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
    why = ", and ".join(dict.fromkeys(error.reason for error in reasons)) or "has no place"
    hints = [error.hint for error in reasons if error.hint] or [_known()]
    offline = f"Or take --base {BUILT_IN}, which needs no network."
    raise BaseModelError(
        f"{base.name!r} is not on this machine, and {why}.", f"{hints[-1]} {offline}"
    )


def _known() -> str:
    names = ", ".join(base.name for base in BASES)
    return f"Known by name: {names}; or give organisation/name, or a folder."


def _check(base: Base, folder: Path) -> None:
    """Raise BaseModelError if a folder holds no model that may be loaded."""
    if not (folder / "config.json").is_file():
        raise BaseModelError(
            f"{base.name!r} holds no model: there is no config.json.",
            "Give a folder that transformers could load.",
        )
    if not any(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{base.name!r} has no weights in safetensors form.",
            "Other forms can hide code and are never loaded; convert it with save_pretrained.",
        )
