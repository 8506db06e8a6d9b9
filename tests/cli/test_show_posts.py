"""Tests of posts as a terminal shows them: numbered, wrapped at words, also while they grow."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from rich.cells import cell_len

from popinjay.cli.show_posts import LivePost

POST = "he's back. the bishop's gone, with a small loaf, and i have been so excited 🌊 about it"


def screen(written: str) -> list[str]:
    """Return the lines that a terminal shows after these characters, all within its width."""
    lines = [""]
    row = 0
    for part in re.findall(r"\x1b\[(\d*)([AJ])|(\r)|(\n)|([^\x1b\r\n]+)", written):
        count, command, is_return, is_newline, text = part
        if command == "A":
            row -= int(count)
        elif command == "J":
            lines = [*lines[:row], ""]
        elif is_newline:
            row += 1
            lines += [""] * (row == len(lines))
        elif text and not is_return:
            lines[row] += text
    return lines


def grown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pieces: Iterable[str],
    columns: int,
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    post = LivePost(" 7  ")
    for piece in pieces:
        post.add(piece)
    post.end()
    return screen(capsys.readouterr().out)


@pytest.mark.parametrize("size", [1, 3, 7, 200])
@pytest.mark.parametrize("columns", [30, 80])
def test_a_growing_post_is_wrapped_at_words_with_a_hanging_indent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], size: int, columns: int
) -> None:
    pieces = [POST[at : at + size] for at in range(0, len(POST), size)]
    *lines, last = grown(monkeypatch, capsys, pieces, columns)
    assert last == ""
    assert lines[0].startswith(" 7  he's")
    assert all(line.startswith("    ") for line in lines[1:])
    assert max(map(cell_len, lines)) < columns
    assert " ".join(line[4:].strip() for line in lines) == POST


def test_a_rejected_draft_is_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    post = LivePost(" 1  ")
    post.add(POST)
    post.clear()
    post.add("short")
    post.end()
    assert screen(capsys.readouterr().out) == [" 1  short", ""]
    empty = LivePost(" 1  ")
    empty.clear()
    empty.end()
    assert "\n" not in capsys.readouterr().out
