"""Readings are contexts: no file or connection is open behind them, however they end."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import archives
import mastodon_exports
import popinjay
from popinjay import sources
from popinjay.errors import SpecError
from popinjay.network.http_client import HttpClient
from popinjay.options import CollectOptions
from popinjay.sources.bluesky.car import Car
from popinjay.sources.files import byte_source
from popinjay.stages.collect import open_specs
from repositories import bsky_post, write_car

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc, which lists open files"
)


def open_files(folder: Path) -> list[str]:
    """The names of this process's open files in a folder."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            path = link.readlink()
        except OSError:
            continue  # that of the listing itself
        if path.is_relative_to(folder):
            found.append(path.name)
    return found


def x_archive(folder: Path) -> Path:
    return archives.write_zip(folder / "x.zip", archives.archive_files(archives.posts(5)))


def packed_text(folder: Path) -> Path:
    return archives.write_zip(folder / "packed.zip", {"posts.txt": "one\ntwo\nthree\n"})


def packed_rows(folder: Path) -> Path:
    rows = '[{"text": "one"}, {"text": "two"}]'
    return archives.write_zip(folder / "rows.zip", {"a.json": rows, "b.json": rows})


def mastodon(folder: Path) -> Path:
    posts = [mastodon_exports.create("a post", number) for number in range(3)]
    return archives.write_zip(folder / "masto.zip", mastodon_exports.export_files(*posts))


def tarball(folder: Path) -> Path:
    posts = [mastodon_exports.create("a post", number) for number in range(3)]
    return mastodon_exports.write_tar(
        folder / "masto.tar.gz", mastodon_exports.export_files(*posts)
    )


def bluesky(folder: Path) -> Path:
    return write_car(folder / "ada.test.car", [bsky_post("the tide is in", 0)])


def text(folder: Path) -> Path:
    (folder / "posts.txt").write_text("one\ntwo\nthree\n")
    return folder / "posts.txt"


KINDS = [x_archive, packed_text, packed_rows, mastodon, tarball, bluesky, text]


@needs_proc
@pytest.mark.parametrize("write", KINDS)
def test_a_closed_reading_has_no_file_open(write: Callable[[Path], Path], tmp_path: Path) -> None:
    spec = write(tmp_path)
    with sources.read(str(spec), CollectOptions()) as reading:
        assert list(reading.posts())
        posts = reading.posts()
        next(posts)  # not read to its end
        reading.fingerprint()
    del posts
    reading.close()  # a second time
    assert open_files(tmp_path) == []


@needs_proc
def test_specs_before_one_that_cannot_be_read_are_closed(tmp_path: Path) -> None:
    good = x_archive(tmp_path)
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:300])
    with pytest.raises(SpecError):
        open_specs([str(good), str(tmp_path / "cut.zip")], CollectOptions())
    with pytest.raises(SpecError, match="by one author"):
        open_specs([str(good), str(good)], CollectOptions())
    assert open_files(tmp_path) == []


@needs_proc
def test_an_archive_that_is_none_is_closed(tmp_path: Path) -> None:
    archives.write_zip(tmp_path / "excel.zip", {"xl/workbook.xml": "<x/>"})
    with pytest.raises(SpecError):
        sources.read(str(tmp_path / "excel.zip"), CollectOptions())
    assert open_files(tmp_path) == []


def test_piped_input_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_source, "_IN_MEMORY", 8)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with text(tmp_path).open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        with sources.read("-", CollectOptions()) as reading:
            assert len(list((tmp_path / "tmp").iterdir())) == 1
            assert [post.text for post in reading.posts()] == ["one", "two", "three"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_blocks_are_read_inside_of_the_car_only(tmp_path: Path) -> None:
    car = Car(bluesky(tmp_path))
    with car, car:
        assert car.block(car.root)
    with pytest.raises(AssertionError):
        car.block(car.root)


def test_a_client_closes_its_connections() -> None:
    class Connection:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    left, dropped = Connection(), Connection()
    with HttpClient() as client:
        client._connections["https", "example.org", 443] = left  # type: ignore[assignment]
    assert left.closed == 1
    client = HttpClient()
    client._connections["https", "example.org", 443] = dropped  # type: ignore[assignment]
    del client
    assert dropped.closed == 1


def test_no_class_has_a_del_method() -> None:
    for path in Path(popinjay.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        assert "__del__" not in names, path
