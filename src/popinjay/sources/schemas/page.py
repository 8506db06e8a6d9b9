"""What a page of posts states about all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from popinjay.sources.rows.row import UNKNOWN, Writer


@dataclass(frozen=True, slots=True)
class Page:
    """What is known about a row from its surroundings."""

    owner: Writer = UNKNOWN  # the owner of the page
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # accounts by id
    hidden: str = ""  # the reason if nothing on it is public
    key: str = ""  # the row's key if it is a number
    known_only: bool = False  # whether only rows of known schemas count
    whole_file: bool = False  # whether the object is the whole file
    strings: bool = True  # whether bare strings are rows


NO_PAGE = Page()
WHOLE_FILE = Page(whole_file=True)
