"""Names that users rely on stay: Python, options, flags, JSON keys, routes and files."""

from __future__ import annotations

import json

import pytest

from public_names import KEPT, collected

pytest.importorskip("fastapi")
NAMES: dict[str, list[str]] = json.loads(KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    return collected()


@pytest.mark.parametrize("kind", NAMES)
def test_no_public_name_is_lost(kind: str, found: dict[str, list[str]]) -> None:
    lost = sorted(set(NAMES[kind]) - set(found[kind]))
    assert not lost, "users rely on these; let the old names work for a release"


@pytest.mark.parametrize("kind", NAMES)
def test_new_names_are_kept_from_now_on(kind: str, found: dict[str, list[str]]) -> None:
    new = sorted(set(found[kind]) - set(NAMES[kind]))
    assert not new, "run: python tests/support/public_names.py"


def test_a_lost_name_is_noticed(found: dict[str, list[str]]) -> None:
    assert {kind for kind, names in NAMES.items() if names} == set(found)
    assert (
        "make(specs, name, home_folder, listener, ask_whose, ask_name, ask, preferences, given)"
        in (NAMES["python"])
    )
    assert "popinjay say -n --n" in NAMES["command line"]
    assert "popinjay inspect authors.kept" in NAMES["printed JSON"]
    assert "run.toml" in NAMES["files of a persona"]
