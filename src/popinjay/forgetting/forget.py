"""Forget: remove posts or a whole author from everything in a persona's folder, atomically.

A model can't unlearn: what it still knows is on record until it is trained again.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.forgetting.derived import Derived, derived_from, locked
from popinjay.forgetting.selection import Choice, choose
from popinjay.post import PLACES, handle_of, read_json, read_posts
from popinjay.sources.network.mirror import all_mirrors
from popinjay.stages.collect import in_words
from popinjay.store import kept, make_log, post_queue, versions
from popinjay.store.files import content_hash
from popinjay.store.forgotten import (
    FILE,
    MARKS,
    Forgotten,
    check_no_blend,
    clearing_command,
    marks_of,
)
from popinjay.store.index_file import INDEX
from popinjay.store.job_events import drop_exports, drop_samples
from popinjay.store.journal import Change, finish
from popinjay.store.outputs import partial_name
from popinjay.store.post_queue import Draft
from popinjay.store.queue_forgetting import QueueForgot, forget_drafts
from popinjay.store.record import Record
from popinjay.store.run import ENGINE_FOLDER, FETCHED, RECORD, REPORTS, WEB_PAGE, Run
from popinjay.store.stage_table import LEARNT, PICTURE_FILE, POSTS, STAGES
from popinjay.text.verbatim_index import KEY, VerbatimIndex
from popinjay.text.words import words
from popinjay.trackers import ledger
from popinjay.training.checkpoints import Checkpoints

STAGE = "forget"
AVATARS = "avatars"


@dataclass(frozen=True)
class AlsoForgot:
    """What a blend or cyborg forgot with another persona."""

    persona: str
    kind: str  # blend or cyborg
    removed: dict[str, int]  # file -> lines
    still_known: Forgotten
    command: str  # after which its model does not know it any more

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**vars(self), "still_known": self.still_known.to_json()}


@dataclass(frozen=True)
class Forgot:
    """What was forgotten, and what the model still knows."""

    forgotten: Forgotten  # what was asked for, whether or not it was forgotten before
    removed: dict[str, int] = field(default_factory=dict)  # file -> lines; posts may be repeated
    files: tuple[str, ...] = ()  # files and folders made from it, which were removed completely
    still_known: Forgotten = field(default_factory=Forgotten)
    also: tuple[AlsoForgot, ...] = ()  # blends and cyborgs that have the same posts
    posted: tuple[Draft, ...] = ()  # by its bot, repeating it: they still stand there


def forget(
    run: Run,
    ids: Sequence[str] = (),
    authors: Sequence[str] = (),
    listener: Listener = ignore,
    *,
    containing: Sequence[str] = (),
    agree: Callable[[Choice], bool] | None = None,
) -> Forgot:
    """Forget posts, or authors with all their posts; with both, these posts of these authors.

    Blends and cyborgs beside the persona that have the same posts forget them too. Raises
    PersonaError for a post or an author that does not exist or is ambiguous, and if no post would
    be left, and PersonaBusy if a persona that has to forget it is being made.

    Args:
        run: The persona.
        ids: Ids of posts.
        authors: Handles of authors.
        listener: Receives the events.
        containing: Words; the posts that contain them are forgotten.
        agree: Is shown what would be removed, if anything; nothing happens if it returns False.
    """
    with run.locked():
        finish(run)
        check_no_blend(run, "whose posts these are")
        before = Forgotten.of(run)
        choice = choose(run, before, ids, [handle_of(author) for author in authors], containing)
        asked = choice.asked
        new = choice.new
        gone = Gone()
        also: list[AlsoForgot] = []
        if new:
            derived = derived_from(run, choice.posts)
            choice = replace(choice, also=tuple(one.run.name for one in derived))
            if agree is not None and not agree(choice):
                return Forgot(Forgotten())
            listener(Event(STAGE, EventKind.START, "forgetting"))
            notes = _notes_before(run, new)
            with locked(derived, choice.posts) as held:
                # First: if the process is killed, the same call finds the posts again.
                also = [_forget_too(one, listener) for one in held]
                gone = _remove(run, before, new)
            for note in (*notes, *_notes_after(run, gone), *_notes_posted(run, gone.posted)):
                listener(Event(STAGE, EventKind.NOTE, note))
        # Also what an earlier call could not remove because a tracker could not be reached.
        ledger.remove_marked(run, STAGE, listener)
        known = Forgotten.of(run).still_known(run)
    said = (
        f"forgotten: {choice.in_words()}"
        if new
        else f"forgotten before, nothing to do: {asked.in_words()}"
    )
    listener(Event(STAGE, EventKind.DONE, said))
    return Forgot(asked, gone.lines, gone.files, known, tuple(also), gone.posted)


def _forget_too(derived: Derived, listener: Listener) -> AlsoForgot:
    """Forget in a blend or cyborg what another persona forgets; its lock is held."""
    run = derived.run
    gone = _remove(run, Forgotten.of(run), derived.new)
    _notes_after(run, gone)  # removes what jobs keep of it
    for note in _notes_posted(run, gone.posted):
        listener(Event(STAGE, EventKind.NOTE, note))
    ledger.remove_marked(run, STAGE, listener)
    known = Forgotten.of(run).still_known(run)
    until = f" Its model knows it until: {clearing_command(run)}" if known else ""
    said = f"Forgotten in the {derived.kind} {run.name} too, which has the same posts.{until}"
    listener(Event(STAGE, EventKind.NOTE, said))
    for place in sorted(run.record.published):
        text = f"What was published of {run.name} to {place} still knows it."
        listener(Event(STAGE, EventKind.NOTE, text))
    return AlsoForgot(run.name, derived.kind, gone.lines, known, clearing_command(run))


# notes for the user


def _notes_before(run: Run, new: Forgotten) -> list[str]:
    """Return what the user should know about what is going to be forgotten."""
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
            f"The same words stand in other posts too, which stay: {listed}. "
            "Forget them as well with --post."
        )
    if any(id.isdecimal() and int(id) < PLACES for _, id in new.posts):
        notes.append(
            "These posts have no ids of their own, only places in their file: "
            "if it ever changes, remove them from it too."
        )
    if places := sorted(run.record.published):
        notes.append(
            f"What was published to {' and '.join(places)} still knows it: "
            "publish again after training, and delete the old version there."
        )
    return notes


def _notes_after(run: Run, gone: Gone) -> list[str]:
    """Return what the user should know about what was removed besides the posts."""
    notes = []
    for what, file in (("kept posts", kept.FILE), ("drafts in its queue", post_queue.FILE)):
        if count := gone.lines.get(file):
            notes.append(
                f"{count:,} {what} went too: they repeated what is forgotten, "
                "or a forgotten author had a part in them."
            )
    if count := drop_samples(run.path.parent, run.name):
        notes.append(
            f"{count:,} posts written during training were removed from the events of its jobs."
        )
    if count := drop_exports(run.path.parent, run.name):
        notes.append(
            f"{count:,} of its exports went too, that the page had made: delete other copies "
            "yourself, and export again."
        )
    if gone.files:
        notes.append(f"Removed with it, as they were made from it: {', '.join(gone.files)}.")
    return notes


def _notes_posted(run: Run, posted: Sequence[Draft]) -> list[str]:
    """Return where posts of the bot that repeat what is forgotten still stand."""
    return [
        f"Its bot posted it: {draft.url or draft.uri or draft.account} still stands there. "
        f"Delete it: popinjay posted {run.name} --delete {draft.id}"
        for draft in posted
    ]


# the change


@dataclass(frozen=True)
class Gone:
    """The lines removed from each file, and the files and folders removed completely."""

    lines: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    posted: tuple[Draft, ...] = ()


def _remove(run: Run, before: Forgotten, new: Forgotten) -> Gone:
    """Remove what is forgotten from the folder."""
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
        change.path(RECORD).write_bytes(_record(run, change, whole, rows).to_bytes())
        derived = [name for name in _derived(run, new) if run.file(name).exists()]
        derived += versions.paths(versions.holding(run, new.covers))
        for name in derived:
            change.remove(name)
        # Before the rest: if the process is killed in between, the same call does it all again.
        queued = _forget_drafts(run, new)
        if queued.removed:
            removed[post_queue.FILE] = queued.removed
        change.commit()
    except BaseException:
        change.discard()
        raise
    files = tuple(name for name in derived if not Path(name).name.startswith("."))
    return Gone(removed, files, queued.posted)


def _derived(run: Run, new: Forgotten) -> Iterator[str]:
    """Yield the names of everything that was derived from the posts, whether or not it exists.

    The model and its engine are left out: that they still know the posts is on record.
    """
    after = STAGES[[stage.name for stage in STAGES].index("train") + 1 :]
    yield from (name for stage in after for name in stage.makes)
    yield from (PICTURE_FILE, *REPORTS)
    yield make_log.FOLDER  # its samples and notes may quote posts
    yield WEB_PAGE  # left by a process that was killed: hashes of every post
    yield f"{ENGINE_FOLDER}/{INDEX}"  # hashes of every post, with a key that is not secret
    yield from (
        f"{ENGINE_FOLDER}/{path.name}" for path in run.file(ENGINE_FOLDER).glob(".*.partial")
    )
    yield from (f"{AVATARS}/{avatar.name}" for avatar in _avatars(run, new))
    yield from (partial_name(name) for stage in STAGES for name in stage.makes)
    yield Checkpoints.folder_of(run.path).name


def _filter(run: Run, change: Change, name: str, new: Forgotten) -> int:
    """Write a file of posts without those that are forgotten; return how many those were."""
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
    """Write the mirrors of networks without forgotten posts; return how many those were."""
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
    """Write the kept posts without those that repeat what is forgotten; return how many.

    If an author is forgotten all kept posts are removed: each was written in a voice partly theirs.
    """
    lines = kept.lines(run)
    left = [] if new.authors else kept.repeating_none(lines, _said(run, new))
    if left:
        change.path(kept.FILE).write_text("".join(left), encoding="utf-8", newline="\n")
    else:
        change.remove(kept.FILE)
    return len(lines) - len(left)


def _forget_drafts(run: Run, new: Forgotten) -> QueueForgot:
    """Take the drafts that repeat what is forgotten out of the queue; all if an author is."""
    if new.authors:
        return forget_drafts(run, lambda text: True)
    return forget_drafts(run, kept.repeating(_said(run, new)))


def _said(run: Run, new: Forgotten) -> set[str]:
    """Return the texts of the forgotten posts, as collected and as the model saw them."""
    return _texts(run, ("posts.jsonl", "clean.jsonl"), new)


def _mark(run: Run, change: Change, before: Forgotten, new: Forgotten) -> None:
    """Write the hashes of what the model still knows, for the output filters."""
    if new:
        texts = _texts(run, ("clean.jsonl", *LEARNT), new)
        marks = VerbatimIndex(
            texts, key=secrets.token_bytes(KEY), before=marks_of(run) if before else None
        )
        change.path(MARKS).write_bytes(marks.to_bytes())
    elif not before:
        change.remove(MARKS)


def _texts(run: Run, names: Sequence[str], forgotten: Forgotten) -> set[str]:
    """Return the texts of the forgotten posts in these files, as far as they exist."""
    there = [run.file(name) for name in names if run.file(name).is_file()]
    return {
        post.text
        for path in there
        for post in read_posts(path)
        if forgotten.covers(post.author, post.id)
    }


def _authors(run: Run, new: Forgotten) -> list[dict[str, Any]]:
    """Return the rows of `authors.json` as collecting the same again would write them."""
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
    """Return the pictures of forgotten authors."""
    folder = run.file(AVATARS)
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.stem in forgotten.authors]


def _hash_without(folder: Path, gone: Sequence[Path]) -> str:
    """Return the hash that a folder has without these files."""
    names = [path.name for path in gone]
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(folder, Path(scratch) / folder.name, ignore=lambda *_: names)
        return content_hash(copy)


def _learnt_from(run: Run, new: Forgotten) -> Forgotten:
    """Return what is forgotten with the hash of the training data that the model learnt it from."""
    if not run.file("model").is_dir():
        return new
    trained = run.record.stages.get("train")
    learnt = trained.needs if trained is not None else {}
    posts = dict(new.posts)
    authors = dict(new.authors)
    for name in LEARNT:
        data = learnt.get(name, "unknown")
        file = run.file(name)
        if not file.is_file() or content_hash(file) != data:
            # The model was trained on other data than these: it may know all of it.
            posts = dict.fromkeys(posts, data)
            authors = dict.fromkeys(authors, data)
            continue
        for post in read_posts(file):
            if (post.author, post.id) in posts:
                posts[post.author, post.id] = data
            if post.author in authors:
                authors[post.author] = data
    return Forgotten(posts, authors)


def _record(run: Run, change: Change, whole: Forgotten, rows: list[dict[str, Any]]) -> Record:
    """Return the record with `collect` as fresh as it was.

    The other stages are stale by themselves, as the hashes of their files have changed.
    """
    record = ledger.mark_for_removal(run.record)
    stages = dict(record.stages)
    collect = stages.get("collect")
    if collect is not None and collect.makes is not None:
        changed = ("posts.jsonl", "authors.json")
        makes = {**collect.makes, **{name: content_hash(change.path(name)) for name in changed}}
        if run.file(AVATARS).is_dir():
            makes[AVATARS] = _hash_without(run.file(AVATARS), _avatars(run, whole))
        stages["collect"] = replace(
            collect,
            makes=makes,
            facts={**collect.facts, "summary": in_words(rows)},
            source=whole.mark(collect.source or ""),
        )
    left = tuple(author for author in record.asked.authors if author not in whole.authors)
    return record.updated(stages=stages, asked=replace(record.asked, authors=left))
