"""Built-in parts and those of other packages, found by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from popinjay.errors import OptionError


def names(built_in: Mapping[str, str], group: str) -> list[str]:
    """Return the names of all parts, built-in ones first."""
    return [*built_in, *sorted(entry.name for entry in entry_points(group=group))]


def find(
    kind: str, name: str, built_in: Mapping[str, str], group: str, others: Sequence[str] = ()
) -> Any:
    """Load the part of this name.

    Args:
        kind: What the part is, such as "tracker".
        name: Its name. A built-in part is preferred to one of another package.
        built_in: Built-in parts by name, as entry points are written: `module` or `module:object`.
        group: The group of entry points through which other packages add theirs.
        others: Further names that the user may have meant, for the hint.

    Raises:
        OptionError: If there is no such part.
    """
    if name in built_in:
        return EntryPoint(name, built_in[name], group).load()
    for entry in entry_points(group=group):
        if entry.name == name:
            return entry.load()
    known = [*names(built_in, group), *others]
    near = difflib.get_close_matches(name, known, n=1)
    raise OptionError(
        f"There is no {kind} {name!r}.",
        f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}.",
    )
