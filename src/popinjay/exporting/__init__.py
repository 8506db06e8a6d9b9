"""Formats in which other programs load a persona's model: one module an exporter.

Other packages add exporters through the entry point group `popinjay.exporters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from popinjay import plugins
from popinjay.errors import OptionError
from popinjay.store.run import Run

GROUP = "popinjay.exporters"  # of entry points
BUILT_IN = {"transformers": "popinjay.exporting.transformers"}  # modules by name


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that another program can load."""

    path: Path  # the file or folder to load
    loaded_by: str  # one line that loads it: a command, or Python


@runtime_checkable
class Exporter(Protocol):
    """Writes a persona's model in one format. Built-in exporters are modules."""

    HELP: str  # what the format is and which programs load it, for `--help`

    def check(self) -> None:
        """Raise OptionError if this exporter cannot work here, as a package is missing."""

    def export(self, run: Run, folder: Path) -> Exported:
        """Export a persona's model.

        Args:
            run: The persona. Its own folder is not written to.
            folder: Where to write. It need not exist, and may stay unused if the persona's folder
                already holds the format.

        Raises:
            PersonaError: If there is no model, or it cannot be exported in this format.
            StorageError: If the disk refuses.
        """


def names() -> list[str]:
    """Return the names of all exporters, built-in ones first."""
    return plugins.names(BUILT_IN, GROUP)


def find(name: str) -> Exporter:
    """Return the exporter of this name. Raises OptionError if there is none, or it is broken."""
    found: object = plugins.find("exporter", name, BUILT_IN, GROUP)
    if not isinstance(found, Exporter):
        raise OptionError(
            f"The exporter {name!r} lacks HELP, check or export.",
            "Update or uninstall the package that brings it.",
        )
    return found
