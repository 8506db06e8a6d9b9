"""What is forgotten leaves the queue, and no file keeps it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import popinjay
from personas import holding
from popinjay.cli.main import main
from popinjay.errors import QueueBusy, QueueError
from popinjay.events import Event
from popinjay.forgetting.forget import forget
from popinjay.post import Post
from popinjay.store.post_queue import FILE, DraftState, Queue, has_queue
from popinjay.store.record import Asked
from popinjay.store.run import Run

SECRET = "my street is Aprikosenweg behind the old mill by the river"
PART = "Aprikosenweg"
OTHER = "gulls and nothing else"


@pytest.fixture
def run(own_home: Path) -> Run:
    """Return a persona whose posts were collected, and no more: one is to be forgotten."""
    run = Run(own_home / "ada")
    run.path.mkdir()
    posts = [Post("1000000000", "ada", SECRET), Post("1000000001", "ada", OTHER)]
    run.file("posts.jsonl").write_text("".join(json.dumps(post.to_json()) + "\n" for post in posts))
    run.file("authors.json").write_text(json.dumps([{"handle": "ada", "posts": 2, "left_out": {}}]))
    run.save(run.record.updated(asked=Asked(authors=("ada",))))
    return run


def put(run: Run, state: DraftState, text: str = f"so {SECRET}!", **values: object) -> int:
    """Add a draft in a state."""
    with Queue(run) as queue:
        made_with = {"prompt": f"so {SECRET}", "seed": 1}
        (draft,) = queue.add([(text, made_with)], **{"state": state, **values})
    return draft.id


def test_drafts_in_every_state_go_and_those_posted_keep_their_address(run: Run) -> None:
    for state in DraftState:
        if state not in (DraftState.POSTED, DraftState.SENDING):
            put(run, state)
    with Queue(run) as queue:
        queue.replace_text(1, DraftState.DRAFT, f"edited: {SECRET}")
    stands = {"account": "bsky:ada.example", "uri": "at://ada/1", "url": "https://bsky.app/1"}
    posted = put(
        run,
        DraftState.POSTED,
        key="3k",
        content={"text": SECRET},
        alt=SECRET,
        error=f"once refused: {SECRET}",
        **stands,
    )
    gone_there = put(run, DraftState.POSTED, deleted_at="2026-01-01", key="3l", url="https://b/2")
    other = put(run, DraftState.APPROVED, OTHER)
    events: list[Event] = []
    forgot = forget(run, ["1000000000"], listener=events.append)
    assert holding(run, PART) == []
    with Queue(run) as queue:
        assert [draft.id for draft in queue.drafts()] == [posted, gone_there, other]
        left = queue.draft(posted)
        assert (left.key, left.account, left.uri, left.url) == ("3k", *stands.values())
        assert (left.text, left.made_with, left.content) == ("", {}, None)
        assert (left.state, left.error, left.alt) == (DraftState.POSTED, "", "")
        assert queue.draft(other).text == OTHER
        assert queue.draft(other).made_with == {}  # its prompt repeated it
    assert forgot.removed[FILE] == 6
    assert [draft.id for draft in forgot.posted] == [posted]
    said = " ".join(event.message for event in events)
    assert "6 drafts in its queue went too" in said
    assert "https://bsky.app/1 still stands there" in said
    assert f"popinjay posted ada --delete {posted}" in said
    assert "https://b/2" not in said


def test_with_an_author_all_drafts_go(run: Run) -> None:
    with run.file("posts.jsonl").open("a") as file:
        file.write(json.dumps(Post("1000000002", "bob", "no lamps").to_json()) + "\n")
    rows: list[object] = [{"handle": name, "posts": 2, "left_out": {}} for name in ("ada", "bob")]
    run.file("authors.json").write_text(json.dumps(rows))
    put(run, DraftState.APPROVED, "anything at all")
    posted = put(run, DraftState.POSTED, "anything else", url="https://b/1")
    forgot = forget(run, authors=["bob"])
    assert forgot.removed[FILE] == 1
    assert holding(run, "anything") == []
    assert [draft.id for draft in forgot.posted] == [posted]


def test_a_draft_that_is_being_posted_stops_it_before_anything_is_changed(run: Run) -> None:
    put(run, DraftState.DRAFT)
    put(run, DraftState.SENDING, key="3k")
    with pytest.raises(QueueBusy, match="Draft 2 in the queue of ada repeats it"):
        forget(run, ["1000000000"])
    assert PART in run.file("posts.jsonl").read_text()
    with Queue(run) as queue:
        assert len(queue.drafts()) == 2
        queue.move(2, DraftState.SENDING, DraftState.POSTED)
    assert forget(run, ["1000000000"]).removed[FILE] == 1


def test_a_damaged_queue_stops_it_before_anything_is_changed(run: Run) -> None:
    put(run, DraftState.DRAFT)
    run.file(FILE).write_bytes(b"no database " * 99)
    with pytest.raises(QueueError, match="is damaged"):
        forget(run, ["1000000000"])
    assert PART in run.file("posts.jsonl").read_text()
    run.file(FILE).unlink()
    forget(run, ["1000000000"])
    assert not has_queue(run)


KILLED = """
import os, signal, sys
from pathlib import Path
from popinjay.forgetting.forget import forget
from popinjay.store.journal import Change
from popinjay.store.run import Run
Change.commit = lambda self: os.kill(os.getpid(), signal.SIGKILL)
forget(Run(Path(sys.argv[1])), ["1000000000"])
"""


def test_killed_in_between_the_same_call_does_it_all(run: Run) -> None:
    put(run, DraftState.DRAFT)
    put(run, DraftState.POSTED, url="https://b/1")
    path = str(Path(popinjay.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(run.path)], env={"PYTHONPATH": path}, check=False
    )
    assert done.returncode == -9
    assert PART in run.file("posts.jsonl").read_text()
    forget(run, ["1000000000"])
    assert holding(run, PART) == []


def test_the_command_says_where_it_still_stands(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    put(run, DraftState.POSTED, account="bsky:ada.example", url="https://bsky.app/1")
    assert main(["forget", "ada", "--post", "1000000000", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["posted"] == [
        {"id": 1, "account": "bsky:ada.example", "url": "https://bsky.app/1"}
    ]
