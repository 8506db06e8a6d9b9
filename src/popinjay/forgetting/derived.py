"""Blends and cyborgs that hold posts of another persona: what it forgets, they forget too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from popinjay.errors import PersonaError, PopinjayError
from popinjay.post import Post, read_posts
from popinjay.store.forgotten import Forgotten
from popinjay.store.journal import finish
from popinjay.store.run import Run
from popinjay.summary import names


@dataclass(frozen=True)
class Derived:
    """A blend or a cyborg, and what it has of the posts that another persona is to forget."""

    run: Run
    new: Forgotten

    @property
    def kind(self) -> str:
        """What it is: a blend, or a cyborg."""
        return "blend" if self.run.record.blend else "cyborg"


def derived_from(run: Run, posts: Sequence[Post]) -> list[Derived]:
    """Return the blends and cyborgs beside a persona that have any of these posts of it.

    They are known by author, id and text, and not by the persona's name, which may have changed.
    A persona whose record is damaged is passed over: nothing can be changed in it.
    """
    authors = {post.author for post in posts}
    wanted = {(post.author, post.id, post.text) for post in posts}
    found = []
    for name in names(run.path.parent):
        if name == run.name:
            continue
        try:
            other = Run(run.path.parent / name)
            handles = set(other.record.asked.authors)
            is_of_several = bool(other.record.blend) or len(handles) > 1
            if is_of_several and handles & authors and (new := _held(other, wanted)):
                found.append(Derived(other, new))
        except PopinjayError:
            continue
    return found


def _held(run: Run, wanted: set[tuple[str, str, str]]) -> Forgotten:
    """Return which of some posts a persona has; an author of whom it has no others as a whole."""
    file = run.file("posts.jsonl")
    if not file.is_file():
        return Forgotten()
    posts: dict[tuple[str, str], str] = {}
    others: set[str] = set()
    for post in read_posts(file):
        if (post.author, post.id, post.text) in wanted:
            posts[post.author, post.id] = ""
        else:
            others.add(post.author)
    gone = {author for author, _ in posts} - others
    return Forgotten(
        {key: "" for key in posts if key[0] not in gone}, dict.fromkeys(sorted(gone), "")
    )


@contextmanager
def locked(derived: Sequence[Derived], posts: Sequence[Post]) -> Iterator[list[Derived]]:
    """Hold the locks of all of these personas; yield what they have now.

    Raises PersonaBusy if one of them is being made, and PersonaError if nothing would be left of
    one: then nothing is forgotten anywhere.
    """
    wanted = {(post.author, post.id, post.text) for post in posts}
    with ExitStack() as locks:
        held = []
        for one in derived:
            locks.enter_context(one.run.locked())
            finish(one.run)
            new = _held(one.run, wanted)
            _check_left(one.run, new)
            held.append(Derived(one.run, new))
        yield [one for one in held if one.new]


def _check_left(run: Run, new: Forgotten) -> None:
    if set(run.record.asked.authors) <= set(new.authors):
        raise PersonaError(
            f"Nothing would be left of {run.name!r}, which has the same posts.",
            f"Remove it first: popinjay remove {run.name}",
        )
