"""What all routes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popinjay.serving.guard import Guard
from popinjay.serving.said import Said


@dataclass
class Place:
    """The home folder that is served, to whom, and what goes on in it."""

    home: Path
    guard: Guard
    said: Said = field(default_factory=Said)
    voices: Any = None
    jobs: Any = None
    closing: bool = False  # streams that never end by themselves look at it
