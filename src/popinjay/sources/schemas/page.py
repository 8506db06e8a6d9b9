"""What a page of posts says of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from popinjay.sources.rows.row import NOBODY, Writer


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of a row from around it."""

    owner: Writer = NOBODY  # whose the page is
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # accounts by their ids
    hidden: str = ""  # why nothing of it is for everybody
    key: str = ""  # the number under which the row lies
    known_only: bool = False  # a row of no known schema is none
    whole_file: bool = False  # it is the object that is the file
    strings: bool = True  # bare strings are rows


NO_PAGE = Page()
WHOLE_FILE = Page(whole_file=True)
