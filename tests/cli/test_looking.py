"""The commands to look at personas: list and open; and messages in a terminal of 80 columns."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from popinjay.cli.main import main
from popinjay.cli.show_list import show_list
from popinjay.store.run import Run
from popinjay.summary import Summary
from pseudo_terminal import Terminal
from speaking_persona import put_persona


def in_terminal(*words: str, columns: int = 80) -> str:
    """Return what a command shows in a real terminal."""
    command = ["-m", "popinjay.cli.main", *words]
    with Terminal(command, {**os.environ, "TERM": "xterm"}, columns=columns) as terminal:
        terminal.end()
        return terminal.shown


def test_list_shows_every_persona_and_the_sum(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_persona(own_home, "ada")
    (own_home / "broken").mkdir()
    (own_home / "broken" / "run.toml").write_text("nonsense")
    (own_home / "no persona").mkdir()
    assert main(["list"]) == 0
    table = capsys.readouterr().out
    assert "ada" in table
    assert "unfinished" in table
    assert "failed" in table
    assert "no persona" not in table
    assert "2 personas" in table
    assert main(["ls", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["personas"]
    assert [(row["name"], row["state"]) for row in rows] == [
        ("ada", "unfinished"),
        ("broken", "failed"),
    ]
    assert rows[0]["bytes"] > 1_000_000
    assert rows[0]["path"] == str(own_home / "ada")


@pytest.mark.parametrize("words", [["list"], ["status"], ["bases"], ["sources"]])
def test_no_line_of_a_table_ends_in_blanks_in_a_pipe(
    words: list[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_persona(own_home, "ada")
    put_persona(own_home, "babbage_of_a_longer_name")
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_persona_that_is_being_made_is_listed_as_such(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_persona(own_home, "ada")
    put_persona(own_home, "bob")
    with Run(own_home / "ada").locked():
        assert main(["list", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["personas"]
        assert [(row["name"], row["state"]) for row in rows] == [
            ("ada", "making"),
            ("bob", "unfinished"),
        ]
        assert main(["list"]) == 0
        shown = capsys.readouterr().out
        assert "being made" in shown
        assert "popinjay status bob" in shown  # what is missing, of the other one
    assert main(["list"]) == 0
    assert "being made" not in capsys.readouterr().out


def test_list_without_personas_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "popinjay demo" in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"personas": []}


def test_list_is_readable_at_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setattr("popinjay.cli.show_list.console", lambda: Console(width=80))
    from datetime import UTC, datetime

    row = Summary(
        "wl_obamawhitehouse-smollm2",
        Path("/home/ada/.popinjay/wl_obamawhitehouse-smollm2"),
        "The Obama White House",
        state="ready",
        posts=14_243,
        bytes=702_000_000,
        made_at=datetime(2026, 11, 30, tzinfo=UTC),
        base="/home/ada/models/smollm2-360m",
        short_verdict="Nearly always told by style",
    )
    show_list([row], Path("/home/ada/.popinjay"))
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    whole = " ".join(lines)
    for part in ("2026-11-30", "smollm2-360m", "14,243", "702 MB", "ready", "Nearly", "told by"):
        assert part in whole


def test_open_uses_the_desktop_and_prints_the_path(
    own_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("uses xdg-open")
    folder = put_persona(own_home, "ada")
    (folder / "report.html").write_text("<p>")
    programs = tmp_path / "bin"
    programs.mkdir()
    opener = programs / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["open", "ada"]) == 0
    assert main(["open", "ada", "--report"]) == 0
    assert (tmp_path / "opened").read_text().splitlines() == [
        str(folder),
        str(folder / "report.html"),
    ]
    assert str(folder / "report.html") in capfd.readouterr().out
    assert main(["open", "ada", "--card"]) == 2
    assert "has no README.md yet" in capfd.readouterr().err


def test_open_without_a_desktop_only_prints_the_path(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = put_persona(own_home, "ada")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert main(["open", "ada"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(folder)
    assert "Nothing here can open it" in said.err


def test_messages_wrap_at_words_in_a_terminal_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = in_terminal("make").rstrip().splitlines()
    assert len(shown) > 2
    assert all(len(line) < 80 for line in shown)
    assert all(line.startswith(("popinjay: ", " " * 10)) for line in shown)
    assert main(["make"]) == 2
    piped = capsys.readouterr().err.splitlines()
    assert len(piped) == 2
    assert " ".join(" ".join(shown).split()) == " ".join(" ".join(piped).split())


def test_no_address_is_broken() -> None:
    address = "https://example.social/" + "a-long-path/" * 8
    shown = in_terminal("inspect", address, columns=60)
    assert address.rstrip("/") in shown


def test_sources_and_bases_break_at_words_only() -> None:
    for command in ("sources", "bases"):
        shown = in_terminal(command)
        assert all(len(line.rstrip()) <= 80 for line in shown.splitlines())
    assert "x.com/settings/download_your_data" in in_terminal("sources")
    assert "93 MB" in shown
    assert "SHA-256" not in shown
    assert "SHA-256" in in_terminal("bases", "--debug")
