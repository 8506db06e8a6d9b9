"""A finished persona."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from popinjay.common_base import OpenBase, open_base
from popinjay.errors import BaseModelError, OptionError, PersonaError
from popinjay.inference.decoder import Decoder
from popinjay.inference.mixture import MixtureDecoder
from popinjay.inference.open_decoder import open_decoder, why_slow
from popinjay.models.language_model import LanguageModel
from popinjay.models.sampling_defaults import read_sampling
from popinjay.options import PictureOptions, Sampling
from popinjay.post import Post, read_posts, read_rows
from popinjay.sampling.filters import OutputFilters
from popinjay.store import kept
from popinjay.store.run import ENGINE_FOLDER, Run
from popinjay.voice import Voice

if TYPE_CHECKING:
    import pandas

    from popinjay.stages.picture import Prediction

Rows = Literal["posts", "samples", "kept", "report"]


class Persona(Voice):
    """A persona's folder; its model is loaded when it generates its first post.

    `name` is its name, and `path` its folder; the model in `path / "model"` can be loaded with
    transformers too.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.name: str = run.name
        self.path: Path = run.path
        self._decoders: dict[bool, Decoder] = {}  # exact or not -> its decoder
        self._opening = threading.Lock()

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

    def decoder(self, *, exact: bool = False, strength: float = 1.0) -> Decoder:
        """Return the decoder of the trained model, or with another strength that of a mixture.

        Raises PersonaError if there is no model yet, and BaseModelError if the untouched base,
        which any other strength than 1 needs, is missing.

        Args:
            exact: Whether it has full precision.
            strength: How much of the author's manner: 0 is the base, 1 the persona.
        """
        if strength == 1:
            return self._own_decoder(exact)
        base = self.base.decoder(exact=exact)
        if strength == 0:
            return MixtureDecoder([base], [1.0], sampling=self.sampling)
        own = self._own_decoder(exact).clone()
        return MixtureDecoder([own, base], [strength, 1 - strength], sampling=self.sampling)

    def _own_decoder(self, exact: bool) -> Decoder:
        """Return the decoder of the model, which is opened once."""
        with self._opening:
            if exact not in self._decoders:
                self._decoders[exact] = open_decoder(
                    self._model_folder(), exact=exact, cache=self.path / ENGINE_FOLDER
                )
        return self._decoders[exact]

    @functools.cached_property
    def base(self) -> OpenBase:
        """The untouched base. Raises BaseModelError if it is not here, or is another one now."""
        self._model_folder()
        return open_base(self.run)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The persona's folder."""
        return (self.run,)

    @property
    def members(self) -> dict[str, float]:
        """The persona alone."""
        return {self.name: 1.0}

    @functools.cached_property
    def filters(self) -> OutputFilters:
        """The filters that drop outputs which repeat a post.

        That is a post that it learnt, if its posts are in the folder, or one that it was told to
        forget and knows until it is trained again.
        """
        return OutputFilters.of_run(self.run, self.run.file("train.jsonl"))

    @property
    def report(self) -> dict[str, Any]:
        """What was measured, as in `report.json`. Raises PersonaError if nothing was yet.

        `to_pandas("report")` has the most important numbers as a table.
        """
        from popinjay.report.saved import load_report  # speaking needs none of it

        return load_report(self.run).to_json()

    @property
    def sampling(self) -> Sampling:
        """The default temperature and top-p."""
        return read_sampling(self._model_folder())

    def posts(self) -> list[Post]:
        """Return the author's posts as they were read, also those that cleaning then dropped.

        Raises PersonaError if no posts were read yet.
        """
        return list(read_posts(self._existing("posts.jsonl", "has no posts yet")))

    def samples(self) -> list[str]:
        """Return the posts that it wrote to be measured on, unpicked.

        Raises PersonaError if it was not measured yet.
        """
        path = self._existing("samples.jsonl", "has not been measured yet")
        return [row["text"] for row in read_rows(path)]

    def kept(self) -> list[dict[str, Any]]:
        """Return the posts that were kept, in the session of `say` or on the page.

        Each has its text, the `time` in UTC when it was kept, and what samples it again: prompt,
        seed and the other options.
        """
        if not self.run.file(kept.FILE).is_file():
            return []
        return list(kept.rows(self.run))

    def to_pandas(self, rows: Rows = "posts") -> pandas.DataFrame:
        """Return the posts, the samples, the kept posts or the report as a pandas DataFrame.

        Raises OptionError if pandas is not installed, and what those methods raise.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise OptionError(
                "to_pandas needs pandas, which is not installed.", "pip install pandas"
            ) from error
        frame = pandas.DataFrame(list(self._rows(rows)))
        if rows == "posts" and "created_at" in frame:
            frame["created_at"] = pandas.to_datetime(frame["created_at"], format="ISO8601")
        return frame

    def _rows(self, rows: Rows) -> Iterator[dict[str, Any]]:
        if rows == "posts":
            yield from (post.to_json() for post in self.posts())
        elif rows == "samples":
            yield from ({"text": text} for text in self.samples())
        elif rows == "kept":
            yield from self.kept()
        elif rows == "report":
            from popinjay.report.saved import load_report  # generating posts needs none of it
            from popinjay.report.terminal_table import table_rows

            yield from table_rows(load_report(self.run))
        else:
            raise OptionError(
                f"There are no rows {rows!r}.", "Choose from: posts, samples, kept, report."
            )

    def _existing(self, name: str, otherwise: str) -> Path:
        path = self.run.file(name)
        if not path.is_file():
            raise PersonaError(
                f"{self.name!r} {otherwise}.",
                f"See how far it is: popinjay status {self.name}. "
                "Making it again goes on from there.",
                page_hint="Make it again from the same posts: it goes on from there.",
            )
        return path

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


def load(name: str | Path, home: Path | None = None) -> Persona:
    """Return the persona of this name or in this folder. Raises PersonaError if there is none."""
    return Persona(Run.find(str(name), home))
