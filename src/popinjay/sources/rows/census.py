"""The people in a file of rows, and their posts.

A file is read twice. In the first pass, every row is counted (`Census.add`): how much each person
wrote, and which ids occur more than once. Then `Census.people` returns who is in it, and in a
second pass `Census.posts` yields the posts of one person, under unique ids and with replies to
themselves told from replies to others.

This works for any file of rows that can be converted to `row.Row`, one per post.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from popinjay.errors import SpecError
from popinjay.post import Author, Kind, Post, handle_of
from popinjay.sources import Findings
from popinjay.sources.rows.row import UNKNOWN, AuthorNotes, Row, Writer
from popinjay.sources.x.post import without_own_handle

EVERYONE = "*"  # as --author: the whole file as one voice
MAX_PEOPLE = 8  # in a cyborg of a whole file; --author can name more
FEW = 0.1  # people with fewer posts, as a share of the busiest one's, are left out unless named
OTHERS = "somebody else's post"
AGAIN = "the same post again"
EDITED = "earlier version of an edited post"
_MAX_WRITERS = 200_000
_NAMED = 5  # people named in a sentence


@dataclass(slots=True)
class _Seen:
    """The rows of one writer: hashes of ids, each with a hash of its post's content."""

    posts: int = 0
    names: Counter[str] = field(default_factory=Counter)
    author_notes: list[AuthorNotes] = field(default_factory=list)
    contents: dict[int, int] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)  # ids with the same post twice
    shared: set[int] = field(default_factory=set)  # ids with different posts
    earlier: set[int] = field(default_factory=set)  # ids of earlier versions of edited posts

    def add(self, row: Row) -> None:
        if not self.posts and row.author_notes:
            self.author_notes.append(row.author_notes())
        self.posts += 1
        self.names[row.writer.name] += 1
        self.earlier.update(map(hash, row.earlier))
        if row.post.id:
            # without a time, equal texts with one id may well be two posts
            when = row.post.created_at or row.position
            self._add_id(hash(row.post.id), hash((row.post.text, when)))

    def _add_id(self, id: int, content: int) -> None:
        known = self.contents.get(id)
        if known is None:
            self.contents[id] = content
        elif known == content:
            self.again.add(id)
        else:
            self.shared.add(id)

    def merge(self, other: _Seen) -> None:
        """Add the rows of the same person under another name."""
        self.posts += other.posts
        self.names += other.names
        self.author_notes += other.author_notes
        self.again |= other.again
        self.shared |= other.shared
        self.earlier |= other.earlier
        for id, content in other.contents.items():
            self._add_id(id, content)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person who wrote posts in a file."""

    author: Author
    posts: int
    writers: frozenset[Writer]  # all the ways in which rows name them
    seen: _Seen

    @property
    def notes(self) -> list[str]:
        """Notes on their account, each sentence once."""
        return list(
            dict.fromkeys(
                note for author_notes in self.seen.author_notes for note in author_notes.notes
            )
        )

    @property
    def refusal(self) -> str:
        """Their refusal of being learnt from, empty if there is none."""
        return next(
            (
                author_notes.refusal
                for author_notes in self.seen.author_notes
                if author_notes.refusal
            ),
            "",
        )

    def is_called(self, name: str) -> bool:
        """Return whether a name is their handle, account or display name."""
        wanted = name.strip().lstrip("@").lower()
        names = {part for writer in self.writers for part in (writer.handle, writer.account)}
        names |= {self.author.handle, *self.seen.names}
        return bool(wanted) and wanted in {part.lower() for part in names}


class Census:
    """Counts the rows of one file by their writers."""

    def __init__(self, label: str, stem: str) -> None:
        """`label` names the file in messages, and `stem` the author if no row does."""
        self._label = label
        self._unnamed = Author(handle_of(stem) or "me", stem)
        self._seen: dict[Writer, _Seen] = {}
        self._any_ids = False
        self._people: list[Person] = []

    def add(self, row: Row) -> None:
        """Count a row. Raises SpecError if the file names an unreasonable number of people."""
        key = _key(row.writer)
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) == _MAX_WRITERS:
                raise SpecError(
                    f"{self._label} holds posts of over {_MAX_WRITERS:,} people.",
                    "Give the rows of one of them.",
                )
            seen = self._seen[key] = _Seen()
        seen.add(row)
        self._any_ids = self._any_ids or bool(row.post.id)

    def people(self) -> list[Person]:
        """Return everyone who wrote in the file, the busiest first.

        If there is only one person, rows without a writer are theirs too, and without a handle they
        are named after the file.
        """
        if not self._people:
            groups = _same_people(set(self._seen) - {UNKNOWN})
            if len(groups) < 2:
                groups = [set(self._seen)] if self._seen else []
            self._people = [self._person(group, alone=len(groups) == 1) for group in groups]
            self._people.sort(key=lambda person: (-person.posts, person.author.handle))
        return self._people

    def chosen(self, names: str | None, findings: Findings) -> list[Person]:
        """Return the people whose posts are wanted, and note who else is there.

        `names` lists some of them, separated by commas, or is `*` for all as one voice. Raises
        SpecError if one of them is not there, or if there are too many people to take them all.
        """
        people = self.people()
        if not people:
            return [Person(self._unnamed, 0, frozenset(), _Seen())]
        if names is not None and names.strip() == EVERYONE:
            return [self._all_as_one()]
        if names is not None and (len(people) > 1 or people[0].writers != {UNKNOWN}):
            return self._named(names)
        if len(people) == 1:
            return people
        kept = [person for person in people if person.posts >= FEW * people[0].posts]
        if len(kept) > MAX_PEOPLE:
            raise SpecError(
                f"{self._label} holds posts of {self.in_words()}.",
                f"Choose with --author {people[0].author.handle} (or --author '{EVERYONE}' for all "
                "as one voice).",
                page_hint="Give a file with the posts of one author, or of a few.",
            )
        findings.notes.append(self._note(kept))
        return kept

    def posts(
        self,
        rows: Iterable[Row],
        person: Person,
        findings: Findings,
        elsewhere: Container[Writer] | None = frozenset(),
    ) -> Iterator[Post]:
        """Yield the posts of a person, each once; what is left out is counted in `findings`.

        Args:
            rows: the rows of the file.
            person: whose posts to yield.
            findings: where to count what is left out.
            elsewhere: writers whose posts another reading of the file counts; None for all.
        """
        seen = person.seen
        yielded: set[int] = set()  # hashes of ids that occur more than once
        for row in rows:
            id = hash(row.post.id)
            writer = _key(row.writer)
            if writer not in person.writers:
                if elsewhere is not None and writer not in elsewhere:
                    findings.left_out[OTHERS] += 1
            elif row.post.id and id in seen.earlier:
                findings.left_out[EDITED] += 1
            elif row.post.id and id in yielded and id not in seen.shared:
                findings.left_out[AGAIN] += 1
            else:
                if id in seen.again:
                    yielded.add(id)
                yield self._post(row, person)

    def in_words(self) -> str:
        """Describe how many people there are, and who wrote most."""
        people = self.people()
        shown = ", ".join(f"{person.author.handle} {person.posts:,}" for person in people[:_NAMED])
        more = ", ..." if len(people) > _NAMED else ""
        return f"{len(people):,} people ({shown}{more})"

    def _person(self, group: set[Writer], *, alone: bool) -> Person:
        seen = _Seen()
        for writer in group:
            seen.merge(self._seen[writer])
        handles = Counter[str]()
        for writer in group:
            handles[writer.handle] += self._seen[writer].posts if writer.handle else 0
        handle = max(sorted(handles), key=lambda name: handles[name])
        name = next((name for name, _ in seen.names.most_common() if name), "")
        if handle:
            author = Author(handle, name)
        elif alone:
            author = replace(self._unnamed, name=name or self._unnamed.name)
        else:
            author = Author(handle_of(min(writer.account for writer in group)) or "me", name)
        return Person(author, seen.posts, frozenset(group), seen)

    def _all_as_one(self) -> Person:
        seen = _Seen()
        for other in self._seen.values():
            seen.merge(other)
        author = self.people()[0].author if len(self.people()) == 1 else self._unnamed
        return Person(author, seen.posts, frozenset(self._seen), seen)

    def _named(self, names: str) -> list[Person]:
        people = self.people()
        found: list[Person] = []
        for name in (name for name in names.split(",") if name.strip()):
            person = next((person for person in people if person.is_called(name)), None)
            if person is None:
                present = self.in_words() if len(people) > 1 else people[0].author.handle
                raise SpecError(
                    f"{self._label} holds no post of {name.strip()!r}.",
                    f"It holds those of {present}.",
                )
            if person not in found:
                found.append(person)
        return found

    def _note(self, kept: list[Person]) -> str:
        first = kept[0].author.handle
        if len(kept) == 1:
            return (
                f"{self._label} holds posts of {self.in_words()}: only those of {first} are read. "
                "Use --author to read others."
            )
        omitted = len(self.people()) - len(kept)
        others = f", without {omitted:,} who wrote little" if omitted else ""
        return (
            f"{self._label} holds posts of {self.in_words()}: together they make a "
            f"cyborg{others}. For one of them alone, use --author {first}."
        )

    def _post(self, row: Row, person: Person) -> Post:
        post = row.post
        kind = post.kind
        text = post.text
        if kind is Kind.REPLY:
            own = [writer.handle for writer in person.writers]
            if _answers_itself(row, person):
                kind = row.in_own_thread
                own.append(row.answered.handle)
            text = without_own_handle(text, own)
        if not self._any_ids:
            id = str(row.position)
        elif not post.id or hash(post.id) in person.seen.shared:
            id = f"#{row.position}"
        else:
            id = post.id
        author = person.author.handle
        return Post(id, author, text, kind, post.created_at, post.lang, post.truncated)


def _key(writer: Writer) -> Writer:
    """Return what identifies a writer; display names change too often for that."""
    return Writer(writer.handle, writer.account) if writer.name else writer


def _answers_itself(row: Row, person: Person) -> bool:
    """Return whether a row that is a reply answers its own author."""
    answered = row.answered
    writer = row.writer
    if answered.account and writer.account:
        return answered.account == writer.account
    if answered.handle and writer.handle:
        return any(answered.handle == own.handle for own in person.writers)
    return bool(row.answers) and hash(row.answers) in person.seen.contents


def _same_people(writers: Iterable[Writer]) -> list[set[Writer]]:
    """Group writers who share an account or a handle, directly or through others (union-find)."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while (parent := parents.setdefault(name, name)) != name:
            parents[name] = parents[parent]
            name = parent
        return name

    names_of = {writer: _names(writer) for writer in writers}
    for names in names_of.values():
        parents[root(names[-1])] = root(names[0])
    groups: dict[str, set[Writer]] = {}
    for writer, names in names_of.items():
        groups.setdefault(root(names[0]), set()).add(writer)
    return list(groups.values())


def _names(writer: Writer) -> list[str]:
    """Return one or two names that identify a writer, prefixed with their kind."""
    named = (("handle", writer.handle), ("account", writer.account))
    return [f"{kind} {name}" for kind, name in named if name]
