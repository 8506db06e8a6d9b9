"""What is known about one base model, and what a place that has base models must offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from popinjay.events import Listener
from popinjay.models.bases.terms import Terms


@dataclass(frozen=True, slots=True)
class Base:
    """One base model: what it is, where it comes from, and how it is best trained."""

    name: str
    where: str  # a hub id, or a folder
    summary: str
    parameters: int | None = None  # None: the record beside its weights says it, if any does
    license: str = ""  # as the hub writes it
    languages: tuple[str, ...] = ()  # ISO 639 codes; "mul" stands for more than can be listed
    download_bytes: int | None = None  # of the largest download that `places` may need
    places: tuple[Place, ...] = ()  # tried in this order; none: the folder or the hub id in `where`
    begin: str = ""  # the token that begins a text; empty: what the tokenizer says
    end: str = ""  # the token that ends a text; empty: what the tokenizer says
    never: str = ""  # pattern of tokens that are no text, though the tokenizer treats them as such
    terms: Terms | None = None  # conditions of use that have to be accepted before it is fetched
    tune: str = "full"  # which weights are trained unless something else is asked for
    learning_rate: float = 1e-4
    lora_rate: float = 1e-3  # for LoRA's matrices, which start at zero and take larger steps
    epochs: float = 4.0
    batch_tokens: int = 384
    most_tokens: float = float("inf")  # in all, unless epochs are asked for: many posts need fewer
    seconds_a_post: float | None = None  # of training on two cores; None: never measured

    @property
    def hub_id(self) -> str:
        """Where the hub has it; empty for a folder."""
        return "" if self.folder else self.where

    @property
    def folder(self) -> Path | None:
        """The folder that `where` names; None if it names a model of the hub.

        A model with places of its own is only a folder if the path is absolute: a folder that
        happens to be called like it in the working directory is something else.
        """
        try:
            folder = Path(self.where).expanduser()
            return folder if folder.is_dir() and (not self.places or folder.is_absolute()) else None
        except (OSError, RuntimeError):  # a name too long, a user without a home
            return None


class Place(Protocol):
    """Somewhere a base model can come from."""

    def find(self, base: Base) -> Path | None:
        """Return its folder if it is on this machine and complete, without any network."""

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Bring it onto this machine and return its folder; None if this place fetches nothing.

        Raises Unavailable if this place does not have it (now), StorageError if the disk refuses.
        """

    def remove(self, base: Base) -> bool:
        """Delete it from this place if popinjay may, and return whether anything was there."""


class Unavailable(Exception):
    """A place cannot give a base model: a clause that says why, and a hint."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


Ask = Callable[[str], bool]  # puts a question to a person: whether the answer was yes
