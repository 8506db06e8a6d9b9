"""Which of a persona's posts are meant by ids, authors and words, and what would go with them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from popinjay.errors import OptionError, PersonaError
from popinjay.post import Post, read_json, read_posts
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import Run
from popinjay.trackers import ledger


@dataclass(frozen=True)
class Choice:
    """What is to be forgotten."""

    asked: Forgotten
    new: Forgotten  # what of it was not forgotten before
    posts: tuple[Post, ...]  # the lines of `posts.jsonl` to be removed; ids may be repeated
    also: tuple[str, ...] = ()  # names of blends and cyborgs that have the same posts

    def in_words(self) -> str:
        """Return how much would be removed, without ids and texts."""
        own = sum(post.author not in self.new.authors for post in self.posts)
        said = [f"{own:,} post{'s' if own > 1 else ''}"] if own else []
        for author in sorted(self.new.authors):
            count = sum(post.author == author for post in self.posts)
            said.append(f"all of @{author} ({count:,} post{'' if count == 1 else 's'})")
        return " and ".join(said) or self.new.in_words()

    def to_json(self) -> dict[str, Any]:
        """Return every post that would be removed, for JSON."""
        posts = [{"author": post.author, "id": post.id, "text": post.text} for post in self.posts]
        return {"posts": posts, "authors": sorted(self.new.authors), "also": list(self.also)}


def choose(
    run: Run,
    before: Forgotten,
    ids: Sequence[str],
    authors: Sequence[str],
    containing: Sequence[str] = (),
) -> Choice:
    """Return the posts with these ids or words, of these authors; without both, all of theirs.

    Raises PersonaError if they don't exist or are ambiguous, and if no post would be left.

    Args:
        run: The persona.
        before: What it was told to forget before.
        ids: Ids of posts.
        authors: Handles of authors.
        containing: Words that posts contain.
    """
    if not run.file("posts.jsonl").is_file() or not run.file("authors.json").is_file():
        raise PersonaError(
            f"{run.name!r} has no posts yet.", f"See how far it is: popinjay status {run.name}"
        )
    held = list(read_posts(run.file("posts.jsonl")))
    asked = _found(run, before, held, ids, authors, containing)
    new = Forgotten(
        {post: "" for post in asked.posts if not before.covers(*post)},
        {author: "" for author in asked.authors if author not in before.authors},
    )
    return Choice(asked, new, tuple(post for post in held if new.covers(post.author, post.id)))


def _found(
    run: Run,
    before: Forgotten,
    held: Sequence[Post],
    ids: Sequence[str],
    authors: Sequence[str],
    containing: Sequence[str],
) -> Forgotten:
    there = {row["handle"] for row in read_json(run.file("authors.json"))}
    for author in authors:
        if author not in there and author not in before.authors:
            raise PersonaError(
                f"{run.name!r} has no author {author!r}.", f"It has: {', '.join(sorted(there))}."
            )
    if ids or containing:
        posts = {
            **_by_id(run, before, held, ids, authors),
            **_by_words(run, held, authors, containing),
        }
        left = {post.author for post in held if (post.author, post.id) not in posts}
        _check_left(run, left)
        return Forgotten(posts, {})
    _check_left(run, there - set(authors))
    return Forgotten({}, dict.fromkeys(authors, ""))


def _by_id(
    run: Run, before: Forgotten, held: Sequence[Post], ids: Sequence[str], authors: Sequence[str]
) -> dict[tuple[str, str], str]:
    """Return the posts with these ids, each of one author."""
    holders: dict[str, set[str]] = {id: set() for id in ids}
    for author, id in (*((post.author, post.id) for post in held), *before.posts):
        if id in holders and (not authors or author in authors):
            holders[id].add(author)
    for id, owners in holders.items():
        if not owners:
            raise PersonaError(
                f"{run.name!r} holds no post with the id {id!r}.",
                'Ids are in its posts.jsonl: "id" at the beginning of each line. '
                "Or give some of its words: --containing TEXT",
            )
        if len(owners) > 1:
            named = sorted(owners)
            raise PersonaError(
                f"{' and '.join(named)} each have a post with the id {id!r}.",
                f"Say whose: popinjay forget {run.name} --post {id} --author {named[0]}",
            )
    return {(owners.pop(), id): "" for id, owners in holders.items()}


def _by_words(
    run: Run, held: Sequence[Post], authors: Sequence[str], containing: Sequence[str]
) -> dict[tuple[str, str], str]:
    """Return the posts that contain one of these texts, ignoring case, blanks and Unicode forms."""
    found: dict[tuple[str, str], str] = {}
    for text in containing:
        wanted = _folded(text)
        if not wanted:
            raise OptionError(
                "--containing needs some text.", "Give words of the posts to be forgotten."
            )
        those = [
            post
            for post in held
            if (not authors or post.author in authors) and wanted in _folded(post.text)
        ]
        if not those:
            raise PersonaError(
                f"{run.name!r} holds no post that contains {text!r}.", "Give fewer words of it."
            )
        found.update({(post.author, post.id): "" for post in those})
    return found


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _check_left(run: Run, authors: set[str]) -> None:
    """Raise PersonaError if no author would be left."""
    if not authors:
        places = ledger.locations(run)
        besides = f", and what trackers were told: {', '.join(places)}" if places else ""
        raise PersonaError(
            f"Nothing would be left of {run.name!r}: these are all its posts.",
            f"Remove the whole persona with its model: delete {run.path}{besides}",
        )
