"""The demo, from its archives to a cyborg."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from popinjay import demo as the_demo
from popinjay.cli import main
from popinjay.events import nobody
from popinjay.pipeline import make

pytestmark = pytest.mark.draws


def test_the_demo_makes_two_people_and_their_cyborg(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_demo, "make", functools.partial(make, epochs=0.05, samples=10))
    personas = the_demo.demo(nobody)
    assert [persona.name for persona in personas] == ["nellmarrow", "brix_deck9", "brix_deck9-nellmarrow"]
    for persona in personas:
        card = (own_home / persona.name / "README.md").read_text(encoding="utf-8")
        assert "the author is fictional" in card
        assert "| Posts downloaded | 68" in card
    assert "AI CYBORG" in card
    assert "| Data | Nell Marrow 🍞 | Brix |" in card


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three trainings: two and a half minutes of two free cores
def test_the_demo_learns_both_voices(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.count("It says, unpicked:") == 3
    assert "popinjay inspect your-archive.zip" in said
    voices = {}
    for name in the_demo.PEOPLE:
        assert main(["say", name, "-n", "50", "--seed", "1"]) == 0
        voices[name] = capsys.readouterr().out.splitlines()
    assert sum(post.startswith("Day ") for post in voices["brix_deck9"]) >= 15
    assert sum(post == post.lower() for post in voices["nellmarrow"]) >= 25
