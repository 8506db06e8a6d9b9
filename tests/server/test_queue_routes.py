"""Tests of a persona's queue over HTTP: deciding, two windows, writing, settings, posting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models import gpt2
from popinjay.server.queue_plan import places_of
from popinjay.server.queue_writing import QueueWriters
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
from posting_standin import AccountStandIn
from queued_persona import put_drafts, put_queued_persona
from serving import Client, served
from speaking_persona import put_persona

QUEUE = "/api/personas/ada/queue"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with served(tmp_path / "home") as client:
        yield client


@pytest.fixture
def ada(tmp_path: Path) -> Run:
    return put_queued_persona(tmp_path / "home", whose="fictional")


def put(run: Run, *texts: str) -> list[int]:
    return [draft.id for draft in put_drafts(run, *texts, approved=False)]


def listed(client: Client, *states: str) -> list[str]:
    query = "&".join(f"state={state}" for state in states or ("draft",))
    return [draft["text"] for draft in client.get(f"{QUEUE}?{query}")["drafts"]]


def decide(client: Client, id: int, action: str, status: int = 200, **body: Any) -> Any:
    answer = client.ask("POST", f"{QUEUE}/{id}/{action}", body)
    assert answer.status == status, answer.body
    return answer.json


def test_a_queue_is_not_made_by_looking_at_it(client: Client, ada: Run) -> None:
    found = client.get(QUEUE)
    assert found == {
        "counts": dict.fromkeys(DraftState, 0),
        "drafts": [],
        "total": 0,
        "cannot_post": "",
    }
    assert client.get(f"{QUEUE}/calendar")["days"] == []
    assert client.get(f"{QUEUE}/settings")["every"] == "6h"
    assert not ada.file("queue.sqlite").exists()


def test_each_decision_and_the_way_back(client: Client, ada: Run) -> None:
    one, two, three, four = put(ada, "one", "two", "three", "four")
    assert decide(client, one, "approve")["counts"]["approved"] == 1
    assert decide(client, two, "reject")["draft"]["state"] == "rejected"
    decide(client, three, "later")
    assert listed(client) == ["four", "three"]
    edited = decide(client, four, "edit", text="four parrots")["draft"]
    assert (edited["state"], edited["supersedes"]) == ("approved", four)
    assert listed(client, "approved", "sending") == ["one", "four parrots"]

    assert decide(client, edited["id"], "undo")["draft"]["text"] == "four"
    decide(client, three, "undo")
    decide(client, two, "undo")
    assert decide(client, one, "undo")["counts"]["draft"] == 4
    assert listed(client) == ["one", "two", "three", "four"]
    assert "Nothing was decided" in decide(client, one, "undo", 409)["error"]["message"]


def test_the_second_of_two_windows_is_told(client: Client, ada: Run) -> None:
    (id,) = put(ada, "one")
    decide(client, id, "approve")
    for action, more in (("reject", {}), ("approve", {}), ("edit", {"text": "two"}), ("later", {})):
        answer = decide(client, id, action, 409, **more)
        assert "is approved by now" in answer["error"]["message"], action
    assert listed(client, "approved") == ["one"]
    decide(client, id, "reject", since="approved")  # this window has seen that it is
    assert "no draft 99" in decide(client, 99, "approve", 409)["error"]["message"]


def test_two_windows_at_the_same_moment_decide_once(client: Client, ada: Run) -> None:
    ids = put(ada, *(f"number {n}" for n in range(10)))
    answers: dict[tuple[int, str], int] = {}

    def window(action: str) -> None:
        for id in ids:
            path = f"{QUEUE}/{id}/{action}"
            answers[id, action] = client.ask("POST", path, {"since": "draft"}).status

    windows = [threading.Thread(target=window, args=(action,)) for action in ("approve", "reject")]
    for one in windows:
        one.start()
    for one in windows:
        one.join()
    with Queue(ada) as queue:
        states = {id: queue.draft(id).state for id in ids}
    for id in ids:
        won = {action for action in ("approve", "reject") if answers[id, action] == 200}
        assert won == {{"approved": "approve", "rejected": "reject"}[states[id]]}


def test_a_text_is_checked_as_it_will_be_posted(client: Client, ada: Run) -> None:
    found = client.post(f"{QUEUE}/check", {"text": "ask @ada about #parrots " + "x" * 280}, 200)
    assert found["shown"].startswith("ask ada about parrots")
    assert found["lengths"] == {"bsky": 302, "mastodon": 302}
    assert found["too_long_for"] == ["bsky"]
    assert "It names @ada." in found["warnings"]


@pytest.mark.parametrize("whose", ["public-figure", None])
def test_it_says_that_a_persona_can_not_post(
    client: Client, tmp_path: Path, whose: str | None
) -> None:
    run = put_queued_persona(tmp_path / "home", "fig", whose=whose)
    (id,) = put(run, "one")
    found = client.get("/api/personas/fig/queue")
    assert "a bot must not speak for them" in found["cannot_post"]
    answer = client.ask("POST", f"/api/personas/fig/queue/{id}/approve", {})
    assert answer.status == 200  # to choose is possible
    answer = client.ask("POST", "/api/personas/fig/queue/post", {})
    assert (answer.status, "must not speak" in answer.message) == (409, True)


def test_settings_are_kept_all_or_none(client: Client, ada: Run) -> None:
    changed = client.ask(
        "PATCH", f"{QUEUE}/settings", {"every": "3h", "quiet_hours": "none", "time_zone": "UTC"}
    ).json
    assert (changed["every"], changed["quiet_hours"], changed["jitter"]) == ("3h", "none", "20m")
    for bad in ({"every": "5m"}, {"time_zone": "Nowhere/At_All"}, {"visibility": "direct"}):
        answer = client.ask("PATCH", f"{QUEUE}/settings", {"jitter": "1m", **bad})
        assert answer.status == 422, bad
    assert client.get(f"{QUEUE}/settings") == changed
    assert client.ask("PATCH", f"{QUEUE}/settings", {"auto": True}).status == 422


def test_the_calendar_has_the_slots_of_the_schedule(client: Client, ada: Run) -> None:
    one, two = put(ada, "one", "two")
    client.ask(
        "PATCH",
        f"{QUEUE}/settings",
        {"every": "4h", "quiet_hours": "22:00-06:00", "time_zone": "UTC", "jitter": "0m"},
    )
    decide(client, two, "approve")
    decide(client, one, "approve")
    found = client.get(f"{QUEUE}/calendar?days=3")
    assert (found["time_zone"], len(found["days"])) == ("UTC", 3)
    assert found["quiet"] == [["00:00", "06:00"], ["22:00", "24:00"]]
    assert [slot["clock"] for slot in found["days"][1]["slots"]] == [
        "06:00",
        "10:00",
        "14:00",
        "18:00",
    ]
    slots = [slot for day in found["days"] for slot in day["slots"]]
    assert [slot["draft"] for slot in slots[:3]] == [one, two, None]


def test_a_draft_that_is_due_later_waits_for_its_slot(ada: Run) -> None:
    first = datetime(2026, 12, 1, 7, tzinfo=UTC)
    times = [first + timedelta(hours=6 * n) for n in range(3)]
    late, other = put_drafts(ada, "late", "other")
    with Queue(ada) as queue:
        late = queue.set(late.id, due_at=times[1].isoformat())
    assert places_of([late, other], times) == {times[0]: other.id, times[1]: late.id}


def test_what_was_posted_and_what_failed(
    client: Client, ada: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = AccountStandIn(tmp_path / "network.sqlite")
    monkeypatch.setattr("popinjay.bots.accounts.open_account", lambda *_, **__: account)
    refused, posted = put(ada, "one", "two")
    with Queue(ada) as queue:
        for id in (refused, posted):
            queue.move(id, DraftState.DRAFT, DraftState.APPROVED, decided_by="human")
        queue.move(refused, DraftState.APPROVED, DraftState.SENDING)
        queue.move(refused, DraftState.SENDING, DraftState.FAILED, error="It is too long.")
    settings = {"quiet_hours": "none", "jitter": "0m", "operator": "ada@mail.example"}
    client.ask("PATCH", f"{QUEUE}/settings", settings)
    answer = client.ask("POST", f"{QUEUE}/post", {})
    assert (answer.status, "not marked as a bot" in answer.message) == (409, True)
    account.mark_as_bot("A bot. In the manner of ada. ada@mail.example answers for it.")
    plan = client.post(f"{QUEUE}/post", {"dry_run": True}, 200)["plan"]
    assert (plan["shown"], plan["account"], plan["problems"]) == ("two", account.name, [])
    done = client.post(f"{QUEUE}/post", {}, 200)
    assert (done["draft"]["id"], done["draft"]["state"]) == (posted, "posted")
    answer = client.ask("POST", f"{QUEUE}/post", {})
    assert answer.status == 409  # nothing more is due
    assert client.get(f"{QUEUE}?state=posted")["drafts"][0]["url"] == done["draft"]["url"]
    assert client.get(f"{QUEUE}?state=failed")["drafts"][0]["error"] == "It is too long."
    decide(client, refused, "approve", since="failed")  # try again
    assert listed(client, "approved") == ["one"]
    assert decide(client, posted, "undo", 409)


def test_accounts_are_listed_without_secrets(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPINJAY_BSKY_ACCOUNT", "ada.example")
    monkeypatch.setenv("POPINJAY_BSKY_PASSWORD", "open sesame")
    answer = client.ask("GET", "/api/accounts")
    assert answer.json == {"accounts": [{"name": "bsky:ada.example", "network": "bsky"}]}
    assert b"sesame" not in answer.body


def events_of(body: bytes) -> list[tuple[str, Any]]:
    blocks = [block.splitlines() for block in body.decode().split("\n\n") if block]
    return [(kind.partition(" ")[2], json.loads(data[5:])) for kind, data in blocks]


def test_drafts_are_written_and_told_about(client: Client, tmp_path: Path) -> None:
    base = gpt2(tmp_path / "plain-gpt2", every_byte=False)
    put_persona(tmp_path / "home", "ada", base)
    answer = client.ask("POST", f"{QUEUE}/write", {"n": 3})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer.body)
    assert [data["done"] for kind, data in events if kind == "progress"] == [0, 1, 2, 3]
    assert (events[-1][0], events[-1][1]["written"]) == ("end", 3)
    assert client.get(QUEUE)["counts"]["draft"] == 3
    answer = client.ask("POST", f"{QUEUE}/write", {"n": 3, "max_chars": 400})
    assert (answer.status, "max_chars" in answer.message) == (422, True)


def test_a_persona_without_a_model_writes_nothing(client: Client, ada: Run) -> None:
    answer = client.ask("POST", f"{QUEUE}/write", {"n": 3})
    told = events_of(answer.body)[-1] if answer.status == 200 else ("error", answer.json["error"])
    assert (told[0], "has not learnt to speak" in told[1]["message"]) == ("error", True)


def test_only_one_at_a_time_fills_a_queue() -> None:
    writers = QueueWriters()
    writers.begin("ada")
    writers.begin("bob")
    with pytest.raises(Exception, match="written already"):
        writers.begin("ada")
    writers.end("ada")
    writers.begin("ada")
