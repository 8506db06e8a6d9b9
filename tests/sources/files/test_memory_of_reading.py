"""Tests of memory: of an archive of any size, only the text of its posts is held."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there is no getrusage here", allow_module_level=True)

from large_archive import write_large
from peak import READ_ALL, Peak, peak_of


def inspect(archive: Path) -> Peak:
    return peak_of("-m", "popinjay.cli.main", "inspect", str(archive), "--json")


def test_memory_grows_by_a_part_of_what_is_read(tmp_path: Path) -> None:
    few, many = tmp_path / "few.zip", tmp_path / "many.zip"
    size = (write_large(many, 20_000) - write_large(few, 2_000)) / 2**20
    read_few, read_many = (
        peak_of("-c", READ_ALL, str(archive)).megabytes for archive in (few, many)
    )
    assert read_many - read_few < size / 4  # ids, to see a post that comes twice
    assert inspect(many).megabytes - inspect(few).megabytes < size * 2 / 3  # ids, times, texts


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_archive_of_200_000_posts_takes_under_400_mb(tmp_path: Path) -> None:
    size = write_large(tmp_path / "large.zip", 200_000)
    assert size > 400e6
    peak = inspect(tmp_path / "large.zip")
    (author,) = json.loads(peak.output)["authors"]
    assert (author["downloaded"], author["reposts"], author["short"]) == (200_000, 8_000, 4_000)
    assert peak.megabytes < 400
