"""The record of a persona, `run.toml`: what was asked, how each stage ended, what came of it.

Tables and keys that are not known here, of other versions of popinjay, are kept as they are. Tables
are written in the order in which they were first recorded.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomli_w

from popinjay.errors import PersonaError
from popinjay.events import StopReason
from popinjay.store.blend_member import BlendMember
from popinjay.store.toml_table import Table, storable

# The format of run.toml; a file without the key `format` has format 1. It is raised when an older
# popinjay would misread a file, and `Record.from_table` then converts older files.
FORMAT = 1


class EntryState(StrEnum):
    """How the work on a stage ended."""

    DONE = "done"
    WRITING = "writing"  # the outputs are complete and are being given their final names
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StageEntry:
    """What is on record of one stage.

    An attempt that failed leaves everything about the outputs of an earlier one in place, and adds
    its error and, as `tried`, its options.
    """

    state: EntryState
    version: int | None = None
    finished: datetime | None = None
    seconds: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)  # name of a file -> its hash
    makes: Mapping[str, str] | None = None  # the same; None if the stage never succeeded
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the stage says about itself
    source: str | None = None  # the hash of what it read from outside the folder
    tried: Mapping[str, Any] | None = None
    error: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether the outputs are there, fresh or not."""
        return self.makes is not None and self.state is not EntryState.WRITING

    def forgiven(self) -> StageEntry:
        """Return the entry without the attempt that failed."""
        return replace(self, state=EntryState.DONE, tried=None, error=None)

    @classmethod
    def from_table(cls, table: object, where: str) -> StageEntry:
        """Return the entry that a table holds. Raises ValueError if it is damaged."""
        found = Table(table, where)
        return cls(
            state=EntryState(found.text("state")),
            version=found.value("version", int),
            finished=found.value("finished", datetime),
            seconds=found.value("seconds", float),
            options=found.table("options") or {},
            needs=found.texts_by_name("needs") or {},
            makes=found.texts_by_name("makes"),
            facts=found.table("facts") or {},
            source=found.value("source", str),
            tried=found.table("tried"),
            error=found.value("error", str),
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return the entry as a table."""
        table = _known(self)
        if self.makes is None:
            for name in ("needs", "facts"):
                if not table[name]:
                    del table[name]
        return {**table, **self.other}


@dataclass(frozen=True, slots=True)
class CleanFacts:
    """What the stage `clean` says about itself."""

    authors: Sequence[Mapping[str, Any]] = ()  # counts of posts, a table for each author
    languages: Mapping[str, float] = field(default_factory=dict)  # code -> share of posts


@dataclass(frozen=True, slots=True)
class TrainFacts:
    """What the stage `train` says about itself, as far as others ask."""

    base: str = ""  # empty if it is not on record
    base_record: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)  # temperature, top_p and trials
    stopped: str = ""  # why training stopped
    steps: int = 0
    best_step: int = 0
    epochs_seen: float = 1.0
    updated_from: int | None = None  # the version of the model that its training started from
    learnt_before: Sequence[str] = ()  # hashes of the data that this model had learnt before

    @property
    def caution(self) -> str:
        """What a reader should know if not even every post was read once; else empty."""
        if self.epochs_seen >= 1:
            return ""
        more = " With more time it would write more like its author."
        return (
            f"It has read only {max(0.01, self.epochs_seen):.0%} of the posts that it was to learn "
            f"from, and those once.{more if self.stopped == StopReason.TIME_WAS_UP else ''}"
        )


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """One version of an artifact of the lineage."""

    name: str
    type: str
    version: int
    hash: str
    made: datetime
    uses: tuple[str, ...] = ()  # labels of other versions
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and version in one word: `dataset-ada:v2`."""
        return f"{self.name}:v{self.version}"

    @classmethod
    def from_table(cls, table: object, where: str) -> ArtifactVersion:
        """Return the version that a table holds. Raises ValueError if it is damaged."""
        found = Table(table, where)
        return cls(
            name=found.text("name"),
            type=found.text("type"),
            version=found.needed("version", int),
            hash=found.text("hash"),
            made=found.needed("made", datetime),
            uses=found.texts("uses") or (),
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return the version as a table."""
        return {**_known(self), **self.other}


@dataclass(frozen=True, slots=True)
class Asked:
    """What `make` was asked for, beside the options of the stages."""

    specs: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()  # handles
    accounts: tuple[str, ...] = ()  # of the authors, those whose posts are read over a network
    weights: Mapping[str, float] = field(default_factory=dict)  # handle -> weight, if not all equal
    whose: str | None = None
    contact: str | None = None
    track: tuple[str, ...] | None = None  # trackers; None if it is not on record
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: object) -> Asked:
        """Return what a table holds. Raises ValueError if it is damaged."""
        found = Table(table, "asked")
        return cls(
            specs=found.texts("specs") or (),
            authors=found.texts("authors") or (),
            accounts=found.texts("accounts") or (),
            weights=found.numbers_by_name("weights") or {},
            whose=found.value("whose", str),
            contact=found.value("contact", str),
            track=found.texts("track"),
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return it as a table."""
        table = _known(self)
        for name in ("accounts", "weights"):
            if not table[name]:
                del table[name]
        return {**table, **self.other}


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A tracker that was told texts, and where it keeps them."""

    tracker: str
    persona: str = ""
    folder: str = ""  # one below the home folder is relative to it: homes are moved
    address: str = ""
    seal: str | None = None  # shows that the row was noted on this machine
    owed: bool = False  # what is there is to be removed
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: object, where: str) -> LedgerRow:
        """Return the row that a table holds. Raises ValueError if it is damaged."""
        found = Table(table, where)
        return cls(
            tracker=found.text("tracker"),
            persona=found.value("persona", str) or "",
            folder=found.value("folder", str) or "",
            address=found.value("address", str) or "",
            seal=found.value("seal", str),
            owed=found.value("owed", bool) or False,
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return the row as a table."""
        table = _known(self)
        if not self.owed:
            del table["owed"]
        return {**table, **self.other}


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published to one place."""

    published: datetime | None = None
    model: str | None = None  # its hash
    version: str | None = None
    commit: str | None = None
    private: bool | None = None
    files: tuple[str, ...] = ()
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: object, where: str) -> Publication:
        """Return what a table holds. Raises ValueError if it is damaged."""
        found = Table(table, where)
        return cls(
            published=found.value("published", datetime),
            model=found.value("model", str),
            version=found.value("version", str),
            commit=found.value("commit", str),
            private=found.value("private", bool),
            files=found.texts("files") or (),
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return it as a table."""
        return {**_known(self), **self.other}


@dataclass(frozen=True, slots=True)
class Record:
    """The content of `run.toml`."""

    stages: Mapping[str, StageEntry] = field(default_factory=dict)
    artifacts: tuple[ArtifactVersion, ...] = ()
    asked: Asked = field(default_factory=Asked)
    published: Mapping[str, Publication] = field(default_factory=dict)  # place -> what lies there
    told: tuple[LedgerRow, ...] = ()
    blend: tuple[BlendMember, ...] = ()  # the models whose weights were added up; else nothing
    other: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()  # that are on record, in the order of the file

    @classmethod
    def load(cls, file: Path) -> Record:
        """Read a record; it is empty if there is no file. Raises PersonaError if it is damaged."""
        try:
            if not file.exists():
                return cls()
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            _check_format(file, table)
            return cls.from_table(table)
        except OSError as error:
            raise PersonaError(
                f"{file} can't be read: {error.strerror}.",
                "Check its permissions, or choose another folder with --home.",
                page_hint="Check its permissions.",
            ) from error
        except ValueError as error:  # those of TOML and of UTF-8 are such, too
            raise PersonaError(
                f"{file} is damaged: {error}.",
                "Delete that file and make the persona again: every stage will run again.",
            ) from error

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Record:
        """Return the record that a TOML document holds. Raises ValueError if it is damaged."""
        found = Table(table, "the file")
        return cls(
            stages={
                name: StageEntry.from_table(entry, f"stages.{name}")
                for name, entry in (found.table("stages") or {}).items()
            },
            artifacts=tuple(
                ArtifactVersion.from_table(row, "a row of artifacts")
                for row in found.rows("artifacts")
            ),
            asked=Asked.from_table(found.table("asked") or {}),
            published={
                place: Publication.from_table(entry, f"published.{place!r}")
                for place, entry in (found.table("published") or {}).items()
            },
            told=tuple(LedgerRow.from_table(row, "a row of told") for row in found.rows("told")),
            blend=tuple(
                BlendMember.from_table(row, "a row of blend") for row in found.rows("blend")
            ),
            other=found.rest,
            tables=tuple(table),
        )

    def to_table(self) -> dict[str, Any]:
        """Return the record as the tables of a TOML document, in the order of the file."""
        tables: dict[str, Any] = {
            **self.other,
            "stages": {name: entry.to_table() for name, entry in self.stages.items()},
            "artifacts": [artifact.to_table() for artifact in self.artifacts],
            "asked": self.asked.to_table() if self.asked != Asked() else {},
            "published": {place: entry.to_table() for place, entry in self.published.items()},
            "told": [row.to_table() for row in self.told],
            "blend": [member.to_table() for member in self.blend],
        }
        more = [name for name in tables if tables[name] and name not in self.tables]
        return {name: tables[name] for name in (*self.tables, *more) if name in tables}

    def to_bytes(self) -> bytes:
        """Return the record as the content of `run.toml`."""
        return tomli_w.dumps(storable(self.to_table())).encode()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on record."""
        return not self.to_table()

    def updated(
        self,
        *,
        stages: Mapping[str, StageEntry] | None = None,
        artifacts: Sequence[ArtifactVersion] | None = None,
        asked: Asked | None = None,
        published: Mapping[str, Publication] | None = None,
        told: Sequence[LedgerRow] | None = None,
        blend: Sequence[BlendMember] | None = None,
    ) -> Record:
        """Return the record with these tables in place of those that it has."""
        given: dict[str, Any] = {
            "stages": stages,
            "artifacts": None if artifacts is None else tuple(artifacts),
            "asked": asked,
            "published": published,
            "told": None if told is None else tuple(told),
            "blend": None if blend is None else tuple(blend),
        }
        changed = {name: table for name, table in given.items() if table is not None}
        new = [name for name in changed if name not in self.tables]
        return replace(self, **changed, tables=(*self.tables, *new))

    def ledger_only(self) -> Record:
        """Return the record with nothing left of it but what trackers were told."""
        return Record().updated(told=self.told if "told" in self.tables else None)

    def made(self, stage: str) -> StageEntry | None:
        """Return the entry of a stage whose outputs are there, fresh or not; None without any."""
        entry = self.stages.get(stage)
        return entry if entry is not None and entry.is_made else None

    def facts(self, stage: str) -> Mapping[str, Any]:
        """Return what a stage says about itself; nothing if it is not on record."""
        entry = self.stages.get(stage)
        return {} if entry is None else entry.facts

    def error_of(self, stage: str) -> str | None:
        """Return why the last attempt at a stage failed; None if it did not."""
        entry = self.stages.get(stage)
        return None if entry is None else entry.error

    def finished(self, stage: str) -> datetime | None:
        """Return when a stage last succeeded; None if it never did."""
        entry = self.stages.get(stage)
        return None if entry is None else entry.finished

    def options(self, stage: str) -> Mapping[str, Any] | None:
        """Return the options of a stage; None if it is not on record."""
        entry = self.stages.get(stage)
        return None if entry is None else entry.options

    @property
    def cleaned(self) -> CleanFacts:
        """What `clean` says about itself."""
        facts = self.facts("clean")
        return CleanFacts(facts.get("authors", ()), facts.get("languages", {}))

    @property
    def trained(self) -> TrainFacts:
        """What `train` says about itself."""
        facts = self.facts("train")
        return TrainFacts(
            base=facts.get("base", ""),
            base_record=facts.get("base_record", {}),
            sampling=facts.get("sampling", {}),
            stopped=facts.get("stopped", ""),
            steps=facts.get("steps", 0),
            best_step=facts.get("best_step", 0),
            epochs_seen=facts.get("epochs_seen", 1.0),
            updated_from=facts.get("updated_from"),
            learnt_before=facts.get("learnt_before", ()),
        )

    def hashes(self) -> dict[str, str]:
        """Return the hash of each output, by its name, as the stage that made it recorded it."""
        return {
            name: known
            for entry in self.stages.values()
            for name, known in (entry.makes or {}).items()
        }


def _check_format(file: Path, table: Mapping[str, Any]) -> None:
    """Raise PersonaError if a file is in a format that is newer than this code."""
    found = table.get("format", 1)
    if not isinstance(found, int):
        raise ValueError("'format' in the file is not of type int")
    if found > FORMAT:
        raise PersonaError(
            f"{file} was written by a newer version of popinjay.",
            "Update popinjay: pip install --upgrade popinjay",
            page_hint="Update popinjay.",
        )


def _known(row: Any) -> dict[str, Any]:
    """Return the fields of a row in their order, without those that are not set."""
    values = {one.name: getattr(row, one.name) for one in fields(row) if one.name != "other"}
    return {name: value for name, value in values.items() if value is not None}
