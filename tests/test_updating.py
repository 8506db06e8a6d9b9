"""Updating a persona: newer posts are learnt, nothing held out ever is, and it can be undone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import popinjay
from personas import rows, states
from popinjay.cli.main import main
from popinjay.errors import BaseModelError, PersonaError, PersonaTaken
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.options import UpdateOptions
from popinjay.pipeline import relearn, rename
from popinjay.post import utc
from popinjay.store import versions
from popinjay.store.files import content_hash
from popinjay.store.forgotten import Forgotten, marks_of
from popinjay.store.lineage import graph
from popinjay.store.record import Record
from popinjay.store.run import Run
from popinjay.store.versions import FOLDER
from popinjay.updating import restore, update

OPTIONS: dict[str, Any] = {
    "epochs": 3.0,
    "learning_rate": 0.01,
    "batch_tokens": 256,
    "samples": 10,
    "whose": "fictional",
    "seed": 7,
}
PARTS = ("train.jsonl", "validation.jsonl", "held_out.jsonl")


def post(number: int) -> dict[str, Any]:
    """Return a post with an id of its own; higher numbers are newer."""
    return {
        "id": str(10**12 + number),
        "author": "ada",
        "text": f"ada number {number} counts {number * 37} engines and {number * 13} gulls",
        "created_at": utc(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number)),
    }


def write(file: Path, numbers: Sequence[int]) -> Path:
    """Write an archive of these posts, the newest first, as sites export them."""
    lines = [json.dumps(post(number)) for number in sorted(numbers, reverse=True)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write(tmp_path / "newer.jsonl", range(220))


@pytest.fixture(scope="module")
def made(tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a persona of 200 posts, made once."""
    file = write(tmp_path_factory.mktemp("older") / "ada.jsonl", range(200))
    home = tmp_path_factory.mktemp("made")
    return popinjay.make(file, name="ada_l", home=home, base=str(tiny_gpt2), **OPTIONS).path


def ids(run: Run, name: str, folder: Path | None = None) -> set[str]:
    found = rows(run, name) if folder is None else rows(Run(folder), name)
    return {row["id"] for row in found}


def version_of(run: Run, number: int) -> Path:
    return run.path / FOLDER / f"v{number}"


def test_new_posts_are_learnt_and_no_held_out_post_ever_is(run: Run, archive: Path) -> None:
    before = {name: ids(run, name) for name in PARTS}
    model = content_hash(run.file("model"))
    done = update(run, archive)
    run = done.persona.run
    after = {name: ids(run, name) for name in PARTS}
    for name in PARTS:
        assert before[name] <= after[name]
    assert not after["held_out.jsonl"] & (after["train.jsonl"] | after["validation.jsonl"])
    assert len(after["held_out.jsonl"] - before["held_out.jsonl"]) == done.held_out == 2
    assert (done.version, done.before, done.kept) == ("ada_l:v1", "ada_l:v0", ("ada_l:v0",))
    assert content_hash(run.file("model")) != model
    assert content_hash(version_of(run, 0) / "model") == model
    assert set(states(run).values()) == {"fresh"}
    trained = run.record.trained
    assert trained.updated_from == 0
    learnt = Run(version_of(run, 0)).record.stages["train"].needs
    assert set(trained.learnt_before) == set(learnt.values())


def test_it_keeps_its_options_and_starts_from_its_own_weights(run: Run, archive: Path) -> None:
    options = {stage: run.record.options(stage) for stage in run.record.stages}
    events: list[Event] = []
    done = update(run, archive, listener=events.append)
    record = done.persona.run.record
    assert {stage: record.options(stage) for stage in record.stages} == options
    assert record.asked.whose == "fictional"
    assert record.asked.specs == (str(archive),)
    scores = [row for row in rows(done.persona.run, "metrics.jsonl") if "loss" not in row]
    first = [row for row in rows(Run(version_of(run, 0)), "metrics.jsonl") if "loss" not in row]
    # What it knows before its first step is what it knew, and not what the base model knows.
    assert abs(scores[0]["validation_bits_per_byte"] - first[-1]["validation_bits_per_byte"]) < 0.3
    assert scores[0]["validation_bits_per_byte"] < first[0]["validation_bits_per_byte"] - 1
    assert record.facts("train")["epochs"] == OPTIONS["epochs"]
    settings = next(event.numbers for event in events if event.what is EventKind.SETTINGS)
    assert settings["learning_rate"] < OPTIONS["learning_rate"]


