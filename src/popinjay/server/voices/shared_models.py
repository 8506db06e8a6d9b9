"""The models that voices have in common: which they are, how large, and whether they changed."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from popinjay.mixing import BASE, Mix, open_mix
from popinjay.models.model_files import files_of
from popinjay.persona import Persona
from popinjay.server import catalog
from popinjay.store.forgotten import FILE as FORGOTTEN
from popinjay.store.forgotten import MARKS
from popinjay.store.run import Run
from popinjay.summary import folder_bytes
from popinjay.voice import Voice

MIN_VOICE_BYTES = 32 * 2**20  # of a voice with small models: its index, its vocabulary


class Asked(NamedTuple):
    """A voice that a client asks for."""

    found: Mix | Run
    key: str  # the name of the persona or the mix, and its strength if it is not 1
    version: object  # changes with the files that it is loaded from


class SharedModels:
    """The personas of a home folder that are in use, each loaded once whoever speaks with it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        # By name and version of the files; a persona stays as long as a worker holds it.
        self._personas: WeakValueDictionary[Hashable, Persona] = WeakValueDictionary()

    def find(self, name: str, strength: float) -> Asked:
        """Return what a client asks for by the name of a persona, or a mix such as `ada+bob`.

        Raises ApiError if a persona does not exist, and OptionError for weights that can't be
        mixed.
        """
        found = catalog.find_voice(self._home, name)
        if isinstance(found, Run):
            name, version = found.name, _files_version(found)
        else:
            name = str(found)
            version = tuple(_files_version(catalog.find(self._home, one)) for one in found.names)
        return Asked(found, name if strength == 1 else f"{name} at strength {strength}", version)

    def open(self, asked: Asked) -> Voice:
        """Open a voice, of the personas that others use already if they are among its members.

        Raises OptionError if it mixes personas of different base models.
        """
        if isinstance(asked.found, Run):
            return self._persona(asked.found.name)
        return open_mix(asked.found, self._home, lambda name, home: self._persona(name))

    def _persona(self, name: str) -> Persona:
        run = catalog.find(self._home, name)
        key = (name, _files_version(run))
        with self._lock:
            persona = self._personas.get(key)
            if persona is None:
                persona = self._personas[key] = Persona(run)
            return persona


def models_of(voice: Voice, strength: float) -> dict[Hashable, int]:
    """Return the memory of a voice's models in bytes, by what identifies them.

    Raises BaseModelError if a base model that is needed is missing.
    """
    found: dict[Hashable, int] = {
        (run.name, _files_version(run)): _size(run.file("model")) for run in voice.runs
    }
    if strength != 1 or BASE in voice.members:
        found[voice.base.folder] = folder_bytes(voice.base.folder)
    found[voice.name, strength] = max(0, MIN_VOICE_BYTES - sum(found.values()))
    return found


def total_bytes(models: Iterable[Mapping[Hashable, int]]) -> int:
    """Return the memory of the models of several voices, each of which is loaded once."""
    return sum({key: size for some in models for key, size in some.items()}.values())


def _files_version(run: Run) -> tuple[object, ...]:
    """Return a value that changes with the files that a worker loads.

    A retrained model needs a new worker, and so do posts that were forgotten meanwhile.
    """
    model = run.file("model")
    model_files = sorted(model.iterdir()) if model.is_dir() else []
    others = (run.file(name) for name in ("train.jsonl", FORGOTTEN, MARKS))
    return tuple(_file_version(path) for path in (*model_files, *others))


def _size(model: Path) -> int:
    """Return the bytes of a model's files; for an adapter, including those of its base model.

    Raises BaseModelError if that base model is missing.
    """
    files = files_of(model)
    return folder_bytes(model) if files.adapter is None else files.size


def _file_version(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size
