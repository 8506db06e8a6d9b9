"""The user's own folder, or the one inside the package."""

from __future__ import annotations

from pathlib import Path

from popinjay.events import Listener
from popinjay.models.bases.base import Base


class Folder:
    """The folder in `where`. Nothing is ever written or deleted there."""

    def find(self, base: Base) -> Path | None:
        """Return the folder."""
        return base.folder

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Fetch nothing."""
        return None

    def remove(self, base: Base) -> bool:
        """Delete nothing."""
        return False
