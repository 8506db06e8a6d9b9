"""Forget: take posts or a whole author out of everything a persona's folder holds, at once or not at all.

The model cannot be made to unlearn what it has learnt: it is marked, and knows it until it is trained again.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.forgetting.selection import PLACES, Choice, choose
from popinjay.persona import INDEX
from popinjay.post import handle_of, read_json, read_posts
from popinjay.server.jobs.job import drop_samples
from popinjay.sources.network.mirror import all_mirrors
from popinjay.stages.collect import in_words
from popinjay.store import kept
from popinjay.store.files import content_hash
from popinjay.store.forgotten import FILE, MARKS, Forgotten, marks_of
from popinjay.store.journal import Change, finish
from popinjay.store.run import (
    ENGINE_FOLDER,
    FETCHED,
    PICTURE_FILE,
    RECORD,
    REPORTS,
    STAGES,
    Draft,
    Run,
    as_toml,
)
from popinjay.text.verbatim_index import KEY, VerbatimIndex
from popinjay.text.words import words
from popinjay.trackers import ledger
from popinjay.training.checkpoints import Checkpoints

STAGE = "forget"
AVATARS = "avatars"
POSTS = (
    "posts.jsonl",
    "clean.jsonl",
    "dropped.jsonl",
    "train.jsonl",
    "validation.jsonl",
    "held_out.jsonl",
)
LEARNT = ("train.jsonl", "validation.jsonl")


@dataclass(frozen=True)
class Forgot:
    """What was forgotten: lines removed by file (a post can stand in one several times), and what the model still knows."""

    forgotten: Forgotten  # what was asked for, whether or not it was forgotten before
    removed: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()  # files and folders that were made from it, removed whole
    still_known: Forgotten = field(default_factory=Forgotten)


def forget(
    run: Run,
    ids: Sequence[str] = (),
    authors: Sequence[str] = (),
    listener: Listener = ignore,
    *,
    containing: Sequence[str] = (),
    agree: Callable[[Choice], bool] | None = None,
) -> Forgot:
    """Forget posts by id or by what they say, or authors with all their posts; with both, these posts of these authors.

    `agree` is shown what would go, if anything, and nothing happens where it says no. Raises PersonaError for a post or an
    author that is not there or that could be several, and where nothing would be left.
    """
    with run.locked():
        finish(run)
        before = Forgotten.of(run)
        choice = choose(run, before, ids, [handle_of(author) for author in authors], containing)
        asked, new = choice.asked, choice.new
        gone = Gone()
        if new:
            if agree is not None and not agree(choice):
                return Forgot(Forgotten())
            listener(Event(STAGE, EventKind.START, "forgetting"))
            notes = _notes(run, new)
            gone = _remove(run, before, new)
            if count := gone.lines.get(kept.FILE):
                notes.append(
                    f"{count:,} kept posts went too: they were written with what is forgotten in mind, or repeated it."
                )
            if count := drop_samples(run.path.parent, run.name):
                notes.append(
                    f"{count:,} posts written while it learnt went out of what the page keeps of its making."
                )
            if gone.files:
                notes.append(
                    f"Removed with it, as they were made from it: {', '.join(gone.files)}."
                )
            for note in notes:
                listener(Event(STAGE, EventKind.NOTE, note))
        ledger.remove_marked(
            run, STAGE, listener
        )  # that of an earlier time too, where a tracker could not be reached
        known = Forgotten.of(run).still_known(run)
    said = (
        f"forgotten: {choice.in_words()}"
        if new
        else f"forgotten before, nothing to do: {asked.in_words()}"
    )
    listener(Event(STAGE, EventKind.DONE, said))
    return Forgot(asked, gone.lines, gone.files, known)


# what is said about it


def _notes(run: Run, new: Forgotten) -> list[str]:
    """What whoever forgets something should know besides."""
    notes = []
    said = {
        tuple(words(post.text))
        for post in read_posts(run.file("posts.jsonl"))
        if (post.author, post.id) in new.posts
    }
    alike = [
        post
        for post in read_posts(run.file("posts.jsonl"))
        if not new.covers(post.author, post.id) and tuple(words(post.text)) in said
    ]
    if alike:
        listed = ", ".join(post.id for post in alike[:5]) + (" ..." if len(alike) > 5 else "")
        notes.append(
            f"The same words stand in other posts too, which stay: {listed}. Forget them as well with --post."
        )
    if any(id.isdecimal() and int(id) < PLACES for _, id in new.posts):
        notes.append(
            "These posts have no ids of their own, only places in their file: should it ever change, take them out of it too."
        )
    if places := sorted(run.record.get("published", {})):
        notes.append(
            f"What was published to {' and '.join(places)} still knows it: publish again after training, and delete the old version there."
        )
    return notes


# the change


@dataclass(frozen=True)
class Gone:
    """How many lines went from each file, and which files and folders went whole."""

    lines: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def _remove(run: Run, before: Forgotten, new: Forgotten) -> Gone:
    """Write the folder without what is forgotten."""
    change = Change(run)
    try:
        removed = {
            name: _filter(run, change, name, new) for name in POSTS if run.file(name).is_file()
        }
        if run.file(FETCHED).is_dir():
            removed[FETCHED] = _filter_fetched(run, change, new)
        if run.file(kept.FILE).is_file():
            removed[kept.FILE] = _filter_kept(run, change, new)
        rows = _authors(run, new)
        change.path("authors.json").write_text(
            json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        learnt = _learnt_from(run, new)
        whole = before.with_more(learnt)
        whole.write(change.path(FILE))
        _mark(run, change, before.still_known(run), learnt.still_known(run))
        change.path(RECORD).write_bytes(as_toml(_record(run, change, whole, rows)))
        derived = [name for name in _derived(run, new) if run.file(name).exists()]
        for name in derived:
            change.remove(name)
        change.commit()
    except BaseException:
        change.discard()
        raise
    return Gone(removed, tuple(name for name in derived if not Path(name).name.startswith(".")))


def _derived(run: Run, new: Forgotten) -> Iterator[str]:
    """Yield everything that was made from the posts, or written with them in mind or in sight, whether or not it is there.

    The model and its engine are not among it: they are marked, and know it until it is trained again.
    """
    after = STAGES[[stage.name for stage in STAGES].index("train") + 1 :]
    yield from (name for stage in after for name in stage.makes)
    yield from (PICTURE_FILE, *REPORTS)
    yield f"{ENGINE_FOLDER}/{INDEX}"  # hashes of every post, under a key that is no secret
    yield from (
        f"{ENGINE_FOLDER}/{path.name}" for path in run.file(ENGINE_FOLDER).glob(".*.partial")
    )
    yield from (f"{AVATARS}/{avatar.name}" for avatar in _avatars(run, new))
    yield from (Draft.partial(name) for stage in STAGES for name in stage.makes)
    yield Checkpoints.folder_of(run.path).name


def _filter(run: Run, change: Change, name: str, new: Forgotten) -> int:
    """Write a file of posts without those that are forgotten; how many those were."""
    count = 0
    with (
        run.file(name).open(encoding="utf-8") as old,
        change.path(name).open("w", encoding="utf-8", newline="\n") as left,
    ):
        for line in old:
            row = json.loads(line)
            if new.covers(row["author"], row["id"]):
                count += 1
            else:
                left.write(line)
    return count


def _filter_fetched(run: Run, change: Change, new: Forgotten) -> int:
    """Write the mirrors of networks without what is forgotten; how many posts that was."""
    count = 0
    there = change.path(FETCHED)
    there.mkdir()
    for account in run.file(FETCHED).iterdir():
        lists = all_mirrors(account)
        if account.name in new.authors:
            count += sum(1 for mirror in lists for _ in mirror.posts())
            continue
        shutil.copytree(
            account,
            there / account.name,
            ignore=lambda folder, names: [name for name in names if (Path(folder) / name).is_dir()],
        )
        count += sum(
            mirror.without(new.covers, there / account.name / mirror.folder.name)
            for mirror in lists
        )
    return count


def _filter_kept(run: Run, change: Change, new: Forgotten) -> int:
    """Write the kept posts without those that repeat what is forgotten; how many those were.

    An author who goes takes all kept posts along: each was written in a voice that was partly theirs.
    """
    lines = kept.lines(run)
    said = _texts(
        run, ("posts.jsonl", "clean.jsonl"), new
    )  # as they came, and as the model saw them
    left = [] if new.authors else kept.repeating_none(lines, said)
    if left:
        change.path(kept.FILE).write_text("".join(left), encoding="utf-8", newline="\n")
    else:
        change.remove(kept.FILE)
    return len(lines) - len(left)


def _mark(run: Run, change: Change, before: Forgotten, new: Forgotten) -> None:
    """Mark what the model still knows, as it saw it: the rules of what it may say know it again by its marks."""
    if new:
        texts = _texts(run, ("clean.jsonl", *LEARNT), new)
        marks = VerbatimIndex(
            texts, key=secrets.token_bytes(KEY), before=marks_of(run) if before else None
        )
        change.path(MARKS).write_bytes(marks.to_bytes())
    elif not before:
        change.remove(MARKS)


def _texts(run: Run, names: Sequence[str], forgotten: Forgotten) -> set[str]:
    """What the forgotten posts say, in these files as far as they are there."""
    there = [run.file(name) for name in names if run.file(name).is_file()]
    return {
        post.text
        for path in there
        for post in read_posts(path)
        if forgotten.covers(post.author, post.id)
    }


def _authors(run: Run, new: Forgotten) -> list[dict[str, Any]]:
    """The rows of `authors.json`, as collecting the same again would write them."""
    lost = Counter(
        post.author
        for post in read_posts(run.file("posts.jsonl"))
        if new.covers(post.author, post.id)
    )
    rows = [row for row in read_json(run.file("authors.json")) if row["handle"] not in new.authors]
    for row in rows:
        if count := lost[row["handle"]]:
            row["posts"] -= count
            row["left_out"]["forgotten"] = row["left_out"].get("forgotten", 0) + count
    return rows


def _avatars(run: Run, forgotten: Forgotten) -> list[Path]:
    """The pictures of authors that are forgotten."""
    return (
        [path for path in run.file(AVATARS).iterdir() if path.stem in forgotten.authors]
        if run.file(AVATARS).is_dir()
        else []
    )


def _hash_without(folder: Path, gone: Sequence[Path]) -> str:
    """The folder's hash once these files are out of it."""
    with tempfile.TemporaryDirectory() as place:
        names = [path.name for path in gone]
        return content_hash(
            Path(shutil.copytree(folder, Path(place) / folder.name, ignore=lambda *_: names))
        )


