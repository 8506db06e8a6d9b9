"""Fixtures of the tests of bots: a bot that may post."""

from __future__ import annotations

from pathlib import Path

import pytest

from posting_bot import Bot
from posting_standin import AccountStandIn
from queued_persona import put_queued_persona


@pytest.fixture
def bot(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bot:
    """Return a bot that may post: its user says yes to everything."""
    monkeypatch.setenv("TZ", "UTC")
    account = AccountStandIn(tmp_path / "server.sqlite")
    made = Bot(put_queued_persona(own_home), account)
    account.now = lambda: made.now + made.server_is_ahead
    made.settings(quiet_hours="none", jitter="0m")
    return made
