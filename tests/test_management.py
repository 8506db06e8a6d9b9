"""Renaming and removing personas: all of it or nothing, and never while one is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import popinjay
from personas import holding, states
from popinjay.cli.main import main
from popinjay.errors import PersonaBusy, PersonaTaken, SpecError
from popinjay.events import Event
from popinjay.forgetting.forget import forget
from popinjay.pipeline import remove, rename
from popinjay.store.lineage import graph
from popinjay.store.record import Publication
from popinjay.store.run import Run
from popinjay.summary import summaries

OPTIONS: dict[str, Any] = {"epochs": 0.5, "batch_tokens": 512, "samples": 10, "whose": "fictional"}


@pytest.fixture(scope="module")
def made(ada: Path, tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a persona of one author, made once."""
    return popinjay.make(
        ada, home=tmp_path_factory.mktemp("made"), base=str(tiny_gpt2), **OPTIONS
    ).path


def test_a_renamed_persona_is_whole_under_its_new_name(run: Run, own_home: Path) -> None:
    before = states(run)
    persona = rename(run, "lovelace")
    assert persona.name == "lovelace"
    assert [path.name for path in own_home.iterdir()] == ["lovelace"]
    assert states(persona.run) == before
    card = persona.run.file("README.md").read_text(encoding="utf-8")
    assert "popinjay say lovelace" in card
    assert "popinjay say ada_l" not in card
    assert "lovelace" in persona.run.file("report.html").read_text(encoding="utf-8")
    artifacts = graph(persona.name, persona.run.record, before)
    assert [row["artifact"] for row in artifacts if row["type"] != "pretrained-model"] == [
        "tweets-lovelace:v0",
        "dataset-lovelace:v0",
        "lovelace:v0",
        "report-lovelace:v0",
    ]
    assert not any("ada_l" in used for row in artifacts for used in row["uses"])
    # Its author keeps the handle, which every post is recorded under.
    assert persona.run.record.asked.authors == ("ada_l",)


def test_the_next_make_of_a_renamed_persona_has_nothing_to_do(
    run: Run, ada: Path, tiny_gpt2: Path
) -> None:
    rename(run, "lovelace")
    said: list[Event] = []
    popinjay.make(ada, name="lovelace", base=str(tiny_gpt2), listener=said.append, **OPTIONS)
    done = {event.stage for event in said if event.what.value == "done"}
    assert not done - {"picture"}


def test_an_author_called_as_the_persona_is_renamed_with_it(
    tmp_path: Path, tiny_gpt2: Path, own_home: Path
) -> None:
    posts = tmp_path / "tweets.txt"
    posts.write_text(
        "\n".join(f"today engine {n} turned {n * 7} wheels near the river" for n in range(300))
    )
    persona = popinjay.make(posts, name="ada", base=str(tiny_gpt2), **OPTIONS)
    forgotten = next(iter(persona.run.file("posts.jsonl").read_text().splitlines()))
    forget(persona.run, [json.loads(forgotten)["id"]], [])
    renamed = rename(Run(persona.path), "eve")
    assert holding(renamed.run, '"name": "eve"') == ["authors.json"]
    assert renamed.run.record.asked.authors == ("ada",)
    # What was forgotten stays forgotten when more posts are read under the new name.
    posts.write_text(posts.read_text() + "\nand at last the engine rested for the night")
    again = popinjay.make(posts, name="eve", base=str(tiny_gpt2), **OPTIONS)
    assert again.run.record.asked.authors == ("ada",)
    assert forgotten not in again.run.file("posts.jsonl").read_text().splitlines()
    assert [path.name for path in own_home.iterdir() if path.is_dir()] == ["eve"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "", "-x"])
def test_a_name_that_is_no_folders_is_refused(run: Run, name: str) -> None:
    with pytest.raises(SpecError, match="can't be named"):
        rename(run, name)
    assert states(Run(run.path)) == states(run)


