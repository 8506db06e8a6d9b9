"""Base models: one row each, a default row for any other model of the hub or folder, and how to get hold of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.disk import content_hash
from popinjay.errors import BaseModelError

BUILT_IN = "builtin"
PREFERRED = "gpt2"
RECORD = "base.json"


@dataclass(frozen=True, slots=True)
class Base:
    """What is known about one base model, and how it is best taught a voice."""

    name: str
    where: str  # a hub id, or a folder
    summary: str
    parameters: int | None = None  # None: the record beside its weights says it, if any does
    license: str = ""  # as the hub writes it
    learning_rate: float = 1e-4
    lora_rate: float = 1e-3  # of LoRA's matrices, which begin at nothing and learn faster
    epochs: float = 4.0
    batch_tokens: int = 384
    most_tokens: float = float("inf")  # learnt in all, unless epochs are asked for: an author of many posts needs fewer epochs

    @property
    def hub_id(self) -> str:
        """Where the hub has it; empty for a folder."""
        return "" if _folder(self) else self.where


BASES = (
    Base(
        BUILT_IN,
        str(Path(__file__).parent / "assets" / "base"),
        "popinjay's own small model, inside the package: works offline, learns in minutes",
        license="cc-by-sa-4.0",
        learning_rate=4e-4,
        batch_tokens=256,
        epochs=3.0,
        most_tokens=6e5,
    ),
    Base(
        PREFERRED,
        "openai-community/gpt2",
        "what HuggingTweets used: better English, more minutes",
        parameters=124_439_808,
        license="mit",
        learning_rate=1.372e-4,
    ),
    Base(
        "distilgpt2",
        "distilbert/distilgpt2",
        "GPT-2 with half its layers: half the minutes",
        parameters=81_912_576,
        license="apache-2.0",
        learning_rate=2e-4,
    ),
)
_WANTED = [
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "model*.safetensors*",
]


def row(name: str) -> Base:
    """The row of this name, or the default row for a hub id or folder."""
    known = next((base for base in BASES if name in (base.name, base.where)), None)
    return known or Base(name, name, "a model of your choice")


def choose(name: str | None) -> tuple[Base, str]:
    """The base model of this name and what to tell the user about it; None takes gpt2 where it can be had, else the built-in one.

    Raises BaseModelError where a model asked for by name cannot be had.
    """
    if name is not None:
        folder_of(row(name))
        return row(name), ""
    try:
        folder_of(row(PREFERRED))
        return row(PREFERRED), ""
    except BaseModelError:
        note = f"{PREFERRED} is neither on this machine nor to be had from the hub right now: using the built-in base, which is smaller and knows less."
        return row(BUILT_IN), note


def folder_of(base: Base) -> Path:
    """The folder that holds a base model, downloaded if it must be. Raises BaseModelError where it cannot be had."""
    folder = _on_this_machine(base)
    if folder is None:
        if base.name.startswith((".", "/", "~")) or base.name.count("/") > 1:
            raise BaseModelError(f"There is no folder {base.name!r} to take a base model from.", "Give a folder, or a model of the hub as organisation/name.")
        folder = _download(base)
    _check(base, folder)
    return folder


def record(base: Base) -> dict[str, Any]:
    """How a base came about, where a record lies beside its weights, as one does with the built-in base; otherwise empty."""
    folder = _folder(base)
    if folder is None or not (folder / RECORD).is_file():
        return {}
    found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def is_here(base: Base) -> bool:
    """Whether it can be used without a network."""
    return _on_this_machine(base) is not None


def listed() -> list[dict[str, Any]]:
    """Every row, for JSON, with the record of those that have one."""
    found = []
    for base in BASES:
        known = record(base)
        told = {"name": base.name, "hub": base.hub_id or None, "parameters": base.parameters or known.get("parameters"), "license": base.license}
        found.append({**told, "here": is_here(base), "summary": base.summary, "record": known or None})
    return found


def fingerprint(base: Base) -> str | None:
    """What tells one version of a base model from another; None where it is not on this machine (any more)."""
    folder = _on_this_machine(base)
    if folder is None:
        return None
    return folder.name if folder.parent.name == "snapshots" else content_hash(folder)  # the hub's cache names folders by commit


def _folder(base: Base) -> Path | None:
    """The folder that a row names; None where it names a model of the hub, or nothing."""
    try:
        folder = Path(base.where).expanduser()
        return folder if folder.is_dir() and (base not in BASES or folder.is_absolute()) else None
    except (OSError, RuntimeError):  # a name too long, the home of nobody
        return None


def _on_this_machine(base: Base) -> Path | None:
    """The folder given, or a whole snapshot in the hub's cache."""
    if folder := _folder(base):
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(base.where, allow_patterns=_WANTED, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return cached if (cached / "config.json").exists() and any(cached.glob("model*.safetensors")) else None


def _download(base: Base) -> Path:
    """A snapshot of a hub model."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(base.where, allow_patterns=_WANTED, etag_timeout=5))
    except HFValidationError as error:
        raise BaseModelError(f"There is no base model {base.name!r}.", _known()) from error
    except GatedRepoError as error:
        raise BaseModelError(f"{base.name!r} needs its owner's leave to be downloaded.", "Ask on its page, then log in with: hf auth login") from error
    except RepositoryNotFoundError as error:
        raise BaseModelError(f"The hub has no model {base.name!r} (or it is private).", _known()) from error
    except Exception as error:  # whatever a network does, and the client library wraps in changing ways
        raise BaseModelError(
            f"{base.name!r} is not on this machine, and the hub can't be reached right now.",
            f"Go online once, or take --base {BUILT_IN}, which needs no network.",
        ) from error


def _known() -> str:
    return f"Known by name: {', '.join(base.name for base in BASES)}; or give organisation/name, or a folder."


def _check(base: Base, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise BaseModelError(f"{base.name!r} holds no model: there is no config.json.", "Give a folder that transformers could load.")
    if not any(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{base.name!r} has no weights in safetensors form.", "Other forms can hide code and are never loaded; convert it with save_pretrained."
        )
