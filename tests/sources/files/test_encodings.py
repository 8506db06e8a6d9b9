"""Encodings that are said or found out, and wrong bytes named where they are."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.sources.files.encodings import encoding_of

WESTERN = "naïve café – “so”, it’s 5 € für Grüße\nand plain words too\n"


def found(data: bytes) -> str:
    return encoding_of(io.BytesIO(data), "ada.txt")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_an_encoding_is_found_out(encoding: str) -> None:
    data = WESTERN.encode(encoding)
    assert data.decode(found(data)) == WESTERN


def test_plain_letters_are_utf_8() -> None:
    assert found(b"plain words") == "utf-8"
    assert found(b"") == "utf-8"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("привет всем, кто нас слушает\n", "cp1251"),
        ("привет всем, кто нас слушает\n", "koi8-r"),
        ("γειά σας, τι κάνετε\n", "cp1253"),
        ("今日はとても天気がいいので\n", "shift-jis"),
    ],
)
def test_encodings_that_would_be_guessed_are_refused(text: str, encoding: str) -> None:
    with pytest.raises(SpecError, match=r"is not UTF-8: byte 0x.. at offset"):
        found(text.encode(encoding) * 3)


@pytest.mark.parametrize("before", [0, 1, 5_000, 300_000])
def test_the_wrong_byte_of_a_damaged_file_is_named_where_it_is(before: int) -> None:
    data = "é☃\n".encode() * (before // 6) + b"x" * (before % 6)
    line = before // 6 + 1
    with pytest.raises(SpecError) as caught:
        found(data + b"\xc3(" + "é☃\n".encode() * 100)
    assert f"byte 0xc3 at offset {before:,} (line {line:,}) is invalid" in caught.value.message


def test_bytes_without_characters_are_no_text() -> None:
    with pytest.raises(SpecError, match="contains NUL bytes"):
        found(b"abc\0def, plain words")


def test_who_wrote_in_windows_1252_is_told_that_it_was_found_out(tmp_path: Path) -> None:
    path = tmp_path / "ada.csv"
    path.write_bytes("text\nschöne Grüße – euch\n".encode("cp1252"))
    reading = sources.read(str(path), CollectOptions())
    assert [post.text for post in reading.posts()] == ["schöne Grüße – euch"]
    assert reading.findings.notes == ["ada.csv is not UTF-8; it is read as Windows-1252."]
