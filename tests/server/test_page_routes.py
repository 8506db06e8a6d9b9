"""Tests of what the page's first screens ask for: estimates, initials, sorted lists."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from models import gpt2
from popinjay.models import bases
from popinjay.pipeline import make
from popinjay.server.routes.estimates import BUDGETS
from popinjay.summary import names
from serving import Client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    posts = folder.parent / "ada.txt"
    posts.write_text("\n".join(f"the engine weaves pattern {number}" for number in range(300)))
    base = gpt2(tmp_path_factory.mktemp("base"), every_byte=False)
    make(
        posts,
        name="ada",
        home=folder,
        whose="fictional",
        base=str(base),
        epochs=0.05,
        samples=20,
        track="none",
    )
    return folder


def test_every_base_and_budget_is_estimated(client: Client) -> None:
    rows = client.get("/api/estimates?posts=600&characters=30000")["estimates"]
    assert [(row["base"], row["budget"]) for row in rows] == [
        (base.name, budget) for base in bases.BASES for budget in BUDGETS
    ]
    times = {(row["base"], row["budget"]): row["seconds"] for row in rows}
    assert all(seconds > 0 for seconds in times.values())
    assert times["builtin", None] < times["smollm2", None]
    assert times["smollm2", "1m"] < times["smollm2", "1h"] + 1
    assert all(row["download_bytes"] == 0 for row in rows if row["base"] == "builtin")
    more = client.get("/api/estimates?posts=6000&characters=300000")["estimates"]
    assert more[0]["seconds"] > rows[0]["seconds"]


def test_impossible_numbers_are_refused(client: Client) -> None:
    for query in ("", "posts=0&characters=1", "posts=x&characters=1"):
        assert client.ask("GET", f"/api/estimates?{query}").status == 422


def test_an_author_without_a_picture_has_an_initial(client: Client) -> None:
    answer = client.ask("GET", "/api/personas/ada/avatar/ada")
    assert answer.headers["content-type"] == "image/svg+xml"
    drawing = ElementTree.fromstring(answer.body)
    assert "".join(drawing.itertext()).strip() == "A"
    assert client.ask("GET", "/api/personas/ada/avatar/babbage").status == 404


def test_the_largest_come_first(tmp_path: Path) -> None:
    for name, size in (("small", 10), ("large", 10_000), ("middle", 1000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").write_text("")
        (tmp_path / name / "posts.jsonl").write_bytes(bytes(size))
    assert names(tmp_path, sort="largest") == ["large", "middle", "small"]


def test_the_page_is_told_the_address_of_the_project(client: Client) -> None:
    from popinjay.project_links import HOMEPAGE

    assert client.get("/api/about")["homepage"] == HOMEPAGE
