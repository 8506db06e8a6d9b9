"""The Hugging Face hub and its cache on this machine."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePath

from popinjay.events import Listener
from popinjay.models.bases.base import Base, Unavailable
from popinjay.models.bases.growth import growing, watched
from popinjay.models.bases.places.cache import making
from popinjay.models.bases.places.wheels import Wheel, download
from popinjay.models.bases.prepared import Origin, complete
from popinjay.post import printable
from popinjay.store.caches import cache_root
from popinjay.store.files import storage_errors

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS)
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


@dataclass(frozen=True, slots=True)
class Hub:
    """A model of the hub, used as it lies in the hub's own cache."""

    def find(self, base: Base) -> Path | None:
        """Return the whole snapshot in the hub's cache."""
        return _cached(base.where)

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Download into the hub's cache. Raises Unavailable."""
        doing = f"downloading {printable(base.name)} from the hub"
        look = growing(_folder_in_cache(base.where), base.download_bytes, doing, listener)
        with storage_errors(f"the base model {base.name}"), watched(look):
            return _snapshot(base.where)

    def remove(self, base: Base) -> bool:
        """Delete the model from the hub's cache, which other programs share."""
        return _remove(base.where)


@dataclass(frozen=True, slots=True)
class PreparedHub:
    """A model of the hub that is copied into popinjay's cache, with its special tokens set."""

    download_bytes: int
    documents: tuple[Wheel, ...] = ()  # files that have to lie beside the model

    def find(self, base: Base) -> Path | None:
        """Find nothing: what was prepared lies in popinjay's cache."""
        return None

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Download, or take what the hub's cache has, and prepare it.

        Raises Unavailable and StorageError.
        """
        doing = f"downloading {printable(base.name)} from the hub"
        with making(base) as (folder, scratch):
            cached = _cached(base.where)
            if cached is None:
                look = growing(scratch, self.download_bytes, doing, listener)
                with watched(look):
                    cached = _snapshot(base.where, scratch / "snapshot")
            for path in sorted(path for path in cached.iterdir() if path.is_file()):
                _take(path, folder / path.name)
            _documents(self.documents, folder, scratch)
            did = "the tokenizer's special tokens were set as described below"
            complete(base, folder, Origin(f"the hub, {base.where}", did, {}))
        return cache_root() / base.name

    def remove(self, base: Base) -> bool:
        """Delete the model from the hub's cache, which other programs share."""
        return _remove(base.where)


def _documents(documents: tuple[Wheel, ...], folder: Path, scratch: Path) -> None:
    """Put documents that the hub's repository lacks beside the model."""
    if documents:
        download(documents, scratch, lambda: None)
    for document in documents:
        with (folder / PurePath(document.member).name).open("wb") as out:
            document.append_to(out, scratch)


def _take(path: Path, to: Path) -> None:
    """Link or copy a file; only weights are linked, for they are never written to."""
    if path.suffix == ".safetensors":
        try:
            os.link(path.resolve(), to)
        except OSError:  # another disk, or one that has no links
            pass
        else:
            return
    shutil.copyfile(path, to)


def _cached(hub_id: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(hub_id, allow_patterns=_WANTED, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    whole = (found / "config.json").exists() and any(found.glob("model*.safetensors"))
    return found if whole else None


def _folder_in_cache(hub_id: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "blobs"


def _snapshot(hub_id: str, folder: Path | None = None) -> Path:
    """Download a snapshot, into the hub's cache or a folder. Raises Unavailable."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()  # how far it is, the listener is told
    try:
        found = snapshot_download(hub_id, allow_patterns=_WANTED, etag_timeout=5, local_dir=folder)
        return Path(found)
    except HFValidationError as error:
        raise Unavailable("its name can't be that of a model on the hub") from error
    except GatedRepoError as error:
        raise Unavailable(
            "the hub gives it only to those whom its owner allows it",
            "Ask on its page, then log in with: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise Unavailable("the hub has no such model (or it is private)") from error
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        raise _unreachable() from error
    except Exception as error:  # whatever a network does, wrapped in changing ways
        raise _unreachable() from error


def _unreachable() -> Unavailable:
    return Unavailable("the hub can't be reached right now", "Go online once.")


def _remove(hub_id: str) -> bool:
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
