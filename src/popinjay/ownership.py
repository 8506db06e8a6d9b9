"""Whose posts a persona's name stands for: other people's posts don't replace it unasked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

from popinjay.errors import PersonaTaken, SpecError
from popinjay.options import MakeOptions, flag
from popinjay.post import Author, Post, handle_of, is_of_a_site, read_posts
from popinjay.sources import Findings, Reading
from popinjay.sources.generic_names import is_generic
from popinjay.stages.collect import Opened, is_account
from popinjay.store import kept, make_log
from popinjay.store.blend_member import in_words
from popinjay.store.forgotten import FILE, MARKS, Forgotten
from popinjay.store.journal import Change
from popinjay.store.record import Asked
from popinjay.store.run import ENGINE_FOLDER, FETCHED, RECORD, REPORTS, Run
from popinjay.store.stage_table import PICTURE_FILE, STAGES
from popinjay.store.versions import FOLDER as VERSIONS
from popinjay.summary import authors_of
from popinjay.training.checkpoints import Checkpoints

MOST = 0.5  # share of a persona's posts that have to be among those that replace them


# the name


def is_anonymous(author: Author) -> bool:
    """Return whether an author's handle is only the generic name of a file, not an account's."""
    return not author.url and is_generic(author.handle)


def name_for(opened: Opened, ask_name: Callable[[str], str | None] | None) -> str:
    """Return the name of a persona that was given none.

    It is the authors' handles, or the answer of `ask_name` if these are generic. Raises SpecError
    if there is no answer, or nothing to read.
    """
    if not all(map(is_anonymous, opened.authors)):
        return opened.name
    for reading in opened.readings:
        with _unnoted(reading):
            posts = reading.posts()
            next(posts, None)  # an unreadable source is reported before a name is asked for
            if isinstance(posts, Generator):
                posts.close()
    if name := ask_name(opened.name) if ask_name else None:
        return name
    raise SpecError(
        f"{opened.name!r} does not say whose posts these are.",
        "Give the persona a name: --name NAME",
        page_hint="Give the persona a name.",
    )


class _Called(Reading):
    """An author's posts under another name than that of their file."""

    def __init__(self, reading: Reading, handle: str, name: str) -> None:
        self._reading = reading
        self.author = replace(reading.author, handle=handle, name=name)
        self.refusal = reading.refusal

    @property
    def findings(self) -> Findings:
        """What was noticed about the source."""
        return self._reading.findings

    @findings.setter
    def findings(self, findings: Findings) -> None:
        self._reading.findings = findings

    def close(self) -> None:
        """Close the reading."""
        self._reading.close()

    def fingerprint(self) -> str:
        """Return a hash of what would be read."""
        return self._reading.fingerprint()

    def avatar(self) -> bytes | None:
        """Return the author's picture."""
        return self._reading.avatar()

    def posts(self) -> Iterator[Post]:
        """Yield the posts under the other name."""
        return (replace(post, author=self.author.handle) for post in self._reading.posts())


def called(opened: Opened, name: str, run: Run | None = None) -> Opened:
    """Return the posts with the persona's name as their author's, if the file does not name one.

    A persona that exists, given as `run`, keeps the name of its author, which its posts are
    forgotten by: it may have been renamed since.
    """
    authors = opened.authors
    if len(authors) != 1 or not is_anonymous(authors[0]):
        return opened
    asked = run.record.asked if run else Asked()
    if len(asked.authors) == 1 and not asked.accounts:
        handle = asked.authors[0]
    elif is_generic(name):
        return opened
    else:
        handle = handle_of(name)
    if not handle or handle == authors[0].handle:
        return opened
    known = {author.handle: author.name for author in authors_of(run)} if run else {}
    return Opened((_Called(opened.readings[0], handle, known.get(handle, name)),))


# how it was made


