"""Tests of a persona's folder: fresh, stale, and never half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import popinjay
from personas import states
from popinjay.errors import (
    BaseModelError,
    PersonaBusy,
    PersonaError,
    PersonaTaken,
    SpecError,
)
from popinjay.events import Event, EventKind
from popinjay.store.files import content_hash
from popinjay.store.record import Asked
from popinjay.store.run import Run, State, check_name
from popinjay.store.stage_runner import writing
from popinjay.store.stage_table import STAGES, stage_named

OPTIONS: dict[str, Any] = {"epochs": 1.0, "batch_tokens": 512, "samples": 10}


def stages_run(ada: Path, base: Path, **options: Any) -> list[str]:
    events: list[Event] = []
    popinjay.make(ada, base=str(base), listener=events.append, **{**OPTIONS, **options})
    return [
        event.stage for event in events if event.what is EventKind.DONE and event.stage != "picture"
    ]


def test_fresh_stages_are_skipped(ada: Path, tiny_gpt2: Path) -> None:
    everything = [stage.name for stage in STAGES]
    assert stages_run(ada, tiny_gpt2) == everything
    assert stages_run(ada, tiny_gpt2) == []
    assert stages_run(ada, tiny_gpt2, samples=12) == ["evaluate", "card"]
    assert stages_run(ada, tiny_gpt2, samples=12, whose="fictional") == ["card"]
    assert stages_run(ada, tiny_gpt2, samples=12) == []
    assert stages_run(ada, tiny_gpt2, samples=12, epochs=2.0) == ["train", "evaluate", "card"]
    assert stages_run(ada, tiny_gpt2, samples=12, epochs=2.0, held_out=0.2) == [
        "dataset",
        "train",
        "evaluate",
        "card",
    ]


def test_an_unchanged_result_ends_the_chain(ada: Path, tiny_gpt2: Path) -> None:
    stages_run(ada, tiny_gpt2)
    assert stages_run(ada, tiny_gpt2, drop_replies=True) == ["clean"]  # there are no replies


def test_content_decides_not_time(ada: Path, tiny_gpt2: Path, own_home: Path) -> None:
    stages_run(ada, tiny_gpt2)
    folder = own_home / "ada_l"
    os.utime(folder / "clean.jsonl", (0, 0))
    assert set(states(Run(folder)).values()) == {"fresh"}
    (folder / "clean.jsonl").write_text(
        (folder / "clean.jsonl").read_text().replace("oven", "iron")
    )
    assert states(Run(folder)) == {
        "collect": "fresh",
        "clean": "stale",
        "dataset": "stale",
        "train": "fresh",
        "evaluate": "fresh",
        "card": "stale",
    }
    (folder / "report.json").unlink()
    assert Run(folder).state(stage_named("evaluate")) is State.STALE


def test_a_new_post_is_noticed(ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    from archives import archive_files, posts, write_zip

    other = write_zip(tmp_path / "later.zip", archive_files(posts(205)))
    stages_run(ada, tiny_gpt2)
    assert stages_run(other, tiny_gpt2)[0] == "collect"


def test_a_failed_stage_leaves_its_reason_and_nothing_else(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    stage = stage_named("collect")
    with (
        pytest.raises(ValueError, match="no more"),
        run.locked(),
        writing(run, stage, {}) as context,
    ):
        with context.open("posts.jsonl") as file:
            file.write("half a post")
            raise ValueError("no more")
    assert run.state(stage) is State.FAILED
    assert run.record.error_of("collect") == "no more"
    assert {path.name for path in run.path.iterdir()} == {"run.toml", ".lock"}


def test_a_stage_that_fails_keeps_what_it_made_before(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    stage = stage_named("collect")
    run.path.mkdir()
    with writing(run, stage, {}) as context:
        context.path("posts.jsonl").write_text("first")
        context.path("authors.json").write_text("[]")
        context.path("avatars").mkdir()
    with pytest.raises(KeyboardInterrupt), writing(run, stage, {}) as context:
        context.path("posts.jsonl").write_text("second")
        raise KeyboardInterrupt
    assert (run.path / "posts.jsonl").read_text() == "first"
    assert run.state(stage) is State.FRESH


def test_one_process_at_a_time(tmp_path: Path) -> None:
    holder = (
        "import sys, time, pathlib, popinjay.store.run as r\n"
        "with r.Run(pathlib.Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "ada")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        with (
            pytest.raises(PersonaBusy, match="'ada' is being made by another popinjay"),
            Run(tmp_path / "ada").locked(),
        ):
            pass
        process.kill()
    with Run(tmp_path / "ada").locked():  # a killed process holds no lock
        pass


def test_a_refused_spec_leaves_no_folder_and_an_old_persona_stays(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, own_home: Path
) -> None:
    from archives import archive_files, posts, write_zip

    little = write_zip(tmp_path / "little.zip", archive_files(posts(20)))
    with pytest.raises(SpecError, match="characters"):
        popinjay.make(little, base=str(tiny_gpt2))
    assert list(own_home.iterdir()) == []
    stages_run(ada, tiny_gpt2)
    before = (own_home / "ada_l" / "run.toml").read_bytes()
    with pytest.raises(PersonaTaken, match="Of its 230 posts 20 are among those given now"):
        popinjay.make(little, base=str(tiny_gpt2))
    assert (own_home / "ada_l" / "run.toml").read_bytes() == before
    assert popinjay.load("ada_l").say(n=1)


def test_a_make_that_fails_does_not_change_whose_words_they_are(
    ada: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    persona = popinjay.make(ada, base=str(tiny_gpt2), whose="public-figure", **OPTIONS)
    changes: list[dict[str, Any]] = [{}, {"drop_replies": True}]
    for more in changes:  # without and with stages that succeed first
        with pytest.raises(BaseModelError):
            popinjay.make(ada, base=str(tmp_path / "none"), whose="self", **more, **OPTIONS)
        assert Run(persona.path).record.asked.whose == "public-figure"
    popinjay.make(ada, base=str(tiny_gpt2), whose="self", **OPTIONS)
    assert Run(persona.path).record.asked.whose == "self"


def test_the_record_has_options_and_versions(ada: Path, tiny_gpt2: Path) -> None:
    persona = popinjay.make(ada, base=str(tiny_gpt2), whose="self", seed=3, **OPTIONS)
    record = Run.find("ada_l").record
    assert record.asked == Asked((str(ada),), ("ada_l",), whose="self", track=())
    assert record.stages["train"].options["seed"] == 3
    assert set(record.facts("train")["versions"]) >= {
        "torch",
        "transformers",
        "popinjay",
    }
    assert record.hashes()["model"] == content_hash(persona.path / "model")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", ".hidden", "-x", "x" * 300, "a\\b", "a\0b"]
)
def test_names_that_are_not_valid_folders_are_refused(name: str) -> None:
    with pytest.raises(SpecError, match="can't be named"):
        check_name(name)


def test_an_unknown_persona_names_those_there_are(ada: Path, tiny_gpt2: Path) -> None:
    stages_run(ada, tiny_gpt2)
    with pytest.raises(PersonaError, match="no persona 'bob'") as caught:
        popinjay.load("bob")
    assert "ada_l" in caught.value.hint


def test_a_damaged_record_is_reported(own_home: Path) -> None:
    (own_home / "ada").mkdir()
    (own_home / "ada" / "run.toml").write_text("= nonsense")
    with pytest.raises(PersonaError, match=r"run\.toml is damaged"):
        popinjay.load("ada")


def test_dropped_posts_are_listed_with_their_reason(ada: Path, tiny_gpt2: Path) -> None:
    persona = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    dropped = [
        json.loads(line) for line in (persona.path / "dropped.jsonl").read_text().splitlines()
    ]
    assert {row["reason"] for row in dropped} == {"repost", "short"}
    assert len(dropped) == 30


def test_a_make_that_is_stopped_at_its_question_leaves_no_folder(ada: Path, own_home: Path) -> None:
    def stop() -> str | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        popinjay.make(ada, ask_whose=stop)
    assert not (own_home / "ada_l").exists()
