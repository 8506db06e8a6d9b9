"""What the tests of faults share: one workshop, and a table of figures at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from workshop import Workshop, equipped


@pytest.fixture(scope="session")
def kills() -> int:
    """How many kills there are to be, of all commands together."""
    return int(os.environ.get("POPINJAY_KILLS", "200"))


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of where they hit."""
    return int(os.environ.get("POPINJAY_SEED", "0"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop."""
    return equipped(tmp_path_factory.mktemp("workshop"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many kills there were, and how many of them did no harm."""
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    rows = [dict(report.user_properties) for report in reports if report.when == "call"]
    rows = [row for row in rows if "kills" in row]
    if not rows:
        return
    terminalreporter.section("kills")
    for row in rows:
        terminalreporter.line(_figures(row))
    total = {name: sum(row[name] for row in rows) for name in ("kills", "recovered", "seconds")}
    terminalreporter.line(_figures({"command": "all", **total}))


def _figures(row: Mapping[str, Any]) -> str:
    kills = f"{row['kills']:4} kills, {row['recovered']:4} recovered"
    return f"{row['command']:20} {kills}, {row['seconds']:7.1f} s"
