"""Drafts are written: none twice, each saved at once, and with what samples it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay.bots import writing
from popinjay.bots.writing import write
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaBusy, PersonaError
from popinjay.events import Event, EventKind
from popinjay.options import QueueOptions, SayOptions
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
from popinjay.text.near_duplicates import NearDuplicates
from speaking_persona import put_persona

SHORT = SayOptions(max_tokens=16, seed=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one persona."""
    folder = tmp_path_factory.mktemp("speaking")
    put_persona(folder, "ada")
    return folder


@pytest.fixture
def ada(home: Path) -> Iterator[popinjay.Persona]:
    """Return the persona, whose queue is empty."""
    yield popinjay.load("ada", home)
    for file in (home / "ada").glob("queue.sqlite*"):
        file.unlink()


def texts(persona: popinjay.Persona, *states: DraftState) -> list[str]:
    with Queue(persona.run) as queue:
        return [draft.text for draft in queue.drafts(*states)]


def test_each_draft_can_be_sampled_again(ada: popinjay.Persona) -> None:
    events: list[Event] = []
    options = SayOptions(max_tokens=16, seed=7, temperature=0.9, hashtags=0)
    written = write(ada, 4, "My dream is", options, QueueOptions(), events.append)
    assert [draft.text for draft in written.drafts] == texts(ada)
    for draft in written.drafts:
        made = dict(draft.made_with)
        prompt, number, model = made.pop("prompt"), made.pop("number"), made.pop("model")
        assert (prompt, model, made["hashtags"]) == ("My dream is", "", 0)
        assert ada.say(prompt, n=number, **made)[-1] == draft.text
    done = [event.done for event in events if event.what is EventKind.PROGRESS]
    assert done == [1, 2, 3, 4]
    assert events[-1].message == "4 drafts written"


def test_what_the_queue_has_in_any_state_is_not_written_again(ada: popinjay.Persona) -> None:
    first = write(ada, 5, options=SHORT).drafts
    with Queue(ada.run) as queue:
        queue.move(first[0].id, DraftState.DRAFT, DraftState.REJECTED)
        queue.move(first[1].id, DraftState.DRAFT, DraftState.APPROVED)
        queue.replace_text(first[2].id, DraftState.DRAFT, "another text altogether, by hand")
    written = write(ada, 5, options=SHORT)
    assert written.repeated == 5
    assert len(written.drafts) == 5
    assert not {draft.text for draft in written.drafts} & {draft.text for draft in first}
    every = texts(ada)
    known = NearDuplicates(every)
    for text in every:
        assert known.find(text) is None
        known.add(text)


def test_it_ends_if_it_has_nothing_else_to_say(ada: popinjay.Persona) -> None:
    written = write(ada, 2, "the lamp", SayOptions(temperature=0, max_tokens=12, seed=1))
    assert len(written.drafts) == 1
    assert written.repeated == 1 + 3


@pytest.mark.parametrize(("network", "most"), [(None, 300), ("bsky", 300), ("mastodon", 500)])
def test_a_draft_fits_the_network(ada: popinjay.Persona, network: str | None, most: int) -> None:
    to = QueueOptions(for_=network)
    assert write(ada, 1, options=SayOptions(max_tokens=12, max_chars=most), to=to).drafts
    with pytest.raises(OptionError, match=f"may have {most}"):
        write(ada, 1, options=SayOptions(max_chars=most + 1), to=to)


def test_undecided_drafts_of_an_earlier_model_give_way(
    ada: popinjay.Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "model_of", lambda run: "before")
    first, second, third = write(ada, 3, options=SHORT).drafts
    with Queue(ada.run) as queue:
        queue.move(first.id, DraftState.DRAFT, DraftState.APPROVED)
        queue.set(second.id, later=1)
    monkeypatch.setattr(writing, "model_of", lambda run: "now")
    written = write(ada, 2, options=SHORT)
    assert written.superseded == 1
    with Queue(ada.run) as queue:
        states = [queue.draft(id).state for id in (first.id, second.id, third.id)]
    assert states == [DraftState.APPROVED, DraftState.DRAFT, DraftState.SUPERSEDED]
    assert {draft.made_with["model"] for draft in written.drafts} == {"now"}


