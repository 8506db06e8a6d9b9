"""Posts in a JSON file of any known schema, or with a text under one of the usual keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, printable, unescape
from popinjay.sources import Findings
from popinjay.sources.files.byte_source import ByteSource
from popinjay.sources.files.container import ReadErrors
from popinjay.sources.files.json_items import Item, items_in
from popinjay.sources.files.json_stream import Damage, begins, values
from popinjay.sources.rows.facts import NO_POST, row_in
from popinjay.sources.rows.file import HINT, RowFile, open_text
from popinjay.sources.rows.keys import fold, folded, unwrapped
from popinjay.sources.rows.privacy import hidden_in
from popinjay.sources.rows.row import Row
from popinjay.sources.rows.undated import Undated
from popinjay.sources.schemas.page import NO_PAGE, WHOLE_FILE

NO_JSON = "line that is no JSON"
_MAX_NAMES = 30  # keys named in a message
_MAX_OTHERS = 300_000  # items that are not public posts, ...
_OTHERS_PER_POST = 10  # ... if they outnumber the posts by this factor
_START = 2**16  # characters examined
_STARTS = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\[{"\]]|window\.YTD\.|Grailbird\.data\.)')


class JsonFile(RowFile):
    """The posts of one person in a file of JSON."""

    def __init__(self, source: ByteSource, options: CollectOptions) -> None:
        self._json = JsonRows(source, options)
        super().__init__(source, options)

    def _rows(self, findings: Findings) -> Iterator[Row]:
        yield from self._json.rows(findings)
        findings.source = f"JSON file{written_by(self._json.schemas)}"


def written_by(schemas: Counter[str]) -> str:
    """Return which site's or tool's posts these are, as a clause; empty if that is not known."""
    return f", posts as {schemas.most_common(1)[0][0]} writes them" if schemas else ""


class JsonRows:
    """The posts in a file of JSON."""

    def __init__(self, source: ByteSource, options: CollectOptions) -> None:
        self.label = source.label
        self.count = 0  # rows of all kinds, once they have been read
        self.schemas = Counter[str]()  # names of schemas, each with its number of rows
        self._source = source
        self._options = options
        self._first: Any = None

    def rows(self, findings: Findings) -> Iterator[Row]:
        """Yield the posts; items that are not public posts are counted in `findings`.

        Raises SpecError if there is no post, or if most of the file is damaged.
        """
        damage = Damage()
        undated = Undated()
        left_out = findings.left_out
        any_post = False
        posts = 0
        self.count = 0
        self.schemas.clear()
        with ReadErrors(self.label), open_text(self._source) as text:
            for value, alone in values(text, self.label, damage):
                for item in items_in(value, WHOLE_FILE if alone else NO_PAGE):
                    self.count += 1
                    if self.count == 1:
                        self._first = item.value
                    if item.schema:
                        self.schemas[item.schema.NAME] += 1
                    row = self._row(item, self.count, undated)
                    any_post = any_post or row != NO_POST
                    if isinstance(row, Row):
                        yield row
                        posts += 1
                        continue
                    left_out[row] += 1
                    too_many_others = self.count - posts > _MAX_OTHERS
                    if too_many_others and self.count > _OTHERS_PER_POST * posts:
                        raise self._too_few(posts)
        if self.count and not any_post:
            left_out[NO_POST] -= self.count
            raise self._no_posts()
        self._report_damage(damage, findings)
        findings.notes += undated.notes(self.label)

    def _row(self, item: Item, position: int, undated: Undated) -> Row | str:
        """Convert an item, or return the reason to leave it out."""
        value = item.value
        page = item.page
        schema = item.schema
        if page.hidden:
            return page.hidden
        column = self._options.text_column
        if not isinstance(value, dict):
            value = {"text": value} if isinstance(value, str) else {}
            column = None
        value = {key: unwrapped(part) for key, part in value.items()}
        named = folded(value)
        row = schema.post(value, position, page) if schema else row_in(named, position, column)
        if not schema:
            undated.add(named, row)
        if isinstance(row, str):
            return row
        if reason := hidden_in(named):
            return reason
        text = named.get(fold(column)) if schema and column else None
        if isinstance(text, str) and row.post.kind is not Kind.REPOST:
            row = replace(row, post=replace(row.post, text=printable(unescape(text))))
        if not row.post.id and page.key:
            row = replace(row, post=replace(row.post, id=page.key))
        return row if row.writer or not page.owner else replace(row, writer=page.owner)

    def _no_posts(self) -> SpecError:
        """Return an error for a file without any post."""
        first = self._first
        column = self._options.text_column
        if not isinstance(first, dict):
            return SpecError(f"Item 1 of {self.label} is neither a text nor an object.", HINT)
        missing = f"no column {column!r}" if column else "no column that is plainly the text"
        names = ", ".join(list(first)[:_MAX_NAMES]) or "none"
        return SpecError(
            f"{self.label} has {missing} (item 1 has: {printable(names)}).",
            "Name it with --text-column.",
            page_hint="Rename the column with the posts to 'text', and give the file again.",
        )

    def _too_few(self, posts: int) -> SpecError:
        """Return an error for a file of mostly other items."""
        return SpecError(
            f"Of the first {self.count:,} items of {self.label}, {posts:,} are posts.",
            "Give a file that holds posts.",
        )

    def _report_damage(self, damage: Damage, findings: Findings) -> None:
        """Note damaged lines. Raises SpecError if there are more of them than items."""
        lines = len(damage.lines)
        if lines > self.count:
            more = f", nor {'is' if lines == 2 else 'are'} {lines - 1:,} more" if lines > 1 else ""
            raise SpecError(f"Line {damage.lines[0]:,} of {self.label} is not JSON{more}.", HINT)
        if lines:
            findings.left_out[NO_JSON] += lines
            findings.notes.append(f"Line {damage.lines[0]:,} of {self.label} is not JSON.")
        if damage.cut_off:
            findings.notes.append(
                f"{self.label} was cut off: its end is missing. The complete part was read."
            )


def begins_as_json(source: ByteSource) -> bool:
    """Return whether a file starts with a JSON value, whatever its name."""
    try:
        with ReadErrors(source.label), open_text(source) as text:
            start = text.read(_START)
    except SpecError:
        return False
    return _STARTS.match(start) is not None and begins(start)
