"""The Hugging Face hub, and its cache on this machine."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePath

from popinjay.events import Listener
from popinjay.models.bases.base import Base, Unavailable
from popinjay.models.bases.growth import polling, size_reporter
from popinjay.models.bases.places.cache import making
from popinjay.models.bases.places.pip_download import download
from popinjay.models.bases.places.wheels import Wheel
from popinjay.models.bases.prepared import Origin, complete
from popinjay.post import printable
from popinjay.store.caches import cache_root
from popinjay.store.files import storage_errors

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS)
_PATTERNS = [
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "model*.safetensors*",
]


@dataclass(frozen=True, slots=True)
class Hub:
    """A model of the hub, used from the hub's own cache."""

    def find(self, base: Base) -> Path | None:
        """Return the snapshot in the hub's cache if it is complete."""
        return _cached(base.where)

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Download into the hub's cache. Raises Unavailable."""
        activity = f"downloading {printable(base.name)} from the hub"
        report = size_reporter(
            _folder_in_cache(base.where), base.download_bytes, activity, listener
        )
        with storage_errors(f"the base model {base.name}"), polling(report):
            return _snapshot(base.where)

    def remove(self, base: Base) -> bool:
        """Delete the model from the hub's cache, which other programs share."""
        return _remove(base.where)


@dataclass(frozen=True, slots=True)
class PreparedHub:
    """A model of the hub that is copied to popinjay's cache, with its special tokens set."""

    download_bytes: int
    documents: tuple[Wheel, ...] = ()  # files required beside the model

    def find(self, base: Base) -> Path | None:
        """Find nothing: prepared models are in popinjay's cache."""
        return None

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Download the model, or take it from the hub's cache, and prepare it.

        Raises Unavailable and StorageError.
        """
        activity = f"downloading {printable(base.name)} from the hub"
        with making(base) as (folder, scratch):
            cached = _cached(base.where)
            if cached is None:
                report = size_reporter(scratch, self.download_bytes, activity, listener)
                with polling(report):
                    cached = _snapshot(base.where, scratch / "snapshot")
            for path in sorted(path for path in cached.iterdir() if path.is_file()):
                _link_or_copy(path, folder / path.name)
            _add_documents(self.documents, folder, scratch)
            done = "the tokenizer's special tokens were set as described below"
            complete(base, folder, Origin(f"the hub, {base.where}", done, {}))
        return cache_root() / base.name

    def remove(self, base: Base) -> bool:
        """Delete the model from the hub's cache, which other programs share."""
        return _remove(base.where)


def _add_documents(documents: tuple[Wheel, ...], folder: Path, scratch: Path) -> None:
    """Add documents that the hub's repository lacks to the model's folder."""
    if documents:
        download(documents, scratch, lambda: None)
    for document in documents:
        with (folder / PurePath(document.member).name).open("wb") as out:
            document.append_to(out, scratch)


def _link_or_copy(path: Path, to: Path) -> None:
    """Link weights, which are never written to, if possible; copy any other file."""
    if path.suffix == ".safetensors":
        try:
            os.link(path.resolve(), to)
        except OSError:  # another disk, or a file system without links
            pass
        else:
            return
    shutil.copyfile(path, to)


def _cached(hub_id: str) -> Path | None:
    """Return the snapshot in the hub's cache if it is complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(hub_id, allow_patterns=_PATTERNS, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    is_complete = (found / "config.json").exists() and any(found.glob("model*.safetensors"))
    return found if is_complete else None


def _folder_in_cache(hub_id: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "blobs"


def _snapshot(hub_id: str, folder: Path | None = None) -> Path:
    """Download a snapshot to a folder, by default the hub's cache. Raises Unavailable."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()  # the listener gets the progress
    try:
        found = snapshot_download(
            hub_id, allow_patterns=_PATTERNS, etag_timeout=5, local_dir=folder
        )
        return Path(found)
    except HFValidationError as error:
        raise Unavailable("its name is not valid for a model of the hub") from error
    except GatedRepoError as error:
        raise Unavailable(
            "the hub gives it only to users whom its owner has granted access",
            "Request access on its page, then log in with: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise Unavailable("the hub has no such model (or it is private)") from error
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        raise (_broken_off() if "Consistency check" in str(error) else _unreachable()) from error
    except Exception as error:  # network errors, wrapped in many ways
        is_cut = type(error).__name__ == "RemoteProtocolError"  # the client tried several times
        raise (_broken_off() if is_cut else _unreachable()) from error


def _broken_off() -> Unavailable:
    return Unavailable("the download from the hub broke off", "Try again: it starts over.")


def _unreachable() -> Unavailable:
    return Unavailable("the hub can't be reached right now", "Go online once.")


def _remove(hub_id: str) -> bool:
    """Delete all revisions of a model from the hub's cache; return whether there were any."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return False
    commits = [
        revision.commit_hash
        for repository in cache.repos
        if repository.repo_id == hub_id and repository.repo_type == "model"
        for revision in repository.revisions
    ]
    if commits:
        cache.delete_revisions(*commits).execute()
    return bool(commits)