def test_it_stops_if_the_model_is_another_one(
    ada: popinjay.Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    def retrain(event: Event) -> None:
        if event.done == 1:
            monkeypatch.setattr(writing, "model_of", lambda run: "another")

    with pytest.raises(PersonaError, match="another model by now"):
        write(ada, 5, options=SHORT, listener=retrain)
    assert len(texts(ada)) == 1


def test_it_waits_for_a_persona_that_is_being_made_and_then_says_so(
    ada: popinjay.Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BUSY_SECONDS", 0.1)
    with Run(ada.path).locked(), pytest.raises(PersonaBusy):
        write(ada, 1, options=SHORT)
    assert texts(ada) == []


CHILD = """
import os, signal, sys, time
from pathlib import Path
import popinjay
from popinjay.bots.writing import write
from popinjay.options import SayOptions
def hear(event):
    if event.done == 2:
        END
write(popinjay.load(Path(sys.argv[1])), 20, options=SayOptions(max_tokens=11), listener=hear)
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("raise KeyboardInterrupt", -signal.SIGINT),
    ],
    ids=["killed", "Ctrl-C"],
)
def test_what_is_written_before_it_is_stopped_stays(
    ada: popinjay.Persona, end: str, code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.replace("END", end), str(ada.path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(popinjay.__file__).parents[1])},
    )
    assert done.returncode == code, done.stderr
    with Queue(ada.run) as queue:
        drafts = queue.drafts()
    assert len(drafts) == 2
    assert all(draft.text and draft.made_with["seed"] for draft in drafts)
    assert len(write(ada, 1, options=SHORT).drafts) == 1


# the command


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    code = main(["queue", *words])
    out = capsys.readouterr()
    assert code == 0, out.err
    return out.out


def test_the_command_writes_lists_and_decides(
    ada: popinjay.Persona, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(ada.path)
    assert "is empty" in said(capsys, name)
    assert not (ada.path / "queue.sqlite").exists()
    written = said(capsys, name, "--write", "3", "--prompt", "the lamp", "--max-tokens", "12")
    assert [line.split("\t")[:2] for line in written.splitlines()] == [
        [str(id), "draft"] for id in (1, 2, 3)
    ]
    assert all("\tthe lamp" in line for line in written.splitlines())
    said(capsys, name, "--approve", "1", "2")
    said(capsys, name, "--approve", "3")
    said(capsys, name, "--reject", "3")  # a yes may become a no
    assert said(capsys, name, "--undo", "2").startswith("2\tdraft\t")
    assert said(capsys, name, "--edit", "2", "the lamp hums") == "4\tapproved\tthe lamp hums\n"
    assert said(capsys, name, "--list", "approved").count("\n") == 2
    document = json.loads(said(capsys, name, "--json"))
    assert [draft["state"] for draft in document["drafts"]] == [
        "approved",
        "superseded",
        "rejected",
        "approved",
    ]
    assert document["drafts"][3]["check"]["lengths"] == {"bsky": 13, "mastodon": 13}
    again = json.loads(said(capsys, name, "--write", "1", "--max-tokens", "12", "--json"))
    assert (again["written"], len(again["drafts"])) == (1, 1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--prompt", "x"], "--prompt says how drafts are written"),
        (["--for", "bsky"], "--for says how drafts are written"),
        (["--write", "0"], "--write can't be 0"),
        (["--write", "1", "--max-chars", "400"], "--max-chars can't be 400"),
        (["--write", "1", "--for", "x"], "--for can't be 'x'"),
        (["--approve", "99"], "has no draft 99"),
        (["--edit", "x", "y"], "'x' is no draft's id"),
        (["--undo", "1"], "has no draft 1"),
        (["--list", "lost"], "invalid choice: 'lost'"),
        (["--write", "1", "--list"], "not allowed with argument"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    ada: popinjay.Persona,
    words: list[str],
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["queue", str(ada.path), *words]) == 2
    assert error in " ".join(capsys.readouterr().err.split())


# Python


def test_the_queue_in_python(ada: popinjay.Persona) -> None:
    queue = ada.queue()
    assert (queue.drafts(), queue.counts(), repr(queue)) == ([], {}, "<queue of ada: empty>")
    first, second, third = queue.write(3, "the lamp", max_tokens=12, seed=1)
    assert queue.approve(first.id, second.id)[1].decided_by == "human"
    assert queue.undo(second.id).state == "draft"
    assert queue.reject(third.id)[0].state == "rejected"
    edited = queue.edit(second.id, "  the lamp\thums \n")
    assert (edited.text, edited.state, edited.supersedes) == ("the lamp hums", "approved", 2)
    assert queue.undo(edited.id).id == second.id
    assert queue.counts() == {"draft": 1, "approved": 1, "rejected": 1, "superseded": 1}
    assert [draft.id for draft in queue.drafts("approved", "rejected")] == [1, 3]
    check = queue.check("@ada, mail me@example.com")
    assert check.shown == "ada, mail me@example.com"
    assert len(check.warnings) == 3


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda queue: queue.write(0), "n can't be 0"),
        (lambda queue: queue.write(1, colour="red"), "There is no option 'colour'"),
        (lambda queue: queue.drafts("lost"), "There is no state 'lost'"),
        (lambda queue: queue.approve(9), "has no draft 9"),
        (lambda queue: queue.edit(9, "x"), "has no draft 9"),
    ],
)
def test_in_python_too(ada: popinjay.Persona, act: Callable[[Any], object], error: str) -> None:
    with pytest.raises(popinjay.PopinjayError, match=error):
        act(ada.queue())


def test_a_decision_is_not_made_half_for_several(ada: popinjay.Persona) -> None:
    queue = ada.queue()
    queue.write(2, max_tokens=12, seed=1)
    queue.reject(2)
    with pytest.raises(popinjay.PopinjayError, match="Draft 2 is rejected"):
        queue.approve(1, 2)
    assert queue.counts() == {"draft": 1, "rejected": 1}


def test_two_who_write_at_once_write_nothing_twice(ada: popinjay.Persona) -> None:
    command = [sys.executable, "-m", "popinjay.cli.main", "queue", str(ada.path)]
    words = "--write 6 --seed 3 --max-tokens 12 --json".split()
    environment = {**os.environ, "PYTHONPATH": str(Path(popinjay.__file__).parents[1])}
    who = [
        subprocess.Popen([*command, *words], env=environment, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [one.wait() for one in who] == [0, 0]
    every = texts(ada)
    assert len(every) == len(set(every)) == 12
