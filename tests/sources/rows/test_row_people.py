"""Tests of the people in a file of rows, JSON and tables alike, and of the ids of their posts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind
from popinjay.sources import Reading
from popinjay.stages.collect import open_specs


def written(folder: Path, rows: list[dict[str, Any]], form: str) -> Path:
    path = folder / f"given.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
        return path
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows(rows)
    return path


def read(folder: Path, rows: list[dict[str, Any]], form: str = "json", **options: Any) -> Reading:
    return sources.read(str(written(folder, rows, form)), CollectOptions(**options))


def said_by(people: dict[str, int], column: str = "username") -> list[dict[str, Any]]:
    return [
        {"id": str(n), column: name, "text": f"{name} says {n}"}
        for name, count in people.items()
        for n in range(count)
    ]


forms = pytest.mark.parametrize("form", ["json", "csv"])
columns = pytest.mark.parametrize(
    "column",
    [
        "username",
        "screen_name",
        "author",
        "from_user",
        "User",
        "handle",
        "tweet author",
        "userName",
    ],
)


@forms
@columns
def test_the_author_is_named_in_the_rows(tmp_path: Path, form: str, column: str) -> None:
    reading = read(tmp_path, said_by({"@Ada_W": 3}, column), form)
    assert reading.author.handle == "ada_w"
    assert len(list(reading.posts())) == 3


@forms
def test_without_names_the_file_name_gives_the_author(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, [{"text": "one"}], form).author.handle == "given"


@forms
def test_several_people_are_separated_and_reported(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, said_by({"ada": 4, "bob": 3, "cy": 3, "dot": 0}), form)
    opened = open_specs([str(path)], CollectOptions())
    assert [(reading.author.handle, len(list(reading.posts()))) for reading in opened.readings] == [
        ("ada", 4),
        ("bob", 3),
        ("cy", 3),
    ]
    assert [dict(reading.findings.left_out) for reading in opened.readings] == [{}, {}, {}]
    assert (
        "3 people (ada 4, bob 3, cy 3): together they make a cyborg"
        in opened.readings[0].findings.notes[0]
    )
    assert opened.name == "ada-bob-cy"


@forms
@pytest.mark.parametrize("asked", ["bob", "@Bob", " BOB "])
def test_one_of_several_can_be_picked(tmp_path: Path, form: str, asked: str) -> None:
    reading = read(tmp_path, said_by({"ada": 4, "bob": 3}), form, author=asked)
    assert [post.text for post in reading.posts()] == ["bob says 0", "bob says 1", "bob says 2"]
    assert reading.findings.left_out == {"somebody else's post": 4}
    assert len(reading.people()) == 1


def test_some_or_all_of_several_can_be_picked(tmp_path: Path) -> None:
    rows = said_by({"ada": 4, "bob": 3, "cy": 3})
    assert [one.author.handle for one in read(tmp_path, rows, author="cy, ada").people()] == [
        "cy",
        "ada",
    ]
    reading = read(tmp_path, rows, author="*")
    assert (reading.author.handle, len(list(reading.posts()))) == ("given", 10)


def test_an_unknown_author_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"given\.json holds no post of 'dot'") as caught:
        read(tmp_path, said_by({"ada": 4, "bob": 3}), author="dot")
    assert caught.value.hint == "It holds those of 2 people (ada 4, bob 3)."


def test_others_in_an_authors_file_are_left_out(tmp_path: Path) -> None:
    reading = read(tmp_path, said_by({"ada": 40, "bob": 3}))
    assert len(list(reading.posts())) == 40
    assert reading.findings.left_out == {"somebody else's post": 3}
    assert reading.findings.notes == [
        "given.json holds posts of 2 people (ada 40, bob 3): only those of ada are read. "
        "Use --author to read others."
    ]


def test_many_people_are_no_author(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"posts of 20 people \(p0 2, p1 2, p10 2, p11 2, p12 2, \.\.\.\)"
    ) as caught:
        read(tmp_path, said_by({f"p{n}": 2 for n in range(20)}))
    assert "--author p0" in caught.value.hint


def test_a_person_is_recognized_by_account_after_a_rename(tmp_path: Path) -> None:
    rows = [
        {"text": "one", "user_id": "7", "username": "old"},
        {"text": "two", "user_id": "7", "username": "new"},
        {"text": "three", "username": "new"},
    ]
    reading = read(tmp_path, rows)
    assert len(list(reading.posts())) == 3
    assert reading.author.handle == "new"


# ids


def ids(folder: Path, given: list[Any], form: str = "json", key: str = "id") -> list[str]:
    rows = [
        {key: value, "text": f"post {n}"} if value != "missing" else {"text": f"post {n}"}
        for n, value in enumerate(given)
    ]
    return [post.id for post in read(folder, rows, form).posts()]


@forms
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["0", "1", "missing", "3"], ["0", "1", "#3", "3"]),
        (["1.23457E+18", "1.23457E+18", "5"], ["#1", "#2", "5"]),
        (["1,23457E+18", "5"], ["#1", "5"]),
        (["5", "5", "6"], ["#1", "#2", "6"]),
        (["", "nan", "None", "5"], ["#1", "#2", "#3", "5"]),
        (["'1050118621198921728", "5.0"], ["1050118621198921728", "5"]),
        (["missing", "missing"], ["1", "2"]),
    ],
)
def test_duplicate_ids_are_replaced_by_row_numbers(
    tmp_path: Path, form: str, given: list[Any], expected: list[str]
) -> None:
    assert ids(tmp_path, given, form) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1], ["0", "1"]),
        ([1.5e18, 2], ["#1", "2"]),
        ([7.0, 8.0], ["7", "8"]),
        ([True, None, 3], ["#1", "#2", "3"]),
    ],
)
def test_only_exact_numbers_are_ids(tmp_path: Path, given: list[Any], expected: list[str]) -> None:
    assert ids(tmp_path, given) == expected


def test_the_exact_id_is_preferred_to_a_rounded_one(tmp_path: Path) -> None:
    rows = [
        {"id": 1050118621198921000, "id_str": f"105011862119892172{n}", "text": f"post {n}"}
        for n in (8, 9)
    ]
    assert [post.id for post in read(tmp_path, rows).posts()] == [
        "1050118621198921728",
        "1050118621198921729",
    ]


def test_one_id_of_two_people_is_two_ids(tmp_path: Path) -> None:
    rows = [{"id": 1, "username": name, "text": f"{name} says"} for name in ("ada", "bob")]
    assert [[post.id for post in one.posts()] for one in read(tmp_path, rows).people()] == [
        ["1"],
        ["1"],
    ]


# threads


def test_replies_to_oneself_are_posts(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "one", "username": "ada"},
        {"id": 2, "text": "@ada two", "username": "ada", "in_reply_to_screen_name": "Ada"},
        {"id": 3, "text": "three", "username": "ada", "in_reply_to_status_id": 1},
        {"id": 4, "text": "@bob four", "username": "ada", "in_reply_to_status_id": 99},
        {
            "id": 5,
            "text": "five",
            "username": "ada",
            "in_reply_to_status_id": 1,
            "in_reply_to_screen_name": "bob",
        },
    ]
    posts = list(read(tmp_path, rows).posts())
    assert [post.kind for post in posts] == [
        Kind.POST,
        Kind.POST,
        Kind.POST,
        Kind.REPLY,
        Kind.REPLY,
    ]
    assert [post.text for post in posts] == ["one", "two", "three", "@bob four", "five"]
