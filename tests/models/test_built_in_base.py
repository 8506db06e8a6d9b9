"""Tests of the built-in base model: its contents, its origin and what it can do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from popinjay.cli.main import main
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte

FOLDER = bases.folder_of(bases.row("builtin"))
MOST_BYTES = 40_000_000


@pytest.fixture(scope="module")
def built_in() -> LanguageModel:
    return LanguageModel.load(FOLDER)


def test_the_weights_are_those_that_the_record_names() -> None:
    assert (
        hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
        == bases.record(bases.row("builtin"))["sha256"]
    )


def test_it_is_loaded_exactly_as_stored(built_in: LanguageModel) -> None:
    from safetensors.torch import load_file

    stored = load_file(FOLDER / "model.safetensors")
    loaded = built_in.model.state_dict()
    assert stored
    assert all((loaded[name] == weights.float()).all() for name, weights in stored.items())
    assert (
        built_in.parameters
        == bases.record(bases.row("builtin"))["parameters"]
        == sum(weights.numel() for weights in stored.values())
    )


def test_it_is_small_and_records_its_sources() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for owed in (
        "Wikipedia",
        "The Changelog",
        "Tatoeba",
        "CC BY-SA 3.0",
        "CC BY-SA 4.0",
        "CC BY 2.0",
    ):
        assert owed in card


def test_it_has_learnt_english_and_reads_any_script(built_in: LanguageModel) -> None:
    english = ["It is a pleasure to be here today with all of you."]
    scrambled = ["a be of you. pleasure today here is to with It all"]
    assert bits_per_byte(built_in.bits(english), english) < 2
    assert built_in.bits(english)[0] < built_in.bits(scrambled)[0] - 20
    for text in ("naïve café", "これはテスト", "العربية", "👩‍👩‍👧‍👦🏳️‍🌈", "\ud7ff\u0300"):
        assert built_in.decode(built_in.encode([text])[0]) == text


def test_it_adapts_to_previous_posts(built_in: LanguageModel) -> None:
    cook = [
        f"Recipe {n}: a spoon of butter, a cup of flour, and the oven at {n * 10} degrees."
        for n in range(3, 15)
    ]
    judge = [
        f"Case {n}: the court finds for the plaintiff, with costs, and the clerk will file it."
        for n in range(3, 15)
    ]
    text = "Recipe 20: a spoon of sugar, a cup of milk, and the oven at 200 degrees."
    alone, own, other = built_in.bits([text] * 3, [[], cook, judge])
    assert own < 0.75 * alone
    assert own < 0.75 * other


def test_the_bases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bases"]) == 0
    shown = capsys.readouterr().out
    assert all(base.name in shown for base in bases.BASES)
    record = bases.record(bases.row("builtin"))
    assert record["sha256"] not in shown  # how a base was made is for those who ask
    assert main(["bases", "--debug"]) == 0
    assert record["sha256"] in capsys.readouterr().out
    assert main(["bases", "--json"]) == 0
    listed = {base["name"]: base for base in json.loads(capsys.readouterr().out)["bases"]}
    assert listed["builtin"]["here"] is True
    assert listed["builtin"]["record"] == record
    told = {
        "here": False,
        "bytes": None,
        "hub": "openai-community/gpt2",
        "parameters": 124_439_808,
        "record": None,
        "terms": None,
    }
    assert listed["gpt2"] == {**listed["gpt2"], **told}
    assert listed["gemma3"]["terms"]["accepted"] is False
    assert "popinjay bases get gemma3 --accept gemma" in shown


def test_only_a_folder_with_a_record_has_one(tmp_path: Path, tiny_gpt2: Path) -> None:
    assert bases.record(bases.row(str(tiny_gpt2))) == {}
    assert bases.record(bases.row("gpt2")) == {}
