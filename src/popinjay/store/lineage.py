"""Lineage: what a persona came from, as versions with hashes: raw posts -> dataset (and a base model) -> model -> report.

Names, types and jobs are those of HuggingTweets' graph; the report is ours. `run.toml` holds every version that there ever
was in its table `artifacts`, so the graph needs no tracker and no network. A version counts up when the content's hash
changes; content that was there before is the version it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact: what it is called, which stage makes it of which files, and the job and kinds it comes from."""

    key: str
    name: str
    type: str
    stage: str
    files: tuple[str, ...] = ()  # none: the base model, which comes from elsewhere
    job: str = ""
    uses: tuple[str, ...] = ()

    def named(self, persona: str, stage: Mapping[str, Any]) -> str:
        """What the one of this persona is called. A base from a folder goes by the folder's name: its path is nobody's business."""
        return self.name.format(
            persona=persona, base=PurePath(stage["options"].get("base") or "").name
        )

    def hashed(self, stage: Mapping[str, Any]) -> str | None:
        """The hash of what the stage's record says it made (or, of a base, took); None where that is not known."""
        if not self.files:
            return stage.get("source")
        made: dict[str, str] = stage["makes"]
        if len(self.files) == 1:
            return made[self.files[0]]
        return hashlib.sha256(
            "".join(f"{file}\0{made[file]}\n" for file in self.files).encode()
        ).hexdigest()


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
    """A job as trackers call it: `@ada-train`."""
    return f"@{persona}-{job}"


def label(artifact: Mapping[str, Any]) -> str:
    """An artifact's version, said in one word: `dataset-ada:v2`."""
    return f"{artifact['name']}:v{artifact['version']}"


def counted(persona: str, record: Mapping[str, Any], just_done: str = "") -> list[dict[str, Any]]:
    """The table `artifacts` of a record, with the versions that its stages now stand for. The stage just done has used what stands now."""
    table = [dict(artifact) for artifact in record.get("artifacts", [])]
    now: dict[str, str] = {}
    for kind in KINDS:
        if found := _find(kind, persona, record, table):
            artifact, is_new = found
            if is_new:
                table.append(artifact)
            if is_new or kind.stage == just_done:
                artifact["uses"] = [now[key] for key in kind.uses if key in now]
            now[kind.key] = label(artifact)
    return table


def current(persona: str, record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The artifact of each kind (by its key) that the record's stages stand for now."""
    table = counted(persona, record)
    found = {kind.key: _find(kind, persona, record, table) for kind in KINDS}
    return {key: one[0] for key, one in found.items() if one}


def _find(
    kind: Kind, persona: str, record: Mapping[str, Any], table: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], bool] | None:
    """The kind's artifact in the table, or a new one; and whether it is new. None where its stage is not done."""
    stage = record.get("stages", {}).get(kind.stage, {})
    if "makes" not in stage or stage["state"] == "writing" or not (hashed := kind.hashed(stage)):
        return None
    name = kind.named(persona, stage)
    versions = [
        artifact for artifact in table if (artifact["name"], artifact["type"]) == (name, kind.type)
    ]
    known = next((artifact for artifact in versions if artifact["hash"] == hashed), None)
    if known:
        return known, False
    return {
        "name": name,
        "type": kind.type,
        "version": len(versions),
        "hash": hashed,
        "made": stage["finished"],
        "uses": [],
    }, True


def graph(
    persona: str, record: Mapping[str, Any], states: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Every version of every artifact, ready for JSON: the job that made it, what that used, and how it stands (`states`, by stage)."""
    now = {key: label(artifact) for key, artifact in current(persona, record).items()}
    kinds = {kind.type: kind for kind in KINDS}
    return [
        {
            "artifact": label(artifact),
            "type": artifact["type"],
            "hash": artifact["hash"],
            "made": artifact["made"].isoformat(),
            "job": job_name(persona, kind.job) if (kind := kinds[artifact["type"]]).job else None,
            "uses": artifact["uses"],
            "state": states[kind.stage] if now.get(kind.key) == label(artifact) else "earlier",
        }
        for artifact in counted(persona, record)
    ]
