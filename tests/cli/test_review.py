"""The review of a queue: keys in a real terminal, and what they leave in the queue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import popinjay
from popinjay.cli.keys import END
from popinjay.cli.review_keys import KEYS, Action, action_of
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
from speaking_persona import POST, put_persona

if TYPE_CHECKING:
    from pseudo_terminal import Terminal

TEXTS = (
    "the lamp hums at night",
    "@ada, look: #lamps",
    "write to me@example.com",
    POST,
    "no more gulls " * 30,
)


@pytest.fixture
def run(own_home: Path, tmp_path: Path) -> Run:
    """Return a persona with five drafts. Its model, an empty folder, is never loaded."""
    run = Run(put_persona(own_home, "ada", tmp_path))
    with Queue(run) as queue:
        queue.add([(text, {}) for text in TEXTS])
    return run


def reviewing(run: Run, *words: str, **more: str) -> Terminal:
    pytest.importorskip("pty", reason="needs a pseudo-terminal")
    from pseudo_terminal import Terminal

    ours = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}
    environment = {
        **ours,
        "PYTHONPATH": str(Path(popinjay.__file__).parents[1]),
        "TERM": "xterm-256color",
        "EDITOR": "",
        "VISUAL": "",
        "INPUTRC": os.devnull,
        **more,
    }
    command = ["-m", "popinjay.cli.main", "queue", str(run.path), *words]
    return Terminal(command, environment)


@pytest.fixture
def person(run: Run) -> Iterator[Terminal]:
    """Return a terminal with the review of it."""
    with reviewing(run) as terminal:
        terminal.until("u undo")
        yield terminal


def states(run: Run) -> list[str]:
    with Queue(run) as queue:
        return [draft.state.value for draft in sorted(queue.drafts(), key=lambda one: one.id)]


def press(person: Terminal, *steps: Sequence[str]) -> None:
    """Press keys, each once a pattern is shown after the last one."""
    for keys, shown in steps:
        person.type(keys)
        person.until(shown)


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("y", Action.APPROVE),
        ("Y", Action.APPROVE),
        ("n", Action.REJECT),
        ("e", Action.EDIT),
        ("l", Action.LATER),
        ("u", Action.UNDO),
        ("?", Action.HELP),
        ("q", Action.QUIT),
        (END, Action.QUIT),
        ("", None),
        (" ", None),
        ("\n", None),
        ("ж", None),
    ],
)
def test_what_keys_request(key: str, action: Action | None) -> None:
    assert action_of(key) is action


def test_every_key_is_explained() -> None:
    assert {action_of(key) for key, _ in KEYS} == set(Action)


def test_why_a_draft_came_back_is_shown(run: Run) -> None:
    with Queue(run) as queue:
        queue.set(1, error="It is too long for social.example.")
    with reviewing(run) as terminal:
        terminal.until(r"draft 1 (?s:.*)It came back: It is too long for social\.example\.")
        terminal.type("q")
        terminal.end()


def test_a_review_from_its_first_draft_to_its_last(run: Run, person: Terminal) -> None:
    first = person.until(r"draft 1 .*(?s:.*)Bluesky 22/300 · Mastodon 22/500 · 5 left")
    assert "the lamp hums at night" in first
    person.type("y")
    second = person.until(r"(?s)approved.*draft 2 .*4 left.*signs of .*posted\.")
    assert "ada, look: lamps" in second
    assert "It names @ada." in second
    person.type("n")
    person.until(r"(?s)rejected.*draft 3 .*3 left.*personal data: email\.")
    person.type("l")
    person.until(r"(?s)later.*draft 4 .*2 left.*repeats a post that was learnt")
    person.type("n")
    person.until(r"(?s)rejected.*draft 5 .*Bluesky 420/300.*1 left.*too long for Bluesky")
    person.type("y")
    person.until(r"2 approved, 2 rejected, 1 left\.")
    person.until("2 may be posted: popinjay post ada --next")
    assert person.end() == 0
    assert states(run) == ["approved", "rejected", "draft", "rejected", "approved"]
    with Queue(run) as queue:
        assert (queue.draft(1).decided_by, queue.draft(3).later) == ("human", 1)
        assert [draft.id for draft in queue.drafts()] == [1, 2, 4, 5, 3]


def test_several_steps_are_undone(run: Run, person: Terminal) -> None:
    press(
        person,
        ("u", "nothing to undo in this review"),
        ("y", "draft 2 "),
        ("n", "draft 3 "),
        ("l", "draft 4 "),
        ("e", "> .*"),
        ("!\n", r"edited and approved(?s:.*)draft 5 "),
        ("u", r"undone(?s:.*)draft 4 .*(?s:.*)2 left"),
        ("u", r"undone(?s:.*)draft 3 "),
        ("u", r"undone(?s:.*)draft 2 "),
        ("u", r"undone(?s:.*)draft 1 (?s:.*)5 left"),
        ("u", "nothing to undo"),
        ("n", "rejected(?s:.*)draft 2 "),
        ("q", "0 approved, 1 rejected, 4 left"),
    )
    assert person.end() == 0
    assert states(run) == ["rejected", "draft", "draft", "draft", "draft", "superseded"]
    with Queue(run) as queue:
        assert [draft.later for draft in queue.drafts(DraftState.DRAFT)] == [0] * 4


def test_a_text_is_edited_on_the_line(run: Run, person: Terminal) -> None:
    press(
        person,
        ("e", "> the lamp hums at night"),
        ("\n", "unchanged"),
        ("e", "> the lamp hums at night"),
        (", @bob\n", r"It names @bob\.(?s:.*)edited and approved"),
        ("q", "1 approved"),
    )
    assert person.end() == 0
    with Queue(run) as queue:
        edited = queue.draft(6)
    assert (edited.text, edited.state.value, edited.supersedes) == (
        "the lamp hums at night, @bob",
        "approved",
        1,
    )
    assert states(run)[0] == "superseded"


def test_a_text_is_edited_in_an_editor(run: Run) -> None:
    with reviewing(run, EDITOR="sed -i s/lamp/gull/") as person:
        person.until("draft 1 ")
        press(person, ("e", "edited and approved"), ("q", "1 approved"))
        assert person.end() == 0
    with Queue(run) as queue:
        assert queue.draft(6).text == "the gull hums at night"


def test_an_editor_that_fails_changes_nothing(run: Run) -> None:
    with reviewing(run, EDITOR="false") as person:
        person.until("draft 1 ")
        press(person, ("e", "The editor 'false' did not work"), ("q", "0 approved"))
        assert person.end() == 0
    assert states(run) == ["draft"] * 5


def test_other_keys_explain_and_arrows_do_nothing(run: Run, person: Terminal) -> None:
    press(
        person,
        ("x", "y yes   n no"),
        ("\x1b[A", "y yes   n no"),
        ("ж", "y yes   n no"),
        ("?", r"what you decided is saved"),
        ("Y", "approved"),
        ("\x04", "1 approved, 0 rejected, 4 left"),
    )
    assert person.end() == 0
    assert states(run) == ["approved", *["draft"] * 4]


def test_ctrl_c_leaves_with_everything_saved(run: Run, person: Terminal) -> None:
    press(person, ("y", "draft 2 "), ("\x03", "1 approved, 0 rejected, 4 left"))
    assert person.end() == 0
    assert states(run) == ["approved", *["draft"] * 4]


def test_what_another_process_has_decided_is_said(run: Run, person: Terminal) -> None:
    person.until("draft 1 ")
    with Queue(run) as queue:
        queue.move(1, DraftState.DRAFT, DraftState.REJECTED)
        queue.remove([2])
    press(person, ("y", r"Draft 1 is rejected(?s:.*)draft 3 (?s:.*)3 left"))
    with Queue(run) as queue:
        queue.remove([3])
    press(person, ("n", r"has no draft 3(?s:.*)draft 4 "), ("q", "0 approved, 0 rejected, 2 left"))
    assert person.end() == 0


def test_a_persona_that_is_removed_meanwhile_is_said(run: Run, person: Terminal) -> None:
    person.until("draft 1 ")
    popinjay.load(run.path).remove()
    person.type("y")
    person.until("'ada' is not there any more")
    assert person.end() == 2


def test_an_empty_queue_says_how_it_is_filled(run: Run) -> None:
    with Queue(run) as queue:
        queue.remove([1, 2, 3, 4, 5])
    with reviewing(run) as person:
        person.until(r"is empty\. Fill it: popinjay queue ada --write 50")
        assert person.end() == 0


def test_a_list_in_a_terminal(run: Run) -> None:
    with Queue(run) as queue:
        queue.move(1, DraftState.DRAFT, DraftState.APPROVED)
    with reviewing(run, "--list", "approved") as person:
        person.until(r"1 +approved +the lamp hums at night")
        person.until(r"4 draft, 1 approved")
        person.until("one key each: popinjay queue ada")
        assert person.end() == 0
