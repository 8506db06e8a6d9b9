"""Tests of plain files: every kind, in any container, and what their columns mean."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post, is_repost_by_hand
from readings import table, texts

SAID = ["the lamp hums", "naïve café 🧮", "three, with a comma"]


def read(path: Path | str, **options: Any) -> list[Post]:
    return list(sources.read(str(path), CollectOptions(**options)).posts())


def read_text(folder: Path, name: str, content: str | bytes, **options: Any) -> list[Post]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, **options)


KINDS = {
    "txt": "\n".join(SAID),
    "md": "\n\n".join(SAID) + "\n",
    "csv": table([["id", "text"], *([str(n), text] for n, text in enumerate(SAID))]),
    "tsv": table([["id", "text"], *([str(n), text] for n, text in enumerate(SAID))], "\t"),
    "jsonl": "\n".join(json.dumps({"text": text}) for text in SAID),
    "ndjson": "\n\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in SAID) + "\n",
    "json": json.dumps([{"text": text} for text in SAID], indent=2),
}

# kinds of files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["", ".gz", ".GZ"])
def test_every_kind_is_read_compressed_or_not(tmp_path: Path, kind: str, suffix: str) -> None:
    content = gzip.compress(KINDS[kind].encode()) if suffix else KINDS[kind].encode()
    found = read_text(tmp_path, f"Ada L.{kind}{suffix}", content)
    assert texts(found) == SAID
    assert {post.author for post in found} == {"ada_l"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks_set_the_encoding(tmp_path: Path, kind: str, encoding: str) -> None:
    mark = "\ufeff" if encoding[-2:] in ("le", "be") else ""
    assert texts(read_text(tmp_path, f"ada.{kind}", (mark + KINDS[kind]).encode(encoding))) == SAID


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"text": text} for text in SAID]),
        json.dumps(SAID),
        json.dumps({"exported": "2024-01-01", "posts": [{"text": text} for text in SAID]}),
        json.dumps({"posts": SAID}, indent=2),
        "\n \t" + json.dumps(SAID, ensure_ascii=False) + "\n",
    ],
)
def test_json_is_a_list_of_objects_or_texts_or_an_object_that_holds_one(
    tmp_path: Path, content: str
) -> None:
    assert texts(read_text(tmp_path, "ada.json", content)) == SAID


def test_lines_of_text_are_posts_and_empty_ones_are_none(tmp_path: Path) -> None:
    assert texts(read_text(tmp_path, "ada.txt", "one\r\n\r\n  two \rthree\n\n")) == [
        "one",
        "two",
        "three",
    ]


def test_a_list_of_texts_on_separate_lines_may_be_quoted_json(tmp_path: Path) -> None:
    assert (
        texts(read_text(tmp_path, "ada.jsonl", "\n".join(json.dumps(text) for text in SAID)))
        == SAID
    )


def test_cells_may_hold_several_lines_and_quotes(tmp_path: Path) -> None:
    written = table(
        [["date", "text"], ["2024-01-02", 'two\nlines, "quoted"'], ["2024-01-03", "one"]]
    )
    assert texts(read_text(tmp_path, "ada.csv", written)) == ['two\nlines, "quoted"', "one"]


def test_a_table_of_one_column_may_have_any_header(tmp_path: Path) -> None:
    assert texts(
        read_text(tmp_path, "ada.csv", "whatever I said\nthe lamp hums\nthe gull sings\n")
    ) == ["the lamp hums", "the gull sings"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_cut_as_its_header_is(tmp_path: Path, delimiter: str) -> None:
    rows = [["id", "text", "likes"], ["1", "a, b; c\td", "3"]]
    assert texts(read_text(tmp_path, "ada.csv", table(rows, delimiter))) == ["a, b; c\td"]


def test_short_and_long_rows_of_a_table_do_no_harm(tmp_path: Path) -> None:
    assert texts(read_text(tmp_path, "ada.csv", "id,text,likes\n1,one\n2\n3,three,4,5,6\n")) == [
        "one",
        "",
        "three",
    ]


# standard input


@pytest.mark.parametrize("kind", ["txt", "jsonl", "json"])
@pytest.mark.parametrize(
    "pack",
    [
        str.encode,
        lambda text: gzip.compress(text.encode()),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
    ],
)
def test_standard_input_is_read_as_what_it_looks_like(
    monkeypatch: pytest.MonkeyPatch, kind: str, pack: Callable[[str], bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(KINDS[kind]))))
    found = read("-")
    assert texts(found) == SAID
    assert {post.author for post in found} == {"stdin"}


@pytest.mark.parametrize(
    "content",
    [
        "[sings] la la la\nand on",
        "{sighs} oh well\nand on",
        "[1] first\nand on",
        "\n\nthe lamp\nand on",
    ],
)
def test_brackets_at_the_start_of_standard_input_may_be_text(
    monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert texts(read("-")) == content.strip().splitlines()


def test_an_object_over_several_lines_of_standard_input_is_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = json.dumps({"posts": [{"text": text} for text in SAID]}, indent=2)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert texts(read("-")) == SAID


# columns


@pytest.mark.parametrize(
    "column", ["text", "Text", "FULL_TEXT", " tweet ", "Content", "body", "message"]
)
def test_the_text_is_found_by_its_usual_names(tmp_path: Path, column: str) -> None:
    assert texts(read_text(tmp_path, "ada.csv", table([["other", column], ["x", "mine"]]))) == [
        "mine"
    ]
    assert texts(read_text(tmp_path, "ada.jsonl", json.dumps({"other": "x", column: "mine"}))) == [
        "mine"
    ]


@pytest.mark.parametrize("asked", ["words", "WORDS", " Words"])
def test_a_column_of_another_name_can_be_named(tmp_path: Path, asked: str) -> None:
    rows = table([["text", "Words"], ["not this", "this"]])
    assert texts(read_text(tmp_path, "ada.csv", rows, text_column=asked)) == ["this"]


def test_a_missing_column_is_reported_with_the_existing_ones(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"ada\.csv has no column 'words' \(item 1 has: id, text\)"):
        read_text(tmp_path, "ada.csv", "id,text\n1,one\n", text_column="words")
    with pytest.raises(SpecError, match="no column that is plainly the text") as caught:
        read_text(tmp_path, "ada.csv", "id,words\n1,one\n")
    assert caught.value.hint == "Name it with --text-column."


@pytest.mark.parametrize("value", [["a", "b"], {"a": "b"}])
def test_a_row_without_a_text_is_left_out_and_counted(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "ada.jsonl"
    path.write_text(json.dumps({"text": "one"}) + "\n" + json.dumps({"text": value}))
    reading = sources.read(str(path), CollectOptions())
    assert texts(list(reading.posts())) == ["one"]
    assert reading.findings.left_out == {"no post": 1}


@pytest.mark.parametrize("value", [True, "True", "true", 1, "1", "yes", "t"])
def test_fields_mark_reposts_and_replies(tmp_path: Path, value: Any) -> None:
    rows = [
        {"text": "one", "is_retweet": value},
        {"text": "two", "is_reply": value},
        {"text": "three", "is_reply": value, "is_retweet": value},
    ]
    found = read_text(tmp_path, "ada.json", json.dumps(rows))
    assert [post.kind for post in found] == [Kind.REPOST, Kind.REPLY, Kind.REPOST]


@pytest.mark.parametrize(
    "value", [False, "False", "false", 0, "0", None, "", "null", "None", "NaN", float("nan"), "no"]
)
def test_negative_values_mark_nothing(tmp_path: Path, value: Any) -> None:
    found = read_text(
        tmp_path,
        "ada.json",
        json.dumps([{"text": "one", "is_retweet": value, "is_reply": value, "truncated": value}]),
    )
    assert [(post.kind, post.truncated) for post in found] == [(Kind.POST, False)]


def test_replies_have_a_recipient_and_reposts_a_prefix(
    tmp_path: Path,
) -> None:
    rows = table(
        [["text", "in_reply_to_status_id"], ["yes", "123"], ["alone", ""], ["RT @bob: his", ""]]
    )
    assert [post.kind for post in read_text(tmp_path, "ada.csv", rows)] == [
        Kind.REPLY,
        Kind.POST,
        Kind.REPOST,
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023-02-18T12:33:11Z", "2023-02-18T12:33:11Z"),
        ("2023-02-18T12:33:11.123+02:00", "2023-02-18T10:33:11Z"),
        ("2023-02-18 12:33:11", "2023-02-18T12:33:11Z"),
        ("2023-02-18 12:33:11 UTC", "2023-02-18T12:33:11Z"),
        ("2023-02-18 12:33:11 +0000", "2023-02-18T12:33:11Z"),
        ("2023-02-18", "2023-02-18T00:00:00Z"),
        ("Sat Feb 18 12:33:11 +0000 2023", "2023-02-18T12:33:11Z"),
        (1676723591, "2023-02-18T12:33:11Z"),
        ("1676723591", "2023-02-18T12:33:11Z"),
        (1676723591000, "2023-02-18T12:33:11Z"),
        (1676723591.5, "2023-02-18T12:33:11Z"),
        ("1660-01-01T08:25:00Z", "1660-01-01T08:25:00Z"),  # a diary is posted
        ("0099-01-01T00:00:00", None),
        ("1970-01-01", None),
        ("2999-01-01", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("last Tuesday", None),
        (float("inf"), None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_common_formats_of_times_are_read(tmp_path: Path, written: Any, meant: str | None) -> None:
    for key in ("created_at", "Date", "timestamp"):
        assert (
            read_text(tmp_path, "ada.json", json.dumps([{"text": "one", key: written}]))[
                0
            ].created_at
            == meant
        )


def test_ids_languages_and_truncation_are_read(tmp_path: Path) -> None:
    rows = [
        {"text": "one", "id": 7, "lang": "fr", "truncated": True},
        {"text": "two", "tweet_id": "8", "language": "en"},
        {"text": "three"},
    ]
    assert read_text(tmp_path, "ada.json", json.dumps(rows)) == [
        Post("7", "ada", "one", lang="fr", truncated=True),
        Post("8", "ada", "two", lang="en"),
        Post("#3", "ada", "three"),  # 3 could be the id of another row
    ]


# texts


def test_entities_are_unescaped_once(tmp_path: Path) -> None:
    assert texts(read_text(tmp_path, "ada.txt", "a &amp;lt; b\nAT&T")) == ["a &lt; b", "AT&T"]


def test_invalid_characters_are_removed(tmp_path: Path) -> None:
    row = json.dumps({"text": "nul \0, half \ud83d, whole 🧮", "id": "\ud83d1", "lang": "\udc80"})
    (found,) = read_text(tmp_path, "ada.jsonl", row)
    assert found == Post("\ufffd1", "ada", "nul , half \ufffd, whole 🧮")


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    def fingerprint(content: str) -> str:
        (tmp_path / "ada.txt").write_text(content)
        return sources.read(str(tmp_path / "ada.txt"), CollectOptions()).fingerprint()

    assert fingerprint("one") == fingerprint("one")
    assert fingerprint("one") != fingerprint("two")


# real posts


def counts_of(readme: str) -> dict[str, tuple[int, int, int]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in readme.splitlines()
        if line.startswith("|")
    ]
    return {
        row[0]: (
            int(row[2].replace(",", "")),
            int(row[3].replace(",", "")),
            int(row[4].replace(",", "")),
        )
        for row in rows[2:]
    }


def test_real_posts_load_with_the_counts_they_should(shared: Path) -> None:
    known = counts_of((shared / "personas" / "README.md").read_text())
    assert len(known) > 10
    for name, expected in known.items():
        posts = read(shared / "personas" / f"{name}.jsonl.gz")
        kinds = Counter(post.kind for post in posts)
        by_hand = sum(is_repost_by_hand(post.text) for post in posts)  # which no other field marks
        assert (kinds.total(), kinds[Kind.REPLY]) == (expected[0], expected[2]), name
        assert expected[1] <= kinds[Kind.REPOST] <= expected[1] + by_hand, name
