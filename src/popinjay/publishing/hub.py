"""The Hugging Face hub as a place to publish to: who may write there, what lies there, one commit, one tag."""

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
_PASSING = (408, 409, 412, 425, 429)  # and all from 500: what another try may get past
_WRITERS = (
    None,
    "admin",
    "write",
    "contributor",
)  # roles in an organisation; None: the hub doesn't say
_LOG_IN = "Log in with: hf auth login, or set HF_TOKEN to a token with write access (https://huggingface.co/settings/tokens)."


class Interrupted(PublishError):
    """The connection broke, or the hub was busy or changed meanwhile: trying again may help."""


@dataclass(frozen=True)
class File:
    """One file to publish: its name there, and its content here."""

    name: str
    content: Path | bytes

    @functools.cached_property
    def size(self) -> int:
        """Bytes; known also once the file is gone."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def digest(self, algorithm: str) -> str:
        """How the hub knows the content: `sha256` of it where it keeps it apart, git's own `sha1` where it does not."""
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
    """A repository as it stands: its last commit, its files (name -> algorithm and digest), its tags (name -> commit)."""

    private: bool
    head: str
    files: Mapping[str, tuple[str, str]]
    tags: Mapping[str, str]
    topics: frozenset[str] = field(default_factory=frozenset)  # what its card is tagged with

    def holds(self, file: File) -> bool:
        """Whether this very content lies there under this name."""
        known = self.files.get(file.name)
        return known is not None and file.digest(known[0]) == known[1]


class Hub:
    """One repository of the hub, reached with the token of whoever is logged in. Every method raises PublishError."""

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
        """See that there is a token, that the hub knows it, and that it may write here. Nothing is written."""
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
        """What is there; None where there is no such repository."""
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
        """Make the repository. An organisation's default decides where it need not be private."""
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
        """Put all files there and remove those gone, in one commit on top of `parent`; the commit. What an earlier try sent is not sent again."""
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
        """Give a commit a name for good."""
        self.has_written = True
        with _errors(f"tag {self.repo}"):
            self._api.create_tag(self.repo, tag=name, revision=commit, tag_message=message)


def writable(me: Mapping[str, Any], repo: str) -> set[str] | None:
    """The users and organisations that a token may write this repository for; None where the hub doesn't say."""
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
    """The client draws bars of its own, over ours."""
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
    """Turn whatever the client raises into PublishError, or Interrupted where another try may help."""
    try:
        yield
    except Exception as error:  # the client wraps what a network does in changing ways
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
