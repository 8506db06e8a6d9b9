"""A post as one row of a file tells it, before it is known who else is in that file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from popinjay.post import Kind, Post


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a post, or is answered by it, as far as a row says: any of these may be empty."""

    handle: str = ""  # as `post.handle_of` writes it
    account: str = ""  # what the site calls the account for good: a number, a DID or an address
    name: str = ""  # the display name

    def __bool__(self) -> bool:
        return bool(self.handle or self.account)


NOBODY = Writer()


@dataclass(frozen=True, slots=True)
class About:
    """What an author says of being read: notes for people, and a no as a sentence."""

    notes: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One post of a file.

    `post` has no author yet, its id is empty if the row gives none, and its kind is REPLY if it
    answers anybody: who reads the whole file finds out whether that is its own author.
    """

    place: int  # counted from 1, over all rows of the file
    post: Post
    writer: Writer = NOBODY
    answers: str = ""  # the id of the post that it answers
    answered: Writer = NOBODY
    in_own_thread: Kind = Kind.POST  # its kind if it answers its own author
    earlier: tuple[str, ...] = ()  # ids of versions of this post from before it was edited
    about: Callable[[], About] | None = None  # asked once for each author
