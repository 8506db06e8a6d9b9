"""Tests of choosing posts to forget: they are counted and shown first, and derived files go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from popinjay.cli import questions
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaError
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.forgetting.selection import Choice, choose
from popinjay.post import Post
from popinjay.server.jobs.job import Job, JobState
from popinjay.store.forgotten import Forgotten
from popinjay.store.record import Asked
from popinjay.store.run import Run

TEXTS = (
    "The Lamp hums by the river",
    "a  lamp\nhums again",
    "Call Zoë at home",
    "call Zoë, twice",
    "gulls and nothing else",
)


def persona(home: Path, *posts: Post) -> Run:
    """Return a persona whose posts were collected, and no more."""
    run = Run(home / "ada")
    run.path.mkdir()
    handles = sorted({post.author for post in posts})
    run.file("posts.jsonl").write_text("".join(json.dumps(post.to_json()) + "\n" for post in posts))
    run.file("authors.json").write_text(
        json.dumps([{"handle": handle, "posts": 9, "left_out": {}} for handle in handles])
    )
    run.save(run.record.updated(asked=Asked(authors=tuple(handles))))
    return run


@pytest.fixture
def run(own_home: Path) -> Run:
    return persona(
        own_home, *(Post(f"10{place}0000000", "ada", text) for place, text in enumerate(TEXTS))
    )


def texts(run: Run) -> list[str]:
    return [json.loads(line)["text"] for line in run.file("posts.jsonl").read_text().splitlines()]


def picked(run: Run, *containing: str, authors: Sequence[str] = ()) -> list[str]:
    return [post.text for post in choose(run, Forgotten(), (), authors, containing).posts]


def test_search_ignores_case_blanks_and_accents(run: Run) -> None:
    assert picked(run, "LAMP HUMS") == list(TEXTS[:2])
    assert picked(run, "zoë") == picked(run, "Zoe\u0308") == list(TEXTS[2:4])
    assert picked(run, "twice", "gulls") == list(TEXTS[3:])


@pytest.mark.parametrize(
    ("text", "error"), [("nobody said this", PersonaError), ("", OptionError), (" \n", OptionError)]
)
def test_words_without_a_match_are_refused(run: Run, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        picked(run, text)


def test_search_among_one_authors_posts(own_home: Path) -> None:
    run = persona(
        own_home,
        Post("1", "ada", "the lamp"),
        Post("1", "bob", "the lamp"),
        Post("2", "bob", "gulls"),
    )
    assert [post.author for post in choose(run, Forgotten(), (), ["bob"], ["lamp"]).posts] == [
        "bob"
    ]
    assert choose(run, Forgotten(), (), (), ["lamp"]).in_words() == "2 posts"
    assert choose(run, Forgotten(), (), ["bob"]).in_words() == "all of @bob (2 posts)"


def test_posts_are_counted_not_their_ids(own_home: Path) -> None:
    run = persona(
        own_home,
        *(Post("1.23457E+18", "ada", f"post {n}") for n in range(70)),
        Post("2", "ada", "the other"),
    )
    assert choose(run, Forgotten(), ["1.23457E+18"], ()).in_words() == "70 posts"
    with pytest.raises(PersonaError, match="Nothing would be left"):
        choose(run, Forgotten(), ["1.23457E+18"], (), ["the other"])


def test_a_dry_run_shows_and_changes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert main(["forget", "ada", "--containing", "lamp", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "This would forget 2 posts:" in said
    assert "a lamp hums again" in said
    assert "Nothing was changed." in said
    assert main(["forget", "ada", "--containing", "lamp", "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["dry_run"], document["count"], document["posts"][0]["text"]) == (
        True,
        2,
        TEXTS[0],
    )
    after = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert {name: held for name, held in after.items() if name != ".lock"} == before


def test_several_posts_need_a_confirmation(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "ada", "--containing", "lamp"]) == 2
    said = capsys.readouterr().err
    assert "This would forget 2 posts, and there is no terminal to ask in." in said
    assert "--dry-run" in said
    assert texts(run) == list(TEXTS)
    assert main(["forget", "ada", "--containing", "gulls"]) == 0  # one post needs no confirmation
    assert "gulls and nothing else" in capsys.readouterr().err
    assert main(["forget", "ada", "--containing", "lamp", "--yes"]) == 0
    assert texts(run) == list(TEXTS[2:4])


@pytest.mark.parametrize("answer", [True, False])
def test_the_user_is_asked_and_can_decline(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(questions, "may_ask", lambda not_now: True)
    monkeypatch.setattr(questions, "yes", yes)
    assert main(["forget", "ada", "--containing", "zoë"]) == 0
    assert asked == ["Forget 2 posts for good?"]
    assert len(texts(run)) == (3 if answer else 5)
    assert run.file("forgotten.toml").exists() is answer


def test_declining_and_dry_runs_train_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popinjay.pipeline.relearn", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(questions, "may_ask", lambda not_now: True)
    monkeypatch.setattr(questions, "yes", lambda question: False)
    assert main(["forget", "ada", "--containing", "zoë", "--retrain"]) == 0
    assert main(["forget", "ada", "--containing", "zoë", "--retrain", "--dry-run"]) == 2


def test_derived_files_are_removed_and_named(run: Run) -> None:
    derived = ("report.json", "report-to-share.html", "card.png", "engine/posts.index")
    hidden = ("engine/.posts.index.77.partial", ".train/best.safetensors", ".report.json.partial")
    for name in (*derived, *hidden, "engine/int8.safetensors"):
        run.file(name).parent.mkdir(exist_ok=True)
        run.file(name).write_text("of the posts")
    shown: list[Choice] = []
    notes: list[Event] = []

    def agree(choice: Choice) -> bool:
        shown.append(choice)
        return True

    done = forget(run, listener=notes.append, containing=["gulls"], agree=agree)
    assert set(done.files) == set(derived)
    assert [post.text for post in shown[0].posts] == [TEXTS[4]]
    assert not [name for name in (*derived, *hidden) if run.file(name).exists()]
    assert run.file(
        "engine/int8.safetensors"
    ).exists()  # the model, which is reported to know it still
    said = next(
        event.message
        for event in notes
        if event.what is EventKind.NOTE and "Removed with it" in event.message
    )
    assert all(name in said for name in derived)


def test_the_servers_job_events_are_removed_too(run: Run, own_home: Path) -> None:
    jobs: list[tuple[str, str, JobState]] = [
        ("1", "ada", "done"),
        ("2", "bob", "done"),
        ("3", "ada", "running"),
    ]
    for id, name, state in jobs:
        folder = own_home / ".jobs" / id
        folder.mkdir(parents=True)
        Job(id, "make", name, ["ada.zip"], None, {}, created="", state=state).write(folder)
        events = [
            {"what": "start", "stage": "train"},
            {"what": "sample", "message": "gulls and nothing else"},
            {"what": "done"},
        ]
        (folder / "events.jsonl").write_text(
            "".join(json.dumps(event) + "\n" for event in events) + '{"what": "sam'
        )
    forget(run, containing=["gulls"])
    left = {id: (own_home / ".jobs" / id / "events.jsonl").read_text() for id in "123"}
    assert [json.loads(line)["what"] for line in left["1"].splitlines()] == ["start", "done"]
    assert all("gulls" in left[id] for id in "23")  # another persona's, and a running one