def inherited(run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a persona was made with, unless they are given now or the defaults.

    The base model is not among them: `base_for` keeps it. With `defaults` given none are returned.
    """
    found: dict[str, Any] = {}
    if given.get("defaults"):
        return found
    for name, kind in MakeOptions.PARTS.items():
        # What the card says is recorded as what was asked.
        made = run.record.made(name) if name != "card" else None
        options = made.options if made else {}
        for field in fields(kind):  # type: ignore[arg-type]
            is_set = field.name in options and options[field.name] != field.default
            if is_set and field.name not in given and field.name != "base":
                found[field.name] = options[field.name]
    return found


def undecided(run: Run, preferences: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preferences for what a persona was not made with yet.

    What was decided for it, also by leaving an option at its default, is not decided again because
    the user now prefers something else for new personas. With `defaults` given all count.
    """
    if given.get("defaults"):
        return dict(preferences)
    asked = {"whose": run.record.asked.whose, "contact": run.record.asked.contact}
    decided = {name for name, value in asked.items() if value is not None}
    for name, kind in MakeOptions.PARTS.items():
        if name != "card" and run.record.made(name):
            decided |= {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return {name: value for name, value in preferences.items() if name not in decided}


def as_flags(options: Mapping[str, Any]) -> str:
    """Return options as they are typed."""
    return " ".join(
        flag(name) if value is True else f"{flag(name)} {value}" for name, value in options.items()
    )


# whose it is


def is_replaced(run: Run, opened: Opened, *, may: bool, ask: Callable[[str], bool] | None) -> bool:
    """Return whether other people's posts replace a persona.

    They do only if it `may` be replaced or `ask` answers yes. Posts are other people's if there are
    more or fewer authors than before, if an account is new, or if most of the persona's posts are
    not among them. Raises PersonaTaken if the persona is to stay.
    """
    why = _why_not_the_same(run, opened)
    if not why:
        return False
    question = (
        f"There is a persona {run.name!r} already. {why}\n"
        "Replace it, with its model and all that is in its folder?"
    )
    if may or (ask is not None and ask(question)):
        return True
    raise PersonaTaken(
        f"There is a persona {run.name!r} already, made of other posts. {why}",
        "Give the new one another --name, or add --replace to delete the old one with its model.",
        page_hint="Give the new one another name, or delete the old one first.",
    )


def as_known(run: Run, opened: Opened) -> Opened:
    """Return the posts under the handle that the persona's author has on record.

    A newer file may be called otherwise, and an account may have been renamed: whether the posts
    are the same is what `check_same` asks. A cyborg's authors are told apart by their handles only.
    """
    authors, known = opened.authors, run.record.asked.authors
    if len(authors) != 1 or len(known) != 1 or authors[0].handle == known[0]:
        return opened
    if is_account(opened.readings[0]):
        return opened
    names = {author.handle: author.name for author in authors_of(run)}
    name = names.get(known[0]) or authors[0].name
    return Opened((_Called(opened.readings[0], known[0], name),))


def check_same(run: Run, opened: Opened) -> None:
    """Raise PersonaTaken if these are not the posts of a persona's authors, or too few of them."""
    before, forgotten = run.record.asked.authors, Forgotten.of(run)
    now = {handle for handle in opened.handles if handle not in forgotten.authors}
    why = _why_not_the_same(run, opened)
    if now and now != set(before):
        why = f"It is made of the posts of {_names(before)}, these are of {_names(now)}."
    if why:
        raise PersonaTaken(
            f"These posts can't update {run.name!r}. {why}",
            "Give a newer archive of the same author with all posts, old and new, or make another "
            "persona of these: popinjay make SPEC --name NAME",
            page_hint="Give a newer archive of the same author with all posts, old and new.",
        )


def _why_not_the_same(run: Run, opened: Opened) -> str:
    """Return why these posts are other people's; empty if they are not, or without a persona."""
    if run.record.blend:
        return f"It is a blend: {in_words(run.record.blend)}."
    posts = run.file("posts.jsonl")
    before = run.record.asked.authors
    forgotten = Forgotten.of(run)
    readings = [
        reading for reading in opened.readings if reading.author.handle not in forgotten.authors
    ]
    if not readings or not before or not posts.is_file():
        return ""
    handles = [reading.author.handle for reading in readings]
    accounts = {reading.author.handle for reading in readings if is_account(reading)}
    if len(handles) != len(before) or accounts - set(before):
        return f"It is made of the posts of {_names(before)}, these are of {_names(handles)}."
    files = [reading for reading in readings if not is_account(reading)]
    if not files or (not accounts and _is_recorded(run, forgotten.mark(opened.fingerprint()))):
        return ""
    there, found = _shared(
        (post for post in read_posts(posts) if post.author not in accounts), files
    )
    if found >= MOST * there:
        return ""
    whose = "" if set(handles) == set(before) else f" of {_names(handles)}"
    return f"Of its {there:,} posts {found:,} are among those{whose} given now."


def check_fetched(
    run: Run, opened: Opened, *, may: bool, ask: Callable[[str], bool] | None
) -> None:
    """Raise PersonaTaken if an account has too few of the posts that came from a file before.

    The author is the same, but a network may give only the newest posts, and the file had all.
    """
    known = run.record.asked.accounts
    readings = [
        one for one in opened.readings if is_account(one) and one.author.handle not in known
    ]
    handles = {reading.author.handle for reading in readings}
    posts = run.file("posts.jsonl")
    if not handles or not posts.is_file():
        return
    there, found = _shared((post for post in read_posts(posts) if post.author in handles), readings)
    why = f"Of its {there:,} posts {found:,} are among those that were read just now."
    if found >= MOST * there or may:
        return
    if ask is not None and ask(f"{why}\nTake these instead of them?"):
        return
    raise PersonaTaken(
        f"There is a persona {run.name!r} already, made of more posts. {why}",
        "Give the file or archive that it was made from, or another --name, "
        "or add --replace to take the fewer posts.",
        page_hint="Give the file or archive that it was made from, or another name.",
    )


def _is_recorded(run: Run, source: str) -> bool:
    made = run.record.made("collect")
    return made is not None and made.source == source


def _shared(before: Iterable[Post], files: Sequence[Reading]) -> tuple[int, int]:
    """Return the number of posts, and of those that the files hold too, by id or by text."""
    ids: set[str] = set()
    said: set[int] = set()
    for reading in files:
        with _unnoted(reading):
            for post in reading.posts():
                ids.add(post.id)
                said.add(_said(post))
    there = found = 0
    for post in before:
        there += 1
        found += _said(post) in said or (post.id in ids and is_of_a_site(post.id))
    return there, found


@contextmanager
def _unnoted(reading: Reading) -> Iterator[None]:
    """Restore a source's findings afterwards: they are found again when posts are collected."""
    findings = deepcopy(reading.findings)
    try:
        yield
    finally:
        reading.findings = findings


def _said(post: Post) -> int:
    return hash(" ".join(post.text.split()).casefold())


def _names(handles: Iterable[str]) -> str:
    return " and ".join(sorted(handles))


def clear(run: Run, opened: Opened) -> None:
    """Remove all of a persona but what trackers were told, so that another can replace it.

    It is done completely or not at all. What was just fetched of the new authors' accounts stays.
    """
    change = Change(run)
    try:
        for name in _all_of(run, {author.handle for author in opened.authors}):
            change.remove(name)
        change.path(RECORD).write_bytes(run.record.ledger_only().to_bytes())
        change.commit()
    except BaseException:
        change.discard()
        raise


def _all_of(run: Run, newcomers: set[str]) -> Iterator[str]:
    """Yield the names of everything in a persona's folder but what was fetched of these authors."""
    for stage in STAGES:
        yield from stage.makes
    yield from (
        PICTURE_FILE,
        *REPORTS,
        FILE,
        MARKS,
        kept.FILE,
        make_log.FOLDER,
        ENGINE_FOLDER,
        VERSIONS,
        Checkpoints.folder_of(run.path).name,
    )
    fetched = run.file(FETCHED)
    for account in fetched.iterdir() if fetched.is_dir() else ():
        if account.name not in newcomers:
            yield f"{FETCHED}/{account.name}"
