"""The base model that personas have in common, which mixing them needs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from popinjay.errors import BaseModelError, OptionError
from popinjay.inference.decoder import Decoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.untouched_base import UntouchedBase
from popinjay.models import bases
from popinjay.models.bases.base import Base
from popinjay.models.model_files import files_of
from popinjay.models.vocabulary_hash import vocabulary_hash
from popinjay.store.files import content_hash
from popinjay.store.run import Run

WEIGHTS = "model.safetensors"


class BaseOf(NamedTuple):
    """The base that a persona was trained from: its name, and a hash of its weights."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.version[:8]})"


def base_of(run: Run) -> BaseOf:
    """Return the base of a persona by its record. Raises BaseModelError if there is none."""
    trained = run.record.trained
    stage = run.record.stages.get("train")
    version = _weights_of(trained.base_record) or (None if stage is None else stage.source)
    if not trained.base or not version:
        raise BaseModelError(
            f"It is not on record which base model {run.name!r} was made from.",
            "Make it again, then it can be mixed with others and with its base.",
        )
    return BaseOf(trained.base, version)


def check_common_base(runs: Sequence[Run]) -> BaseOf:
    """Return the base of all these personas.

    Raises OptionError if they have different ones, or different tokenizers.
    """
    first = runs[0]
    base = base_of(first)
    vocabulary = _vocabulary(first)
    for other in runs[1:]:
        others_base = base_of(other)
        if others_base.version != base.version:
            raise _different(first, base, other, others_base)
        if _vocabulary(other) != vocabulary:
            raise OptionError(
                f"{first.name!r} and {other.name!r} can't be mixed: both were made from "
                f"{base.name}, but their tokenizers differ.",
                f"Make one of them again from {base.name}.",
            )
    return base


def _different(first: Run, base: BaseOf, other: Run, others_base: BaseOf) -> OptionError:
    """Return the error for two personas of different bases, or of two versions of one."""
    again = f"Make {other.name!r} again from {base.name}, or {first.name!r} from {others_base.name}"
    if base.name == others_base.name:
        again = f"Make both again from the {base.name} that is on this machine now"
    return OptionError(
        f"{first.name!r} and {other.name!r} can't be mixed: their base models are {base} and "
        f"{others_base}.",
        f"{again} (popinjay make SPEC --name NAME --base {base.name}).",
        page_hint=f"{again}.",
    )


def _vocabulary(run: Run) -> str:
    return vocabulary_hash(files_of(run.folder("model")).folder)


class OpenBase:
    """An untouched base model, and its decoders once they are opened."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.name = base.name
        self.folder = folder
        version = bases.fingerprint(base) or content_hash(folder)
        self._cache = UntouchedBase(version).engine
        self._decoders: dict[bool, Decoder] = {}  # exact or not -> its decoder
        self._lock = threading.Lock()

    def decoder(self, *, exact: bool = False) -> Decoder:
        """Return a decoder without rows; the model behind it is opened once."""
        with self._lock:
            if exact not in self._decoders:
                self._decoders[exact] = open_decoder(self.folder, exact=exact, cache=self._cache)
        return self._decoders[exact].clone()


# The bases that are open now: all personas that need one share it.
_open: WeakValueDictionary[Path, OpenBase] = WeakValueDictionary()


def open_base(run: Run) -> OpenBase:
    """Return the untouched base of a persona, the same object as long as another holds it.

    Raises BaseModelError if it is not on this machine, has other weights than those that the
    persona was trained from, or another tokenizer.
    """
    known = base_of(run)
    base = bases.row(known.name)
    if not bases.is_here(base):
        raise BaseModelError(
            f"The base model {known.name!r} of {run.name!r} is not on this machine.",
            f"Get it with: popinjay bases get {known.name}",
            page_hint="Make a persona from it, which fetches it.",
        )
    folder = bases.folder_of(base)
    if _version(base) != known.version or vocabulary_hash(folder) != _vocabulary(run):
        raise BaseModelError(
            f"The base model {known.name!r} has changed since {run.name!r} was made from it.",
            f"Make {run.name!r} again, or restore the former base model.",
        )
    found = _open.get(folder)
    if found is None:
        found = _open[folder] = OpenBase(base, folder)
    return found


def _version(base: Base) -> str | None:
    """Return the hash of a base's weights as `base_of` gives it."""
    return _weights_of(bases.record(base)) or bases.fingerprint(base)


def _weights_of(record: Mapping[str, Any]) -> str | None:
    """Return the hash of a base's weights by the record of how it was made; None without one."""
    found = (record.get("files") or {}).get(WEIGHTS) or record.get("sha256")
    return found if isinstance(found, str) else None
