"""Tests of `popinjay post`, `bot` and `posted` as they are typed, on the stand-in of Mastodon."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mastodon_posting_standin import PostingStandIn
from popinjay.bots.bot_settings import keep
from popinjay.cli.main import main
from popinjay.store.post_queue import Queue
from popinjay.store.run import Run
from posting_accounts import mastodon_variables
from queued_persona import put_drafts, put_queued_persona

FIRST, SECOND = "The tide is in, @bob. #sea", "Nobody counts gulls."
ROOT = Path(__file__).parents[2]
STATEMENT = "Bot: a language model writes these posts in the manner of ada, who answers for them."


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostingStandIn]:
    stand_in = PostingStandIn()
    stand_in.data["account"] |= {"bot": True, "note": f"<p>{STATEMENT}</p>"}
    stand_in.data["rules"] = []
    for name, value in mastodon_variables(stand_in).items():
        monkeypatch.setenv(name, value)
    yield stand_in
    stand_in.close()


@pytest.fixture
def run(own_home: Path) -> Run:
    made = put_queued_persona(own_home)
    with Queue(made) as queue:
        keep(queue, {"quiet_hours": "none", "jitter": "0m", "time_zone": "UTC"})
    return made


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Return the exit code of a command, and what it printed."""
    code = main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_next_draft_is_posted(
    run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    put_drafts(run, FIRST, SECOND)
    code, out, _ = typed(capsys, "post", "ada", "--next", "--allow-local")
    assert code == 0
    assert server.texts == ["The tide is in, bob. sea"]
    assert f"Draft 1 is posted: http://{server.host}/@ada/" in out
    assert "The next one can be posted on" in out


def test_nothing_to_post_is_said_and_exits_with_2(
    run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = typed(capsys, "post", "ada", "--next", "--allow-local")
    assert (code, out) == (2, "")
    assert "Nothing of ada is approved and waiting" in err
    assert typed(capsys, "post", "ada", "--next", "--if-due", "--allow-local") == (0, "", "")


def test_json(run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    put_drafts(run, FIRST)
    _, out, _ = typed(capsys, "post", "ada", "--dry-run", "--json", "--allow-local")
    plan = json.loads(out)["plan"]
    assert plan["text"] == "The tide is in, bob. sea"
    assert plan["account"] == f"mastodon:{server.account}"
    assert server.texts == []
    _, out, _ = typed(capsys, "post", "ada", "--next", "--json", "--allow-local")
    assert json.loads(out)["posted"]["state"] == "posted"
    _, out, _ = typed(capsys, "posted", "ada", "--count", "--json", "--allow-local")
    (row,) = json.loads(out)["posted"]
    _, out, _ = typed(capsys, "posted", "ada")
    assert out == f"1\t{row['posted_at']}\t0\t0\t{row['url']}\t{FIRST}\n"
    assert row["likes"] == 0
    assert "key" not in row


def test_json_matches_its_documentation(
    run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drafts are documented with `popinjay queue`: of them the documents show a few keys."""
    put_drafts(run, FIRST)
    server.data["rules"] = [{"id": "1", "text": "Be excellent to each other"}]
    promised = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    local = ("--allow-local", "--json")
    for title, words in (
        ("accounts", ("accounts", "--rules", *local)),
        ("post", ("post", "ada", "--json")),
        ("post --next", ("post", "ada", "--dry-run", *local)),
        ("posted", ("posted", "ada", *local)),
    ):
        if title == "posted":
            typed(capsys, "post", "ada", "--next", "--i-read-the-rules", *local)
        _, out, _ = typed(capsys, *words)
        section = re.search(rf"## popinjay {title}\n.*?```json\n(.*?)```", promised, re.DOTALL)
        assert section is not None
        assert _shape(json.loads(section[1])) == _shape(json.loads(out)), title


def _shape(value: object) -> object:
    """Return the keys of a document, and of the first item of each list; of drafts nothing."""
    if isinstance(value, dict):
        return None if "state" in value else {key: _shape(one) for key, one in value.items()}
    return [_shape(value[0])] if isinstance(value, list) and value else None


def test_without_a_terminal_nobody_is_asked(
    run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    put_drafts(run, FIRST)
    server.data["account"]["bot"] = False
    code, _, err = typed(capsys, "post", "ada", "--next", "--allow-local")
    assert code == 2
    assert "is not marked as a bot, so nothing was posted" in err
    assert not server.data["account"]["bot"]


def test_a_post_is_deleted(
    run: Run, server: PostingStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    put_drafts(run, FIRST)
    typed(capsys, "post", "ada", "--next", "--allow-local")
    code, out, _ = typed(capsys, "posted", "ada", "--delete", "1", "--allow-local")
    assert code == 0
    assert out.startswith("Draft 1 is deleted: http")
    assert server.texts == []
    _, out, _ = typed(capsys, "posted", "ada")
    assert out.split("\t")[-2] == "deleted"
    _, _, err = typed(capsys, "posted", "ada", "--delete", "7", "--allow-local")
    assert "has no draft 7" in err


def test_settings_are_kept_and_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    put_drafts(run, FIRST)
    typed(capsys, "post", "ada", "--every", "3h", "--mentions", "--language", "pt")
    code, out, _ = typed(capsys, "post", "ada", "--no-mentions", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["settings"]["every"] == "3h"
    assert shown["settings"]["mentions"] is False
    assert shown["settings"]["language"] == "pt"
    assert shown["counts"]["approved"] == 1
    assert len(shown["next"]) == 4
    code, _, err = typed(capsys, "post", "ada", "--every", "5m")
    assert code == 2
    assert "--every can't be '5m'" in err
    _, out, _ = typed(capsys, "post", "ada")
    assert "every 3h" in out


def test_timers_are_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = typed(capsys, "post", "ada", "--schedule", "--to", "bsky:ada.example")
    assert "crontab -e" in out
    assert "OnCalendar=*-*-* 00,06,12,18:00:00 UTC" in out
    assert f"--home {run.path.parent} --to bsky:ada.example" in out


def test_a_bot_stays_until_it_is_stopped(run: Run, server: PostingStandIn) -> None:
    """A process of its own, as signals are sent to it."""
    put_drafts(run, FIRST, SECOND)
    bot = subprocess.Popen(
        [sys.executable, "-m", "popinjay", "bot", "ada", "--allow-local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert bot.stdout is not None
    lines = [bot.stdout.readline() for _ in range(4)]
    while "Next" not in lines[-1]:
        lines.append(bot.stdout.readline())
    time.sleep(0.1)
    bot.send_signal(signal.SIGTERM)
    _, err = bot.communicate()
    assert lines[0] == "ada posts every 6h (UTC). Ctrl-C stops it.\n"
    assert lines[2].startswith("Draft 1 is posted")
    assert lines[3].startswith("Next, on")
    assert "draft 2, Nobody counts gulls." in lines[3]
    assert bot.returncode == 0, err
    assert "stopping" in err
    assert server.texts == ["The tide is in, bob. sea"]
