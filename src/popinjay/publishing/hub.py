"""The Hugging Face hub: who may write to a repository, what it holds, commits and tags."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popinjay import __version__
from popinjay.errors import PublishError

ADDRESS = "https://huggingface.co"
_PASSING = (408, 409, 412, 425, 429)  # status codes, besides all from 500, that a retry may help
_WRITERS = (None, "admin", "write", "contributor")  # roles in an organisation; None: unknown
_LOG_IN = (
    "Log in with: hf auth login, or set HF_TOKEN to a token with write access "
    "(https://huggingface.co/settings/tokens)."
)


class Interrupted(PublishError):
    """The connection broke, or the hub was busy or has changed meanwhile. A retry may help."""


@dataclass(frozen=True)
class File:
    """One file to publish: its name on the hub, and its content on this machine."""

    name: str
    content: Path | bytes

    @functools.cached_property
    def size(self) -> int:
        """Bytes; known also once the file is gone."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def digest(self, algorithm: str) -> str:
        """Return the digest by which the hub knows the content.

        It is `sha256` for files in large file storage, and git's own `sha1` for others.
        """
        head = f"blob {self.size}\0".encode() if algorithm == "sha1" else b""
        whole = hashlib.new(algorithm, head, usedforsecurity=False)
        if isinstance(self.content, bytes):
            whole.update(self.content)
        else:
            with self.content.open("rb") as stream:
                while block := stream.read(2**20):
                    whole.update(block)
        return whole.hexdigest()


@dataclass(frozen=True)
class Repository:
    """The present state of a repository.

    Attributes:
        private: Whether it is private.
        head: Its last commit.
        files: Name -> algorithm and digest.
        tags: Name -> commit.
        topics: The tags of its card.
    """

    private: bool
    head: str
    files: Mapping[str, tuple[str, str]]
    tags: Mapping[str, str]
    topics: frozenset[str] = field(default_factory=frozenset)

    def holds(self, file: File) -> bool:
        """Return whether the repository has this very content under this name."""
        known = self.files.get(file.name)
        return known is not None and file.digest(known[0]) == known[1]


