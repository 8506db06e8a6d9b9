"""Tests of the demo, from its archives to a cyborg."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from popinjay import demo as the_demo
from popinjay.cli.main import main
from popinjay.events import Event
from popinjay.models import bases
from popinjay.models.bases.places.folder import Folder
from popinjay.pipeline import make

pytestmark = pytest.mark.draws


def test_the_demo_makes_two_personas_and_their_cyborg(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(the_demo, "make", functools.partial(make, epochs=0.05, samples=10))
    events: list[Event] = []
    personas = the_demo.demo(events.append)
    notes = [event.message for event in events if event.stage == "demo"]
    assert "'smollm2' is not on this machine" in notes[-1]
    assert "The demo uses the built-in base" in notes[-1]
    assert {persona.run.record.facts("train")["base"] for persona in personas} == {"builtin"}
    assert [persona.name for persona in personas] == [
        "nellmarrow",
        "brix_deck9",
        "brix_deck9-nellmarrow",
    ]
    for persona in personas:
        card = (own_home / persona.name / "README.md").read_text(encoding="utf-8")
        assert "the author is fictional" in card
        assert "| Posts downloaded | 68" in card
    assert "AI CYBORG" in card
    assert "| Data | Nell Marrow 🍞 | Brix |" in card


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three trainings: two and a half minutes of two free cores
def test_the_demo_learns_both_styles(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.count("Its first ten posts, unselected:") == 3
    assert "popinjay inspect your-archive.zip" in said
    voices = {}
    for name in the_demo.PEOPLE:
        assert main(["say", name, "-n", "50", "--seed", "1"]) == 0
        voices[name] = capsys.readouterr().out.splitlines()
    assert sum(post.startswith("Day ") for post in voices["brix_deck9"]) >= 15
    assert sum(post == post.lower() for post in voices["nellmarrow"]) >= 25


def test_the_demo_takes_smollm2_if_it_is_here(
    monkeypatch: pytest.MonkeyPatch, tiny_llama: Path
) -> None:
    """A stand-in for smollm2: a tiny model of the same architecture under its name."""
    made: list[str] = []
    here = bases.Base("smollm2", str(tiny_llama), "small", places=(Folder(),))
    monkeypatch.setattr("popinjay.models.bases.rows.BASES", (here, *bases.BASES))
    monkeypatch.setattr(the_demo, "make", lambda *specs, base, **more: made.append(base))
    events: list[Event] = []
    the_demo.demo(events.append)
    assert made == ["smollm2"] * 3
    assert "The base model is smollm2: small." in [event.message for event in events]
