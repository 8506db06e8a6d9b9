"""What an exporter is: the protocol, what it is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.store.run import Run

STAGE = "export"  # of events


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What an exporter is asked for.

    Attributes:
        run: The persona, whose own folder is not written to.
        folder: An empty folder to write into. It gets its name, `place`, when it is complete, and
            is deleted if nothing is written into it.
        place: Where the folder is in the end: for commands and texts that name it.
        quant: One of the exporter's QUANTS; empty if it has none.
        listener: Receives progress and warnings.
    """

    run: Run
    folder: Path
    place: Path
    quant: str = ""
    listener: Listener = ignore

    def progress(self, message: str, done: float, total: float, unit: str = "") -> None:
        """Report that `done` of `total` is finished."""
        self.listener(Event(STAGE, EventKind.PROGRESS, message, done, total, unit))

    def note(self, message: str) -> None:
        """Tell the user something."""
        self.listener(Event(STAGE, EventKind.NOTE, message))


@dataclass(frozen=True, slots=True)
class ModelSize:
    """How large a model is, of which an exporter estimates the size of an export."""

    parameters: int
    is_adapter: bool = False  # only the adapter is stored; exports hold it merged into its base


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that another program can load."""

    path: Path  # the file or folder to load, below `place` if it was written
    loaded_by: str  # what loads it: commands, one a line, or a line of Python


@runtime_checkable
class Exporter(Protocol):
    """Writes a persona's model in one format. Built-in exporters are modules."""

    HELP: str  # what the format is and which programs load it, without a full stop
    NEEDS: str  # what it needs on this machine beside popinjay, as a noun; empty: nothing
    QUANTS: tuple[str, ...]  # the types of weights to choose from, the default first; may be empty

    def check(self, run: Run | None = None) -> None:
        """Check what can be checked at once; without a persona, only this machine.

        Raises:
            OptionError: If this exporter cannot work here, as a package is missing.
            PersonaError: If the persona cannot be exported in this format.
        """

    def estimate(self, model: ModelSize, quant: str) -> int:
        """Return about how many bytes are written for a model of this size; 0: none."""

    def export(self, request: ExportRequest) -> Exported:
        """Export a persona's model.

        Raises:
            PersonaError: If there is no model, or it cannot be exported in this format.
            BaseModelError: If the model's files are damaged or incomplete.
            OptionError: If the model's rows do not allow the type of weights that was asked for.
            StorageError: If the disk refuses.
        """
