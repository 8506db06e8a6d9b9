"""Tests of the cache of measurements of untouched base models: one entry for each version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.untouched_base import UntouchedBase
from popinjay.pipeline import measure
from popinjay.post import read_json
from popinjay.stages import evaluate as stage
from popinjay.store.caches import cache_root, keep_entry, measured_folder, read_entry
from popinjay.store.run import Run

OPTIONS: dict[str, Any] = {
    "epochs": 0.1,
    "batch_tokens": 512,
    "samples": 10,
    "whose": "fictional",
}
SETTINGS = {"temperature": 1.0, "seed": 0}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POPINJAY_BASES", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Writer:
    """A writer of numbered posts that remembers from which place it was called."""

    def __init__(self, count: int, mark: str = "post") -> None:
        self.count, self.mark = count, mark
        self.starts: list[int] = []

    def __call__(self, start: int) -> list[str]:
        self.starts.append(start)
        return [f"{self.mark} {place}" for place in range(start, self.count)]


# the cache


def test_the_cache_is_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr("os.name", "posix")
    monkeypatch.setenv("POPINJAY_BASES", "/given")
    assert cache_root() == Path("/given")
    monkeypatch.delenv("POPINJAY_BASES")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_root() == Path("/caches/popinjay/bases")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "popinjay" / "bases"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"format": 1, "about": "mine"}',
        b'{"format": 1, "about": "another", "value": 3}',
        b'{"format": 99, "about": "mine", "value": 3}',
    ],
)
def test_damaged_and_foreign_entries_count_as_absent(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    assert read_entry(path, "mine") is None
    path.write_bytes(content)
    assert read_entry(path, "mine") is None
    keep_entry(path, "mine", [1, 2])
    assert read_entry(path, "mine") == [1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["entry.json"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keep_entry(tmp_path / "file" / "entry.json", "mine", 1)
    assert read_entry(tmp_path / "file" / "entry.json", "mine") is None


# posts


def test_only_missing_posts_are_generated(cache: Path) -> None:
    kept = UntouchedBase("a" * 64)
    write = Writer(3)
    assert kept.written(3, SETTINGS, write) == ["post 0", "post 1", "post 2"]
    assert kept.written(2, SETTINGS, write) == ["post 0", "post 1"]
    assert write.starts == [0]
    more = Writer(5)
    assert kept.written(5, SETTINGS, more) == [f"post {place}" for place in range(5)]
    assert more.starts == [3]
    assert UntouchedBase("a" * 64).written(5, SETTINGS, Writer(5, "other"))[4] == "post 4"


@pytest.mark.parametrize(
    ("fingerprint", "settings"),
    [("b" * 64, SETTINGS), ("a" * 64, {**SETTINGS, "seed": 1}), ("a" * 64, {"seed": 0})],
)
def test_other_versions_and_settings_have_other_entries(
    fingerprint: str, settings: dict[str, Any], cache: Path
) -> None:
    UntouchedBase("a" * 64).written(2, SETTINGS, Writer(2))
    again = Writer(2, "other")
    assert UntouchedBase(fingerprint).written(2, settings, again) == ["other 0", "other 1"]
    assert UntouchedBase("a" * 64).written(2, SETTINGS, Writer(2, "other")) == ["post 0", "post 1"]


def test_a_changed_generator_begins_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    UntouchedBase("a" * 64).written(2, SETTINGS, Writer(2))
    monkeypatch.setattr("popinjay.metrics.untouched_base.WRITING", 99)
    assert UntouchedBase("a" * 64).written(2, SETTINGS, Writer(2, "new")) == ["new 0", "new 1"]


@pytest.mark.parametrize("spoil", ["cut", "numbers"])
def test_damaged_posts_are_generated_again(spoil: str, cache: Path) -> None:
    kept = UntouchedBase("a" * 64)
    kept.written(2, SETTINGS, Writer(2))
    (path,) = measured_folder("a" * 64).glob("posts-*.json")
    whole = path.read_text()
    path.write_text(
        whole[:-9] if spoil == "cut" else json.dumps({**json.loads(whole), "value": [1, 2]})
    )
    assert kept.written(2, SETTINGS, Writer(2, "new")) == ["new 0", "new 1"]
    assert path.read_text() != whole


# bits


def test_bits_are_cached_for_exactly_these_posts_without_their_text(cache: Path) -> None:
    scored: list[int] = []

    def score() -> dict[str, float]:
        scored.append(1)
        return {"all": 1.5, "ada": 1.25, "bob": 1.75}

    posts = {"ada": ["an engine weaves"], "bob": ["numbers"]}
    kept = UntouchedBase("a" * 64)
    assert kept.bits(posts, score) == kept.bits(posts, score) == score()
    assert len(scored) == 2
    kept.bits({**posts, "bob": ["numbers!"]}, score)
    UntouchedBase("b" * 64).bits(posts, score)
    assert len(scored) == 4
    written = "".join(path.read_text() for path in cache.rglob("*.json"))
    assert not any(word in written for word in ("engine", "numbers", "ada", "bob"))


# in a report


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders of models that a decoder was opened for, and of those that were scored."""
    found: list[Path] = []

    def seen(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(folder: Path, *more: Any, **named: Any) -> Any:
            found.append(folder)
            return work(folder, *more, **named)

        return call

    monkeypatch.setattr(stage, "open_decoder", seen(open_decoder))
    monkeypatch.setattr(stage, "score", seen(stage.score))
    return found


def test_a_second_report_does_not_load_the_base(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, opened: list[Path], own_home: Path
) -> None:
    base = Path(shutil.copytree(tiny_gpt2, tmp_path / "base"))
    first = read_json(popinjay.make(ada, base=str(base), **OPTIONS).path / "report.json")
    assert opened.count(base) == 2
    opened.clear()
    again = popinjay.make(ada, name="again", base=str(base), **OPTIONS)
    assert base not in opened
    assert read_json(again.path / "report.json") == first
    assert [path.name for path in cache_root().rglob("*.safetensors")] == ["int8.safetensors"]


def test_another_version_of_the_base_is_measured(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, opened: list[Path]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    base = Path(shutil.copytree(tiny_gpt2, tmp_path / "base"))
    run = Run(popinjay.make(ada, base=str(base), **OPTIONS).path)
    before = read_json(run.file("report.json"))
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(3)
    model.save_pretrained(base)
    opened.clear()
    after = measure(run, 12)
    assert opened.count(base) == 2
    assert after.to_json()["bits_per_byte"]["base"] != before["bits_per_byte"]["base"]
    assert after.to_json()["bits_per_byte"]["persona"] == before["bits_per_byte"]["persona"]
