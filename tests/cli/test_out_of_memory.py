"""Tests of running out of memory: one sentence says so, and other errors stay what they are."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from popinjay.cli import main
from popinjay.errors import BaseModelError, OutOfMemory, SpecError
from popinjay.memory import memory_errors, ran_out
from popinjay.store.run import Run
from popinjay.store.stage_runner import writing
from popinjay.store.stage_table import stage_named


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] "
            "DefaultCPUAllocator: can't allocate memory: you tried to"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
        ImportError("libtorch.so: failed to map segment from shared object"),
    ],
)
def test_out_of_memory_errors_of_all_libraries_are_recognized(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="Memory ran out"), memory_errors():
        raise error


def test_an_out_of_memory_error_is_found_among_the_causes() -> None:
    def load() -> None:
        try:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        except OSError as error:
            raise BaseModelError("The model can't be loaded.") from error

    with pytest.raises(OutOfMemory), memory_errors():
        load()


@pytest.mark.parametrize(
    "error",
    [
        SpecError("A post says that it is out of memory."),
        ValueError("can't allocate memory of ours"),
        RuntimeError("shapes do not match"),
        OSError(errno.EIO, "Input/output error"),
    ],
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert not ran_out(error)
    with pytest.raises(type(error)), memory_errors():
        raise error


def test_circular_causes_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not ran_out(one)


def test_a_stage_records_that_it_ran_out_of_memory(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    with run.locked(), pytest.raises(OutOfMemory), writing(run, stage_named("collect"), {}):
        raise MemoryError
    assert Run(run.path).record.error_of("collect") == "Memory ran out."


def test_the_command_line_reports_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> None:
        raise MemoryError

    monkeypatch.setattr("popinjay.cli.command_machinery.do_sources", fail)
    assert main.main(["sources"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "popinjay: Memory ran out."
    assert sys.exc_info() == (None, None, None)


def test_memory_is_released_before_the_report() -> None:
    import weakref

    class Large:
        """An object that stands for something that takes much memory."""

    held: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        held.append(weakref.ref(large))
        raise MemoryError

    with pytest.raises(OutOfMemory) as caught, memory_errors():
        fail()
    assert isinstance(caught.value.__cause__, MemoryError)
    assert held[0]() is None
