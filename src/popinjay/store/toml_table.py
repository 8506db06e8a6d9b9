"""Values of a TOML document: checked when they are read, made storable before they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from popinjay.post import printable

_T = TypeVar("_T")


def storable(value: Any) -> Any:
    """Return a value as TOML holds it: None left out, tuples as lists, only valid characters."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


class Table:
    """The values of a table, checked as they are taken out. What is left in `rest` is unknown."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, dict):
            raise ValueError(f"{where} is not a table")
        self.rest: dict[str, Any] = dict(table)
        self._where = where

    def value(self, name: str, kind: type[_T]) -> _T | None:
        """Return a value of this type; None if the table has none."""
        found = self.rest.pop(name, None)
        if kind is float and isinstance(found, int):
            found = float(found)
        if found is not None and not isinstance(found, kind):
            raise ValueError(f"{name!r} in {self._where} is not of type {kind.__name__}")
        return found

    def needed(self, name: str, kind: type[_T]) -> _T:
        """Return a value of this type."""
        found = self.value(name, kind)
        if found is None:
            raise ValueError(f"{self._where} has no {name!r}")
        return found

    def text(self, name: str) -> str:
        """Return a text."""
        return self.needed(name, str)

    def table(self, name: str) -> dict[str, Any] | None:
        """Return a table; None if there is none."""
        return self.value(name, dict)

    def rows(self, name: str) -> list[Any]:
        """Return a list; an empty one if there is none."""
        return self.value(name, list) or []

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of texts; None if there is none."""
        found = self.value(name, list)
        if found is not None and not all(isinstance(one, str) for one in found):
            raise ValueError(f"{name!r} in {self._where} holds something that is not a text")
        return None if found is None else tuple(found)

    def numbers_by_name(self, name: str) -> dict[str, float] | None:
        """Return a table of numbers; None if there is none."""
        found = self.table(name)
        if found is not None and not all(isinstance(one, int | float) for one in found.values()):
            raise ValueError(f"{name!r} in {self._where} holds something that is not a number")
        return None if found is None else {key: float(value) for key, value in found.items()}

    def texts_by_name(self, name: str) -> dict[str, str] | None:
        """Return a table of texts; None if there is none."""
        found = self.table(name)
        if found is not None and not all(isinstance(one, str) for one in found.values()):
            raise ValueError(f"{name!r} in {self._where} holds something that is not a text")
        return found
