"""What posting needs of a network: an account that is logged in, and what a request came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from popinjay.store.post_queue import Draft


@dataclass(frozen=True)
class Profile:
    """What the network says about the account."""

    handle: str
    name: str
    description: str  # as plain text
    is_bot: bool  # whether it is marked as one
    fields: Mapping[str, str] = field(default_factory=dict)  # of Mastodon: further lines
    trouble: str = ""  # a sentence if it can't post, such as a suspension; empty if it can


@dataclass(frozen=True)
class Rule:
    """One rule of a server."""

    id: str
    text: str


@dataclass(frozen=True)
class Request:
    """A post that is ready to be sent: on disk before it leaves, and the same at every attempt."""

    key: str  # by which the server knows the request again
    content: Mapping[str, Any]  # exactly what is sent, as JSON


@dataclass(frozen=True)
class Sent:
    """A post that stands on the network."""

    uri: str  # by which the network knows it
    url: str  # where people see it


@dataclass(frozen=True)
class Reactions:
    """How often a post was liked and reposted."""

    likes: int
    reposts: int


class NotPosted(Exception):
    """The network refused a post: it does not stand there. The text is one sentence."""

    def __init__(self, message: str, hint: str = "", *, is_final: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.is_final = is_final  # whether sending the same again would be refused again


class OutcomeUnknown(Exception):
    """The answer was lost: the post may stand there or not. The text is one sentence."""


class PostingAccount(Protocol):
    """An account that is logged in.

    All methods raise NetworkError if the server can't be reached, and LoginError if it does not
    accept the login any more. They wait as long as a server that limits requests asks for.
    """

    name: str  # such as bsky:ada.example or mastodon:@ada@example.social
    network: str  # bsky or mastodon
    server: str  # host of the server that it lives on

    def profile(self) -> Profile:
        """Return what the network says about the account now."""

    def mark_as_bot(self, statement: str) -> None:
        """Mark the account as a bot, and add the statement to its profile; all else stays.

        Raises PostingError if the profile has no room for the statement.
        """

    def rules(self) -> Sequence[Rule]:
        """Return the rules of its server; empty if it has none, or none that can be read."""

    def length_problem(self, text: str, warning: str = "") -> str:
        """Return why a text is too long there, as the server counts; empty if it is not."""

    def request(self, draft: Draft, text: str) -> Request:
        """Return the request that posts a draft, of which `text` is what is shown.

        Nothing is sent but the draft's picture, a path that can be opened from here: it is seen by
        nobody until then. Raises PostingError if it is no picture that can be posted there.
        """

    def send(self, request: Request) -> Sent:
        """Send a request; sent again, it posts nothing more while the server remembers its key.

        Raises NotPosted if it was refused, and OutcomeUnknown if the answer was lost. LoginError
        and NetworkError mean that this attempt has posted nothing; an earlier one may have.
        """

    def find(self, request: Request, since: str) -> Sent | None:
        """Return the post if it stands there, whoever sent it and whatever came back.

        Args:
            request: What was sent.
            since: When the first request was about to leave, in UTC.
        """

    def always_remembers(self, since: str) -> bool:
        """Return whether the server still knows a key that was first sent then."""

    def delete(self, uri: str) -> None:
        """Delete a post. One that is gone already is no error.

        Raises PostingError if the server lets no programs delete, or it is no post of the account.
        """

    def reactions(self, uris: Sequence[str]) -> Mapping[str, Reactions]:
        """Return the reactions to posts; those that are gone are missing."""

    def close(self) -> None:
        """Close its connections."""
