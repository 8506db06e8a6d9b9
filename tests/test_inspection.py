"""Tests of an inspection: what a file is taken for, examples, verdict, estimate, next command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from archives import archive_files, write_zip
from popinjay.cli.main import main
from popinjay.inspection import LONGEST_EXAMPLE, spread
from popinjay.pipeline import inspect

LINES = [f"the lamp number {n} hums in the quiet house by the sea all night" for n in range(900)]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["inspect", *arguments]) == 0
    return capsys.readouterr().out


def test_items_are_spread_evenly() -> None:
    assert spread(range(100), 5) == [10, 30, 50, 70, 90]
    assert spread("abc", 5) == list("abc")
    assert spread("", 5) == []


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("ada.txt", "one two three\nfour five six\n", "text file, one post per line"),
        ("ada.csv", "text;date\na b c;2020-01-01\nd e f;2020-01-02\n", "separated by semicolons"),
        ("ada.jsonl", '{"text": "one two three"}\n{"text": "four five six"}\n', "JSON file"),
        (
            "ada.json",
            '[{"id": "1", "spoiler_text": "", "in_reply_to_account_id": null, "reblog": null,'
            ' "visibility": "public", "content": "<p>one two three</p>",'
            ' "created_at": "2024-01-01T00:00:00Z", "account": {"acct": "ada"}}]',
            "JSON file, posts as Mastodon writes them",
        ),
    ],
)
def test_a_file_is_said_to_be_what_it_was_taken_for(
    tmp_path: Path, name: str, content: str, source: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (found,) = inspect(path)
    assert source in found.source


def test_an_archive_is_dated_by_its_manifest(tmp_path: Path) -> None:
    files = archive_files([{"full_text": "one two three", "id_str": "1"}])
    assert inspect(write_zip(tmp_path / "undated.zip", files))[0].source == "X archive"
    manifest = json.loads(str(files["data/manifest.js"]).partition("=")[2].strip().rstrip(";"))
    manifest["archiveInfo"] = {"generationDate": "2026-07-17T20:11:09.645+00:00"}
    files["data/manifest.js"] = f"window.__THAR_CONFIG = {json.dumps(manifest)}"
    (found,) = inspect(write_zip(tmp_path / "ada.zip", files))
    assert found.source == "X archive of 2026-07-17"


def test_examples_are_spread_and_masked_and_every_reason_is_shown(tmp_path: Path) -> None:
    lines = [
        *LINES,
        *(f"RT @bob: number {n} of many more" for n in range(50)),
        *("so true" for _ in range(9)),
        LINES[3],
        "write to ada@example.com",
        "x" * 400 + " is a very long word",
    ]
    (found,) = inspect(written(tmp_path / "ada.txt", lines))
    kept = [example.text for example in found.kept()]
    assert len(kept) == 5
    assert [LINES.index(text) // 180 for text in kept[:4]] == [0, 1, 2, 3]
    dropped = found.dropped()
    assert len(dropped) == 5
    assert {example.reason for example in dropped} >= {"repost", "short", "duplicate"}
    everything = [one.text for one in (*found.kept(2000), *found.dropped(2000))]
    assert not any("ada@example.com" in text for text in everything)
    assert max(map(len, everything)) == LONGEST_EXAMPLE


def test_an_estimate_is_of_everything_together(tmp_path: Path) -> None:
    half = written(tmp_path / "one.txt", LINES[:450])
    other = written(tmp_path / "two.txt", [line.upper() for line in LINES[450:]])
    options: dict[str, Any] = {"base": "builtin"}
    one, two = inspect(half, other, **options)
    assert one.estimate is not None
    assert one.estimate is two.estimate
    assert one.estimate.base == "builtin"
    assert one.alternative is None  # nothing is to be downloaded
    (alone,) = inspect(half, **options)
    assert alone.estimate is not None
    assert alone.to_json()["estimate"]["base"] == "builtin"
    (little,) = inspect(written(tmp_path / "little.txt", LINES[:3]))
    assert (little.estimate, little.amount.value) == (None, "too little")


@pytest.mark.parametrize(
    ("count", "verdict"),
    [(900, "Enough to learn from"), (300, "Little text"), (5, "Too little text")],
)
def test_there_is_always_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int, verdict: str
) -> None:
    path = written(tmp_path / "ada lovelace.txt", LINES[:count])
    said = shown(capsys, str(path), "--drop-replies")
    assert verdict in said
    assert " - 0" not in said
    assert "(1 " not in said
    if count == 5:
        assert "popinjay make refuses this" in said
        assert "Next:" not in said
    else:
        command = said.split("Next:\n")[1].strip()
        assert shlex.split(command) == ["popinjay", "make", str(path), "--drop-replies"]
        document = json.loads(shown(capsys, str(path), "--drop-replies", "--json"))
        assert document["command"] == command


def test_several_authors_stand_below_one_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"author": f"person_{n % 6}", "text": LINES[n]} for n in range(900)]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said = shown(capsys, str(path))
    overview = said.split("\n\n")[0].splitlines()
    assert len(overview) == 7
    assert max(map(len, overview)) <= 80
    assert said.count("Kept, for example:") == 6
