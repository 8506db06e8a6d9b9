"""Tests that archives and exports are recognized by content, whatever their file is called."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archives import ACCOUNT, archive_files, tweet, write_zip
from mastodon_exports import create, export_files, write_tar
from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import Reading
from repositories import DID, many, write_car


def opened(path: Path) -> Reading:
    return sources.read(str(path), CollectOptions())


def posts_in(path: Path) -> list[Post]:
    return list(opened(path).posts())


def renamed(
    files: Mapping[str, str | bytes], before: str, separator: str = "/"
) -> dict[str, str | bytes]:
    return {(before + name).replace("/", separator): content for name, content in files.items()}


def raw_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a zip whose names are left as they are: Python would change their separators."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            packed.writestr(entry, content)
    return path


X = archive_files([tweet(f"lamp number {n} hums", n) for n in range(5)])


@pytest.mark.parametrize(
    ("before", "separator"),
    [("", "\\"), ("twitter\\", "\\"), ("a/b/", "/"), ("a/b/c/", "/"), ("./", "/")],
)
def test_an_x_archive_is_recognized_in_folders_and_with_backslashes(
    tmp_path: Path, before: str, separator: str
) -> None:
    path = raw_zip(tmp_path / "twitter.zip", renamed(X, before, separator))
    assert (opened(path).author.handle, len(posts_in(path))) == ("ada_l", 5)


@pytest.mark.parametrize(("before", "separator"), [("", "/"), ("x\\", "\\"), ("a/b/", "/")])
def test_a_mastodon_export_is_recognized_in_folders_and_with_backslashes(
    tmp_path: Path, before: str, separator: str
) -> None:
    files = renamed(export_files(create("<p>one</p>")), before, separator)
    assert len(posts_in(raw_zip(tmp_path / "masto.zip", files))) == 1


def test_a_mastodon_export_is_recognized_in_nested_folders(tmp_path: Path) -> None:
    for name, content in renamed(export_files(create("<p>one</p>")), "a/b/").items():
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert len(posts_in(tmp_path / "given")) == 1


def test_archives_are_recognized_without_extension(tmp_path: Path) -> None:
    x = write_zip(tmp_path / "x.zip", X)
    tar = write_tar(tmp_path / "m.tar.gz", export_files(create("<p>one</p>")))
    for path, count in ((x, 5), (tar, 1)):
        bare = tmp_path / path.name.partition(".")[0]
        shutil.move(path, bare)
        assert len(posts_in(bare)) == count


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("getRepo", None),
        ("download.bin", None),
        ("ada.example.getRepo", "ada.example"),
        ("ada.example", "ada.example"),
        ("ada.example.car (1)", "ada.example"),
        ("Ada.Example (2).car", "ada.example"),
    ],
)
def test_a_car_file_is_recognized_under_any_name(
    tmp_path: Path, name: str, handle: str | None
) -> None:
    write_car(tmp_path / "repo.car", many(3))
    shutil.move(tmp_path / "repo.car", tmp_path / name)
    assert opened(tmp_path / name).author.handle == (handle or DID.replace(":", "_"))
    assert len(posts_in(tmp_path / name)) == 3


def test_a_workbook_is_not_an_archive(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="looks like an Excel workbook"):
        opened(write_zip(tmp_path / "tweets.xlsx", {"xl/workbook.xml": "x"}))


def test_the_authors_own_handle_before_a_reply_is_removed(tmp_path: Path) -> None:
    def answer(text: str, to: str, number: int) -> dict[str, Any]:
        return tweet(text, number, in_reply_to_status_id_str="9", in_reply_to_user_id_str=to)

    items = [
        answer("@ada_L and so on", ACCOUNT, 1),
        answer("@ada_l @bob and so on", ACCOUNT, 2),
        answer("@bob @ada_l no", "8", 3),
        tweet("@ada_l is what I am called", 4),
        answer("@ada_l", ACCOUNT, 5),
    ]
    found = posts_in(write_zip(tmp_path / "x.zip", archive_files(items)))
    assert [post.text for post in found] == [
        "and so on",
        "@bob and so on",
        "@bob no",
        "@ada_l is what I am called",
        "@ada_l",
    ]


def test_large_reads_are_never_requested_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 <= size <= 2**20
            return super().read(size)

    class Stdin:
        buffer = Small(b'{"text": "one"}\n' * 10)

    monkeypatch.setattr("sys.stdin", Stdin())
    assert len(list(sources.read("-", CollectOptions()).posts())) == 10
