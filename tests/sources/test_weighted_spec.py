"""Weights of a cyborg's authors, behind the names of what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import popinjay
from personas import rows, states
from popinjay.cli.main import main
from popinjay.errors import SpecError
from popinjay.events import Event, EventKind
from popinjay.sources.weighted_spec import WeightedSpec, split_weight
from popinjay.store.run import Run

OPTIONS: dict[str, Any] = {"epochs": 0.1, "batch_tokens": 512, "samples": 10, "whose": "fictional"}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Posts of two authors, of whom bob wrote half as much, in a file each."""
    for author, count in (("ada", 200), ("bob", 100)):
        lines = [
            f"{author} number {n} counts {n * 37} engines and {n * 13} gulls near the old river"
            for n in range(1, count + 1)
        ]
        (tmp_path / f"{author}.txt").write_text("\n".join(lines))
    return [tmp_path / "ada.txt", tmp_path / "bob.txt"]


def share_of(run: Run, author: str) -> float:
    """Return an author's share of the text that is learnt."""
    learnt = rows(run, "train.jsonl")
    return sum(len(row["text"]) for row in learnt if row["author"] == author) / sum(
        len(row["text"]) for row in learnt
    )


@pytest.mark.parametrize(
    ("given", "spec", "weight"),
    [
        ("ada.zip*2", "ada.zip", 2.0),
        ("ada.bsky.social*.5", "ada.bsky.social", 0.5),
        ("@ada@example.social*1.25", "@ada@example.social", 1.25),
        ("-*2", "-", 2.0),
        ("ada.zip", "ada.zip", None),
        ("ada.zip*", "ada.zip*", None),
        ("*2", "*2", None),
        ("ada*2.zip", "ada*2.zip", None),
        ("ada.zip*-2", "ada.zip*-2", None),
    ],
)
def test_a_weight_stands_at_the_end(given: str, spec: str, weight: float | None) -> None:
    assert split_weight(given) == WeightedSpec(spec, weight)


def test_a_file_that_is_called_so_wins(tmp_path: Path) -> None:
    (tmp_path / "ada.txt*2").touch()
    assert split_weight(f"{tmp_path}/ada.txt*2") == WeightedSpec(f"{tmp_path}/ada.txt*2")


@pytest.mark.parametrize("weight", ["0", "0.01", "11"])
def test_weights_are_bounded(weight: str) -> None:
    with pytest.raises(SpecError, match=f"can't be {weight}") as caught:
        split_weight(f"ada.zip*{weight}")
    assert "0.1 to 10" in caught.value.hint


def test_weights_change_how_often_posts_are_repeated(
    files: list[Path], tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ada, bob = files
    base = {"base": str(tiny_gpt2), **OPTIONS}
    run = popinjay.make(f"{ada}*3", bob, **base).run
    assert run.name == "ada-bob"
    assert share_of(run, "ada") == pytest.approx(0.75, abs=0.02)
    assert run.record.asked.weights == {"ada": 3.0, "bob": 1.0}
    assert "3 of ada, 1 of bob." in run.file("README.md").read_text(encoding="utf-8")
    events: list[Event] = []
    popinjay.make(ada, bob, listener=events.append, **base)  # kept on a further make
    assert [event.stage for event in events if event.what is EventKind.START] == []
    assert any("ada=3,bob=1" in event.message for event in events)
    popinjay.make(f"{ada}*1", f"{bob}*1", **base)
    equal = Run(run.path)
    assert share_of(equal, "ada") == pytest.approx(0.5, abs=0.02)
    assert equal.record.asked.weights == {}
    assert "about as much" in equal.file("README.md").read_text(encoding="utf-8")
    assert set(states(equal).values()) == {"fresh"}
    assert main(["inspect", f"{ada}*3", str(bob), "--json"]) == 0
    assert f"'{ada}*3'" in json.loads(capsys.readouterr().out)["command"]


def test_a_cyborg_without_weights_is_as_before(
    files: list[Path], tiny_gpt2: Path, own_home: Path
) -> None:
    base = {"base": str(tiny_gpt2), **OPTIONS}
    run = popinjay.make(*files, **base).run
    assert share_of(run, "ada") == pytest.approx(0.5, abs=0.02)
    assert run.record.stages["dataset"].source is None
    assert "asked.weights" not in run.file("run.toml").read_text(encoding="utf-8")


def test_a_weight_of_one_author_means_nothing(
    files: list[Path], tiny_gpt2: Path, own_home: Path
) -> None:
    run = popinjay.make(f"{files[0]}*2", base=str(tiny_gpt2), **OPTIONS).run
    assert run.name == "ada"
    assert run.record.asked.weights == {}
