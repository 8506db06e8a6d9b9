"""A finished persona."""

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
from popinjay.store.index_file import index_of_file
from popinjay.store.run import ENGINE_FOLDER, Run

if TYPE_CHECKING:
    from popinjay.stages.picture import Prediction

INDEX = "posts.index"  # of the posts that it learnt, in the engine's folder


class Persona:
    """A persona's folder; its model is loaded when it generates its first post."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.name = run.name
        self.path = run.path
        self._decoders: dict[bool, Decoder] = {}  # exact or not -> its decoder

    def __repr__(self) -> str:
        return f"Persona({self.name!r})"

    @functools.cached_property
    def model(self) -> LanguageModel:
        """The trained model. Raises PersonaError if there is none yet."""
        return LanguageModel.load(self._model_folder())

    def _model_folder(self) -> Path:
        folder = self.run.folder("model")
        if not folder.is_dir():
            raise PersonaError(
                f"{self.name!r} has not learnt to speak yet.",
                f"See how far it is: popinjay status {self.name}. "
                "Making it again goes on from there.",
                page_hint="Make it again from the same posts: it goes on from there.",
            )
        return folder

    def decoder(self, *, exact: bool = False) -> Decoder:
        """Return the decoder of the trained model, opened once; `exact` has full precision.

        Raises PersonaError if there is no model yet.
        """
        if exact not in self._decoders:
            self._decoders[exact] = open_decoder(
                self._model_folder(), exact=exact, cache=self.path / ENGINE_FOLDER
            )
        return self._decoders[exact]

    @functools.cached_property
    def filters(self) -> OutputFilters:
        """The filters that drop outputs which repeat a post.

        That is a post that it learnt, if its posts are in the folder, or one that it was told to
        forget and knows until it is trained again.
        """
        posts = self.run.file("train.jsonl")
        kept = self.path / ENGINE_FOLDER / INDEX
        return OutputFilters(lambda: index_of_file(posts, kept, MIN_HOLDERS, marks_of(self.run)))

    @property
    def report(self) -> dict[str, Any]:
        """Return `report.json`: what was measured. Raises PersonaError if nothing was yet."""
        from popinjay.report.saved import load_report  # speaking needs none of it

        return load_report(self.run).to_json()

    @property
    def sampling(self) -> Sampling:
        """The default temperature and top-p."""
        return read_sampling(self._model_folder())

    def say(self, prompt: str = "", **options: Any) -> list[str]:
        """Return generated posts that begin with the prompt.

        Options are the fields of SayOptions, such as `n=10` or `seed=1`.
        """
        return [post.text for post in self.stream(prompt, build(options, SayOptions)[0])]

    def stream(self, prompt: str, options: SayOptions) -> PostStream:
        """Return the generated posts, either whole or piece by piece as they are sampled."""
        return PostStream(self.decoder(exact=options.exact), options, prompt, self.filters)

    def predictions(self, options: PictureOptions = PictureOptions()) -> list[Prediction]:  # noqa: B008 (frozen)
        """Return the ten predictions that a picture can show; prompt and seed determine them."""
        from popinjay.stages.picture import predictions  # not needed to generate posts

        return predictions(self.run, self.decoder(), self.filters, options)


def engine_of(run: Run) -> dict[str, str | None] | None:
    """Return the engine of a persona's model, `onnxruntime` or `torch`, and why it is the slow one.

    None if there is no model yet. The name is None if nothing can compute it now because its base
    model is missing.
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
    """Return the persona of this name or in this folder. Raises PersonaError if there is none."""
    return Persona(Run.find(str(name), home_folder))
