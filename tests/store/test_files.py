"""Tests of refusals of the disk, in words, and of what killed processes leave behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from popinjay.errors import PersonaError, StorageError
from popinjay.store.files import (
    append_json_line,
    atomic_write,
    partial_of,
    replacing,
    storage_errors,
    sweep_partials,
)
from popinjay.store.index_file import index_of_file
from popinjay.store.run import Run


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("4 requested and 0 written"),  # numpy's tofile, which has no number
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("database or disk is full"),
    ],
)
def test_a_full_disk_is_recognized_in_errors_of_all_libraries(error: Exception) -> None:
    with (
        pytest.raises(StorageError, match="The disk is full: the table could not be written"),
        storage_errors("the table"),
    ):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="of ours"), storage_errors("the table"):
        raise ValueError("of ours")
    with pytest.raises(PersonaError, match="disk is full"), storage_errors("the table"):
        raise PersonaError("The disk is full: something else.")


def dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_leftovers_of_dead_processes_are_removed(
    tmp_path: Path,
) -> None:
    left = tmp_path / f".int8.safetensors.{dead()}.partial"
    mine = partial_of(tmp_path / "int8.safetensors")
    old = tmp_path / f".posts.index.{os.getpid()}.partial"
    others = [
        tmp_path / name
        for name in ("posts.index", ".posts.index.partial", ".a.b.partial", "notes.1.partial")
    ]
    for path in (left, mine, old, *others):
        path.write_text("half")
    os.utime(old, (0, 0))  # another process has the number by now
    sweep_partials(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, *others])
    sweep_partials(tmp_path / "not there")


def test_locking_a_persona_and_writing_an_index_remove_leftovers(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    left = run.path / "engine" / f".int8.safetensors.{dead()}.partial"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    with run.locked():
        assert not left.exists()
    left.write_text("half")
    (tmp_path / "posts.jsonl").write_text('{"text": "the lamp hums"}\n')
    index_of_file(tmp_path / "posts.jsonl", left.parent / "posts.index", 3)
    assert [path.name for path in left.parent.iterdir()] == ["posts.index"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    atomic_write(path, "before")

    def break_off() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_text() == "before"
    (tmp_path / f".state.json.{dead()}.partial").write_text("of a killed process")
    atomic_write(path, "émue")
    assert path.read_bytes() == "émue".encode()
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.skipif(os.name != "posix", reason="needs links and modes")
def test_a_link_in_the_place_of_a_partial_file_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "letter.txt"
    elsewhere.write_text("dear")
    path = tmp_path / "run.toml"
    partial_of(path).symlink_to(elsewhere)
    atomic_write(path, b"new", mode=0o600)
    assert (elsewhere.read_text(), path.read_text()) == ("dear", "new")
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_are_appended_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.jsonl"
    append_json_line(path, {"text": "émue"})
    path.write_bytes(path.read_bytes().rstrip(b"\n"))  # as some editors leave it
    append_json_line(path, {"text": "more"})
    whole = '{"text": "émue"}\n{"text": "more"}\n'.encode()
    assert path.read_bytes() == whole

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="error"):
        append_json_line(path, {"text": "lost"})
    assert path.read_bytes() == whole
