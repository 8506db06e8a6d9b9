"""Tests of JSON files: every layout, every container, every kind of damage."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from pathlib import Path
from typing import Any

import pytest

from archives import write_folder, write_zip
from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import Reading
from popinjay.sources.files.json_stream import MAX_WHOLE, Damage, Opened, values
from readings import texts

SAID = ["the ferry was late", "so were we", "the gulls were not"]
ROWS = [{"id": n, "text": text} for n, text in enumerate(SAID, 7)]
LINES = "\n".join(map(json.dumps, ROWS))


def opened(folder: Path, name: str, content: str | bytes, **options: Any) -> Reading:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return sources.read(str(path), CollectOptions(**options))


def read(folder: Path, name: str, content: str | bytes, **options: Any) -> list[Post]:
    return list(opened(folder, name, content, **options).posts())


SHAPES = {
    "lines": LINES,
    "list": json.dumps(ROWS),
    "pretty": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "concatenated": "".join(map(json.dumps, ROWS)),
    "a list a line": "\n".join(json.dumps([row]) for row in ROWS),
    "commas after lines": ",\n".join(map(json.dumps, ROWS)),
    "record separators": "".join(f"\x1e{json.dumps(row)}\n" for row in ROWS),
    "an assignment": f"window.YTD.tweets.part0 = {json.dumps(ROWS)};",
    "in an object": json.dumps({"posts": ROWS}),
    "under any name": json.dumps({"what ada said": ROWS}),
    "behind errors": json.dumps({"errors": [{"title": "x"}], "data": ROWS}),
    "behind a context": json.dumps({"@context": ["a", {"b": "c"}], "items": ROWS}),
    "deep inside": json.dumps({"response": {"result": {"list": ROWS}}}),
    "by number": json.dumps({"posts": {str(row["id"]): {"text": row["text"]} for row in ROWS}}),
    "wrapped": json.dumps([{"tweet": row} for row in ROWS]),
    "rows of a database": "\n".join(json.dumps({"_index": "x", "_source": row}) for row in ROWS),
    "by columns": json.dumps(
        {key: {str(n): row[key] for n, row in enumerate(ROWS)} for key in ROWS[0]}
    ),
    "split": json.dumps(
        {
            "columns": ["id", "text"],
            "index": [0],
            "data": [[row["id"], row["text"]] for row in ROWS],
        }
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["ada.json", "ada.jsonl", "ada.txt", "ada"])
def test_every_shape_is_read_whatever_the_file_is_called(
    tmp_path: Path, shape: str, name: str
) -> None:
    found = read(tmp_path, name, SHAPES[shape])
    assert texts(found) == SAID
    assert [post.id for post in found] == ["7", "8", "9"]


@pytest.mark.parametrize("shape", ["lines", "pretty", "in an object"])
def test_standard_input_is_read_like_any_file(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SHAPES[shape].encode())))
    assert texts(sources.read("-", CollectOptions()).posts()) == SAID


def test_large_standard_input_is_buffered_on_disk_and_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("popinjay.sources.files.byte_source._IN_MEMORY", 64)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    reading = sources.read("-", CollectOptions())
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [len(LINES)]
    assert texts(reading.posts()) == SAID
    del reading
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_compressed_files_are_streamed(tmp_path: Path, ending: str, pack: Any) -> None:
    packed = pack(LINES.encode())
    assert texts(read(tmp_path, f"ada.jsonl.{ending}", packed)) == SAID
    assert texts(read(tmp_path, f"ada {ending}", packed)) == SAID
    with pytest.raises(SpecError, match=r"is a damaged \w+ file"):
        read(tmp_path, f"cut.jsonl.{ending}", pack(LINES.encode() * 100)[:-20])


def test_foreign_and_private_data_is_skipped(tmp_path: Path) -> None:
    others = [{"text": "NOT THIS"}]
    passed = (
        "likes",
        "favourites",
        "bookmarks",
        "direct_messages",
        "drafts",
        "deletedPosts",
        "mentions",
        "includes",
        "scheduled",
    )
    assert (
        texts(
            read(tmp_path, "ada.json", json.dumps({**dict.fromkeys(passed, others), "posts": ROWS}))
        )
        == SAID
    )


def test_a_personal_chat_is_left_out(tmp_path: Path) -> None:
    chat = {"type": "personal_chat", "messages": [{"id": 1, "text": "NOT THIS"}]}
    reading = opened(
        tmp_path, "ada.json", json.dumps({"chats": {"list": [chat]}, "list": [chat, *ROWS]})
    )
    assert texts(reading.posts()) == SAID
    assert reading.findings.left_out == {"direct message": 1}


def test_strings_inside_rows_are_no_posts(tmp_path: Path) -> None:
    rows = [{"id": 1, "aliases": ["NOT", "THESE"], "data": ["NOR THESE"]}, *ROWS]
    assert texts(read(tmp_path, "ada.json", json.dumps(rows))) == SAID


def test_control_characters_in_strings_are_accepted(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "ada.jsonl", '{"text": "one\ttwo\x01"}\n{"text": "three"}')) == [
        "one\ttwo\x01",
        "three",
    ]


# damage


def test_invalid_lines_are_skipped_and_reported(tmp_path: Path) -> None:
    lines = LINES.splitlines()
    reading = opened(
        tmp_path,
        "ada.jsonl",
        "\n".join([lines[0], "Rate limit exceeded", lines[1], '{"text": "uneven', lines[2]]),
    )
    assert texts(reading.posts()) == SAID
    assert reading.findings.left_out == {"line that is no JSON": 2}
    assert reading.findings.notes == ["Line 2 of ada.jsonl is not JSON."]


@pytest.mark.parametrize(
    "content", [LINES[:-9], json.dumps(ROWS)[:-9], '{"posts": ' + json.dumps(ROWS)[:-9]]
)
def test_the_whole_items_of_a_truncated_file_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr("popinjay.sources.files.json_stream.MAX_WHOLE", 60)  # an object is opened
    monkeypatch.setattr("popinjay.sources.files.json_stream._CHUNK", 50)
    reading = opened(tmp_path, "ada.json", content)
    assert texts(reading.posts()) == SAID[:2]
    assert reading.findings.notes == [
        "ada.json was cut off: its end is missing. The complete part was read."
    ]


def test_a_file_of_mostly_other_items_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.sources.files.json_file._MAX_OTHERS", 100)
    with pytest.raises(SpecError, match=r"Of the first 102 items of ada\.json, 1 are posts\."):
        read(tmp_path, "ada.json", json.dumps([ROWS[0], *[{}] * 1000]))


# the stream


def spread(value: Any) -> list[Any]:
    """Return all leaves of a value that is read piece by piece."""
    if not isinstance(value, Opened):
        return [value]
    return [leaf for _, part in value.parts() for leaf in spread(part)]


class Pieces(io.StringIO):
    """Text that is read in chunks of few characters, and records how much was requested."""

    most = 0

    def read(self, size: int | None = -1, /) -> str:
        assert size is not None
        self.most = max(self.most, size)
        return super().read(min(size, 7))


@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_independent_of_chunks(shape: str) -> None:
    whole = [value for value, _ in values(io.StringIO(SHAPES[shape]), "x", Damage())]
    assert [value for value, _ in values(Pieces(SHAPES[shape]), "x", Damage())] == whole


def test_large_objects_are_streamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("popinjay.sources.files.json_stream.MAX_WHOLE", 200)
    monkeypatch.setattr("popinjay.sources.files.json_stream._CHUNK", 50)
    rows = [{"n": n, "text": "x" * 20} for n in range(30)]
    text = Pieces(json.dumps({"a": {"b": rows}, "c": 1}) + json.dumps({"d": "e" * 1000}))
    found = [spread(value) for value, _ in values(text, "x", Damage())]
    assert found == [[*rows, 1], ["e" * 1000]]
    assert text.most < 2000


def test_a_very_large_post_is_read(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "id": 1,
        "text": "ferry" * (MAX_WHOLE // 5 + 9),
        "user": {"screen_name": "ada"},
        "likes": [{"text": "NOT THIS"}],
    }
    reading = opened(
        tmp_path, "x.json", json.dumps([row, {**ROWS[0], "user": {"screen_name": "ada"}}])
    )
    assert [len(post.text) for post in reading.posts()] == [len(row["text"]), len(SAID[0])]
    assert reading.author.handle == "ada"


# zips and folders


@pytest.mark.parametrize("form", [write_zip, write_folder])
def test_json_files_in_a_zip_or_folder_are_read_together(tmp_path: Path, form: Any) -> None:
    parts = {
        f"out/part-{n}.json": json.dumps([row]) for n, row in zip((2, 10, 11), ROWS, strict=True)
    }
    aside = {
        "out/messages.json": '[{"text": "NOT THIS"}]',
        "likes/a.json": '[{"text": "NOR THIS"}]',
        ".x.json": '[{"text": "NOR"}]',
    }
    path = form(tmp_path / "given.zip", {**parts, **aside, "out/config.json": '{"version": 2}'})
    reading = sources.read(str(path), CollectOptions())
    found = list(reading.posts())
    assert texts(found) == SAID
    assert reading.author.handle == "given"
    assert any("config.json" in note for note in reading.findings.notes)
    assert reading.fingerprint() == sources.read(str(path), CollectOptions()).fingerprint()


def test_rows_without_ids_are_numbered_across_files(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "a.zip",
        {"1.json": '[{"text": "one"}, {"text": "two"}]', "2.json": '[{"text": "three"}]'},
    )
    assert [post.id for post in sources.read(str(path), CollectOptions()).posts()] == [
        "1",
        "2",
        "3",
    ]


def test_one_table_in_a_zip_is_read_beside_its_readme(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "ada.zip", {"tweets.csv": "id,text\n1,the ferry\n", "README.md": "of a ferry"}
    )
    assert texts(sources.read(str(path), CollectOptions()).posts()) == ["the ferry"]


def test_a_zip_is_recognized_without_extension(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "download", {"posts.json": json.dumps(ROWS)})
    assert texts(sources.read(str(path), CollectOptions()).posts()) == SAID
