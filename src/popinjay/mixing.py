"""Several personas of one base mixed into one voice, without training.

The voice's logits are the weighted sum of those of its members (`inference/mixture.py`), or with
`mix_by="turn"` each post is written by one of them, who is drawn by weight.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from popinjay.common_base import OpenBase, check_common_base, open_base
from popinjay.errors import OptionError, PersonaError
from popinjay.inference.decoder import Decoder
from popinjay.inference.mixture import MixtureDecoder, mean_sampling
from popinjay.models.sampling_defaults import PLAIN
from popinjay.options import Sampling, SayOptions
from popinjay.persona import Persona, load
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import Posts
from popinjay.sampling.turns import TurnStream
from popinjay.store.run import Run
from popinjay.voice import Voice

BASE = "base"  # the name of the untouched base among the members
DECIMALS = 6  # of a weight
MAX_WEIGHT = 100.0
_EXAMPLES = "Give names with weights, such as ada=0.7,bob=0.3, or names alone: ada+bob."


@dataclass(frozen=True)
class Mix:
    """Members and their weights; the member `base` is the untouched base.

    If all weights are positive they are scaled to sum to 1, so that `ada=7,bob=3` is `ada=0.7,
    bob=0.3`. With a negative one among them they are as given, because scaling them would change
    how much is taken away; a sum above 1 then sharpens the distribution, as a temperature below 1
    does.
    """

    members: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Mix:
        """Return the mix of members with these weights; a member with the weight 0 has no part.

        Raises OptionError if a weight is no finite number, their sum is not positive, or there is
        no persona among them.
        """
        for name, weight in weights.items():
            if not math.isfinite(weight) or abs(weight) > MAX_WEIGHT:
                raise OptionError(
                    f"The weight of {name!r} can't be {weight}.",
                    f"It takes a number from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}.",
                )
        total = sum(weights.values())
        scale = total if min(weights.values(), default=0) >= 0 < total else 1.0
        scaled = {name: round(weight / scale, DECIMALS) for name, weight in weights.items()}
        taking_part = {name: weight for name, weight in scaled.items() if weight}
        if not set(taking_part) - {BASE}:
            raise OptionError(
                "A mix needs a persona with a weight other than 0.",
                "For the base model alone, have a persona speak with strength=0.",
                ["strength"],
                page_hint="Name one.",
            )
        if sum(taking_part.values()) <= 0:
            raise OptionError(
                f"The weights of a mix must have a positive sum, and these have {total:g}.",
                "Raise a positive one, such as ada=1.3,base=-0.3.",
            )
        return cls(tuple(taking_part.items()))

    def __str__(self) -> str:
        """Return the mix as `parse_mix` reads it, such as `ada=0.7,bob=0.3`."""
        return ",".join(f"{name}={weight:.{DECIMALS}g}" for name, weight in self.members)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the personas."""
        return tuple(name for name, _ in self.members if name != BASE)

    def with_strength(self, strength: float) -> Mix:
        """Return it moved along the line from the base through it: 0 is the base, 1 the mix."""
        if strength == 1:
            return self
        weights = {name: strength * weight for name, weight in self.members}
        total = sum(weight for _, weight in self.members)
        weights[BASE] = weights.get(BASE, 0.0) + (1 - strength) * total
        return Mix(tuple((name, weight) for name, weight in weights.items() if weight))


def parse_mix(text: str) -> Mix:
    """Return the mix in `ada=0.7,bob=0.3` or, with equal weights, `ada+bob`.

    Raises OptionError.
    """
    given: list[tuple[str, float]]
    if "=" in text:
        given = [_weighted(part) for part in text.split(",")]
    else:
        given = [(part.strip(), 1.0) for part in text.split("+")]
    names = [name for name, _ in given]
    if not all(names):
        raise OptionError(f"The mix {text!r} has a member without a name.", _EXAMPLES)
    if len(set(names)) < len(names):
        raise OptionError(f"The mix {text!r} names a member twice.", _EXAMPLES)
    return Mix.of(dict(given))


