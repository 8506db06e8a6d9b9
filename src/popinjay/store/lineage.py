"""Lineage: what a persona came from, as versions with hashes.

The graph is raw posts -> dataset (and a base model) -> model -> report. Names, types and jobs are
those of HuggingTweets; the report is an addition. The table `artifacts` of `run.toml` holds every
version that ever existed, so the graph needs no tracker and no network. A new version is counted
when the hash of the content changes; content that existed before gets the version it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from popinjay.store.record import ArtifactVersion, Record, StageEntry


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact, and the place that it has in the graph."""

    key: str
    name: str
    type: str
    stage: str  # that makes it
    files: tuple[str, ...] = ()  # none: the base model, which comes from elsewhere
    job: str = ""
    uses: tuple[str, ...] = ()  # keys of the kinds that it is made from

    def named(self, persona: str, stage: StageEntry) -> str:
        """Return the name of a persona's artifact.

        A base in a folder is called as the folder: its path may be private.
        """
        return self.name.format(
            persona=persona, base=PurePath(stage.options.get("base") or "").name
        )

    def hashed(self, stage: StageEntry) -> str | None:
        """Return the hash of what the stage made, or of the base that it used; None if unknown."""
        if not self.files:
            return stage.source
        made = stage.makes or {}
        if len(self.files) == 1:
            return made[self.files[0]]
        listed = "".join(f"{file}\0{made[file]}\n" for file in self.files)
        return hashlib.sha256(listed.encode()).hexdigest()


KINDS = (
    Kind("posts", "tweets-{persona}", "raw-dataset", "collect", ("posts.jsonl", "authors.json")),
    Kind(
        "dataset",
        "dataset-{persona}",
        "train-dataset",
        "dataset",
        ("train.jsonl", "validation.jsonl", "held_out.jsonl"),
        "preprocess",
        ("posts",),
    ),
    Kind("base", "{base}", "pretrained-model", "train"),
    Kind(
        "model", "{persona}", "finetuned-model", "train", ("model",), "train", ("dataset", "base")
    ),
    Kind(
        "report",
        "report-{persona}",
        "report",
        "evaluate",
        ("report.json", "samples.jsonl"),
        "evaluate",
        ("model", "dataset"),
    ),
)
JOBS = {
    "preprocess": ("collect", "clean", "dataset"),
    "train": ("train",),
    "evaluate": ("evaluate",),
}  # job -> the stages it stands for


def job_name(persona: str, job: str) -> str:
    """Return a job's name in trackers: `@ada-train`."""
    return f"@{persona}-{job}"


def counted(persona: str, record: Record, just_done: str = "") -> tuple[ArtifactVersion, ...]:
    """Return the table `artifacts` with the versions that the stages now stand for.

    The stage that is `just_done` has used the versions that stand now.
    """
    table = list(record.artifacts)
    now: dict[str, str] = {}
    for kind in KINDS:
        if found := _find(kind, persona, record, table):
            place, artifact = found
            if place == len(table) or kind.stage == just_done:
                uses = tuple(now[key] for key in kind.uses if key in now)
                if kind.key == "model" and (number := record.trained.updated_from) is not None:
                    uses = (*uses, f"{artifact.name}:v{number}")
                artifact = replace(artifact, uses=uses)
            table[place : place + 1] = [artifact]
            now[kind.key] = artifact.label
    return tuple(table)


def current(persona: str, record: Record) -> dict[str, ArtifactVersion]:
    """Return the version of each kind, by its key, that the stages on record stand for now."""
    table = counted(persona, record)
    found = {kind.key: _find(kind, persona, record, table) for kind in KINDS}
    return {key: one[1] for key, one in found.items() if one}


def _find(
    kind: Kind, persona: str, record: Record, table: Sequence[ArtifactVersion]
) -> tuple[int, ArtifactVersion] | None:
    """Return the version that a stage stands for, with its place in the table.

    The place of a new version is the table's end. None if the stage is not done.
    """
    stage = record.made(kind.stage)
    if stage is None or not (hashed := kind.hashed(stage)):
        return None
    name = kind.named(persona, stage)
    versions = [
        (place, artifact)
        for place, artifact in enumerate(table)
        if (artifact.name, artifact.type) == (name, kind.type)
    ]
    for place, artifact in versions:
        if artifact.hash == hashed:
            return place, artifact
    if stage.finished is None:
        return None
    return len(table), ArtifactVersion(name, kind.type, len(versions), hashed, stage.finished)


def graph(persona: str, record: Record, states: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every version of every artifact for JSON: its job, what that used, and its state.

    `states` are those of the stages, by name.
    """
    now = {key: artifact.label for key, artifact in current(persona, record).items()}
    kinds = {kind.type: kind for kind in KINDS}
    rows = []
    for artifact in counted(persona, record):
        kind = kinds[artifact.type]
        is_current = now.get(kind.key) == artifact.label
        rows.append(
            {
                "artifact": artifact.label,
                "type": artifact.type,
                "hash": artifact.hash,
                "made": artifact.made.isoformat(),
                "job": job_name(persona, kind.job) if kind.job else None,
                "uses": list(artifact.uses),
                "state": states[kind.stage] if is_current else "earlier",
            }
        )
    return rows
