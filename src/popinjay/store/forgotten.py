"""What a persona was told to forget: ids of posts and handles of authors, but none of their words.

It is kept in `forgotten.toml`, so that no later `make` brings it back from an archive. Each entry
says which training data it was removed from: a model that was trained on that data still knows it.
For as long, `still_known.marks` keeps hashes by which the output filters recognise such posts.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from popinjay.errors import PersonaError
from popinjay.store.blend_member import as_words
from popinjay.store.files import atomic_write, storage_errors
from popinjay.store.run import Run
from popinjay.store.versions import FOLDER as VERSIONS
from popinjay.text.verbatim_index import KEY, VerbatimIndex

FILE = "forgotten.toml"
MARKS = "still_known.marks"
_SEPARATOR = " without "
_Key = TypeVar("_Key", str, tuple[str, str])


@dataclass(frozen=True)
class Forgotten:
    """Posts, as (author, id), and authors.

    Each has the hash of the data that a model learnt it from; it is empty if none did.
    """

    posts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    authors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Forgotten:
        """Return what a persona forgot. Raises PersonaError if the file is damaged."""
        file = run.file(FILE)
        try:
            if not file.exists():
                return cls()
            rows = tomllib.loads(file.read_text(encoding="utf-8"))
            posts = {
                (row["author"], row["id"]): row.get("learnt_from", "")
                for row in rows.get("posts", ())
            }
            return cls(
                posts,
                {row["handle"]: row.get("learnt_from", "") for row in rows.get("authors", ())},
            )
        except (
            tomllib.TOMLDecodeError,
            UnicodeDecodeError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            raise PersonaError(
                f"{file} is damaged: {error}.",
                "It says what not to learn: repair it, or delete it and forget the same again.",
            ) from error
        except OSError as error:
            raise PersonaError(
                f"{file} can't be read: {error.strerror}.", "Check its permissions."
            ) from error

    def write(self, path: Path) -> None:
        """Write it to a file as TOML."""
        posts = [
            {"author": author, "id": id, **({"learnt_from": data} if data else {})}
            for (author, id), data in sorted(self.posts.items())
        ]
        authors = [
            {"handle": handle, **({"learnt_from": data} if data else {})}
            for handle, data in sorted(self.authors.items())
        ]
        path.write_bytes(tomli_w.dumps({"authors": authors, "posts": posts}).encode())

    def __bool__(self) -> bool:
        return bool(self.posts or self.authors)

    def covers(self, author: str, id: str) -> bool:
        """Return whether a post is forgotten."""
        return author in self.authors or (author, id) in self.posts

    def with_more(self, more: Forgotten) -> Forgotten:
        """Return both together; what a model is known to have learnt stays marked so."""
        return Forgotten(_both(self.posts, more.posts), _both(self.authors, more.authors))

    def mark(self, source: str) -> str:
        """Return the hash of what is collected from a source with this hash.

        A hash that this function returned before may be given too.
        """
        plain = source.split(_SEPARATOR)[0]
        if not self:
            return plain
        listed = json.dumps([sorted(self.authors), sorted(self.posts)])
        return f"{plain}{_SEPARATOR}{hashlib.sha256(listed.encode()).hexdigest()}"

    def still_known(self, run: Run) -> Forgotten:
        """Return what the persona's model learnt before, and knows until it is trained again."""
        if not run.file("model").is_dir():
            return Forgotten()
        trained = run.record.stages.get("train")
        # A first training that failed needs nothing: the model is an older one.
        learnt = None
        if trained is not None and trained.needs:
            learnt = {*trained.needs.values(), *run.record.trained.learnt_before}
        return Forgotten(
            {
                post: data
                for post, data in self.posts.items()
                if data and (learnt is None or data in learnt)
            },
            {
                handle: data
                for handle, data in self.authors.items()
                if data and (learnt is None or data in learnt)
            },
        )

    def to_json(self) -> dict[str, Any] | None:
        """Return the number of posts and the authors for JSON; None if there are neither."""
        return {"posts": len(self.posts), "authors": sorted(self.authors)} if self else None

    def in_words(self) -> str:
        """Return how much it is in words, without ids and texts."""
        parts = [f"all of @{handle}" for handle in sorted(self.authors)]
        if self.posts:
            parts.insert(0, f"{len(self.posts):,} post{'s' if len(self.posts) > 1 else ''}")
        return " and ".join(parts)


def marks_of(run: Run) -> VerbatimIndex:
    """Return the hashes of what a persona's model still knows.

    Raises PersonaError if their file is damaged.
    """
    file = run.file(MARKS)
    try:
        return VerbatimIndex.from_bytes(file.read_bytes()) if file.exists() else VerbatimIndex()
    except ValueError as error:
        raise PersonaError(
            f"{file}, which keeps forgotten posts out of what is generated, is damaged: {error}.",
            f"After this it is not needed any more: {clearing_command(run)}",
            page_hint="Train it again, then it is not needed any more.",
        ) from error
    except OSError as error:
        raise PersonaError(
            f"{file} can't be read: {error.strerror}.", "Check its permissions."
        ) from error


def clearing_command(run: Run) -> str:
    """Return the command after which a persona's model does not know what was forgotten."""
    if run.record.blend:
        return f"popinjay blend {' '.join(as_words(run.record.blend))} --name {run.name}"
    return f"popinjay forget {run.name} --retrain"


def check_no_blend(run: Run, why: str) -> None:
    """Raise PersonaError if a persona is a blend; `why` ends the sentence on what can't be done."""
    names = [member.name for member in run.record.blend if not member.is_base]
    if names:
        raise PersonaError(
            f"{run.name!r} is a blend of {' and '.join(names)}, {why}.",
            f"Do that with {' or '.join(names)}, then blend again: {clearing_command(run)}",
            page_hint=f"Do that with {' or '.join(names)}, then blend again.",
        )


def add_marks(run: Run, texts: Iterable[str]) -> None:
    """Add the hashes of posts that the model goes on knowing though they are not here any more."""
    before = marks_of(run)
    marks = VerbatimIndex(texts, key=secrets.token_bytes(KEY), before=before if before else None)
    with storage_errors(str(run.file(MARKS))):
        atomic_write(run.file(MARKS), marks.to_bytes())


def drop_marks(run: Run) -> None:
    """Remove the hashes if the model has been trained again without the posts they are of.

    They stay if it was only updated, or if an earlier version that may know them can be restored.
    """
    may_know = run.record.trained.learnt_before or run.file(VERSIONS).exists()
    if not may_know and not Forgotten.of(run).still_known(run):
        run.file(MARKS).unlink(missing_ok=True)


def _both(first: Mapping[_Key, str], second: Mapping[_Key, str]) -> dict[_Key, str]:
    return {key: first.get(key) or second.get(key, "") for key in {**first, **second}}