def test_a_second_update_holds_out_what_the_first_did(
    run: Run, archive: Path, tmp_path: Path
) -> None:
    first = update(run, archive).persona.run
    held_out, learnt = ids(first, "held_out.jsonl"), ids(first, "train.jsonl")
    done = update(first, write(tmp_path / "newest.jsonl", range(260)))
    second = done.persona.run
    assert held_out <= ids(second, "held_out.jsonl")
    assert learnt <= ids(second, "train.jsonl")
    assert (done.version, done.kept) == ("ada_l:v2", ("ada_l:v1",))
    labels = {row["artifact"]: row["uses"] for row in graph("ada_l", second.record, states(second))}
    assert "ada_l:v0" in labels["ada_l:v1"]
    assert "ada_l:v1" in labels["ada_l:v2"]


def test_nothing_new_says_so_and_does_nothing(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, archive: Path
) -> None:
    before = {path: content_hash(path) for path in run.path.rglob("*") if path.is_file()}
    write(archive, range(200))
    (source,) = run.record.asked.specs
    assert main(["update", "ada_l", source]) == 0
    assert "Nothing new" in capsys.readouterr().err
    assert before == {
        path: content_hash(path)
        for path in run.path.rglob("*")
        if (path.is_file() and path.name != ".lock") or path in before
    }
    # Another file with the same posts brings nothing either.
    assert main(["update", "ada_l", str(archive)]) == 0
    assert "Nothing new" in capsys.readouterr().err
    assert versions.versions(Run(run.path)) == []
    assert content_hash(run.file("model")) == run.record.hashes()["model"]


def test_without_a_spec_the_same_file_is_read_again(tmp_path: Path, tiny_gpt2: Path) -> None:
    file = write(tmp_path / "ada.jsonl", range(200))
    run = popinjay.make(file, name="ada", base=str(tiny_gpt2), **OPTIONS).run
    write(file, range(215))
    assert update(run).learnt + update(run).learnt == 14 or update(run).learnt == 0
    assert len(ids(Run(run.path), "posts.jsonl")) == 215


