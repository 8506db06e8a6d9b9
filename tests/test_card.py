"""The card: true, and valid whatever strangers typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

import popinjay
from popinjay.card import base_in_words

OPTIONS = {"epochs": 0.1, "batch_tokens": 512, "samples": 10}


def front_matter(card: str) -> Any:
    return yaml.safe_load(card.split("---\n")[1])


def test_norwegian_is_a_language_and_no_no(tmp_path: Path, tiny_gpt2: Path) -> None:
    rows = [{"text": f"båten nummer {n} går over fjorden med {n * 37} mennesker og {n * 13} hunder", "lang": "no"} for n in range(150)]
    (tmp_path / "kari.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    persona = popinjay.make(tmp_path / "kari.jsonl", base=str(tiny_gpt2), **OPTIONS)
    assert front_matter((persona.path / "README.md").read_text(encoding="utf-8"))["language"] == ["no"]


def test_a_base_from_a_folder_is_named_without_its_path(ada: Path, tiny_gpt2: Path) -> None:
    persona = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    card = (persona.path / "README.md").read_text(encoding="utf-8")
    assert str(tiny_gpt2.parent) not in card
    assert front_matter(card)["base_model"] == tiny_gpt2.name
    assert "a model of its maker's own" in card


def test_a_base_is_said_in_words() -> None:
    assert base_in_words("gpt2", "openai-community/gpt2") == "[gpt2](https://huggingface.co/openai-community/gpt2)"
    assert base_in_words("builtin", "") == "popinjay's built-in base model"