def _learnt_from(run: Run, new: Forgotten) -> Forgotten:
    """Beside each post and author the hash of the training data that the model learnt it from."""
    if not run.file("model").is_dir():
        return new
    learnt = run.record.get("stages", {}).get("train", {}).get("needs", {})
    posts, authors = dict(new.posts), dict(new.authors)
    for name in LEARNT:
        data = learnt.get(name, "unknown")
        if (
            not run.file(name).is_file() or content_hash(run.file(name)) != data
        ):  # these are not the data it learnt from: it may know all
            posts, authors = dict.fromkeys(posts, data), dict.fromkeys(authors, data)
            continue
        for post in read_posts(run.file(name)):
            if (post.author, post.id) in posts:
                posts[post.author, post.id] = data
            if post.author in authors:
                authors[post.author] = data
    return Forgotten(posts, authors)


def _record(
    run: Run, change: Change, whole: Forgotten, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """The record with the first stage as fresh as it was; the others see by themselves that their files have changed."""
    record = {**ledger.mark_for_removal(run.record), "stages": dict(run.record.get("stages", {}))}
    collect = record["stages"].get("collect", {})
    if "makes" in collect:
        makes = {
            **collect["makes"],
            **{name: content_hash(change.path(name)) for name in ("posts.jsonl", "authors.json")},
        }
        if run.file(AVATARS).is_dir():
            makes[AVATARS] = _hash_without(run.file(AVATARS), _avatars(run, whole))
        facts = {**collect.get("facts", {}), "summary": in_words(rows)}
        record["stages"]["collect"] = {
            **collect,
            "makes": makes,
            "facts": facts,
            "source": whole.mark(collect.get("source", "")),
        }
    asked = record.get("asked", {})
    record["asked"] = {
        **asked,
        "authors": [author for author in asked.get("authors", ()) if author not in whole.authors],
    }
    return record