def test_another_authors_archive_is_refused(run: Run, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", range(5000, 5200))
    before = content_hash(run.file("run.toml"))
    with pytest.raises(PersonaTaken, match="can't update 'ada_l'"):
        update(run, other)
    # A part of the posts is no newer archive of all of them.
    with pytest.raises(PersonaTaken, match="can't update 'ada_l'"):
        update(run, write(tmp_path / "part.jsonl", range(190, 230)))
    assert content_hash(run.file("run.toml")) == before


def test_a_file_of_another_name_is_by_the_same_author(tmp_path: Path, tiny_gpt2: Path) -> None:
    lines = [f"today engine {n} turned {n * 7} wheels near river {n * 3}" for n in range(300)]
    older, newer = tmp_path / "ada-2025.txt", tmp_path / "ada-2026.txt"
    older.write_text("\n".join(lines[:270]))
    newer.write_text("\n".join(["this line moves all others down by one", *lines]))
    run = popinjay.make(older, name="ada", base=str(tiny_gpt2), **OPTIONS).run
    held_out = {row["text"] for row in rows(run, "held_out.jsonl")}
    learnt = {row["text"] for row in rows(run, "train.jsonl")}
    done = update(run, newer)
    assert {row["author"] for row in rows(done.persona.run, "posts.jsonl")} == {"ada-2025"}
    assert done.learnt + done.held_out == 31
    assert held_out <= {row["text"] for row in rows(done.persona.run, "held_out.jsonl")}
    assert learnt <= {row["text"] for row in rows(done.persona.run, "train.jsonl")}


def test_a_cyborg_is_updated_with_all_of_its_authors(tmp_path: Path, tiny_gpt2: Path) -> None:
    files = [tmp_path / "ada.txt", tmp_path / "bob.txt"]
    for count in (200, 230):
        for file in files:
            file.write_text(
                "\n".join(f"{file.stem} saw {n} ships and {n * 7} gulls" for n in range(count))
            )
        if count == 200:
            run = popinjay.make(*files, name="both", base=str(tiny_gpt2), **OPTIONS).run
    with pytest.raises(PersonaTaken, match="made of the posts of ada and bob, these are of ada"):
        update(run, files[0])
    done = update(run)
    assert done.learnt + done.held_out == 60
    assert {row["author"] for row in rows(done.persona.run, "held_out.jsonl")} == {"ada", "bob"}


def test_another_base_of_the_same_name_is_refused(run: Run, archive: Path) -> None:
    stages = dict(run.record.stages)
    entry = stages["train"]
    stages["train"] = type(entry).from_table({**entry.to_table(), "source": "another"}, "train")
    run.save(run.record.updated(stages=stages))
    with pytest.raises(BaseModelError, match="is another one now"):
        update(run, archive)
    assert not version_of(run, 0).exists()


def test_one_that_was_never_finished_is_refused(run: Run, archive: Path) -> None:
    stages = {name: entry for name, entry in run.record.stages.items() if name != "train"}
    run.save(run.record.updated(stages=stages))
    with pytest.raises(PersonaError, match="never finished"):
        update(run, archive)


def test_forgotten_posts_stay_out_and_kept_versions_lose_them(run: Run, archive: Path) -> None:
    done = update(run, archive)
    run = done.persona.run
    gone = rows(run, "train.jsonl")[3]
    forget(run, [gone["id"]])
    # It would come back with the version, so the version is gone.
    assert versions.versions(run) == []
    with pytest.raises(PersonaError, match="no version 'v0'"):
        restore(run, "v0")
    write(archive, range(240))
    again = update(run, archive).persona.run
    assert gone["id"] not in ids(again, "posts.jsonl")
    # The weights were only updated: they still know it, and the filter keeps it back.
    assert Forgotten.of(again).still_known(again).posts
    assert again.file("still_known.marks").exists()
    assert marks_of(again).is_copied(gone["text"])
    assert gone["text"] not in again.path.joinpath("train.jsonl").read_text()


def test_a_version_without_the_forgotten_post_stays(run: Run, archive: Path) -> None:
    run = update(run, archive).persona.run
    newer = next(row for row in rows(run, "posts.jsonl") if row["id"] == post(210)["id"])
    forget(run, [newer["id"]])
    assert [version.number for version in versions.versions(run)] == [0]
    restore(run, "v0")
    assert newer["id"] not in ids(Run(run.path), "posts.jsonl")
    assert (ids(Run(run.path), "train.jsonl")) == ids(run, "train.jsonl")


def test_posts_that_vanished_are_removed_and_not_quoted(run: Run, archive: Path) -> None:
    lost = rows(run, "train.jsonl")[:5]
    numbers = {int(row["id"]) - 10**12 for row in lost}
    write(archive, [number for number in range(220) if number not in numbers])
    events: list[Event] = []
    done = update(run, archive, listener=events.append)
    assert done.gone == 5
    assert any("5 posts that it learnt are gone" in event.message for event in events)
    after = done.persona.run
    assert not {row["id"] for row in lost} & ids(after, "posts.jsonl")
    assert all(done.persona.filters.index.is_copied(row["text"]) for row in lost)
    # One that comes back is learnt again, but never held out: the model has seen it.
    write(archive, range(300))
    back = update(after, archive).persona.run
    assert {row["id"] for row in lost} <= ids(back, "train.jsonl") | ids(back, "validation.jsonl")
    assert not {row["id"] for row in lost} & ids(back, "held_out.jsonl")
    relearn(back, changed={"epochs": 1.0})
    assert Run(back.path).record.trained.learnt_before == ()


def test_restore_undoes_and_can_be_undone(
    run: Run, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {name: content_hash(run.file(name)) for name in (*PARTS, "model", "report.json")}
    run = update(run, archive).persona.run
    second = {name: content_hash(run.file(name)) for name in first}
    assert main(["lineage", "ada_l"]) == 0
    assert "popinjay restore ada_l v0" in capsys.readouterr().out
    assert main(["restore", "ada_l", "v0"]) == 0
    assert "popinjay restore ada_l v1" in capsys.readouterr().out
    now = Run(run.path)
    assert {name: content_hash(now.file(name)) for name in first} == first
    assert set(states(now).values()) == {"fresh"}
    assert [version.number for version in versions.versions(now)] == [1]
    assert main(["restore", "ada_l", "1"]) == 0
    now = Run(run.path)
    assert {name: content_hash(now.file(name)) for name in first} == second
    assert set(states(now).values()) == {"fresh"}
    assert main(["report", "ada_l", "--against", "previous", "--json"]) == 0


def test_restoring_what_is_there_changes_nothing(run: Run, archive: Path) -> None:
    """A command that was killed at its very end can be given again."""
    update(run, archive)
    assert restore(run, "v0") == ("ada_l:v0", "ada_l:v1")
    before = run.path.joinpath("run.toml").read_bytes()
    assert restore(run, "v0") == restore(run, "ada_l:v0") == ("ada_l:v0", "")
    assert run.path.joinpath("run.toml").read_bytes() == before


def test_restored_under_another_name_the_card_says_the_new_one(run: Run, archive: Path) -> None:
    run = update(run, archive).persona.run
    renamed = rename(run, "lovelace").run
    assert restore(renamed, "v0") == ("lovelace:v0", "lovelace:v1")
    now = Run(renamed.path)
    assert "popinjay say lovelace" in now.file("README.md").read_text()
    assert set(states(now).values()) == {"fresh"}


def test_versions_can_be_kept_or_not(run: Run, archive: Path, tmp_path: Path) -> None:
    run = update(run, archive, options=UpdateOptions(keep_versions=2)).persona.run
    newest = write(tmp_path / "newest.jsonl", range(240))
    done = update(run, newest, options=UpdateOptions(keep_versions=2))
    assert done.kept == ("ada_l:v1", "ada_l:v0")
    last = write(tmp_path / "last.jsonl", range(260))
    done = update(done.persona.run, last, options=UpdateOptions(keep_versions=0))
    assert done.kept == ()
    assert not (run.path / FOLDER).exists()


def test_what_is_kept_is_not_passed_on(run: Run, archive: Path, tmp_path: Path) -> None:
    from popinjay.server.file_groups import files_in

    run = update(run, archive).persona.run
    assert not any(FOLDER in file.name for file in files_in(run.path))
    assert main(["publish", "ada_l", "--to", str(tmp_path / "out")]) == 0
    assert not list((tmp_path / "out").rglob(FOLDER))


def test_from_python(run: Run, archive: Path) -> None:
    ada = popinjay.load(run.path)
    done = ada.update(archive, keep_versions=1)
    assert done.persona is ada
    assert done.to_json()["before"] == "ada_l:v0"
    assert ada.run.record.trained.updated_from == 0
    ada.restore("v0")
    assert ada.run.record.trained.updated_from is None


CHILD = """
import os, sys
from pathlib import Path
from popinjay import updating
from popinjay.store.run import Run
from popinjay.events import EventKind

stage, kind = sys.argv[3:]

def listen(event):
    if event.stage == stage and event.what.value == kind:
        os._exit(9)

updating.update(Run(Path(sys.argv[1])), sys.argv[2], listener=listen)
"""


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("collect", "start"),
        ("collect", "done"),
        ("clean", "done"),
        ("dataset", "done"),
        ("train", "metrics"),
        ("train", "done"),
        ("evaluate", "done"),
        ("card", "done"),
    ],
)
def test_killed_at_any_stage_the_same_command_goes_on(
    run: Run, archive: Path, stage: str, kind: str
) -> None:
    held_out = ids(run, "held_out.jsonl")
    learnt = ids(run, "train.jsonl") | ids(run, "validation.jsonl")
    command = [sys.executable, "-c", CHILD, str(run.path), str(archive), stage, kind]
    assert subprocess.run(command, check=False).returncode == 9
    killed = popinjay.load(run.path)
    assert len(killed.say(n=1, allow_copies=True, seed=1)) == 1
    done = update(Run(run.path), archive)
    now = done.persona.run
    assert done.version == "ada_l:v1"
    assert set(states(now).values()) == {"fresh"}
    assert held_out <= ids(now, "held_out.jsonl")
    assert not ids(now, "held_out.jsonl") & learnt
    assert len(ids(now, "posts.jsonl")) == 220
    assert [version.number for version in versions.versions(now)] == [0]
    assert now.record.trained.updated_from == 0