class Hub:
    """One repository of the hub, accessed with the user's token. All methods raise PublishError."""

    def __init__(self, repo: str) -> None:
        from huggingface_hub import HfApi

        self.repo = repo
        self.has_written = False  # or has tried to
        self._api = HfApi(
            endpoint=os.environ.get("HF_ENDPOINT") or None,
            library_name="popinjay",
            library_version=__version__,
        )

    def check_access(self) -> None:
        """Check that there is a token, that the hub knows it, and that it may write here."""
        from huggingface_hub import get_token

        if not get_token():
            raise PublishError("There is no token to publish with.", _LOG_IN)
        with _errors("tell whose token this is"):
            me = self._api.whoami()
        namespace = self.repo.split("/")[0]
        allowed = writable(me, self.repo)
        if allowed is not None and namespace.lower() not in {name.lower() for name in allowed}:
            if not allowed:
                raise PublishError("The token may only read.", _LOG_IN)
            raise PublishError(
                f"The token of {me.get('name')!r} may not write to {self.repo!r}.",
                f"It may write to: {', '.join(sorted(allowed))}.",
            )

    def look(self) -> Repository | None:
        """Return the repository's state; None if there is no such repository."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with _errors(f"look at {self.repo}"):
            try:
                info = self._api.model_info(self.repo, files_metadata=True)
            except RepositoryNotFoundError:
                return None
            tags = {tag.name: tag.target_commit for tag in self._api.list_repo_refs(self.repo).tags}
        files = {
            s.rfilename: ("sha256", s.lfs.sha256) if s.lfs else ("sha1", s.blob_id or "")
            for s in info.siblings or ()
        }
        return Repository(
            bool(info.private), info.sha or "", files, tags, frozenset(info.tags or ())
        )

    def create(self, *, private: bool) -> None:
        """Make the repository. If it need not be private, an organisation's default decides."""
        self.has_written = True
        with _errors(f"make {self.repo}"):
            self._api.create_repo(self.repo, private=private or None, exist_ok=True)

    def commit(
        self,
        files: Sequence[File],
        gone: Sequence[str],
        parent: str,
        message: str,
        description: str,
        tell: Callable[[int], None],
    ) -> str:
        """Write and remove files in one commit, and return the commit.

        What an earlier try sent is not sent again.

        Args:
            files: The files to write.
            gone: The names of the files to remove.
            parent: The commit that it goes on top of; empty for none.
            message: First line of the commit message.
            description: The rest of it.
            tell: Is called with the number of bytes sent so far.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        self.has_written = True
        adding = [CommitOperationAdd(file.name, file.content) for file in files]
        sent = 0
        with _errors(f"write to {self.repo}"), _no_progress_bars():
            for file, operation in zip(files, adding, strict=True):
                self._api.preupload_lfs_files(self.repo, [operation], free_memory=False)
                sent += file.size
                tell(sent)
            removing = [CommitOperationDelete(name) for name in gone]
            done = self._api.create_commit(
                self.repo,
                [*adding, *removing],
                commit_message=message,
                commit_description=description,
                parent_commit=parent or None,
            )
        return done.oid

    def tag(self, name: str, commit: str, message: str) -> None:
        """Tag a commit."""
        self.has_written = True
        with _errors(f"tag {self.repo}"):
            self._api.create_tag(self.repo, tag=name, revision=commit, tag_message=message)


def writable(me: Mapping[str, Any], repo: str) -> set[str] | None:
    """Return the users and organisations that a token may write to; None if the hub doesn't say.

    Args:
        me: The hub's answer about the token.
        repo: The repository, which a token may be restricted to.
    """
    token = (me.get("auth") or {}).get("accessToken") or {}
    role = token.get("role")
    if role == "read":
        return set()
    if role == "write":
        return {
            me["name"],
            *(org["name"] for org in me.get("orgs") or () if org.get("roleInOrg") in _WRITERS),
        }
    if role != "fineGrained":
        return None
    names = set()
    for scope in (token.get("fineGrained") or {}).get("scoped") or ():
        entity = scope.get("entity") or {}
        if "repo.write" in (scope.get("permissions") or ()):
            if entity.get("type") in ("user", "org"):
                names.add(entity["name"])
            elif entity.get("type") == "model" and entity.get("name", "").lower() == repo.lower():
                names.add(repo.split("/")[0])
    return names


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Switch off the client's own progress bars, which would be drawn over ours."""
    from huggingface_hub import utils

    were_disabled = utils.are_progress_bars_disabled()  # type: ignore[attr-defined]
    utils.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if not were_disabled:
            utils.enable_progress_bars()  # type: ignore[attr-defined]


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Turn what the client raises into PublishError, or Interrupted if a retry may help."""
    try:
        yield
    except Exception as error:  # the client wraps network errors in changing ways
        raise _in_words(error, doing) from error


def _in_words(error: Exception, doing: str) -> PublishError:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return PublishError(
            "HF_HUB_OFFLINE is set: the hub may not be reached.", "Unset it to publish."
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    if cause is None:
        if isinstance(error, ValueError):
            return PublishError(
                f"The hub could not {doing}: {_first_line(error)}", "Nothing was published."
            )
        return Interrupted(f"The hub could not be reached to {doing}: {_first_line(error)}", "")
    status = cause.response.status_code
    if status in _PASSING or status >= 500:
        return Interrupted(f"The hub could not {doing} just now (it answered {status}).", "")
    if status == 401:
        return PublishError("The hub doesn't know this token.", _LOG_IN)
    if status == 403:
        return PublishError(f"The hub doesn't let this token {doing}.", _LOG_IN)
    return PublishError(
        f"The hub could not {doing}: {_first_line(cause)}", "Nothing was published."
    )


def _first_line(error: BaseException) -> str:
    return next(
        (line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__
    )[:200]
