"""Fixtures of the tests of sources."""

from __future__ import annotations

import pytest

from popinjay.sources.network import http_client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hundredths of the usual times if a server names no time."""
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.01)
