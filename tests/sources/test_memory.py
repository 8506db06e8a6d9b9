"""Tests of posts in Python's memory: what is taken for posts, and what is said of all else."""

from __future__ import annotations

import array
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import find, memory, read
from popinjay.sources.memory import PostsInMemory, spec_of

TEXTS = ["The sea was calm.", "It rained, and nobody minded.", "A gull took my bread today."]
WHEN = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


def posts(given: Any, **options: Any) -> list[Post]:
    with read(spec_of(given), CollectOptions(**options)) as reading:
        return list(reading.posts())


def texts(given: Any, **options: Any) -> list[str]:
    return [post.text for post in posts(given, **options)]


def refusal(given: Any, **options: Any) -> SpecError:
    with pytest.raises(SpecError) as refused:
        posts(given, **options)
    assert TEXTS[0] not in f"{refused.value.message} {refused.value.hint}"
    return refused.value


@dataclass
class DataSet:
    """What `datasets.Dataset` offers: rows as dicts, and the names of columns."""

    columns: dict[str, list[Any]]

    @property
    def column_names(self) -> list[str]:
        return list(self.columns)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, row, strict=True))


class Polars:
    """What a frame of polars offers; iterated, it gives columns."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._data = DataSet(columns)

    def iter_rows(self, *, named: bool) -> Iterator[dict[str, Any]]:
        assert named
        return iter(self._data)

    def __iter__(self) -> Iterator[list[Any]]:
        return iter(self._data.columns.values())


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        (text for text in TEXTS),
        dict.fromkeys(TEXTS).keys(),
        [{"text": text} for text in TEXTS],
        ({"Content": text, "likes": 3} for text in TEXTS),
        {"text": TEXTS, "likes": [1, 2, 3]},
        DataSet({"id": [1, 2, 3], "text": TEXTS}),
        Polars({"text": TEXTS}),
        [Post(str(number), "ada", text) for number, text in enumerate(TEXTS)],
    ],
    ids=lambda given: type(given).__name__,
)
def test_all_of_these_are_posts(given: Any) -> None:
    assert texts(given) == TEXTS


def test_series_and_frames_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"tweet": TEXTS, "date": [WHEN, WHEN, None], "likes": [1, 2, None]})
    assert texts(frame["tweet"]) == TEXTS
    assert texts(frame) == TEXTS
    assert texts(frame[frame.likes > 1]) == TEXTS[1:2]
    assert [post.created_at for post in posts(frame)] == ["2021-03-04T05:06:07Z"] * 2 + [None]
    with_missing = pandas.Series([TEXTS[0], None, float("nan"), pandas.NA, TEXTS[1]])
    assert [text for text in texts(with_missing) if text] == TEXTS[:2]
    assert texts(frame["tweet"].astype("string")) == TEXTS
    assert texts(frame["tweet"].to_numpy()) == TEXTS
    assert texts(list(frame["tweet"].astype("category"))) == TEXTS


def test_the_text_column_is_found_as_in_tables_or_named() -> None:
    rows = [{"key": number, "wording": text, "sort": "a"} for number, text in enumerate(TEXTS * 9)]
    for number, row in enumerate(rows):
        row["wording"] = f"{row['wording']} So it was on day {number} of that long year."
    assert texts(rows)[0].startswith(TEXTS[0])
    assert texts(rows, text_column="Wording") == texts(rows)
    named = [{"text": "no", "other": text} for text in TEXTS]
    assert texts(named, text_column="other") == TEXTS


def test_the_fields_of_rows_are_read_as_in_files() -> None:
    (post,) = posts(
        [{"text": TEXTS[0], "id": 7_000_000_000_000, "created_at": WHEN, "author": "@Ada"}]
    )
    assert post == Post("7000000000000", "ada", TEXTS[0], created_at="2021-03-04T05:06:07Z")
    nested = [
        {"tweet": {"full_text": text, "id_str": str(1000 + number)}}
        for number, text in enumerate(TEXTS)
    ]
    assert texts(nested) == TEXTS


def test_a_generator_is_read_once_and_its_posts_again() -> None:
    spec = spec_of(text for text in TEXTS)
    assert isinstance(spec, PostsInMemory)
    for _ in range(2):
        with read(spec, CollectOptions()) as reading:
            assert [post.text for post in reading.posts()] == TEXTS
            assert [post.text for post in reading.posts()] == TEXTS


def test_the_fingerprint_is_of_the_posts() -> None:
    def fingerprint(given: Any) -> str:
        with read(spec_of(given), CollectOptions()) as reading:
            return reading.fingerprint()

    assert fingerprint(TEXTS) == fingerprint(iter(TEXTS))
    assert fingerprint(TEXTS) != fingerprint(TEXTS[::-1])


def test_the_spec_is_recorded_as_memory() -> None:
    spec = spec_of(TEXTS)
    assert str(spec) == spec == "memory"
    assert find(spec) is memory
    with read(spec, CollectOptions()) as reading:
        list(reading.posts())
        assert reading.findings.source == "list in memory"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "This list is empty."),
        (iter(()), "This tuple_iterator is empty."),
        (3, "A int is neither posts nor the name of a file."),
        (None, "A NoneType is neither"),
        (b"The sea was calm.", "A bytes is neither"),
        ([3, 4], "This list holds a int in place of a post."),
        ([[TEXTS[0]]], "This list holds a list in place of a post."),
        (array.array("d", [1.5]), "This array holds a float in place of a post."),
        ({"train": DataSet({"text": TEXTS})}, "This dict holds several data sets: train."),
        ({"text": TEXTS, "date": [1]}, "The columns of this dict are not of one length."),
        ([{"likes": 3, "shares": 4}], "This list has no column that is plainly the text; it has: "),
        ([Path("ada.zip")], "This list holds names of files in place of posts."),
        ([__file__], "This list holds names of files in place of posts."),
    ],
)
def test_all_else_is_refused_without_a_word_of_it(given: Any, said: str) -> None:
    assert refusal(given).message.startswith(said)


def test_a_column_that_is_missing_is_named_with_those_that_are_there() -> None:
    error = refusal([{"text": text, "likes": 1} for text in TEXTS], text_column="body")
    assert error.message == "This list has no column 'body'; it has: text, likes."
    assert error.hint == "Name the column: text_column='...'"


def test_a_frame_never_lands_in_a_message() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4]})
    error = refusal(frame)
    assert error.message == "This DataFrame has no column that is plainly the text; it has: a, b."


def test_memory_without_posts_says_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="can't be read from there again") as refused:
        read("memory", CollectOptions())
    assert "popinjay.make(posts, name=...)" in refused.value.hint
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "posts.txt").write_text("\n".join(TEXTS))
    with read("memory", CollectOptions()) as reading:  # a folder of that name is one
        assert [post.text for post in reading.posts()] == TEXTS


def test_paths_and_names_stay_what_they_are(tmp_path: Path) -> None:
    assert spec_of(tmp_path) == str(tmp_path)
    assert spec_of("@ada@social.example") == "@ada@social.example"
    with pytest.raises(SpecError, match=r"There is no file, folder or account 'nosuch.csv'\."):
        read(spec_of("nosuch.csv"), CollectOptions())


def test_neither_pandas_nor_datasets_is_imported() -> None:
    program = (
        "import sys\n"
        "from popinjay.options import CollectOptions\n"
        "from popinjay.sources import memory, read\n"
        "list(read(memory.spec_of(['The sea was calm.']), CollectOptions()).posts())\n"
        "print(sorted({'pandas', 'datasets', 'numpy', 'torch'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout.strip() == "[]", said.stderr
