"""Tests of installing the test servers: once, whole or not at all. Scripts replace Node and npm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from servers import install

Tools = Callable[..., None]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Put a node of some version and an npm of some lines of shell on the path, and no others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POPINJAY_TEST_SERVERS", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(
        "servers.install.shutil.which",
        lambda name: str(found) if (found := tmp_path / "bin" / name).exists() else None,
    )
    (tmp_path / "bin").mkdir()

    def put(
        node: str = "v22.1.0", npm: str = "mkdir -p node_modules/a && echo done > node_modules/a/b"
    ) -> None:
        for name, lines in (("node", f"echo {node}"), ("npm", npm)):
            tool = tmp_path / "bin" / name
            tool.write_text(f"#!/bin/sh\n{lines}\n")
            tool.chmod(0o755)

    return put


def test_installed_servers_are_not_installed_again(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools()
    assert install.missing().endswith("(make servers)")
    assert install.main() == 0
    assert (install.missing(), (install.folder() / "node_modules/a/b").read_text()) == (
        "",
        "done\n",
    )
    assert "Installing" in capsys.readouterr().out
    tools(npm="exit 1")
    assert install.main() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("node", "npm", "said"),
    [
        ("v18.2.0", "exit 0", "needs Node 20 or newer, not v18.2.0"),
        ("", "exit 0", "needs Node, which does not say its version here"),
        (
            "v20.0.0",
            "mkdir node_modules; echo no such registry; exit 1",
            "npm failed: no such registry",
        ),
        ("v20.0.0", "exit 3", "npm failed: it does not say why"),
    ],
)
def test_a_failure_prints_one_line_and_leaves_nothing(
    tools: Tools, capsys: pytest.CaptureFixture[str], node: str, npm: str, said: str
) -> None:
    tools(node, npm)
    assert install.main() == 0
    assert (
        f"No servers for tests ({said}): the tests that talk to a real Bluesky server will skip."
        in capsys.readouterr().out
    )
    assert install.missing()
    assert not list(install.folder().parent.glob("*"))


def test_missing_node_is_reported(tools: Tools) -> None:
    assert install.install() == install.missing() == "needs Node, which is not here"


def test_a_timeout_ends_all_started_processes(tools: Tools) -> None:
    tools(npm="mkdir node_modules; sleep 60 & sleep 60")
    began = time.monotonic()
    assert install.install(most_seconds=0.5) == "npm took more than 0 s"
    assert time.monotonic() - began < 30
    assert not list(install.folder().parent.glob("*"))


def test_other_versions_are_another_folder(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = install.folder()
    assert before == install.folder()
    other = tmp_path / "package.json"
    other.write_text(install.PACKAGES.read_text().replace("0.4.217", "0.4.218"))
    assert install.folder(replace(install.SERVERS, file=other)) != before
    assert install.folder(install.TRANSFORMERS_JS) != before
    monkeypatch.setenv("POPINJAY_TEST_SERVERS", str(tmp_path))
    assert install.folder() == tmp_path
