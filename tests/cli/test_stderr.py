"""Tests that library output never reaches the user, in processes with warnings as errors."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
import warnings
from pathlib import Path

import pytest

from popinjay.cli import library_output
from popinjay.cli.main import main

STAGES = "collect|clean|dataset|train|evaluate|picture|card"
OURS = re.compile(rf"(?:{STAGES}): .+")
MAKE = ["--epochs", "0.1", "--samples", "10", "--whose", "fictional", "--quiet"]


def popinjay(*arguments: str, filters: str = "error") -> tuple[int, str, list[str]]:
    """Run a command in its own process; return its exit code, output and lines of stderr.

    Warnings are raised, or else all are shown.
    """
    done = subprocess.run(
        [sys.executable, "-m", "popinjay", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": filters},
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_the_package_runs_as_a_module() -> None:
    code, said, problems = popinjay("--version")
    assert (code, problems) == (0, [])
    assert re.fullmatch(r"popinjay \d+\.\d+\.\d+\S*\n", said)
    code, said, problems = popinjay("say", "nobody")
    assert (code, said) == (2, "")
    assert problems[0] == "popinjay: There is no persona 'nobody'."


@pytest.mark.parametrize(
    ("base", "filters"),
    [
        ("tiny_gpt2", "error"),
        pytest.param("tiny_llama", "error", marks=pytest.mark.slow),
        pytest.param("tiny_gemma", "always", marks=pytest.mark.slow),
    ],
)
def test_make_and_say_print_no_library_output(
    base: str,
    filters: str,
    ada: Path,
    own_home: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder = str(request.getfixturevalue(base))

    def problems(*arguments: str) -> list[str]:
        code, said, lines = popinjay(*arguments, filters=filters)
        assert code == 0, lines
        assert said
        return lines

    made = problems("make", str(ada), "--base", folder, *MAKE)
    assert made
    assert [line for line in made if not OURS.fullmatch(line)] == []
    assert problems("say", "ada_l", "-n", "2") == []
    assert problems("say", "ada_l", "the river", "-n", "1", "--json", "--exact") == []
    assert problems("report", "ada_l", "--json") == []
    assert problems("publish", "ada_l", "--to", "hub:a/b", "--dry-run") == []
    assert problems("status", "ada_l") == []


def test_serve_prints_no_library_output(own_home: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "popinjay", "serve", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}v1/models") as answer:
            assert json.load(answer) == {"object": "list", "data": []}
        server.send_signal(signal.SIGINT)
        assert server.communicate(timeout=60)[1] == ""
    finally:
        server.kill()
    assert server.returncode == 0


def test_warnings_and_log_records_of_libraries_are_suppressed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "warnoptions", [])
    handlers = list(logging.getLogger().handlers)
    show = warnings.showwarning

    def warn(*_: object) -> None:
        warnings.warn("a feature will go", FutureWarning, stacklevel=1)
        logging.getLogger("a.library").warning("something odd")

    monkeypatch.setattr("popinjay.cli.command_machinery.do_sources", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for given in (["sources"], ["nonsense"]):
            main(given)
    assert "feature" not in (said := capsys.readouterr()).err
    assert "odd" not in said.err
    assert (logging.getLogger().handlers, warnings.showwarning) == (handlers, show)


def test_warnings_are_shown_if_python_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["always"])
    show = warnings.showwarning
    with library_output.suppressed():
        assert warnings.showwarning is show
    monkeypatch.setattr(sys, "warnoptions", [])
    with library_output.suppressed():
        assert warnings.showwarning is not show


def test_a_base_is_fetched_without_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bases", "get", "builtin", "--yes"]) == 0
    assert "builtin is on this machine" in capsys.readouterr().out


def test_yes_accepts_no_terms(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.cli.questions.accepts", lambda *_: pytest.fail("it asked"))
    monkeypatch.setattr("popinjay.cli.questions.may_ask", lambda silent: not silent)
    assert main(["bases", "get", "gemma3", "--yes"]) == 2
    assert "--accept gemma" in capsys.readouterr().err
