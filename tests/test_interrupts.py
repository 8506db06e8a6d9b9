"""An interruption that a library swallows is raised again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from popinjay.events import Event, What
from popinjay.interrupts import persistent_interrupts


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Python's own handling of SIGINT, also where the tests run with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("what", [What.START, What.PROGRESS])
def test_a_swallowed_interruption_comes_again(what: What) -> None:
    heard: list[Event] = []
    with persistent_interrupts(heard.append) as listen:
        listen(Event("train", what))
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            listen(Event("train", what))
    assert len(heard) == 1


def test_cleaning_up_may_still_say_something() -> None:
    heard: list[Event] = []
    with persistent_interrupts(heard.append) as listen, suppress(KeyboardInterrupt):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            listen(Event("train", What.NOTE, "It can be continued."))
    assert [event.message for event in heard] == ["It can be continued."]


def test_the_former_handler_is_put_back() -> None:
    with persistent_interrupts(print):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with persistent_interrupts(print) as listen:
        signal.raise_signal(signal.SIGINT)
        listen(Event("train", What.START))


def test_other_threads_listen_without_a_handler() -> None:
    taken: list[object] = []

    def work() -> None:
        with persistent_interrupts(print) as listen:
            taken.append(listen)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert taken == [print]
