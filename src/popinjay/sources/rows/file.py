"""A file of rows, read twice: once for the people in it, once for the posts of one of them."""

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

HINT = "Give a .txt with one post a line, a .csv or .tsv with a header, or a .jsonl with one object a line."


class RowFile(Reading):
    """The posts of one person in a file of rows. A kind of file says in `_rows` how it is read."""

    def __init__(self, source: Source, options: CollectOptions) -> None:
        """Count the people. What `_rows` needs has to be there before. Raises SpecError."""
        self.label = source.label
        self._whole = source
        self._options = options
        self.findings = Findings()
        self._census = Census(source.label, source.stem)
        for row in self._rows(Findings()):
            self._census.add(row)
        if source.encoding == WESTERN:
            self.findings.notes.append(f"{source.label} is not UTF-8; it is read as Windows-1252.")
        self._chosen = self._census.chosen(options.author, self.findings)
        self._take(self._chosen[0])

    @abstractmethod
    def _rows(self, findings: Findings) -> Iterator[Row]:
        """Yield the file's posts; count in `findings` what is none, or not for everybody."""

    def people(self) -> tuple[Reading, ...]:
        """Return a reading for each person whose posts are wanted."""
        return (self, *(self._of(person) for person in self._chosen[1:]))

    def close(self) -> None:
        """Close the file, with the archive it lies in."""
        self._whole.close()

    def fingerprint(self) -> str:
        """Return a hash of what would be read."""
        return self._whole.fingerprint()

    def posts(self) -> Iterator[Post]:
        """Yield one person's posts in the order of the file."""
        leads = self._read is self._chosen[0]  # and says what was left out of the file
        findings = self.findings if leads else Findings()
        others = frozenset[Writer]().union(*(one.writers for one in self._chosen))
        rows = self._rows(findings)
        yield from self._census.posts(rows, self._read, self.findings, others if leads else None)

    def _of(self, person: Person) -> Reading:
        other = copy.copy(self)
        other.findings = Findings()
        other._take(person)
        return other

    def _take(self, person: Person) -> None:
        self._read = person
        self.author: Author = person.author
        self.findings.notes += person.notes
        self.refusal = person.refusal


def open_text(source: ByteSource) -> IO[str]:
    """Return a source's text as it is read. Raises SpecError if it is plainly no text."""
    if source.encoding is None:
        with source.open() as raw:
            source.encoding = encoding_of(raw, source.label)
    return io.TextIOWrapper(source.open(), encoding=source.encoding, newline="")
