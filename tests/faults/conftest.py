"""Fixtures of the fault tests: one workshop, and a table of figures at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from workshop import Workshop, equipped


@pytest.fixture(scope="session")
def kills() -> int:
    """Return the number of kills, of all commands together."""
    return int(os.environ.get("POPINJAY_KILLS", "200"))


@pytest.fixture(scope="session")
def seed() -> int:
    """Return the seed of their moments."""
    return int(os.environ.get("POPINJAY_SEED", "0"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a workshop."""
    return equipped(tmp_path_factory.mktemp("workshop"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many kills there were, and how many of them did no harm."""
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    rows = [dict(report.user_properties) for report in reports if report.when == "call"]
    rows = [row for row in rows if "kills" in row]
    if not rows:
        return
    terminalreporter.section("kills")
    for name in dict.fromkeys(row["command"] for row in rows):
        parts = [row for row in rows if row["command"] == name]
        terminalreporter.line(_figures(name, parts))
    terminalreporter.line(_figures("all", rows))


def _figures(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    kills, recovered, seconds = (
        sum(row[kind] for row in rows) for kind in ("kills", "recovered", "seconds")
    )
    return f"{name:20} {kills:4} kills, {recovered:4} recovered, {seconds:7.1f} s"
