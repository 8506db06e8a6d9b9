"""A finished persona, to talk to."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError, PersonaError
from popinjay.inference.decoder import Decoder
from popinjay.inference.open_decoder import open_decoder, why_slow
from popinjay.models.language_model import LanguageModel
from popinjay.models.sampling_defaults import read_sampling
from popinjay.options import PictureOptions, Sampling, SayOptions, build
from popinjay.sampling.filters import MIN_HOLDERS, OutputFilters
from popinjay.sampling.generate import PostStream
from popinjay.store.forgotten import marks_of
from popinjay.store.run import ENGINE_FOLDER, Run
from popinjay.text.verbatim_index import VerbatimIndex

if TYPE_CHECKING:
    from popinjay.stages.picture import Prediction

INDEX = "posts.index"  # of the posts that it learnt, beside the engine


class Persona:
    """A persona's folder, with its model loaded when it first speaks."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.name = run.name
        self.path = run.path
        self._decoders: dict[bool, Decoder] = {}  # by whether they are exact

    def __repr__(self) -> str:
        return f"Persona({self.name!r})"

    @functools.cached_property
    def model(self) -> LanguageModel:
        """The trained model. Raises PersonaError where there is none yet."""
        return LanguageModel.load(self._model_folder())

    def _model_folder(self) -> Path:
        folder = self.run.folder("model")
        if not folder.is_dir():
            raise PersonaError(
                f"{self.name!r} has not learnt to speak yet.",
                f"See how far it is: popinjay status {self.name}. Making it again goes on from there.",
            )
        return folder

    def decoder(self, *, exact: bool = False) -> Decoder:
        """What computes the trained model, in full precision where that is asked for; opened once. Raises PersonaError where there is none yet."""
        if exact not in self._decoders:
            self._decoders[exact] = open_decoder(
                self._model_folder(), exact=exact, cache=self.path / ENGINE_FOLDER
            )
        return self._decoders[exact]

    @functools.cached_property
    def filters(self) -> OutputFilters:
        """What may leave: nothing that it learnt, as far as the posts are here (they are not where a persona came from elsewhere).

        Nor what it was told to forget, and knows until it is trained again.
        """
        posts, kept = self.run.file("train.jsonl"), self.path / ENGINE_FOLDER / INDEX
        return OutputFilters(
            lambda: VerbatimIndex.of_file(posts, kept, MIN_HOLDERS, marks_of(self.run))
        )

    @property
    def report(self) -> dict[str, Any]:
        """What was measured. Raises PersonaError where nothing was yet."""
        from popinjay.report.saved import load_report  # speaking needs none of it

        return load_report(self.run)

    @property
    def sampling(self) -> Sampling:
        """The temperature and top-p that posts are sampled with unless others are asked for."""
        return read_sampling(self._model_folder())

    def say(self, prompt: str = "", **options: Any) -> list[str]:
        """Posts in this voice that begin with the prompt. Options are the fields of SayOptions, such as `n=10` or `seed=1`."""
        return [post.text for post in self.stream(prompt, build(options, SayOptions)[0])]

    def stream(self, prompt: str, options: SayOptions) -> PostStream:
        """Return the posts of `say` as they are written: whole ones, or piece by piece."""
        return PostStream(self.decoder(exact=options.exact), options, prompt, self.filters)

    def predictions(self, options: PictureOptions = PictureOptions()) -> list[Prediction]:  # noqa: B008 (frozen)
        """The ten predictions from which a picture shows one: the same for the same prompt and seed."""
        from popinjay.stages.picture import (
            predictions,
        )  # speaking needs none of it, and is to begin at once

        return predictions(self.run, self.decoder(), self.filters, options)


def engine_of(run: Run) -> dict[str, str | None] | None:
    """Tell which engine computes a persona's model, `onnxruntime` or `torch`, and why the slow one.

    None if there is no model yet. The name is None if nothing computes it now, as its base model is
    not there.
    """
    folder = run.folder("model")
    if not folder.is_dir():
        return None
    try:
        reason = why_slow(folder)
    except BaseModelError as error:
        return {"name": None, "why_slow": f"{error.message} {error.hint}"}
    return {"name": "onnxruntime" if reason is None else "torch", "why_slow": reason}


def load(name: str | Path, home_folder: Path | None = None) -> Persona:
    """The persona of this name, or in this folder. Raises PersonaError where there is none."""
    return Persona(Run.find(str(name), home_folder))
