"""Whose posts a persona is made of: a name is asked for, options stay, others don't replace it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay import pipeline
from popinjay.cli import questions
from popinjay.cli.main import main
from popinjay.errors import BaseModelError, PersonaTaken, SpecError
from popinjay.events import Event
from popinjay.models import bases
from popinjay.options import MakeOptions, TrainOptions
from popinjay.ownership import as_flags, check_fetched, inherited, is_replaced, name_for
from popinjay.post import Author, Post
from popinjay.sources import Findings, Reading
from popinjay.sources.generic_names import is_generic
from popinjay.stages.collect import Opened
from popinjay.store.kept import keep
from popinjay.store.record import Asked, EntryState, LedgerRow, Publication, StageEntry
from popinjay.store.run import Run


def lines(thing: str, count: int = 150, start: int = 0) -> str:
    return "\n".join(
        f"{thing} number {n} hums {n * 37} times near the old river and its {n * 13} gulls"
        for n in range(start, start + count)
    )


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """End makes after collecting posts: these tests are about what comes before."""
    monkeypatch.setattr(
        pipeline,
        "learn",
        lambda run, options, listener, ask: run.save(
            replace(run.record, other={"learnt_with": as_flags(inherited(run, {})) or "defaults"})
        ),
    )


@pytest.mark.parametrize(
    "name",
    [
        "tweets",
        "my_tweets-2023",
        "posts (1)",
        "data",
        "stdin",
        "2024",
        "all_my_posts",
        "Twitter Export",
        "x-posts",
    ],
)
def test_generic_names_are_recognized(name: str) -> None:
    assert is_generic(name)


@pytest.mark.parametrize(
    "name",
    ["ada", "ada_tweets", "tweets-of-bob", "nellmarrow", "x_ada", "дата_ада", "ada@posts.example"],
)
def test_other_words_are_names(name: str) -> None:
    assert not is_generic(name)


def test_a_generic_file_name_needs_a_persona_name(
    tmp_path: Path, own_home: Path, untrained: None
) -> None:
    file = tmp_path / "tweets.txt"
    file.write_text(lines("a lamp"))
    with pytest.raises(SpecError, match="'tweets' does not say whose posts these are") as caught:
        popinjay.make(file)
    assert "name=..." in caught.value.hint
    with pytest.raises(SpecError, match="does not say whose"):
        popinjay.make(file, ask_name=lambda said: None)
    assert list(own_home.iterdir()) == []
    assert popinjay.make(file, ask_name=lambda said: f"{said}-of-ada").name == "tweets-of-ada"
    assert popinjay.make(file, name="tweets").name == "tweets"  # an explicit name is accepted


class Told(Reading):
    """Posts of an author, about which a note is given."""

    def __init__(self, author: Author, *texts: str) -> None:
        self.author = author
        self.findings = Findings()
        self._texts = texts

    def fingerprint(self) -> str:
        return str(self._texts)

    def posts(self) -> Iterator[Post]:
        for place, text in enumerate(self._texts):
            self.findings.left_out["cut short"] += 1
            yield Post(str(place), self.author.handle, text)


def test_without_a_terminal_the_message_shows_the_command(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my tweets (2).txt"
    file.write_text(lines("a lamp"))
    assert main(["make", str(file), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "'my_tweets_2_' does not say whose posts these are" in said
    assert "--name NAME" in said
    assert list(own_home.iterdir()) == []


def test_unreadable_files_are_reported_before_the_question(tmp_path: Path) -> None:
    file = tmp_path / "posts.txt"
    file.write_bytes(b"one\0two")
    with pytest.raises(SpecError, match="NUL"):
        popinjay.make(file, ask_name=lambda said: pytest.fail("asked"))


def test_at_a_terminal_the_user_types_the_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for typed, name in (("ada\n", "ada"), (" ada l \n", "ada l"), ("\n", None), ("", None)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert questions.name("tweets") == name
        assert "'tweets' does not say whose posts these are." in capsys.readouterr().err


def test_the_author_gets_the_personas_name_if_the_file_has_none(
    tmp_path: Path, untrained: None
) -> None:
    file = tmp_path / "tweets.txt"
    file.write_text(lines("a lamp"))
    run = popinjay.make(file, name="Ada L").run
    assert run.record.asked.authors == ("ada_l",)
    assert (
        json.loads(run.file("authors.json").read_text())[0]
        | {"posts": 150, "handle": "ada_l", "name": "Ada L"}
        == json.loads(run.file("authors.json").read_text())[0]
    )
    assert json.loads(run.file("posts.jsonl").read_text().splitlines()[0])["author"] == "ada_l"
    before = replace(run.record.asked, authors=("tweets",))  # as it was called before
    run.save(run.record.updated(asked=before))
    assert popinjay.make(file, name="Ada L").run.record.asked.authors == ("tweets",)


def test_any_handle_of_an_account_is_a_name() -> None:
    assert name_for(Opened((Told(Author("data", url="https://x.com/data")),)), None) == "data"
    with pytest.raises(SpecError):
        name_for(Opened((Told(Author("data")),)), None)


def two_of_one_name(folder: Path, first: str, second: str) -> tuple[Path, Path]:
    paths = folder / "a" / "bird.txt", folder / "b" / "bird.txt"
    for path, text in zip(paths, (first, second), strict=True):
        path.parent.mkdir()
        path.write_text(text)
    return paths


def test_another_file_of_the_same_name_does_not_replace_a_persona(
    tmp_path: Path, own_home: Path, untrained: None
) -> None:
    first, second = two_of_one_name(tmp_path, lines("a lamp"), lines("an engine"))
    run = popinjay.make(first, whose="self").run
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    with pytest.raises(
        PersonaTaken, match="Of its 150 posts 0 are among those given now"
    ) as caught:
        popinjay.make(second)
    assert "replace=True" in caught.value.hint
    assert "name=" in caught.value.hint
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(PersonaTaken):
        popinjay.make(second, ask=no)
    assert asked[0].endswith("Replace it, with its model and all that is in its folder?")
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


def test_a_replacing_persona_inherits_nothing(tmp_path: Path, untrained: None) -> None:
    first, second = two_of_one_name(tmp_path, lines("a lamp"), lines("an engine"))
    run = popinjay.make(first, whose="self", contact="ada@example.org", drop_replies=True).run
    keep(run, {"text": "in the old voice", "prompt": ""})
    run.file("forgotten.toml").write_text('authors = []\nposts = [{ author = "bird", id = "7" }]')
    run.file("model").mkdir()
    published = {"hub:ada/bird": Publication()}
    run.save(run.record.updated(told=[LedgerRow("trackio")], published=published))
    new = popinjay.make(second, replace=True).run
    assert (new.record.asked.whose, new.record.asked.contact) == (None, None)
    assert new.record.told == (LedgerRow("trackio"),)
    assert not new.record.published
    assert {path.name for path in new.path.iterdir()} == {
        ".lock",
        "logs",
        "run.toml",
        "posts.jsonl",
        "authors.json",
        "avatars",
    }
    assert len(new.file("posts.jsonl").read_text().splitlines()) == 150
    assert (
        popinjay.make(first, ask=lambda question: True)
        .run.file("posts.jsonl")
        .read_text()
        .count("a lamp")
        == 150
    )


def test_more_of_the_same_posts_need_no_yes(tmp_path: Path, untrained: None) -> None:
    """A newer file of the same posts, also under another name, which holds most of the old ones."""
    first, second = two_of_one_name(tmp_path, lines("a lamp"), lines("a  LAMP", 200, start=60))
    popinjay.make(first, name="bird")
    assert (
        len(popinjay.make(second, name="bird").run.file("posts.jsonl").read_text().splitlines())
        == 200
    )
    third = tmp_path / "bird-2024.txt"
    third.write_text(lines("a lamp", 300))
    assert (
        json.loads(popinjay.make(third, name="bird").run.file("authors.json").read_text())[0][
            "handle"
        ]
        == "bird-2024"
    )


def test_another_number_of_authors_is_another_persona(tmp_path: Path, untrained: None) -> None:
    first, _ = two_of_one_name(tmp_path, lines("a lamp"), "")
    other = tmp_path / "bob.txt"
    other.write_text(lines("an engine"))
    popinjay.make(first, name="pair")
    with pytest.raises(PersonaTaken, match="Of its 150 posts 0 are among those of bob given now"):
        popinjay.make(other, name="pair")
    with pytest.raises(PersonaTaken, match="made of the posts of bird, these are of bird and bob"):
        popinjay.make(first, other, name="pair")


def test_notes_of_the_comparison_are_given_once(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    run.path.mkdir()
    run.file("posts.jsonl").write_text(
        json.dumps(Post("0", "ada", "the lamp hums").to_json()) + "\n"
    )
    run.save(run.record.updated(asked=Asked(authors=("ada",))))
    reading = Told(Author("ada"), "the lamp hums", "so does the river")
    assert not is_replaced(run, Opened((reading,)), may=False, ask=None)
    assert not reading.findings.left_out


class Account(Told):
    """The same, read over a network."""

    def fetch(self, folder: Path, skip: Callable[[str, str], bool]) -> None:
        (folder / self.author.handle).mkdir(parents=True)


def test_an_account_with_fewer_posts_than_the_file_needs_confirmation(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    run.path.mkdir()
    held = [Post(str(place), "ada", f"post {place}").to_json() for place in range(10)]
    run.file("posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held))
    run.save(run.record.updated(asked=Asked(authors=("ada",))))
    few, most = (
        Opened((Account(Author("ada"), *(f"post {place}" for place in range(count))),))
        for count in (4, 5)
    )
    for opened in (few, most):
        # The author is certain, the content is not yet known.
        assert not is_replaced(run, opened, may=False, ask=None)
    with pytest.raises(
        PersonaTaken, match="Of its 10 posts 4 are among those that were read just now"
    ) as caught:
        check_fetched(run, few, may=False, ask=None)
    assert "--replace" in caught.value.hint
    check_fetched(run, most, may=False, ask=None)
    check_fetched(run, few, may=True, ask=None)
    check_fetched(
        run, few, may=False, ask=lambda question: question.endswith("Take these instead of them?")
    )
    asked = Asked(authors=few.handles, accounts=few.account_handles)
    assert asked == Asked(authors=("ada",), accounts=("ada",))
    run.save(run.record.updated(asked=asked))
    check_fetched(run, few, may=False, ask=None)  # posts deleted from the account since it was read


# how it was made


def run_with(folder: Path, **stages: dict[str, Any]) -> Run:
    run = Run(folder)
    run.path.mkdir()
    entries = {
        name: StageEntry(EntryState.DONE, options=options, makes={})
        for name, options in stages.items()
    }
    run.record = run.record.updated(stages=entries)
    return run


def test_a_newer_archive_keeps_the_options_of_the_first_make(tmp_path: Path) -> None:
    run = run_with(
        tmp_path / "ada",
        clean={"rules": "popinjay", "drop_replies": True},
        train={"base": "b", "epochs": 2.0, "seed": 3, "budget": "5m"},
    )
    assert inherited(run, {"budget": "1m"}) == {"drop_replies": True, "epochs": 2.0, "seed": 3}
    said: list[Event] = []
    options = pipeline.as_made_before(run, {"budget": "1m"}, {})
    pipeline.note_inherited(run, {"budget": "1m"}, said.append, keeps_weights=False)
    assert (options.train.epochs, options.train.budget, options.evaluate.seed) == (2.0, "1m", 3)
    assert options.train.base is None  # base_for keeps it
    assert "--drop-replies --epochs 2.0 --seed 3" in said[0].message


def test_default_options_are_not_reported(tmp_path: Path) -> None:
    said: list[Event] = []
    run = run_with(tmp_path / "ada")
    assert pipeline.as_made_before(run, {}, {}) == MakeOptions()
    pipeline.note_inherited(run, {}, said.append, keeps_weights=False)
    assert not said


def test_posts_are_read_with_the_options_of_the_first_make(tmp_path: Path, untrained: None) -> None:
    """A newer table with its texts in the same odd column, and another table in its place."""
    table = tmp_path / "bird.csv"
    for name in (None, "pet"):
        for count in (150, 200):
            table.write_text(
                "text,utterance\n"
                + "\n".join(f'no,"{line}"' for line in lines("a lamp", count).splitlines())
            )
            column: dict[str, Any] = {"text_column": "utterance"} if count == 150 else {}
            run = popinjay.make(table, name=name, **column).run
            assert run.file("posts.jsonl").read_text().count("a lamp") == count
    table.write_text(
        "text,utterance\n" + "\n".join(f'"{line}",no' for line in lines("an engine").splitlines())
    )
    assert (
        popinjay.make(table, name="pet", replace=True)
        .run.file("posts.jsonl")
        .read_text()
        .count("an engine")
        == 150
    )


def test_an_option_that_failed_is_not_kept(tmp_path: Path) -> None:
    run = run_with(tmp_path / "ada", train={"epochs": 2.0})
    train = replace(
        run.record.stages["train"], state=EntryState.FAILED, error="no", tried={"epochs": 9.0}
    )
    evaluate = StageEntry(EntryState.FAILED, error="no", options={"samples": 20})
    run.record = run.record.updated(stages={"train": train, "evaluate": evaluate})
    assert inherited(run, {}) == {"epochs": 2.0}


def test_defaults_return_on_request(tmp_path: Path, untrained: None) -> None:
    first, _ = two_of_one_name(tmp_path, lines("a lamp"), "")
    popinjay.make(first, exclude_circle_window=True)
    assert (
        popinjay.make(first).run.record.stages["collect"].options["exclude_circle_window"] is True
    )
    assert (
        popinjay.make(first, defaults=True)
        .run.record.stages["collect"]
        .options["exclude_circle_window"]
        is False
    )


def test_a_missing_base_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with(tmp_path / "ada", train={"base": "smollm2"})
    train = replace(run.record.stages["train"], facts={"base": "smollm2"}, version=0)
    run.record = run.record.updated(stages={"train": train})
    fetched: list[str] = []
    monkeypatch.setattr(bases, "is_ready", lambda base: False)
    monkeypatch.setattr(bases, "get", lambda base, consent, listener: fetched.append(base.name))
    with pytest.raises(
        BaseModelError, match="made from smollm2, which is not on this machine any more"
    ) as caught:
        pipeline.base_for(run, TrainOptions(), bases.Consent(), lambda event: None)
    assert "--base builtin" in caught.value.hint
    for consent in (
        bases.Consent(yes=True),
        bases.Consent(ask=lambda question: "Fetch it again?" in question),
    ):
        assert pipeline.base_for(run, TrainOptions(), consent, lambda event: None).name == "smollm2"
    assert fetched == ["smollm2", "smollm2"]
