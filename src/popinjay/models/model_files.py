"""The folders that a model's files are in.

Usually all of them are in one folder, as transformers writes it. A thin model has only its adapter
there, its generation config, and a record of its base model: config, tokenizer and all other
weights are the base's, which is found by its name and checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from popinjay.errors import BaseModelError
from popinjay.models.adapter import CONFIG, AdaptedWeights, Adapter
from popinjay.models.weights import Weights
from popinjay.store.caches import file_hash

if TYPE_CHECKING:
    from popinjay.models.bases import Base

RECORD = "base.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The folder of config, tokenizer and weights, and that of the adapter, if there is one."""

    folder: Path
    adapter: Path | None = None

    def weights(self) -> Weights | AdaptedWeights:
        """Open the weights, with the adapter merged in. Raises BaseModelError."""
        weights = Weights(self.folder)
        return weights if self.adapter is None else AdaptedWeights(weights, Adapter(self.adapter))

    @property
    def settings(self) -> Path:
        """The folder of the generation config."""
        return self.adapter or self.folder

    @property
    def size(self) -> int:
        """The size of all weights, in bytes."""
        folders = [self.folder] if self.adapter is None else [self.folder, self.adapter]
        return sum(
            file.stat().st_size for folder in folders for file in folder.glob("*.safetensors")
        )


def is_thin(folder: Path) -> bool:
    """Return whether a model's folder has only an adapter."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").exists()


def files_of(folder: Path) -> ModelFiles:
    """Find the files of the model in a folder.

    Raises BaseModelError if it is thin and its base model is not on this machine, or has other
    weights than those that the adapter was trained with. Nothing is downloaded.
    """
    if not is_thin(folder):
        return ModelFiles(folder)
    from popinjay.models import bases
    from popinjay.models.bases.finding import found

    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        name = str(record["base"])
        fingerprint = record["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BaseModelError(
            f"The {RECORD} in {folder}, which names its base model, can't be read: {error}",
            "Make the persona again.",
        ) from error
    base = bases.row(name)
    base_folder = found(base)
    is_a_path = name.startswith((".", "/", "~"))
    get = f"popinjay bases get {name}"
    if base_folder is None:
        raise BaseModelError(
            f"This model is an adapter of the base model {name!r}, which is not on this machine.",
            "Put that folder back where it was." if is_a_path else f"Get it with: {get}",
        )
    if weights_hash(base_folder) != fingerprint:
        how = "" if is_a_path else f" (popinjay bases remove {name}, then {get})"
        raise BaseModelError(
            f"This model is an adapter of the base model {name!r}, whose weights have changed.",
            f"Restore the former weights{how}, or train the persona again.",
        )
    return ModelFiles(base_folder, folder)


def write_record(base: Base, folder: Path) -> None:
    """Record in a thin model's folder which base model it belongs to."""
    from popinjay.models import bases

    base_folder = bases.folder_of(base)
    is_own_folder = base.folder is not None and base not in bases.BASES
    record = {
        "base": str(base_folder.resolve()) if is_own_folder else base.name,
        "hub_id": base.hub_id or None,
        "fingerprint": weights_hash(base_folder),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def weights_hash(folder: Path) -> str:
    """Return a hash of all weights in a base model's folder.

    A hash of the whole folder would change with its card, and with versions of the programs that
    wrote it, though an adapter still fits. Files are read once; after that their hashes are looked
    up by path, size and modification time.
    """
    files = sorted(folder.glob("*.safetensors"))
    hashes = [_file_hash(file) for file in files]
    return hashes[0] if len(hashes) == 1 else "-".join(file_sha256[:16] for file_sha256 in hashes)


def _file_hash(file: Path) -> str:
    path = file.resolve()
    if path.parent.name == "blobs" and _SHA256.fullmatch(path.name):
        return path.name  # the hub's cache names large files by their SHA-256
    return file_hash(path)
