"""Tests of what a person sees while something runs: the live line, and plain lines."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("pty")
from popinjay.cli.live_progress import remaining
from popinjay.cli.progress import listening
from popinjay.events import Event, EventKind
from popinjay.text.quantities import roughly, time_left
from pseudo_terminal import Terminal

SPEED = ["--epochs", "2", "--samples", "10", "--whose", "fictional", "--batch-tokens", "256"]


def in_make(left: float, in_phase: float, share: float) -> Event:
    numbers = {"make_seconds_left": left, "phase_seconds_left": in_phase, "make_share": share}
    return Event("train", EventKind.PROGRESS, "learning the voice", numbers=numbers)


# words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds left"),
        (12, "about 10 s left"),
        (88, "about 90 s left"),
        (95, "about 2 min left"),
        (3540, "about 59 min left"),
        (663 * 60, "about 11 h left"),
        (5400, "about 1.5 h left"),
    ],
)
def test_the_time_left_in_words_fits_the_column(seconds: float, said: str) -> None:
    assert time_left(seconds) == said
    assert len(said) <= 18


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5, "a few seconds"),
        (33, "about 30 seconds"),
        (80, "about a minute"),
        (300, "about 5 minutes"),
        (1300, "about 20 minutes"),
        (3700, "about an hour"),
        (663 * 60, "about 11 hours"),
    ],
)
def test_estimates_are_no_more_precise_than_they_are(seconds: float, said: str) -> None:
    assert roughly(seconds) == said


# between two events


def test_time_goes_on_between_events() -> None:
    event = in_make(100.0, 20.0, 0.5)
    assert remaining(event, 0.0) == (0.5, 100.0)
    share, left = remaining(event, 10.0)
    assert left == 90.0
    assert share is not None
    assert share == pytest.approx(110 / 200)
    share, left = remaining(event, 40.0)  # the phase is late, and the others still to come
    assert left == pytest.approx(84.0)


def test_a_count_without_a_make_has_its_own_share() -> None:
    event = Event("say", EventKind.PROGRESS, "", 30, 40, "posts", {"seconds_left": 8.0})
    assert remaining(event, 2.0) == (0.75, 6.0)
    assert remaining(Event("fetch", EventKind.PROGRESS, "", 30, None, "posts"), 2.0) == (None, None)


# plain lines


def test_plain_lines_have_numbers_only_if_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.cli.progress.PLAIN_SECONDS", 0.0)
    numbers = {**in_make(100.0, 20.0, 0.5).numbers, "loss": 3.0}
    event = Event("train", EventKind.PROGRESS, "learning the voice", 5, 9, "steps", numbers)
    for verbose in (False, True):
        with listening(verbose=verbose) as listener:
            listener(event)
            listener(Event("train", EventKind.SAMPLE, "a post", done=0))
    first, sample, second, _ = capsys.readouterr().err.splitlines()
    assert first == "train: learning the voice, 50%, about 2 min left"
    assert "loss 3.00" in second
    assert sample == "train: » before it has read anything: a post"


# a real terminal


@pytest.fixture
def make(ada: Path, tiny_gpt2: Path, own_home: Path) -> Callable[..., Terminal]:
    def start(*options: str, columns: int = 80) -> Terminal:
        words = ["make", str(ada), "--base", str(tiny_gpt2), *SPEED, *options]
        return Terminal(["-m", "popinjay", *words], os.environ, columns=columns)

    return start


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_bar_and_the_time_are_never_cut(make: Callable[..., Terminal], columns: int) -> None:
    with make(columns=columns) as terminal:
        assert terminal.end() == 0
    drawn = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.raw)
    lines = [line for line in re.split(r"[\r\n]+", drawn) if "left" in line and "━" in line]
    assert lines
    for line in lines:
        assert len(line.rstrip()) <= columns
        assert re.search(r"[━╺╸] +\d+% (about [\d.]+ (s|min|h)|a few seconds) left *$", line), line
    assert "loss" not in drawn
    assert "before it has read anything" in drawn
    assert "in all" in drawn


def test_verbose_shows_the_numbers(make: Callable[..., Terminal]) -> None:
    with make("--verbose") as terminal:
        terminal.until(r"loss \d")
        assert terminal.end() == 0


def test_nothing_stands_still_for_more_than_a_second(make: Callable[..., Terminal]) -> None:
    with make() as terminal:
        terminal.until("reading posts|learning")
        last, longest = time.monotonic(), 0.0
        size = len(terminal.raw)
        while terminal._hear():
            if len(terminal.raw) > size:
                size, now = len(terminal.raw), time.monotonic()
                longest, last = max(longest, now - last), now
    assert longest < 3.0  # a busy machine is allowed for


def test_ctrl_c_saves_and_says_so_and_the_same_command_goes_on(
    make: Callable[..., Terminal],
) -> None:
    with make("--epochs", "900") as terminal:
        terminal.until(r"learning the voice.*left")
        time.sleep(1.0)
        terminal.type("\x03")
        terminal.until("Stopped.")
        assert terminal.end() == 130
        # The line may be erased within a tenth of a second, if there is little to save.
        assert "saving what is done" in terminal.raw.partition("Stopped.")[0]
        *_, stopped, hint = terminal.shown.splitlines()
        assert stopped == "popinjay: Stopped."
        assert hint.endswith("the same command continues from here.")
    with make("--epochs", "900") as terminal:
        terminal.until(r"Resuming from step")
        terminal.type("\x03")
        terminal.until("Stopped.")
        assert terminal.end() == 130


def test_a_second_ctrl_c_ends_at_once(own_home: Path) -> None:
    script = """
import time
from popinjay.cli.progress import listening
from popinjay.events import Event, EventKind
with listening() as listener:
    listener(Event("train", EventKind.START, "learning"))
    try:
        time.sleep(60)
    finally:
        time.sleep(60)
"""
    with Terminal(["-c", script], os.environ) as terminal:
        terminal.until("learning")
        terminal.type("\x03")
        terminal.until("stopping")
        began = time.monotonic()
        terminal.type("\x03")
        terminal.until("Stopped.")
        assert terminal.end() == 130
        assert time.monotonic() - began < 10
    assert "\x1b[?25h" in terminal.raw  # the cursor is shown again


def test_without_a_terminal_the_first_interrupt_is_answered_too(own_home: Path) -> None:
    script = """
import time
from popinjay.cli.progress import SAVING, listening
with listening(stopping=SAVING):
    print("ready", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, problems = process.communicate(timeout=60)
    assert problems.startswith("popinjay: saving what is done...\n")
