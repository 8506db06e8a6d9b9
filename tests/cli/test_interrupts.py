"""Tests of interrupts: one that a library swallows is raised again."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from popinjay.cli import main
from popinjay.events import Event, EventKind
from popinjay.interrupts import (
    Terminated,
    ended_by_signals,
    interrupts_held,
    persistent_interrupts,
)


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Use Python's own handler of SIGINT, even if the tests run with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("what", [EventKind.START, EventKind.PROGRESS])
def test_a_swallowed_interrupt_is_raised_again(what: EventKind) -> None:
    heard: list[Event] = []
    with persistent_interrupts(heard.append) as listen:
        listen(Event("train", what))
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            listen(Event("train", what))
    assert len(heard) == 1


def test_clean_up_can_still_print() -> None:
    heard: list[Event] = []
    with persistent_interrupts(heard.append) as listen, suppress(KeyboardInterrupt):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            listen(Event("train", EventKind.NOTE, "It can be continued."))
    assert [event.message for event in heard] == ["It can be continued."]


def test_the_previous_handler_is_restored() -> None:
    with persistent_interrupts(print):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with persistent_interrupts(print) as listen:
        signal.raise_signal(signal.SIGINT)
        listen(Event("train", EventKind.START))


def test_other_threads_install_no_handler() -> None:
    taken: list[object] = []

    def work() -> None:
        with persistent_interrupts(print) as listen:
            taken.append(listen)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert taken == [print]


def test_an_interrupt_waits_for_what_must_be_whole() -> None:
    done = []
    with persistent_interrupts(lambda event: None), pytest.raises(KeyboardInterrupt):
        with interrupts_held():
            with interrupts_held():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")
        done.append("never")
    assert done == ["inner", "outer"]
    with interrupts_held():  # nothing is left of it
        pass


def test_an_error_goes_before_an_interrupt_that_waits() -> None:
    with persistent_interrupts(lambda event: None) as listen:
        with pytest.raises(ZeroDivisionError), interrupts_held():
            signal.raise_signal(signal.SIGINT)
            raise ZeroDivisionError
        with pytest.raises(KeyboardInterrupt):
            listen(Event("train", EventKind.PROGRESS))


def test_a_first_and_a_second_interrupt_are_told_apart() -> None:
    told: list[object] = []
    with persistent_interrupts(lambda event: None, lambda: told.append("first"), told.append):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert told == ["first"]
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert told[1] == signal.SIGINT


# SIGTERM and SIGHUP

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of Unix")
ENDING = [pytest.param("SIGTERM", id="SIGTERM"), pytest.param("SIGHUP", id="SIGHUP")]


@POSIX
@pytest.mark.parametrize("name", ENDING)
def test_termination_signals_clean_up(name: str) -> None:
    number = signal.Signals[name]
    tidied = []
    with pytest.raises(Terminated) as caught, ended_by_signals():
        try:
            signal.raise_signal(number)
        finally:
            tidied.append(True)
    assert (caught.value.number, tidied) == (number, [True])
    assert signal.getsignal(number) is signal.SIG_DFL


@POSIX
@pytest.mark.parametrize("name", ENDING)
def test_a_swallowed_termination_signal_is_raised_again(name: str) -> None:
    with ended_by_signals(), persistent_interrupts(lambda event: None) as listen:
        with suppress(Terminated):
            signal.raise_signal(signal.Signals[name])
        listen(Event("train", EventKind.NOTE))
        with pytest.raises(Terminated) as caught:
            listen(Event("train", EventKind.PROGRESS))
    assert caught.value.number == signal.Signals[name]


@POSIX
def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@POSIX
@pytest.mark.parametrize("name", ENDING)
def test_a_stopped_command_reports_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = signal.Signals[name]
    monkeypatch.setattr(
        "popinjay.cli.main.commands.do_sources", lambda args: signal.raise_signal(number)
    )
    assert main.main(["sources"]) == 128 + number
    assert capsys.readouterr().err == "popinjay: Stopped.\n"
