"""The outputs of a stage, under temporary names until all of them are complete."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from popinjay.store.files import content_hash, sync, sync_folder
from popinjay.store.stage_table import Stage


def partial_name(name: str) -> str:
    """Return the temporary name of an output."""
    return f".{name}.partial"


class Outputs:
    """The outputs of one stage in a persona's folder."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self._folder = folder
        self._stage = stage

    def partial(self, name: str) -> Path:
        """Return where the output `name` is written."""
        return self._folder / partial_name(name)

    def hashes(self) -> dict[str, str]:
        """Return the hash of each output, while all have their temporary names."""
        return {name: content_hash(self.partial(name)) for name in self._stage.makes}

    def sync(self) -> None:
        """Flush every output to the disk."""
        for name in self._stage.makes:
            sync(self.partial(name))

    def are_complete(self, hashes: Mapping[str, str]) -> bool:
        """Return whether each output has this hash, under its temporary or its final name."""
        return all(
            any(
                path.exists() and content_hash(path) == known
                for path in (self.partial(name), self._folder / name)
            )
            for name, known in hashes.items()
        )

    def settle(self) -> None:
        """Give every output its final name; those that have it already are left as they are."""
        for name in self._stage.makes:
            if not self.partial(name).exists():
                continue
            final = self._folder / name
            if final.is_dir():  # a folder can't be renamed to one that is not empty
                shutil.rmtree(final)
            self.partial(name).rename(final)
        sync_folder(self._folder)

    def discard(self) -> None:
        """Remove what was written so far."""
        for name in self._stage.makes:
            path = self.partial(name)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
