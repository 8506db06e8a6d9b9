"""Where the parts of a model lie.

Usually all of them lie in one folder, as transformers writes it. A model that is kept thin has only
its adapter there, its generation config, and the record of the base model it belongs to: config,
tokenizer and all other weights are the base's, which is looked up by name and checked.
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
    """The folder of config, tokenizer and weights, and that of an adapter, if there is one."""

    folder: Path
    adapter: Path | None = None

    def weights(self) -> Weights | AdaptedWeights:
        """Open the weights, the adapter added to them. Raises BaseModelError."""
        weights = Weights(self.folder)
        return weights if self.adapter is None else AdaptedWeights(weights, Adapter(self.adapter))

    @property
    def settings(self) -> Path:
        """The folder with the generation config."""
        return self.adapter or self.folder

    @property
    def size(self) -> int:
        """The bytes of all weights."""
        folders = [self.folder, *([self.adapter] if self.adapter else [])]
        return sum(
            file.stat().st_size for folder in folders for file in folder.glob("*.safetensors")
        )


def is_thin(folder: Path) -> bool:
    """Return whether a model's folder holds an adapter only."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").exists()


def files_of(folder: Path) -> ModelFiles:
    """Find the parts of the model in a folder.

    Raises BaseModelError if it is thin and its base model is not on this machine, or has other
    weights than it had when the adapter was trained. Nothing is fetched.
    """
    if not is_thin(folder):
        return ModelFiles(folder)
    from popinjay.models import bases
    from popinjay.models.bases.finding import found

    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        name, fingerprint = str(record["base"]), record["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BaseModelError(
            f"The {RECORD} in {folder}, which names its base model, can't be read: {error}",
            "Make the persona again.",
        ) from error
    base = bases.row(name)
    place = found(base)
    is_a_path = name.startswith((".", "/", "~"))
    get = f"popinjay bases get {name}"
    if place is None:
        raise BaseModelError(
            f"This model is an adapter of the base model {name!r}, which is not on this machine.",
            "Put that folder back where it was." if is_a_path else f"Get it with: {get}",
        )
    if weights_hash(place) != fingerprint:
        again = f"popinjay bases remove {name}, then {get}"
        raise BaseModelError(
            f"This model is an adapter of the base model {name!r}, whose weights are other ones now.",
            f"Bring back the old ones{'' if is_a_path else f' ({again})'}, or train the persona again.",
        )
    return ModelFiles(place, folder)


def write_record(base: Base, folder: Path) -> None:
    """Note in a thin model's folder which base model it belongs to."""
    from popinjay.models import bases

    found = bases.folder_of(base)
    is_own = base.folder is not None and base not in bases.BASES  # a folder, perhaps a relative one
    record = {
        "base": str(found.resolve()) if is_own else base.name,
        "hub_id": base.hub_id or None,
        "fingerprint": weights_hash(found),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def weights_hash(folder: Path) -> str:
    """Return a hash of the contents of all weights in a base model's folder.

    The hash of a whole folder would change with its card and with versions of the programs that
    wrote it, though an adapter still fits. Files are read once; after that their hashes are looked
    up by path, size and time of change.
    """
    files = sorted(folder.glob("*.safetensors"))
    hashes = [_file_hash(file) for file in files]
    return hashes[0] if len(hashes) == 1 else "-".join(one[:16] for one in hashes)


def _file_hash(file: Path) -> str:
    path = file.resolve()
    if path.parent.name == "blobs" and _SHA256.fullmatch(path.name):
        return path.name  # the hub's cache names large files by their hashes
    return file_hash(path)
