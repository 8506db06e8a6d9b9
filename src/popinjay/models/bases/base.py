"""A row of the table of base models, and the protocol of places that base models come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from popinjay.events import Listener
from popinjay.models.bases.terms import Terms


@dataclass(frozen=True, slots=True)
class Base:
    """A base model: what it is, where it comes from, and how it is trained by default."""

    name: str
    where: str  # a hub id or a folder
    summary: str
    parameters: int | None = None  # None: see the record beside its weights, if there is one
    license: str = ""  # the hub's identifier
    languages: tuple[str, ...] = ()  # ISO 639 codes; "mul" for more than can be listed
    download_bytes: int | None = None  # the largest download that `places` may need
    places: tuple[Place, ...] = ()  # in this order; if empty, the folder or hub id in `where`
    begin: str = ""  # the begin token; empty: the tokenizer's
    end: str = ""  # the end token; empty: the tokenizer's
    never: str = ""  # pattern of control tokens that the tokenizer treats as text
    terms: Terms | None = None  # conditions of use, to be accepted before it is fetched
    tune: str = "full"  # which weights are trained by default
    learning_rate: float = 1e-4
    lora_rate: float = 1e-3  # with LoRA, whose matrices start at zero and take larger steps
    epochs: float = 4.0
    batch_tokens: int = 384
    max_tokens: float = float("inf")  # trained on by default: many posts need fewer epochs
    seconds_a_post: float | None = None  # training on two cores; None: not measured

    @property
    def hub_id(self) -> str:
        """Its id on the hub; empty for a folder."""
        return "" if self.folder else self.where

    @property
    def folder(self) -> Path | None:
        """The folder that `where` names; None if it names a model of the hub.

        A model with places of its own is a folder only if the path is absolute: a folder of the
        same name in the working directory is something else.
        """
        try:
            folder = Path(self.where).expanduser()
            return folder if folder.is_dir() and (not self.places or folder.is_absolute()) else None
        except (OSError, RuntimeError):  # a name too long, a user without a home
            return None


class Place(Protocol):
    """A place that base models come from."""

    def find(self, base: Base) -> Path | None:
        """Return its folder if it is complete on this machine; the network is not used."""

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Fetch it and return its folder; None if this place fetches nothing.

        Raises Unavailable if this place does not have it now, StorageError if the disk is full.
        """

    def remove(self, base: Base) -> bool:
        """Delete it from this place, if that is permitted; return whether there was anything."""


class Unavailable(Exception):
    """A place can't provide a base model. The reason is a clause."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


Ask = Callable[[str], bool]  # asks the user a question; returns whether the answer was yes
