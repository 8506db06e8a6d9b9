"""Tests of the log that each make leaves in the persona's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay.cli.main import main
from popinjay.errors import PersonaError, TrainingError
from popinjay.events import Event, EventKind, ignore
from popinjay.forgetting.forget import forget
from popinjay.options import PublishOptions
from popinjay.publishing.publish import publish
from popinjay.store.make_log import KEPT, logged
from popinjay.store.run import Run

OPTIONS: dict[str, Any] = {"epochs": 1.0, "batch_tokens": 256, "samples": 10, "whose": "fictional"}
START = Event("train", EventKind.START, "learning the voice")


def empty(folder: Path) -> Run:
    run = Run(folder / "ada")
    run.path.mkdir()
    return run


def logs(run: Run) -> list[Path]:
    return sorted((run.path / "logs").glob("*"))


def test_it_has_every_event_with_its_time_also_with_quiet(
    ada: Path, tiny_gpt2: Path, own_home: Path
) -> None:
    given = ["--epochs", "1", "--samples", "10", "--whose", "fictional", "--quiet"]
    assert main(["make", str(ada), "--base", str(tiny_gpt2), *given]) == 0
    run = Run(own_home / "ada_l")
    (log,) = logs(run)
    assert re.fullmatch(r"make-\d{8}T\d{6}\.log", log.name)
    lines = log.read_text().splitlines()
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 \w+", line)
    text = "\n".join(lines)
    for stage in ("collect", "clean", "dataset", "train", "evaluate", "card"):
        assert f" {stage}: done" in text
    assert "It will take" in text
    assert " train: sample | " in text
    assert "loss=" in text
    assert lines[-1].endswith("finished")

    assert main(["make", str(ada), "--base", str(tiny_gpt2), *given]) == 0
    assert logs(run) == [log]  # nothing was done: nothing is logged


def test_it_says_how_a_make_failed(
    ada: Path, tiny_gpt2: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TrainingError("No luck.", "Try again.")

    monkeypatch.setattr("popinjay.training.trainer.Trainer.run", fail)
    with pytest.raises(TrainingError):
        popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    (log,) = logs(Run(own_home / "ada_l"))
    assert log.read_text().splitlines()[-1].endswith("failed: No luck.")


def test_the_newest_are_kept(tmp_path: Path) -> None:
    run = empty(tmp_path)
    for number in range(KEPT + 5):
        with logged(run, ignore) as listener:
            listener(START)
            listener(Event("train", EventKind.NOTE, f"number {number}"))
    assert len(logs(run)) == KEPT


def test_it_never_stops_a_make(tmp_path: Path) -> None:
    run = empty(tmp_path)
    (run.path / "logs").write_text("in the way")
    heard: list[Event] = []
    with logged(run, heard.append) as listener:
        listener(START)
    assert heard == [START]


def test_it_is_not_written_out_of_the_folder(tmp_path: Path) -> None:
    run = empty(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (run.path / "logs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PersonaError, match="leads out"), logged(run, ignore) as listener:
        listener(START)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_progress_is_written_now_and_then(tmp_path: Path) -> None:
    run = empty(tmp_path)
    with logged(run, ignore) as listener:
        listener(START)
        for step in range(1000):
            listener(Event("train", EventKind.PROGRESS, "learning", step, 1000, "steps"))
            listener(Event("train", EventKind.METRICS, done=step))
        listener(Event("train", EventKind.PROGRESS, "saving"))
    (log,) = logs(run)
    assert len(log.read_text().splitlines()) < 10
    assert "saving" in log.read_text()


def test_logs_are_forgotten_and_never_published(ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    run = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS).run
    publish(run, str(tmp_path / "published"), PublishOptions())
    assert logs(run)
    assert not [path for path in (tmp_path / "published").rglob("*") if "log" in path.name]
    from popinjay.post import read_posts

    forget(run, [next(iter(read_posts(run.file("clean.jsonl")))).id])
    assert not (run.path / "logs").exists()
