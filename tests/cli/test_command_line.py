"""Tests of the command line as users and scripts call it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from popinjay.cli.main import main

FAST = ["--epochs", "1", "--batch-tokens", "512", "--samples", "10"]


@pytest.fixture
def persona(ada: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert (
        main(["make", str(ada), "--base", str(tiny_gpt2), "--whose", "fictional", "--quiet", *FAST])
        == 0
    )
    capsys.readouterr()
    return "ada_l"


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_make_reports_its_result_and_the_next_step(
    ada: Path, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(ada), "--base", str(tiny_gpt2), *FAST]) == 0
    said = capsys.readouterr()
    assert "clean: 200 of 230 posts of ada_l kept" in said.err
    assert "train: " in said.err
    verdict = json.loads((own_home / "ada_l" / "report.json").read_text())["verdict"]
    assert verdict.startswith("Too few posts to judge: ")
    assert (said.err + said.out).count(verdict) == said.out.count(verdict) == 1
    assert "evaluate: Too few posts to judge\n" in said.err
    assert "ada_l is ready. Its first ten posts, unselected:" in said.out
    assert len(re.findall(r"(?m)^ {0,1}\d{1,2}  \S", said.out)) == 10
    for command in ("say ada_l", "report ada_l", "card ada_l", "serve"):
        assert re.search(rf"(?m)^  popinjay {command} +\S", said.out)
    assert str(own_home) not in said.out
    assert main(["make", str(ada), "--base", str(tiny_gpt2), *FAST]) == 0
    assert "train: done before" in capsys.readouterr().err


def test_make_json_prints_one_event_a_line(
    ada: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(ada), "--base", str(tiny_gpt2), "--json", *FAST]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [
        event["stage"]
        for event in events
        if event["what"] == "done" and event["stage"] != "picture"
    ] == [
        "collect",
        "clean",
        "dataset",
        "train",
        "evaluate",
        "card",
    ]


def test_inspect_json_has_the_counts_of_the_card(
    ada: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (author,) = document(capsys, "inspect", str(ada), "--json")["authors"]
    assert {
        key: author[key] for key in ("author", "downloaded", "reposts", "short", "kept", "used")
    } == {
        "author": "ada_l",
        "downloaded": 230,
        "reposts": 20,
        "short": 10,
        "kept": 200,
        "used": 200,
    }
    assert author["languages"] == {"en": 1.0}
    assert author["first"] < author["last"]
    assert list(own_home.iterdir()) == []


def test_inspect_as_text_shows_the_same_counts(
    ada: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(ada)]) == 0
    said = capsys.readouterr().out
    for word in (
        "@ada_l",
        "downloaded",
        "230",
        "reposts",
        "20",
        "short posts",
        "kept",
        "200",
        "en 100%",
    ):
        assert word in said


def test_say_prints_one_post_a_line_and_is_reproducible(
    persona: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for who in (persona, persona, str(own_home / persona)):
        assert main(["say", who, "the lamp", "-n", "4", "--seed", "1", "--max-tokens", "20"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]
    assert len(said[0].splitlines()) == 4
    assert all(line.startswith("the lamp") for line in said[0].splitlines())


def test_say_json_has_what_reproduces_it(persona: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = document(capsys, "say", persona, "-n", "2", "--max-tokens", "20", "--json")
    again = document(
        capsys,
        "say",
        persona,
        "-n",
        "2",
        "--max-tokens",
        "20",
        "--json",
        "--seed",
        str(first["seed"]),
    )
    assert first["posts"] == again["posts"]
    assert set(first["posts"][0]) == {"text", "tokens", "finished"}


def test_status_shows_each_stage(
    persona: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = document(capsys, "status", "--json")["personas"]
    assert one["name"] == persona
    assert [stage["state"] for stage in one["stages"]] == ["fresh"] * 6
    (own_home / persona / "report.json").write_text("{}")
    (one,) = document(capsys, "status", persona, "--json")["personas"]
    assert {stage["stage"] for stage in one["stages"] if stage["state"] == "stale"} == {
        "evaluate",
        "card",
    }
    assert main(["status"]) == 0
    table = capsys.readouterr().out
    assert "stale" in table
    assert "done" in table
    assert "fresh" not in table
    assert main(["status", persona]) == 0
    assert f"folder   {own_home / persona}" in capsys.readouterr().out


def test_status_and_debug_name_the_engine(
    persona: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert document(capsys, "status", persona, "--json")["personas"][0]["engine"] == {
        "name": "onnxruntime",
        "why_slow": None,
    }
    assert main(["status", persona]) == 0
    assert "ada_l runs on ONNX Runtime" in capsys.readouterr().out
    config = own_home / persona / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "never_heard_of": 1}))
    assert main(["status", persona]) == 0
    reason = "config.json has never_heard_of = 1"
    assert reason in " ".join(capsys.readouterr().out.split())
    command = [
        sys.executable,
        "-m",
        "popinjay.cli.main",
        "say",
        persona,
        "-n",
        "1",
        "--max-tokens",
        "12",
    ]
    quiet, debug = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=True).stderr
        for more in ([], ["--debug"])
    )
    assert reason in debug
    assert reason not in quiet


def test_status_without_personas_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert "popinjay demo" in capsys.readouterr().out


def test_two_specs_make_a_cyborg_named_after_both(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from archives import archive_files, posts, write_zip

    bob = write_zip(tmp_path / "bob.zip", archive_files(posts(100, start=500), handle="Bob"))
    assert main(["make", str(bob), str(ada), "--base", str(tiny_gpt2), "--quiet", *FAST]) == 0
    (one,) = document(capsys_cleared(capsys), "status", "--json")["personas"]
    assert one["name"] == "ada_l-bob"
    card = (Path(one["path"]) / "README.md").read_text()
    assert "AI CYBORG" in card
    assert "| Posts downloaded | 100 | 230 |" in card


def capsys_cleared(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    capsys.readouterr()
    return capsys


def test_the_default_base_is_reported(ada: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make", str(ada), "--epochs", "0.1", "--samples", "10", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert (
        "train: The base model is the built-in one. smollm2 (93 MB) writes much better English"
        in said
    )


def test_closed_pipe_ends_quietly(persona: str) -> None:
    command = (
        f"{sys.executable} -m popinjay.cli.main say {persona} -n 3 --max-tokens 12 | head -n 0"
    )
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True
    )
    assert done.stderr == ""


def test_own_name_and_own_home(ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    assert (
        main(
            [
                "make",
                str(ada),
                "--name",
                "countess",
                "--home",
                str(tmp_path / "here"),
                "--base",
                str(tiny_gpt2),
                "--quiet",
                *FAST,
            ]
        )
        == 0
    )
    assert (tmp_path / "here" / "countess" / "README.md").exists()


def test_no_post_sends_control_sequences_to_the_terminal(
    tmp_path: Path, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\n".join(
        f"\x1b[2J\x1b]0;owned\x07 [bold]post[/bold] number {n} about {n * 31} engines "
        f"and {n * 17} lamps near the river"
        for n in range(200)
    )
    (tmp_path / "eve.txt").write_text(hostile)
    assert main(["make", str(tmp_path / "eve.txt"), "--base", str(tiny_gpt2), *FAST]) == 0
    assert main(["say", "eve", "-n", "20", "--seed", "1"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\x1b" not in (own_home / "eve" / "train.jsonl").read_text()
    assert "[bold]post[/bold]" in (own_home / "eve" / "clean.jsonl").read_text()


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_making_a_persona_raises_no_warning(
    ada: Path, tiny_gpt2: Path, tiny_llama: Path, tune: str
) -> None:
    base = tiny_gpt2 if tune == "full" else tiny_llama
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "popinjay.cli.main",
        "make",
        str(ada),
        "--base",
        str(base),
        "--tune",
        tune,
        *FAST,
    ]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