def _weighted(part: str) -> tuple[str, float]:
    name, _, weight = part.rpartition("=")
    try:
        return name.strip(), float(weight)
    except ValueError as error:
        raise OptionError(f"{weight.strip()!r} is not a weight.", _EXAMPLES) from error


class MixedVoice(Voice):
    """Personas of one base that speak as one."""

    def __init__(self, mix: Mix, personas: Iterable[Persona]) -> None:
        """Take the personas of a mix, in its order.

        Raises OptionError if they have different bases, and BaseModelError if the base is a member
        and is missing.
        """
        self.mix = mix
        self.name = str(mix)
        self.personas = dict(zip(mix.names, personas, strict=True))
        self._check_different()
        check_common_base(self.runs)
        if any(name == BASE for name, _ in mix.members):
            _ = self.base

    def __repr__(self) -> str:
        return f"MixedVoice({self.name!r})"

    def _check_different(self) -> None:
        if len({one.path for one in self.personas.values()}) < len(self.personas):
            raise OptionError(f"The mix {self.name!r} names a persona twice.", _EXAMPLES)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The folders of the personas."""
        return tuple(one.run for one in self.personas.values())

    @property
    def members(self) -> dict[str, float]:
        """The weights of the members, by name."""
        return dict(self.mix.members)

    @functools.cached_property
    def base(self) -> OpenBase:
        """The untouched base. Raises BaseModelError if it is not here, or is another one now."""
        return open_base(self.runs[0])

    @property
    def sampling(self) -> Sampling:
        """The weighted mean of the defaults of the personas with positive weights."""
        own = [
            (self.personas[name].sampling, weight)
            for name, weight in self.mix.members
            if name != BASE and weight > 0
        ]
        return mean_sampling(own) if own else PLAIN

    @functools.cached_property
    def filters(self) -> OutputFilters:
        """The filters of all personas: none of their posts is repeated."""
        return OutputFilters.joint(one.filters for one in self.personas.values())

    def decoder(self, *, exact: bool = False, strength: float = 1.0) -> Decoder:
        """Return the decoder of the mixture. Raises what that of a persona raises.

        Args:
            exact: Whether it has full precision.
            strength: How much of the authors' manner: 0 is the base, 1 the mix.
        """
        members = self.mix.with_strength(strength).members
        return MixtureDecoder(
            [self._member(name, exact) for name, _ in members],
            [weight for _, weight in members],
            sampling=self.sampling,
        )

    def _member(self, name: str, exact: bool, strength: float = 1.0) -> Decoder:
        """Return the decoder of a member, without rows, that nothing else uses."""
        if name == BASE:
            return self.base.decoder(exact=exact)
        return self.personas[name].decoder(exact=exact, strength=strength).clone()

    def _posts(self, prompt: str, options: SayOptions) -> Posts:
        if options.mix_by == "token":
            return super()._posts(prompt, options)
        if min(self.members.values()) < 0:
            raise OptionError(
                f"Members of {self.name!r} can't take turns: a weight is negative.",
                "Leave mix_by='turn' out, or give positive weights.",
                ["mix_by"],
            )
        return TurnStream(
            lambda name: self._member(name, options.exact, options.strength),
            self.members,
            options,
            prompt,
            self.filters,
        )


def open_mix(
    mix: Mix, home: Path | None = None, find: Callable[[str, Path | None], Persona] = load
) -> MixedVoice:
    """Open the personas of a mix, which `find` returns by name.

    Raises PersonaError if one of them is missing, and OptionError if they have different bases.
    """
    return MixedVoice(mix, [find(name, home) for name in mix.names])


def open_voice(name: str, home: Path | None = None) -> Voice:
    """Return the persona of this name or in this folder, or the mix that `name` spells.

    Raises PersonaError if there is none, and what `parse_mix` and `open_mix` raise.
    """
    try:
        return load(name, home)
    except PersonaError:
        if not is_mix(name):
            raise
    return open_mix(parse_mix(name), home)


def is_mix(name: str) -> bool:
    """Return whether a name that no persona has can be meant for a mix."""
    return "+" in name or "=" in name
