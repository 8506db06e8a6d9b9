"""Tests of lineage: versions count up if content changes, and edges say what came from what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay.cli.main import main
from popinjay.cli.show_persona import show_lineage
from popinjay.store.files import content_hash
from popinjay.store.lineage import KINDS, counted, current, graph
from popinjay.store.record import Asked, EntryState, Record, StageEntry
from popinjay.store.run import Run

OPTIONS: dict[str, Any] = {"epochs": 0.1, "batch_tokens": 512, "samples": 10}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def stage(
    options: dict[str, Any] | None = None, source: str | None = None, **makes: str
) -> StageEntry:
    made = {name.replace("__", "."): hashed for name, hashed in makes.items()}
    return StageEntry(
        EntryState.DONE, finished=NOON, options=options or {}, makes=made, source=source
    )


def record(
    posts: str = "p", train: str = "d", model: str = "m", base: str = "gpt2", report: str = "r"
) -> Record:
    return Record(
        stages={
            "collect": stage(posts__jsonl=posts, authors__json="a"),
            "dataset": stage(train__jsonl=train, validation__jsonl="v", held_out__jsonl="h"),
            "train": stage(
                {"base": base}, source=f"commit of {base}", model=model, metrics__jsonl="x"
            ),
            "evaluate": stage(report__json=report, samples__jsonl="s"),
        }
    )


def remade(before: Record, after: Record, *stages: str) -> Record:
    """Return the record after these stages of `after` were done, one after the other."""
    now = before
    for name in stages:
        now = now.updated(stages={**now.stages, name: after.stages[name]})
        now = now.updated(artifacts=counted("ada", now, just_done=name))
    return now


def made(**parts: str) -> Record:
    return remade(Record(), record(**parts), "collect", "dataset", "train", "evaluate")


def uses(now: Record) -> dict[str, list[str]]:
    return {artifact.label: list(artifact.uses) for artifact in now.artifacts}


def test_the_graph_is_that_of_huggingtweets_with_a_report() -> None:
    now = made()
    assert uses(now) == {
        "tweets-ada:v0": [],
        "dataset-ada:v0": ["tweets-ada:v0"],
        "gpt2:v0": [],
        "ada:v0": ["dataset-ada:v0", "gpt2:v0"],
        "report-ada:v0": ["ada:v0", "dataset-ada:v0"],
    }
    types = [artifact.type for artifact in now.artifacts]
    assert types == [
        "raw-dataset",
        "train-dataset",
        "pretrained-model",
        "finetuned-model",
        "report",
    ]


def test_versions_count_up_and_link_to_the_previous_one() -> None:
    first = made()
    second = remade(first, record(model="m2"), "train", "evaluate")
    assert uses(second)["ada:v1"] == ["dataset-ada:v0", "gpt2:v0"]
    # The same numbers, last measured on the new model.
    assert uses(second)["report-ada:v0"] == [
        "ada:v1",
        "dataset-ada:v0",
    ]
    back = remade(second, record(), "train")
    assert current("ada", back)["model"].label == "ada:v0"
    assert len(back.artifacts) == len(second.artifacts)


def test_older_artifacts_keep_their_inputs() -> None:
    now = remade(made(), record(posts="p2"), "collect")
    assert current("ada", now)["posts"].label == "tweets-ada:v1"
    assert uses(now)["dataset-ada:v0"] == ["tweets-ada:v0"]
    assert uses(remade(now, record(posts="p2", train="d2"), "dataset"))["dataset-ada:v1"] == [
        "tweets-ada:v1"
    ]


def test_each_base_is_an_artifact_and_paths_are_not_recorded() -> None:
    now = remade(made(), record(base="/home/ada/secret/my-base", model="m2"), "train")
    assert uses(now)["ada:v1"] == ["dataset-ada:v0", "my-base:v0"]
    assert "secret" not in json.dumps(uses(now))
    assert (
        current("ada", remade(now, record(base="org/other", model="m3"), "train"))["base"].label
        == "other:v0"
    )


def test_an_older_record_gets_its_lineage_on_demand() -> None:
    assert [
        one["artifact"] for one in graph("ada", record(), {kind.stage: "fresh" for kind in KINDS})
    ] == list(uses(made()))


def test_a_failed_stage_makes_no_version() -> None:
    now = made()
    failed = StageEntry(EntryState.FAILED, error="no")
    now = now.updated(stages={**now.stages, "evaluate": failed})
    assert "report" not in current("ada", now)


def test_the_lineage_is_recorded_and_shown(
    ada: Path, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    persona = popinjay.make(ada, base=str(tiny_gpt2), **{**OPTIONS, "epochs": 0.2})
    on_record = {artifact.label: artifact for artifact in Run.find("ada_l").record.artifacts}
    assert list(on_record) == [
        "tweets-ada_l:v0",
        "dataset-ada_l:v0",
        f"{tiny_gpt2.name}:v0",
        "ada_l:v0",
        "report-ada_l:v0",
        "ada_l:v1",
        "report-ada_l:v1",
    ]
    assert on_record["ada_l:v1"].hash == content_hash(persona.path / "model")
    assert on_record[f"{tiny_gpt2.name}:v0"].hash == content_hash(tiny_gpt2)

    (own_home / "ada_l" / "report.json").write_text("{}")
    capsys.readouterr()
    assert main(["lineage", "ada_l", "--json"]) == 0
    shown = {one["artifact"]: one for one in json.loads(capsys.readouterr().out)["artifacts"]}
    assert {name: one["state"] for name, one in shown.items()} == {
        "tweets-ada_l:v0": "fresh",
        "dataset-ada_l:v0": "fresh",
        f"{tiny_gpt2.name}:v0": "fresh",
        "ada_l:v0": "earlier",
        "report-ada_l:v0": "earlier",
        "ada_l:v1": "fresh",
        "report-ada_l:v1": "stale",
    }
    assert shown["ada_l:v1"]["job"] == "@ada_l-train"
    assert shown["ada_l:v1"]["uses"] == ["dataset-ada_l:v0", f"{tiny_gpt2.name}:v0"]

    assert main(["lineage", "ada_l"]) == 0
    lines = capsys.readouterr().out.splitlines()
    places = [
        next(i for i, line in enumerate(lines) if word in line)
        for word in (
            "tweets-ada_l:v0",
            "@ada_l-preprocess",
            "@ada_l-train",
            "ada_l:v1",
            "report-ada_l:v1",
        )
    ]
    assert places == sorted(places)
    assert any("earlier: ada_l:v0" in line for line in lines)
    assert any("(stale)" in line for line in lines)


def test_the_tree_begins_with_the_posts_also_if_they_are_newer_than_the_base(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"hash": "0" * 64, "made": "2026-01-01", "uses": (), "job": None, "state": "fresh"}
    show_lineage(
        "ada",
        [
            {**row, "artifact": "builtin:v0", "type": "pretrained-model"},
            {**row, "artifact": "tweets-ada:v1", "type": "raw-dataset"},
            {
                **row,
                "artifact": "ada:v1",
                "type": "finetuned-model",
                "uses": ("tweets-ada:v1", "builtin:v0"),
                "job": "@ada-train",
            },
        ],
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tweets-ada:v1")
    assert any("with builtin:v0" in line for line in lines[1:])


def test_without_results_there_is_no_lineage(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(own_home / "ada")
    run.path.mkdir()
    run.save(run.record.updated(asked=Asked()))
    assert main(["lineage", "ada"]) == 0
    assert "no lineage yet" in capsys.readouterr().out
