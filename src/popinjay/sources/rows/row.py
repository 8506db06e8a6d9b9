"""A post as read from one row of a file, before the other people in the file are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from popinjay.post import Kind, Post


@dataclass(frozen=True, slots=True)
class Writer:
    """The writer of a post, or of the post that it answers; each field may be empty."""

    handle: str = ""  # as returned by `post.handle_of`
    account: str = ""  # the site's permanent id of the account: a number, a DID or a URL
    name: str = ""  # the display name

    def __bool__(self) -> bool:
        return bool(self.handle or self.account)


UNKNOWN = Writer()


@dataclass(frozen=True, slots=True)
class AuthorNotes:
    """What an author declares about being read."""

    notes: tuple[str, ...] = ()  # sentences for the user
    refusal: str = ""  # a sentence, empty if there is none


@dataclass(frozen=True, slots=True)
class Row:
    """One post of a file.

    `post` has no author yet, its id is empty if the row has none, and its kind is REPLY for any
    reply: only the whole file shows whether it answers its own author.
    """

    position: int  # from 1, over all rows of the file
    post: Post
    writer: Writer = UNKNOWN
    answers: str = ""  # the id of the post that it replies to
    answered: Writer = UNKNOWN
    in_own_thread: Kind = Kind.POST  # its kind if it answers its own author
    earlier: tuple[str, ...] = ()  # ids of earlier versions of the post
    author_notes: Callable[[], AuthorNotes] | None = None  # called once per author
