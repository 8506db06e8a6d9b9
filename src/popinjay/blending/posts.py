"""The posts of a blend: those of its members, each once, in the parts that they were split into.

They are what copies are looked for in, what the report compares with, and what is forgotten.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from popinjay.blending.members import Members
from popinjay.errors import PersonaError
from popinjay.events import Listener
from popinjay.options import CleanOptions, CollectOptions, DatasetOptions
from popinjay.post import read_json, read_rows
from popinjay.store.files import content_hash
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import Run
from popinjay.store.stage_runner import StageContext

PARTS = ("train.jsonl", "validation.jsonl", "held_out.jsonl")
Row = dict[str, Any]
Key = tuple[str, str, str]  # author, id and text: some files repeat ids


def key_of(row: Row) -> Key:
    """Return what identifies a post."""
    return row["author"], row["id"], row["text"]


def fingerprint(members: Members, *names: str) -> str:
    """Return a hash of files of all members."""
    hashes = [content_hash(run.file(name)) for run in members.runs for name in names]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def check_forgotten(run: Run, members: Members) -> None:
    """Raise PersonaError if a member has posts that the blend was told to forget."""
    forgotten = Forgotten.of(run)
    for one in members.runs:
        posts = [
            row
            for row in read_rows(one.file("posts.jsonl"))
            if forgotten.covers(row["author"], row["id"])
        ]
        if posts:
            raise PersonaError(
                f"{one.name!r} has {len(posts):,} of the posts that {run.name!r} was told to "
                "forget.",
                f"Forget them there too: popinjay forget {one.name} --post {posts[0]['id']} "
                "--retrain. Or blend under another --name.",
                page_hint="Forget them there too.",
            )


def collect(
    members: Members, options: CollectOptions, context: StageContext, listener: Listener
) -> None:
    """Write `posts.jsonl`, `authors.json` and `avatars`."""
    counts: Counter[str] = Counter()

    def posts() -> Iterator[Row]:
        for row in _each_once(members, "posts.jsonl"):
            counts[row["author"]] += 1
            yield row

    context.write_rows("posts.jsonl", posts())
    authors: dict[str, Row] = {}
    for run in members.runs:
        for row in read_json(run.file("authors.json")):
            authors.setdefault(row["handle"], row)
    rows = [{**row, "posts": counts[handle]} for handle, row in authors.items()]
    context.write_json("authors.json", rows)
    _copy_avatars(members, context)
    said = " and ".join(f"{row['posts']:,} posts of {row['handle']}" for row in rows)
    context.facts.update(summary=said)


def _copy_avatars(members: Members, context: StageContext) -> None:
    folder = context.path("avatars")
    folder.mkdir()
    for run in members.runs:
        there = run.folder("avatars")
        for picture in sorted(there.iterdir()) if there.is_dir() else ():
            if not (folder / picture.name).exists():
                shutil.copyfile(picture, folder / picture.name)


def clean_options(members: Members) -> CleanOptions:
    """Return how the posts were cleaned, as far as the card says: whether all were masked."""
    options = [run.record.options("clean") or {} for run in members.runs]
    return CleanOptions(keep_personal_data=any(one.get("keep_personal_data") for one in options))


def clean(
    members: Members, options: CleanOptions, context: StageContext, listener: Listener
) -> None:
    """Write `clean.jsonl` and `dropped.jsonl`."""
    kept = context.write_rows("clean.jsonl", _each_once(members, "clean.jsonl"))
    context.write_rows("dropped.jsonl", _each_once(members, "dropped.jsonl"))
    authors: dict[str, Row] = {}
    languages: dict[str, float] = {}  # code -> posts
    for run in members.runs:
        cleaned = run.record.cleaned
        for row in cleaned.authors:
            authors.setdefault(row["author"], dict(row))
        used = sum(row["used"] for row in cleaned.authors)
        for code, share in cleaned.languages.items():
            languages[code] = languages.get(code, 0.0) + share * used
    total = sum(languages.values())
    context.facts.update(
        summary=f"{kept:,} posts kept",
        authors=list(authors.values()),
        languages={
            code: round(languages[code] / total, 3)
            for code in sorted(languages, key=languages.__getitem__, reverse=True)
        },
    )


def dataset(
    members: Members, options: DatasetOptions, context: StageContext, listener: Listener
) -> None:
    """Write `train.jsonl`, `validation.jsonl` and `held_out.jsonl`.

    What any member learnt counts as learnt, though another member held it out.
    """
    training = list(_each_once(members, "train.jsonl"))
    learnt = set(map(key_of, training))
    validation = _without(_each_once(members, "validation.jsonl"), learnt)
    held_out = _without(
        _each_once(members, "held_out.jsonl"), learnt | set(map(key_of, validation))
    )
    if not held_out:
        raise PersonaError(
            "These personas learnt each other's held-out posts: there is nothing to measure with.",
            "Blend personas of different authors.",
        )
    parts = {"train": training, "validation": validation, "held_out": held_out}
    for name, rows in parts.items():
        context.write_rows(f"{name}.jsonl", rows)
    facts = [run.record.facts("dataset") for run in members.runs]
    context.facts.update(
        summary=f"{len(training):,} posts that were learnt, {len(held_out):,} held out",
        **{name: len(rows) for name, rows in parts.items()},
        near_duplicates_removed=sum(one.get("near_duplicates_removed", 0) for one in facts),
    )


def _each_once(members: Members, name: str) -> Iterator[Row]:
    """Yield the rows of a file of all members, a post of several members or repetitions once."""
    seen: set[Key] = set()
    for run in members.runs:
        for row in read_rows(run.file(name)):
            if key_of(row) not in seen:
                seen.add(key_of(row))
                yield row


def _without(rows: Iterable[Row], learnt: set[Key]) -> list[Row]:
    return [row for row in rows if key_of(row) not in learnt]
