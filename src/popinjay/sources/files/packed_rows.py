"""A zip or a folder that is not a site's archive, with files of JSON, or one table or text.

Files whose names suggest private content or other people's posts are never opened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.sources import Access, Findings, reading_of
from popinjay.sources.files import text
from popinjay.sources.files.byte_source import Member, Source, stem_of
from popinjay.sources.files.container import Container, is_zip
from popinjay.sources.files.json_file import JsonRows, begins_as_json, written_by
from popinjay.sources.generic_names import is_generic
from popinjay.sources.rows.file import RowFile
from popinjay.sources.rows.row import Row
from popinjay.sources.x.layout import FOREIGN, is_of_x
from popinjay.text.quantities import plural

NAME = "packed text"
HELP = "a .zip or folder of .json or .jsonl files, or with one .csv, .tsv or .txt"
NEEDS = ""

_PRIVATE = re.compile(
    r"(?:direct|dms?|messages?|chats?|inbox|conversations?|likes?|favou?rites?|bookmarks?|follow\w*"
    r"|block\w*|mut(?:e|ed|es|ing)|friends?|contacts?|search\w*|login\w*|devices?|ip|notifications?"
    r"|drafts?|saved?|votes?|deleted|emails?|phones?|ads?|settings?|account\w*|profiles?)"
)
_THREADS = re.compile(r"(?:^|/)threads/threads_and_replies(?:_\d+)?\.json$")
_MAX_EXAMINED = 20  # files whose beginning is examined
_MAX_FILES = 10_000


def matches(spec: str) -> bool:
    """Match zips and folders with such files that are neither X's nor another site's."""
    path = Path(spec)
    if not path.is_dir() and not is_zip(path):
        return False
    try:
        container = Container(path)
    except (SpecError, OSError):
        return False  # the source that reads it reports why
    with container:
        return bool(_chosen(container))


def read(spec: str, options: CollectOptions, access: Access) -> RowFile:
    """Open the files. Raises SpecError if none can be read."""
    return reading_of(Container(Path(spec)), lambda container: _opened(container, options))


def _opened(container: Container, options: CollectOptions) -> RowFile:
    members = _chosen(container)
    if len(members) == 1:
        if is_generic(members[0].stem):
            members[0].stem = stem_of(container.path.name)
        return text.opened(members[0], options)
    return PackedRows(container, members, options)


def _chosen(container: Container) -> list[Member]:
    """Return the files with posts: all JSON files, or one other; empty for a site's archive."""
    names = container.names
    if is_of_x(container) or any(name.endswith("outbox.json") for name in names):
        return []
    threads = [name for name in names if _THREADS.search(name)]
    if not threads and any(holds(name) for holds in FOREIGN.values() for name in names):
        return []
    public = threads or [name for name in names if not _is_private(name)]
    members = [Member(container, name) for name in sorted(public, key=_in_order)]
    of_json = [member for member in members if text.kind_of(Path(member.name)) == "json"]
    if any(begins_as_json(member) for member in of_json[:_MAX_EXAMINED]):
        return of_json[:_MAX_FILES]
    others = [member for member in members if text.kind_of(Path(member.name)) not in (None, "json")]
    posts = [member for member in others if not re.match(r"(?i)readme|licen[cs]e", member.stem)]
    posts = posts or others
    return posts if len(posts) == 1 else []


def _is_private(name: str) -> bool:
    """Return whether the name of a file or of a folder above suggests other than public posts."""
    parts = [part for part in PurePosixPath(name).parts if not part.startswith(".")]
    if len(parts) < len(PurePosixPath(name).parts):
        return True  # hidden files
    words = [word for part in parts for word in re.split(r"[^a-z]+", part.lower())]
    return any(_PRIVATE.fullmatch(word) for word in words)


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names by value."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


class _Files(Source):
    """Some files of a container."""

    def __init__(self, container: Container, names: list[str]) -> None:
        self.label = container.path.name
        self.stem = stem_of(self.label)
        self._container = container
        self._names = names

    def close(self) -> None:
        """Close the zip."""
        self._container.close()

    def fingerprint(self) -> str:
        """Return a hash of all of them."""
        return self._container.fingerprint(self._names)


class PackedRows(RowFile):
    """The posts of one person in several files of JSON."""

    def __init__(
        self, container: Container, members: list[Member], options: CollectOptions
    ) -> None:
        self._members = [JsonRows(member, options) for member in members]
        super().__init__(_Files(container, [member.name for member in members]), options)

    def _rows(self, findings: Findings) -> Iterator[Row]:
        position = 0
        without_posts = []
        for member in self._members:
            found = 0
            try:
                for row in member.rows(findings):
                    found += 1
                    yield replace(row, position=position + row.position)
            except SpecError:
                if found:
                    raise
                without_posts.append(member.label)
            position += member.count
        schemas = sum((member.schemas for member in self._members), Counter[str]())
        files = plural(len(self._members), "JSON file")
        findings.source = f"zip or folder with {files}{written_by(schemas)}"
        if without_posts:
            findings.notes.append(f"No posts in {', '.join(without_posts[:5])}: skipped.")
