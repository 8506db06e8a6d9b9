"""Tests of the questions that `make` asks in a terminal."""

from __future__ import annotations

import io

import pytest

from popinjay.cli import questions
from popinjay.whose import WHOSE


def asked(monkeypatch: pytest.MonkeyPatch, *lines: str) -> str | None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return questions.whose()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("1", "self"),
        ("self", "self"),
        (" Fictional ", "fictional"),
        ("public-d", "public-domain"),
        ("3", "public-domain"),
        ("", None),
    ],
)
def test_whose_words_they_are_is_answered_by_number_or_name(
    monkeypatch: pytest.MonkeyPatch, line: str, answer: str | None
) -> None:
    assert asked(monkeypatch, line) == answer


def test_all_choices_and_the_consequence_of_enter_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(monkeypatch, "")
    said = " ".join(capsys.readouterr().err.split())
    for number, (name, choice) in enumerate(WHOSE.items(), 1):
        assert f"{number} {name} {choice.label}. {choice.meaning}" in said
    assert "With Enter nothing is on record, and the model can be published in private only" in said


def test_a_wrong_answer_is_answered_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(monkeypatch, "7", "public", "mine", "2") == "permission"
    said = " ".join(capsys.readouterr().err.split())
    assert "'7' is not one of them. Type 1 (self), 2 (permission)" in said
    assert "'public' could be 3 (public-domain) or 4 (public-figure), or press Enter." in said
    assert "'mine' is not one of them." in said
    assert max(map(len, capsys.readouterr().err.splitlines()), default=0) < 80


def test_no_more_input_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "7") is None
