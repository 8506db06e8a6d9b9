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
MODEL = "model"  # the key of the kind that a blend is made from
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
                if kind.key == MODEL:
                    uses += tuple(one.artifact for one in record.blend if not one.is_base)
                    if (number := record.trained.updated_from) is not None:
                        uses += (f"{artifact.name}:v{number}",)
                artifact = replace(artifact, uses=uses)
            table[place : place + 1] = [artifact]
            now[kind.key] = artifact.label
    return tuple(table)


def with_ancestors(
    table: Sequence[ArtifactVersion], others: Sequence[ArtifactVersion], label: str
) -> tuple[tuple[ArtifactVersion, ...], str]:
    """Return a table with a version of another table and all that it came from, and its label here.

    A version that is in the table already is not added again. One whose label is taken by other
    content, such as another version of a base model, gets the next number.

    Args:
        table: The versions of a persona.
        others: The versions of the persona that this one was made from.
        label: One of these.
    """
    wanted = [one for one in others if one.label in _ancestors(others, [label])]
    known = list(table)
    labels: dict[str, str] = {}  # in the other table -> in this one
    for artifact in wanted:
        alike = [one for one in known if (one.name, one.type) == (artifact.name, artifact.type)]
        same = next((one for one in alike if one.hash == artifact.hash), None)
        if same is None:
            taken = {one.version for one in alike}
            number = artifact.version if artifact.version not in taken else max(taken) + 1
            same = replace(artifact, version=number)
            known.append(same)
        labels[artifact.label] = same.label
    added = [
        replace(one, uses=tuple(labels.get(used, used) for used in one.uses))
        for one in known[len(table) :]
    ]
    return (*table, *added), labels.get(label, label)


def _ancestors(table: Sequence[ArtifactVersion], labels: Sequence[str]) -> set[str]:
    """Return these labels, and those of all that they came from, as far as the table has them."""
    known = {artifact.label: artifact for artifact in table}
    found: set[str] = set()
    waiting = list(labels)
    while waiting:
        label = waiting.pop()
        if label in known and label not in found:
            found.add(label)
            waiting += known[label].uses
    return found


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

    `states` are those of the stages, by name. What a blend's members came from has the state
    `member`, and their jobs the members' names.
    """
    now = {key: artifact.label for key, artifact in current(persona, record).items()}
    kinds = {kind.type: kind for kind in KINDS}
    of_members = _ancestors(
        record.artifacts, [one.artifact for one in record.blend if not one.is_base]
    )
    rows = []
    for artifact in counted(persona, record):
        kind = kinds[artifact.type]
        is_current = now.get(kind.key) == artifact.label
        is_of_member = artifact.label in of_members and not is_current
        maker = _persona_of(artifact, kind) if is_of_member else persona
        rows.append(
            {
                "artifact": artifact.label,
                "type": artifact.type,
                "hash": artifact.hash,
                "made": artifact.made.isoformat(),
                "job": job_name(maker, kind.job) if kind.job else None,
                "uses": list(artifact.uses),
                "state": states[kind.stage]
                if is_current
                else "member"
                if is_of_member
                else "earlier",
            }
        )
    return rows


def _persona_of(artifact: ArtifactVersion, kind: Kind) -> str:
    """Return the name of the persona that an artifact is of."""
    return artifact.name.removeprefix(kind.name.partition("{persona}")[0])