def test_one_that_was_stopped_can_be_taken_back(run: Run, archive: Path) -> None:
    before = {name: content_hash(run.file(name)) for name in (*PARTS, "model")}
    command = [sys.executable, "-c", CHILD, str(run.path), str(archive), "dataset", "done"]
    assert subprocess.run(command, check=False).returncode == 9
    assert restore(Run(run.path), "v0") == ("ada_l:v0", "")
    now = Run(run.path)
    assert {name: content_hash(now.file(name)) for name in before} == before
    assert set(states(now).values()) == {"fresh"}
    assert versions.versions(now) == []


def test_a_killed_restore_is_finished(run: Run, archive: Path) -> None:
    run = update(run, archive).persona.run
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from popinjay.store import journal, versions\n"
        "from popinjay import updating\n"
        "from popinjay.store.run import Run\n"
        "real, count = Path.replace, [0]\n"
        "def replace(self, target):\n"
        "    count[0] += 1\n"
        "    if count[0] == 7:\n"
        "        os._exit(9)\n"
        "    return real(self, target)\n"
        "Path.replace = replace\n"
        "updating.restore(Run(Path(sys.argv[1])), 'v0')\n"
    )
    command = [sys.executable, "-c", script, str(run.path)]
    assert subprocess.run(command, check=False).returncode == 9
    now = Run(run.path)
    with now.locked():
        from popinjay.store.journal import finish

        finish(now)
    assert set(states(Run(run.path)).values()) == {"fresh"}
    assert Run(run.path).record.trained.updated_from is None
    assert [version.number for version in versions.versions(Run(run.path))] == [1]


def test_an_adapter_goes_on_from_itself(tmp_path: Path, tiny_llama: Path, archive: Path) -> None:
    file = write(tmp_path / "ada.jsonl", range(200))
    lora = {**OPTIONS, "tune": "lora", "keep": "adapter"}
    run = popinjay.make(file, name="ada", base=str(tiny_llama), **lora).run
    first = [row for row in rows(run, "metrics.jsonl") if "loss" not in row]
    done = update(run, archive)
    scores = [row for row in rows(done.persona.run, "metrics.jsonl") if "loss" not in row]
    assert scores[0]["validation_bits_per_byte"] < first[0]["validation_bits_per_byte"] - 0.5
    assert not (version_of(run, 0) / "model" / "config.json").exists()
    assert done.persona.say(n=1, allow_copies=True)
    restore(Run(run.path), "v0")
    assert popinjay.load(run.path).say(n=1, allow_copies=True)


def test_a_damaged_version_is_reported(run: Run, archive: Path) -> None:
    run = update(run, archive).persona.run
    record = version_of(run, 0) / "run.toml"
    record.write_bytes(Record().to_bytes())
    with pytest.raises(PersonaError, match="is damaged"):
        versions.versions(run)
