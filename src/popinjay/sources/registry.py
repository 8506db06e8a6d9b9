"""Which source reads a spec.

Sources are asked in this order, and the first one that matches reads the spec:

1. Built-in sources that recognise their own input: posts in Python's memory, X's and Mastodon's
   archives by their layout, Bluesky's export by its first bytes, accounts by how they are written.
2. Plug-ins: the entry points of the group `popinjay.sources`, in the order of their names.
3. Built-in sources that take a whole class of files: packed rows (zips and folders with text
   files) and text (any .txt, .csv, .json and so on).

Plug-ins come before 3 because nothing would be left for them behind it: each zip, folder and JSON
file would be taken already. They come behind 1 so that a plug-in that matches too much cannot take
an X archive away, which would give another persona for the same command. One restriction follows
from 1: a .tar.gz is always Mastodon's, as telling what it holds would mean expanding all of it.

A zip or folder that no source matches goes to the X archive, whose error says what it seems to be.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.sources.source import UNATTENDED, Access, Reading, Source
from popinjay.sources.source_options import check_known, options_of

GROUP = "popinjay.sources"  # of entry points
TO_GIVE = (
    "Give the archive of X, Mastodon or Bluesky as you received it, or a file of posts: .txt with "
    "one post per line, .csv, .tsv or .jsonl."
)

X_ARCHIVE = "popinjay.sources.x.archive"
MEMORY = "popinjay.sources.memory"
BUILT_IN = (  # in the order in which they are listed
    "popinjay.sources.mastodon.export",
    "popinjay.sources.files.packed_rows",
    X_ARCHIVE,
    "popinjay.sources.bluesky.export",
    "popinjay.sources.files.text",
    "popinjay.sources.bluesky.account",
    "popinjay.sources.mastodon.account",
    "popinjay.sources.x.api",
    MEMORY,
)
CATCH_ALLS = ("popinjay.sources.files.packed_rows", "popinjay.sources.files.text")


def all_sources() -> list[Source]:
    """Return every source, built-in ones first, in the order in which they are listed."""
    return [*map(_built_in, BUILT_IN), *_plug_ins()]


def find(spec: str) -> Source:
    """Return the source that reads this spec. Raises SpecError if none does."""
    if "\x00" in spec:
        raise SpecError(
            "A name with a NUL byte in it can't be a file.",
            "Check how the name was typed or passed.",
        )
    for source in _in_order():
        if spec and source.matches(spec):
            return source
    if spec and _is_zip_or_folder(spec):
        return _built_in(X_ARCHIVE)
    raise _nothing_reads(spec)


def read(spec: str, options: CollectOptions, access: Access = UNATTENDED) -> Reading:
    """Open a spec, for the caller to close.

    Raises SpecError if it cannot be read, NetworkError if a server cannot.
    """
    return read_all([spec], options, access)[0]


def read_all(
    specs: Sequence[str], options: CollectOptions, access: Access = UNATTENDED
) -> list[Reading]:
    """Open several specs, whose sources share `--source-options`. The caller closes the readings.

    Raises SpecError if one cannot be read, NetworkError if a server cannot, and OptionError for an
    option that none of the sources has.
    """
    found: list[Source] = []
    for spec in specs:
        with _FileErrors(spec):
            found.append(find(spec))
    check_known(options, [kind for source in found if (kind := options_of(source))])
    readings: list[Reading] = []
    with ExitStack() as stack:  # closes what was opened before one that cannot be read
        for spec, source in zip(specs, found, strict=True):
            with _FileErrors(spec):
                reading = stack.enter_context(source.read(spec, options, access))
                reading.findings.source = reading.findings.source or source.NAME
                readings.append(reading)
        stack.pop_all()
    return readings


class _FileErrors:
    """A context that turns an OSError into a SpecError about a spec."""

    def __init__(self, spec: str) -> None:
        self._spec = spec

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PermissionError):
            raise SpecError(
                f"No permission to read {error.filename or repr(self._spec)}.",
                "Change its permissions, or copy it to where you may read it.",
            ) from error
        if isinstance(error, OSError):
            raise SpecError(
                f"{self._spec!r} can't be read: {error.strerror or error}.",
                "Check the name, or take a fresh copy.",
            ) from error


def _in_order() -> Iterator[Source]:
    """Yield the sources in the order in which they are asked, each loaded when its turn comes."""
    yield _built_in(MEMORY)  # the others take a spec for the name of something
    for name in BUILT_IN:
        if name not in (MEMORY, *CATCH_ALLS):
            yield _built_in(name)
    yield from _plug_ins()
    for name in CATCH_ALLS:
        yield _built_in(name)


def _built_in(name: str) -> Source:
    module: object = importlib.import_module(name)
    assert isinstance(module, Source), name
    return module


def _plug_ins() -> Iterator[Source]:
    """Yield the sources of other packages. Raises SpecError for one that cannot be loaded."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        yield _loaded(entry)


def _loaded(entry: EntryPoint) -> Source:
    """Load a plug-in.

    A broken one is an error, and not passed over, as another source might misread its input.
    """
    package = entry.dist.name if entry.dist else entry.value
    hint = f"Update or uninstall the package {package}."
    try:
        source: object = entry.load()
    except Exception as error:
        raise SpecError(f"The source {entry.name!r} can't be loaded: {error}.", hint) from error
    if not isinstance(source, Source):
        raise SpecError(
            f"The source {entry.name!r} lacks NAME, HELP, NEEDS, matches or read.", hint
        )
    return source


def _is_zip_or_folder(spec: str) -> bool:
    from popinjay.sources.files.container import is_zip

    path = Path(spec)
    return path.is_dir() or is_zip(path)


def _nothing_reads(spec: str) -> SpecError:
    """Return the error for a spec that no source reads."""
    from popinjay.sources.hints import guess

    names = ", ".join(source.NAME for source in all_sources())
    reads = f"reads: {names} (what to give: popinjay sources)."
    meant = guess(spec)
    if not spec or (spec != "-" and not Path(spec).exists()):
        return SpecError(
            f"There is no file, folder or account {spec!r}.",
            meant or f"Popinjay {reads}",
            page_hint=meant or TO_GIVE,
        )
    return SpecError(f"Popinjay can't read {spec!r}.", f"It {reads}", page_hint=TO_GIVE)
