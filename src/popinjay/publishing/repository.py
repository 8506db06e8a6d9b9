"""Publish to a repository of the hub: one commit and a tag, wherever an earlier try stopped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, TypeVar

from popinjay import __version__
from popinjay.errors import PublishError
from popinjay.events import Event, EventKind, Listener
from popinjay.publishing.destination import STAGE, Published
from popinjay.publishing.hub import ADDRESS, MODEL, Hub, Repository
from popinjay.publishing.hub_errors import Interrupted
from popinjay.publishing.model_content import CARD
from popinjay.store.files import content_hash
from popinjay.store.run import Run

TRIES = 4  # if the network fails
WAIT = 1.0  # seconds before the second try, twice as long before each further one
TOPIC = "popinjay"  # the card's tag that marks a repository as one of ours
ATTRIBUTES = ".gitattributes"  # of the hub's own: which files are in large file storage

T = TypeVar("T")


class RepositoryDestination:
    """A repository of the hub: all that a destination has but its content."""

    prefix: ClassVar[str]
    kind: ClassVar[str] = MODEL
    path: ClassVar[str] = ""  # of such repositories on the hub
    # What the hub itself puts into a new repository of this type beside the card.
    template: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, repo: str, run: Run) -> None:
        """Contact no server yet. Raises PublishError if `repo` names no repository."""
        self.run = run
        self.repo = checked_repo(repo, self.prefix)
        self.hub = Hub(self.repo, self.kind)

    @property
    def to(self) -> str:
        """The destination as it is on record."""
        return f"{self.prefix}{self.repo}"

    @property
    def url(self) -> str:
        """The address of the repository's page."""
        return f"{ADDRESS}/{self.path}{self.repo}"

    def is_ours(self, name: str) -> bool:
        """Return whether publishing ever writes a file of this name."""
        raise NotImplementedError

    def connect(self, listener: Listener) -> None:
        """Check that the token may write here."""
        listener(Event(STAGE, EventKind.START, f"publishing to {self.repo}"))
        _retried(self.hub.check_access, listener)

    def send(self, wanted: Published, listener: Listener) -> Published:
        """Publish in one commit and a tag, with retries if the network fails.

        Raises PublishError if it keeps failing, or if it is not allowed.
        """
        result = _retried(lambda: self._settle(wanted, listener), listener)
        same = "" if result.changed else " is this very version: nothing was sent"
        listener(Event(STAGE, EventKind.DONE, f"{self.repo} {result.version}{same}"))
        return result

    def _settle(self, wanted: Published, listener: Listener) -> Published:
        """Make what is missing of repository, commit and tag, wherever an earlier try stopped."""
        there = self.hub.look()
        if there is None:
            self.hub.create(private=bool(wanted.private))
            there = self.hub.look()
            if there is None:
                raise Interrupted(f"The hub has made {self.repo}, but doesn't show it yet.")
        self._check(there, wanted, listener)
        changed = [file for file in wanted.files if not there.holds(file)]
        gone = self._gone(there, {file.name for file in wanted.files})
        versions = {
            int(found[1]): commit
            for tag, commit in there.tags.items()
            if (found := re.fullmatch(r"v(\d+)", tag))
        }
        number = max((n for n, commit in versions.items() if commit == there.head), default=None)
        known = replace(wanted, private=there.private)
        if not changed and not gone and number is not None:
            return replace(known, version=f"v{number}", commit=there.head, changed=False)
        number = max(versions, default=0) + 1
        model = content_hash(self.run.file("model"))
        head = there.head
        if changed or gone:
            total = sum(file.size for file in changed)

            def tell(sent: int) -> None:
                listener(Event(STAGE, EventKind.PROGRESS, "sending", sent, total, "bytes"))

            head = self.hub.commit(
                changed,
                gone,
                head,
                f"{self.run.name} v{number}, model {model[:12]}",
                f"Model {model}, published with popinjay {__version__}.",
                tell,
            )
        self.hub.tag(f"v{number}", head, f"model {model}")
        return replace(known, version=f"v{number}", commit=head)

    def _gone(self, there: Repository, names: set[str]) -> list[str]:
        """Return the files that an earlier version has and this one has not."""
        before = self.run.record.published.get(self.to)
        ours = before.files if before else ()
        is_new = TOPIC not in there.topics  # else it would have been refused
        return [
            name
            for name in there.files
            if name not in names
            and (self.is_ours(name) or name in ours or (is_new and name in self.template))
        ]

    def _check(self, there: Repository, wanted: Published, listener: Listener) -> None:
        """Raise PublishError if it is public and must not be, or holds something else."""
        if wanted.private and not there.private:
            raise PublishError(
                f"{self.repo} is public, and popinjay changes no repository's visibility.",
                "Make it private in its settings on the hub, or choose another name.",
            )
        if there.private and not wanted.private:
            listener(
                Event(
                    STAGE,
                    EventKind.NOTE,
                    f"{self.repo} is private and stays so; it can be made public in its settings "
                    "on the hub.",
                )
            )
        if TOPIC not in there.topics and not self._is_untouched(there):
            raise PublishError(
                f"{self.repo} holds something that popinjay did not put there.",
                "Choose another name.",
            )
        if TOPIC in there.topics and self.to not in self.run.record.published:
            listener(
                Event(
                    STAGE,
                    EventKind.NOTE,
                    f"{self.repo} holds a persona that is not on record here: it gets a new "
                    "version, the earlier ones keep their tags.",
                )
            )

    def _is_untouched(self, there: Repository) -> bool:
        """Return whether a repository holds only what the hub put there when it was made."""
        more = there.files.keys() - {CARD, ATTRIBUTES}
        return not more or (more <= self.template and self.hub.has_one_commit())


def checked_repo(repo: str, prefix: str) -> str:
    """Return the name of a repository. Raises PublishError if it is none."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
        if repo.count("/") != 1:
            raise HFValidationError
    except HFValidationError as error:
        raise PublishError(
            f"{prefix + repo!r} names no repository of the hub.",
            f"Give {prefix}organisation/name, or {prefix}you/name, of letters, digits, '-', '_' "
            "and '.' (at most 96).",
        ) from error
    return repo


def _retried(doing: Callable[[], T], listener: Listener) -> T:
    """Do something on the hub, again if the network fails.

    Raises PublishError if it keeps failing, or at once if it is not allowed.
    """
    for attempt in range(TRIES):
        try:
            return doing()
        except Interrupted as error:
            if attempt == TRIES - 1:
                raise PublishError(
                    error.message, "Run the same again: what has arrived is not sent twice."
                ) from error
            wait = WAIT * 2**attempt
            listener(
                Event(STAGE, EventKind.WARNING, f"{error.message} Trying again in {wait:.0f} s.")
            )
            time.sleep(wait)
    raise AssertionError("unreachable")
