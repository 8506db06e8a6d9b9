"""What can speak: a persona, or several of them mixed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Unpack

from popinjay.common_base import OpenBase
from popinjay.errors import OptionError
from popinjay.inference.decoder import Decoder
from popinjay.keywords import SayKeywords
from popinjay.options import Sampling, SayOptions, build
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import Posts, PostStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from popinjay.store.run import Run


class Voice(ABC):
    """A model, or a mixture of models, with the filters that its posts must pass."""

    name: str  # of a persona; of a mixture, its members and weights

    @property
    @abstractmethod
    def runs(self) -> tuple[Run, ...]:
        """The folders of the personas that it consists of, the first of which keeps its posts."""

    @property
    @abstractmethod
    def members(self) -> Mapping[str, float]:
        """The weights of its members by name, at strength 1; `base` is the untouched base."""

    @property
    def is_mixed(self) -> bool:
        """Whether it has several members."""
        return len(self.members) > 1

    @property
    def kept_with(self) -> dict[str, str]:
        """What a kept post is recorded with, so that it can be sampled again."""
        return {"mix": self.name} if self.is_mixed else {}

    @property
    @abstractmethod
    def base(self) -> OpenBase:
        """The untouched base. Raises BaseModelError if it is not here, or is another one now."""

    @property
    @abstractmethod
    def sampling(self) -> Sampling:
        """The default temperature and top-p."""

    @property
    @abstractmethod
    def filters(self) -> OutputFilters:
        """The filters that drop outputs which repeat a post, or name handles of strangers."""

    @abstractmethod
    def decoder(self, *, exact: bool = False, strength: float = 1.0) -> Decoder:
        """Return the decoder.

        Raises PersonaError if there is no model yet, and BaseModelError if the untouched base,
        which any other strength than 1 needs, is missing.

        Args:
            exact: Whether it has full precision.
            strength: How far it is from the untouched base: 0 is the base, 1 what was learnt.
        """

    def say(self, prompt: str = "", **options: Unpack[SayKeywords]) -> list[str]:
        """Return generated posts that begin with the prompt, such as `say("My dream is", n=3)`.

        Raises OptionError for an option that does not exist or a value that it does not take, and
        PersonaError if there is no model yet.
        """
        return [post.text for post in self.stream(prompt, **options)]

    def stream(
        self, prompt: str = "", options: SayOptions | None = None, **keywords: Unpack[SayKeywords]
    ) -> Posts:
        """Return an iterator over generated posts, each once it is finished.

        `stream(...).events()` yields them piece by piece instead, as they are sampled. Raises what
        `say` raises.

        Args:
            prompt: How the posts begin.
            options: All options as one object, instead of keywords.
            keywords: The same keywords as for `say`.
        """
        return self._posts(prompt, _one(options, keywords))

    def _posts(self, prompt: str, options: SayOptions) -> Posts:
        decoder = self.decoder(exact=options.exact, strength=options.strength)
        return PostStream(decoder, options, prompt, self.filters)


def _one(options: SayOptions | None, keywords: Mapping[str, Any]) -> SayOptions:
    """Return the options, which are given as one object or as keywords. Raises OptionError."""
    if options is None:
        made: SayOptions = build(keywords, SayOptions)[0]
        return made
    if keywords:
        raise OptionError("Options are given twice.", "Give keywords, or one SayOptions.")
    return options