def test_no_other_persona_and_no_other_folder_is_overwritten(run: Run, own_home: Path) -> None:
    (own_home / "eve").mkdir()
    (own_home / "eve" / "run.toml").write_text("")
    (own_home / "notes").mkdir()
    with pytest.raises(PersonaTaken, match="There is a persona 'eve' already"):
        rename(run, "eve")
    with pytest.raises(PersonaTaken, match="something else called 'notes'"):
        rename(run, "notes")
    assert rename(run, run.name).name == run.name
    assert Run(run.path).record.stages


def test_both_are_refused_while_it_is_made(run: Run) -> None:
    with run.locked():
        with pytest.raises(PersonaBusy):
            rename(Run(run.path), "eve")
        with pytest.raises(PersonaBusy):
            remove(Run(run.path))
    assert (run.path / "run.toml").is_file()


def test_what_stays_elsewhere_is_said(
    run: Run, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    run.save(run.record.updated(published={"hub:ada/bird": Publication(private=True)}))
    assert main(["rename", "ada_l", "eve"]) == 0
    said = capsys.readouterr()
    assert (
        "ada/bird on the Hugging Face hub: It was published there. It keeps the name ada_l."
        in said.err
    )
    assert "popinjay say eve" in said.out
    assert main(["remove", "eve", "--yes"]) == 0
    assert "It was published there. It stays there: ada/bird" in capsys.readouterr().out
    assert list(own_home.iterdir()) == []


@pytest.mark.parametrize("doing", ["rename", "remove"])
def test_no_samples_of_a_training_are_left_under_the_old_name(
    run: Run, own_home: Path, doing: str
) -> None:
    job = own_home / ".jobs" / "j1"
    job.mkdir(parents=True)
    (job / "job.json").write_text(json.dumps({"id": "j1", "name": "ada_l", "state": "done"}))
    events = [{"what": "sample", "message": "a secret"}, {"what": "done", "message": "all"}]
    (job / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    if doing == "rename":
        rename(run, "eve")
    else:
        remove(run)
    assert (job / "events.jsonl").read_text() == json.dumps(events[1]) + "\n"


def test_remove_asks_first(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", "ada_l"]) == 2
    assert "needs a yes" in capsys.readouterr().err
    assert run.path.is_dir()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from popinjay import management
from popinjay.store.run import Run
die = lambda *rest, **more: os.kill(os.getpid(), signal.SIGKILL)
run = Run(Path(sys.argv[1]))
if sys.argv[2] == "remove":
    real = shutil.rmtree
    os.unlink, os.rmdir = die, die  # the first file that is to be deleted
    management.remove(run)
else:
    real = Path.rename
    move = lambda path, target: die() if Path(target).name == "eve" else real(path, target)
    Path.rename = move
    management.rename(run, "eve")
"""


def killed(run: Run, doing: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(run.path), doing], timeout=120)
    assert done.returncode == -9


def test_nothing_half_removed_is_left_by_a_kill(run: Run, own_home: Path) -> None:
    other = own_home / "other"
    other.mkdir()
    (other / "run.toml").write_text("")
    killed(run, "remove")
    assert [summary.name for summary in summaries(own_home)] == ["other"]
    assert [one.name for one in Run.all(own_home)] == ["other"]
    remove(Run(other))
    assert list(own_home.iterdir()) == []


def test_a_killed_rename_is_finished_by_the_same_command(run: Run, own_home: Path) -> None:
    killed(run, "rename")
    assert [path.name for path in own_home.iterdir()] == ["ada_l"]
    assert set(states(Run(run.path)).values()) == {"fresh"}
    persona = rename(Run(run.path), "eve")
    assert [path.name for path in own_home.iterdir()] == ["eve"]
    names = [artifact.name for artifact in persona.run.record.artifacts]
    assert len(names) == len(set(names))
    assert set(states(persona.run).values()) == {"fresh"}
