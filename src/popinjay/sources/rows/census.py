"""The people of a file of rows, and their posts.

A file is gone through twice. The first time, every row is counted here (`Census.add`): who wrote
how much, and which ids come more than once. Then `Census.people` says who is in it, and going
through the rows again, `Census.posts` gives the posts of one of them: under ids that no other post
of theirs has, with their own threads told from replies to others.

Any file of rows can be read this way: what it takes is `row.Row`, one a post.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from popinjay.errors import SpecError
from popinjay.post import Author, Kind, Post, handle_of
from popinjay.sources import Findings
from popinjay.sources.rows.row import NOBODY, About, Row, Writer
from popinjay.sources.x.post import without_own_handle

EVERYBODY = "*"  # as --author: the whole file as one voice
MAX_PEOPLE = 8  # that a file makes a cyborg of, unless they are named
FEW = 0.1  # who wrote less than this share of what the busiest wrote is passed over, unless named
OTHERS = "somebody else's post"
AGAIN = "the same post again"
EDITED = "earlier version of an edited post"
_MAX_WRITERS = 200_000
_NAMED = 5  # people named in a sentence


@dataclass(slots=True)
class _Seen:
    """What was seen of one writer: hashes of ids, each with a hash of its post's content."""

    posts: int = 0
    names: Counter[str] = field(default_factory=Counter)
    about: list[About] = field(default_factory=list)
    contents: dict[int, int] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)  # ids that the same post has twice
    shared: set[int] = field(default_factory=set)  # ids that different posts have
    earlier: set[int] = field(default_factory=set)  # ids of posts that were edited since

    def add(self, row: Row) -> None:
        if not self.posts and row.about:
            self.about.append(row.about())
        self.posts += 1
        self.names[row.writer.name] += 1
        self.earlier.update(map(hash, row.earlier))
        if row.post.id:
            # without a time, equal words under one id may well be two posts
            when = row.post.created_at or row.place
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
        """Take over what was seen of the same person under another name."""
        self.posts += other.posts
        self.names += other.names
        self.about += other.about
        self.again |= other.again
        self.shared |= other.shared
        self.earlier |= other.earlier
        for id, content in other.contents.items():
            self._add_id(id, content)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who wrote in a file. `writers` are all the ways in which rows name them."""

    author: Author
    posts: int
    writers: frozenset[Writer]
    seen: _Seen

    @property
    def notes(self) -> list[str]:
        """What they say of themselves, each sentence once."""
        return list(dict.fromkeys(note for about in self.seen.about for note in about.notes))

    @property
    def refusal(self) -> str:
        """What they have declared against being learnt from, empty if nothing."""
        return next((about.refusal for about in self.seen.about if about.refusal), "")

    def is_called(self, name: str) -> bool:
        """Whether this is the handle, account or display name of theirs."""
        wanted = name.strip().lstrip("@").lower()
        names = {part for one in self.writers for part in (one.handle, one.account)}
        names |= {self.author.handle, *self.seen.names}
        return bool(wanted) and wanted in {part.lower() for part in names}


class Census:
    """Counts the rows of one file; `label` is what the file is called in messages."""

    def __init__(self, label: str, stem: str) -> None:
        """`stem` names the author if no row does."""
        self._label = label
        self._unnamed = Author(handle_of(stem) or "me", stem)
        self._seen: dict[Writer, _Seen] = {}
        self._any_ids = False
        self._people: list[Person] = []

    def add(self, row: Row) -> None:
        """Count a row. Raises SpecError if the file names more people than any author's could."""
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
        """Return everybody who wrote in the file, the busiest first.

        Rows without a name are theirs if there is just one person; the file's name is that of a
        person without a handle who is alone in it.
        """
        if not self._people:
            groups = _same_people(set(self._seen) - {NOBODY})
            if len(groups) < 2:
                groups = [set(self._seen)] if self._seen else []
            self._people = [self._person(group, alone=len(groups) == 1) for group in groups]
            self._people.sort(key=lambda person: (-person.posts, person.author.handle))
        return self._people

    def chosen(self, asked: str | None, findings: Findings) -> list[Person]:
        """Return the people whose posts are wanted, and note who else is there.

        `asked` names some of them, with commas between, or is `*` for all as one voice. Raises
        SpecError if somebody who was asked for is not there, or there are too many to choose from.
        """
        people = self.people()
        if not people:
            return [Person(self._unnamed, 0, frozenset(), _Seen())]
        if asked is not None and asked.strip() == EVERYBODY:
            return [self._all_as_one()]
        if asked is not None and (len(people) > 1 or people[0].writers != {NOBODY}):
            return self._named(asked)
        if len(people) == 1:
            return people
        kept = [one for one in people if one.posts >= FEW * people[0].posts]
        if len(kept) > MAX_PEOPLE:
            raise SpecError(
                f"{self._label} holds posts of {self.in_words()}.",
                f"Say whose you mean: --author {people[0].author.handle} (or --author '{EVERYBODY}' for all as one voice).",
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

        Posts of writers `elsewhere` are passed over without a count, if it is None those of
        everybody else: another reading of the same file counts them.
        """
        seen, given = person.seen, set[int]()
        for row in rows:
            id, writer = hash(row.post.id), _key(row.writer)
            if writer not in person.writers:
                if elsewhere is not None and writer not in elsewhere:
                    findings.left_out[OTHERS] += 1
            elif row.post.id and id in seen.earlier:
                findings.left_out[EDITED] += 1
            elif row.post.id and id in given and id not in seen.shared:
                findings.left_out[AGAIN] += 1
            else:
                if id in seen.again:
                    given.add(id)
                yield self._post(row, person)

    def in_words(self) -> str:
        """Return how many people there are, and who wrote most."""
        people = self.people()
        shown = ", ".join(f"{one.author.handle} {one.posts:,}" for one in people[:_NAMED])
        more = ", ..." if len(people) > _NAMED else ""
        return f"{len(people):,} people ({shown}{more})"

    def _person(self, group: set[Writer], *, alone: bool) -> Person:
        seen = _Seen()
        for writer in group:
            seen.merge(self._seen[writer])
        handles = Counter[str]()
        for writer in group:
            handles[writer.handle] += self._seen[writer].posts if writer.handle else 0
        handle = max(sorted(handles), key=lambda one: handles[one])
        name = next((name for name, _ in seen.names.most_common() if name), "")
        if handle:
            author = Author(handle, name)
        elif alone:
            author = replace(self._unnamed, name=name or self._unnamed.name)
        else:
            author = Author(handle_of(min(one.account for one in group)) or "me", name)
        return Person(author, seen.posts, frozenset(group), seen)

    def _all_as_one(self) -> Person:
        seen = _Seen()
        for one in self._seen.values():
            seen.merge(one)
        author = self.people()[0].author if len(self.people()) == 1 else self._unnamed
        return Person(author, seen.posts, frozenset(self._seen), seen)

    def _named(self, asked: str) -> list[Person]:
        found: list[Person] = []
        for name in (name for name in asked.split(",") if name.strip()):
            person = next((one for one in self.people() if one.is_called(name)), None)
            if person is None:
                many = len(self.people()) > 1
                there = self.in_words() if many else self.people()[0].author.handle
                raise SpecError(
                    f"{self._label} holds no post of {name.strip()!r}.",
                    f"It holds those of {there}.",
                )
            if person not in found:
                found.append(person)
        return found

    def _note(self, kept: list[Person]) -> str:
        first = kept[0].author.handle
        if len(kept) == 1:
            return f"{self._label} holds posts of {self.in_words()}: only those of {first} are read. Say --author to read others."
        passed = len(self.people()) - len(kept)
        others = f", without {passed:,} who wrote little" if passed else ""
        return f"{self._label} holds posts of {self.in_words()}: together they make a cyborg{others}. For one of them alone, say --author {first}."

    def _post(self, row: Row, person: Person) -> Post:
        post = row.post
        kind, text = post.kind, post.text
        if kind is Kind.REPLY:
            own = [one.handle for one in person.writers]
            if _answers_itself(row, person):
                kind = row.in_own_thread
                own.append(row.answered.handle)
            text = without_own_handle(text, own)
        if not self._any_ids:
            id = str(row.place)
        elif not post.id or hash(post.id) in person.seen.shared:
            id = f"#{row.place}"
        else:
            id = post.id
        author = person.author.handle
        return Post(id, author, text, kind, post.created_at, post.lang, post.truncated)


def _key(writer: Writer) -> Writer:
    """Return what tells a writer from others; display names change too often for that."""
    return Writer(writer.handle, writer.account) if writer.name else writer


def _answers_itself(row: Row, person: Person) -> bool:
    """Whether a row that answers somebody answers its own author."""
    answered, writer = row.answered, row.writer
    if answered.account and writer.account:
        return answered.account == writer.account
    if answered.handle and writer.handle:
        return any(answered.handle == one.handle for one in person.writers)
    return bool(row.answers) and hash(row.answers) in person.seen.contents


def _same_people(writers: Iterable[Writer]) -> list[set[Writer]]:
    """Group writers who share an account or a handle, also by way of others in their group."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (upper := above.setdefault(name, name)) != name:
            above[name] = above[upper]
            name = upper
        return name

    names_of = {writer: _names(writer) for writer in writers}
    for names in names_of.values():
        above[top(names[-1])] = top(names[0])
    groups: dict[str, set[Writer]] = {}
    for writer, names in names_of.items():
        groups.setdefault(top(names[0]), set()).add(writer)
    return list(groups.values())


def _names(writer: Writer) -> list[str]:
    """Return what tells a writer from others, one or two names; a handle is never an account."""
    named = (("handle", writer.handle), ("account", writer.account))
    return [f"{kind} {name}" for kind, name in named if name]
