"""Terms of use that the user must accept by name before a base model is fetched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError
from popinjay.store.files import atomic_write, storage_errors


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of use: their names, their address, and a summary."""

    name: str  # what the user types to accept them
    title: str
    url: str
    version: str  # as the terms date themselves
    sha256: str  # of the file kept beside the model
    summary: tuple[str, ...]
    file: str  # the name of that file beside the model
    notice: str  # required in a NOTICE file beside the model and its derivatives

    def file_of_acceptance(self, root: Path) -> Path:
        """Return the file that records an acceptance; `root` is the folder of all base models."""
        return root / f"{self.name}.accepted.json"

    def accepted(self, root: Path) -> dict[str, Any] | None:
        """Return the record of their acceptance in this version; None if there is none."""
        try:
            found = json.loads(self.file_of_acceptance(root).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        is_same = isinstance(found, dict) and found.get("sha256") == self.sha256
        return found if is_same else None

    def accept(self, root: Path, name: str) -> None:
        """Record that the user accepts them by this name.

        Raises BaseModelError if the name is wrong, StorageError if it can't be recorded.
        """
        if name.strip().casefold() != self.name:
            raise BaseModelError(
                f"{name!r} is not the name of the {self.title}.",
                f"If you have read and accept them ({self.url}): --accept {self.name}",
                page_hint=f"Read them at {self.url}, and tick the box to accept them.",
            )
        if self.accepted(root):
            return
        record = {
            "terms": self.title,
            "version": self.version,
            "url": self.url,
            "sha256": self.sha256,
            "accepted": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with storage_errors(str(root)):
            root.mkdir(parents=True, exist_ok=True)
            atomic_write(self.file_of_acceptance(root), json.dumps(record, indent=2) + "\n")

    def check_accepted(self, root: Path, base: str) -> None:
        """Raise BaseModelError if they have not been accepted on this machine."""
        if not self.accepted(root):
            raise BaseModelError(
                f"{base} comes under the {self.title}, which have not been accepted here.",
                f"Read them at {self.url}, then: popinjay bases get {base} --accept {self.name}",
                page_hint=f"Read them at {self.url}, and accept them where you choose the base "
                "model, or choose another one.",
            )


GEMMA = Terms(
    name="gemma",
    title="Gemma Terms of Use",
    url="https://ai.google.dev/gemma/terms",
    version="March 24, 2025",
    sha256="152fbbb72940545ffbb8f6691a6a99a2dea5c357165248969fd72a9dae37fa9d",
    summary=(
        "Gemma may be used, changed and shared, for commercial purposes too.",
        "It may not be used for what Google's Gemma Prohibited Use Policy forbids.",
        "Whoever shares it, or a model made from it, passes these terms on with it, says what was "
        "changed, and binds the recipients to the same restrictions on use.",
    ),
    file="GEMMA_TERMS.html",
    notice="Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms",
)
