"""Popinjay: turn a person's posts into a small language model, on your own machine.

import popinjay

ada = popinjay.make("twitter-ada.zip", whose="self")
ada = popinjay.make(df["text"], name="ada")
ada = popinjay.load("ada")
for post in ada.say("My dream is", n=10):
    print(post)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from popinjay.errors import PopinjayError
    from popinjay.public import MixedVoice, Persona, blend, inspect, load, make, mix, personas

__version__ = "0.1.0"
__all__ = [
    "MixedVoice",
    "Persona",
    "PopinjayError",
    "blend",
    "inspect",
    "load",
    "make",
    "mix",
    "personas",
]

# Threads of GNU's OpenMP, which PyTorch computes with, spin for milliseconds while they wait for
# each other. If another process keeps a processor busy, training then takes ten times as long
# (docs/log.md). The variable is read when PyTorch is first imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import popinjay` alone stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'popinjay' has no attribute {name!r}")
    from importlib import import_module

    home = "popinjay.errors" if name == "PopinjayError" else "popinjay.public"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Return the names to complete, also those that are not imported yet."""
    return [*__all__, "__version__"]
