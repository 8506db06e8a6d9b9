"""A finished persona, to talk to."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import PersonaError
from popinjay.generate import Said, stream
from popinjay.language_model import LanguageModel
from popinjay.options import PictureOptions, SayOptions, build
from popinjay.post import read_json
from popinjay.run import Run

if TYPE_CHECKING:
    from popinjay.picture import Prediction


class Persona:
    """A persona's folder, with its model loaded when it first speaks."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.name = run.name
        self.path = run.path
        self.redrawn: Counter[str] = Counter()  # posts that were drawn again, by the reason why they could not leave

    def __repr__(self) -> str:
        return f"Persona({self.name!r})"

    @functools.cached_property
    def model(self) -> LanguageModel:
        """The trained model. Raises PersonaError where there is none yet."""
        folder = self.run.file("model")
        if not folder.is_dir():
            raise PersonaError(
                f"{self.name!r} has not learnt to speak yet.", f"See how far it is: popinjay status {self.name}. Making it again goes on from there."
            )
        return LanguageModel.load(folder)

    @property
    def report(self) -> dict[str, Any]:
        """What was measured. Raises PersonaError where nothing was yet."""
        if not self.run.file("report.json").exists():
            raise PersonaError(f"{self.name!r} has not been measured yet.", "Making it again goes on from where it stopped.")
        report: dict[str, Any] = read_json(self.run.file("report.json"))
        return report

    def say(self, prompt: str = "", **options: Any) -> list[str]:
        """Posts in this voice that begin with the prompt. Options are the fields of SayOptions, such as `n=10` or `seed=1`."""
        return [said.text for said in self.stream(prompt, build(options, SayOptions)[0])]

    def stream(self, prompt: str, options: SayOptions) -> Iterator[Said]:
        """As `say`, with what is known about each post, as they are written."""
        return stream(self.model, options, prompt)

    def pieces(self, prompt: str, options: SayOptions) -> Iterator[str]:
        """One post, the prompt included, piece by piece as it is written."""
        return (said.text for said in self.stream(prompt, replace(options, n=1)))

    def wake(self) -> None:
        """Load now what speaking needs. Raises PersonaError where it has not learnt to."""
        self.model  # noqa: B018 (loading it is what takes time)

    def predictions(self, options: PictureOptions = PictureOptions()) -> list[Prediction]:  # noqa: B008 (frozen)
        """The ten predictions from which a picture shows one: the same for the same prompt and seed."""
        from popinjay.picture import predictions  # speaking needs none of it, and is to begin at once

        return predictions(self.run, self.model, options)


def load(name: str | Path, home_folder: Path | None = None) -> Persona:
    """The persona of this name, or in this folder. Raises PersonaError where there is none."""
    return Persona(Run.find(str(name), home_folder))
