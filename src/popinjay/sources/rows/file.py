"""A file of rows, read twice: first for the people in it, then for the posts of one person."""

from __future__ import annotations

import copy
import io
from abc import abstractmethod
from collections.abc import Iterator
from typing import IO

from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Findings, Reading
from popinjay.sources.files.byte_source import ByteSource, Source
from popinjay.sources.files.encodings import WESTERN, encoding_of
from popinjay.sources.rows.census import Census, Person
from popinjay.sources.rows.row import Row, Writer

HINT = (
    "Give a .txt with one post per line, a .csv or .tsv with a header, or a .jsonl with one object "
    "per line."
)


class RowFile(Reading):
    """The posts of one person in a file of rows. Subclasses implement `_rows`."""

    def __init__(self, source: Source, options: CollectOptions) -> None:
        """Count the people, which calls `_rows`. Raises SpecError."""
        self.label = source.label
        self._whole = source
        self._options = options
        self.findings = Findings()
        self._census = Census(source.label, source.stem)
        first = Findings()
        for row in self._rows(first):
            self._census.add(row)
        self.findings.source = first.source
        if source.encoding == WESTERN:
            self.findings.notes.append(f"{source.label} is not UTF-8; it is read as Windows-1252.")
        self._chosen = self._census.chosen(options.author, self.findings)
        self._select(self._chosen[0])

    @abstractmethod
    def _rows(self, findings: Findings) -> Iterator[Row]:
        """Yield the file's posts; rows that are not public posts are counted in `findings`."""

    def people(self) -> tuple[Reading, ...]:
        """Return a reading for each person whose posts are wanted."""
        return (self, *(self._of(person) for person in self._chosen[1:]))

    def close(self) -> None:
        """Close the file, with the archive it lies in."""
        self._whole.close()

    def fingerprint(self) -> str:
        """Return a hash of the file's content."""
        return self._whole.fingerprint()

    def posts(self) -> Iterator[Post]:
        """Yield one person's posts in the order of the file."""
        is_first = self._person is self._chosen[0]  # only the first reports what was left out
        rows = self._rows(self.findings if is_first else Findings())
        elsewhere = None
        if is_first:
            elsewhere = frozenset[Writer]().union(*(person.writers for person in self._chosen))
        yield from self._census.posts(rows, self._person, self.findings, elsewhere)

    def _of(self, person: Person) -> Reading:
        other = copy.copy(self)
        other.findings = Findings(self.findings.source)
        other._select(person)
        return other

    def _select(self, person: Person) -> None:
        self._person = person
        self.author: Author = person.author
        self.findings.notes += person.notes
        self.refusal = person.refusal


def open_text(source: ByteSource) -> IO[str]:
    """Open a source as text, after detecting its encoding. Raises SpecError if it is not text."""
    if source.encoding is None:
        with source.open() as raw:
            source.encoding = encoding_of(raw, source.label)
    return io.TextIOWrapper(source.open(), encoding=source.encoding, newline="")
