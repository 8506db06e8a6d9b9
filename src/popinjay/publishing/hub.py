"""The Hugging Face hub: who may write to a repository, what it holds, commits and tags."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from popinjay import __version__
from popinjay.errors import PublishError
from popinjay.publishing.destination import File
from popinjay.publishing.hub_errors import LOG_IN, LOG_IN_ON_THE_PAGE, hub_errors

ADDRESS = "https://huggingface.co"
MODEL, SPACE = "model", "space"  # types of repositories
SMALL_BYTES = 1_000_000  # of a file that needs no request of its own
_WRITERS = (None, "admin", "write", "contributor")  # roles in an organisation; None: unknown


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

    def __init__(self, repo: str, kind: str = MODEL) -> None:
        """Contact no server yet; `kind` is MODEL or SPACE."""
        from huggingface_hub import HfApi

        self.repo = repo
        self.kind = kind
        self._api = HfApi(
            endpoint=os.environ.get("HF_ENDPOINT") or None,
            library_name="popinjay",
            library_version=__version__,
        )

    def check_access(self) -> None:
        """Check that there is a token, that the hub knows it, and that it may write here."""
        from huggingface_hub import get_token

        if not get_token():
            raise PublishError(
                "There is no token to publish with.", LOG_IN, page_hint=LOG_IN_ON_THE_PAGE
            )
        with hub_errors("tell whose token this is"):
            me = self._api.whoami()
        namespace = self.repo.split("/")[0]
        allowed = writable(me, self.repo, self.kind)
        if allowed is None or namespace.lower() in {name.lower() for name in allowed}:
            return
        if _role(me) == "read":
            raise PublishError("The token may only read.", LOG_IN, page_hint=LOG_IN_ON_THE_PAGE)
        said = f"The token of {me.get('name')!r} may not write to {self.repo!r}."
        if allowed:
            raise PublishError(said, f"It may write to: {', '.join(sorted(allowed))}.")
        raise PublishError(said, LOG_IN, page_hint=LOG_IN_ON_THE_PAGE)

    def look(self) -> Repository | None:
        """Return the repository's state; None if there is no such repository."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with hub_errors(f"look at {self.repo}"):
            try:
                info: Any = self._api.repo_info(self.repo, repo_type=self.kind, files_metadata=True)
            except RepositoryNotFoundError:
                return None
            refs = self._api.list_repo_refs(self.repo, repo_type=self.kind)
        files = {
            s.rfilename: ("sha256", s.lfs.sha256) if s.lfs else ("sha1", s.blob_id or "")
            for s in info.siblings or ()
        }
        tags = {tag.name: tag.target_commit for tag in refs.tags}
        card = getattr(info, "card_data", None)
        topics = {*(info.tags or ()), *((card and card.tags) or ())}
        return Repository(bool(info.private), info.sha or "", files, tags, frozenset(topics))

    def has_one_commit(self) -> bool:
        """Return whether nothing was committed since the hub made the repository."""
        with hub_errors(f"look at {self.repo}"):
            return len(self._api.list_repo_commits(self.repo, repo_type=self.kind)) == 1

    def create(self, *, private: bool) -> None:
        """Make the repository. If it need not be private, an organisation's default decides."""
        with hub_errors(f"make {self.repo}"):
            self._api.create_repo(
                self.repo,
                repo_type=self.kind,
                space_sdk="static" if self.kind == SPACE else None,
                private=private or None,
                exist_ok=True,
            )

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

        adding = [CommitOperationAdd(file.name, file.content) for file in files]
        sent = 0
        with hub_errors(f"write to {self.repo}"), _no_progress_bars():
            for places in _batches(files):
                self._api.preupload_lfs_files(
                    self.repo,
                    [adding[place] for place in places],
                    repo_type=self.kind,
                    free_memory=False,
                )
                sent += sum(files[place].size for place in places)
                tell(sent)
            removing = [CommitOperationDelete(name) for name in gone]
            done = self._api.create_commit(
                self.repo,
                [*adding, *removing],
                repo_type=self.kind,
                commit_message=message,
                commit_description=description,
                parent_commit=parent or None,
            )
        return done.oid

    def tag(self, name: str, commit: str, message: str) -> None:
        """Tag a commit."""
        with hub_errors(f"tag {self.repo}"):
            self._api.create_tag(
                self.repo,
                tag=name,
                revision=commit,
                tag_message=message,
                repo_type=self.kind,
            )


def writable(me: Mapping[str, Any], repo: str, kind: str = MODEL) -> set[str] | None:
    """Return the users and organisations that a token may write to; None if the hub doesn't say.

    Args:
        me: The hub's answer about the token.
        repo: The repository, which a token may be restricted to.
        kind: Its type.
    """
    role = _role(me)
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
    scoped = (me["auth"]["accessToken"].get("fineGrained") or {}).get("scoped") or ()
    for scope in scoped:
        entity = scope.get("entity") or {}
        if "repo.write" in (scope.get("permissions") or ()):
            if entity.get("type") in ("user", "org"):
                names.add(entity["name"])
            elif entity.get("type") == kind and entity.get("name", "").lower() == repo.lower():
                names.add(repo.split("/")[0])
    return names


def _role(me: Mapping[str, Any]) -> str | None:
    token = (me.get("auth") or {}).get("accessToken") or {}
    role: str | None = token.get("role")
    return role


def _batches(files: Sequence[File]) -> list[list[int]]:
    """Return the places of files that are sent together: the small ones, and each large one."""
    small = [place for place, file in enumerate(files) if file.size < SMALL_BYTES]
    large = [[place] for place, file in enumerate(files) if file.size >= SMALL_BYTES]
    return [small, *large] if small else large


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
