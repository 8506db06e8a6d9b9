"""Keys of rows in any spelling: `rawContent`, `Raw Content` and `raw_content` are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_BETWEEN_WORDS = re.compile(r"[\W_]+")
_NOTHING = ("", "null", "none", "nan", "nat", "n/a", "undefined", "nil", r"\n")
# yes and no as people, or spreadsheets in several languages, write them (WAHR, FAUX)
YES_WORDS = (
    "1", "yes", "ja", "wahr", "oui", "vrai", "si", "sí", "sì", "sim", "verdadero", "verdadeiro",
    "vero", "waar", "да", "истина", "はい", "是",
)  # fmt: skip
NO_WORDS = (
    "0", "no", "nein", "falsch", "non", "faux", "não", "nao", "falso", "nee", "onwaar", "nej",
    "нет", "ложь", "いいえ", "否",
)  # fmt: skip
_WRAPPERS = ("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble")  # MongoDB's exports


def fold(key: Any) -> str:
    """Return a key in lower case without spaces, underscores and punctuation.

    It also folds values that are compared with words, which in JSON may be of any type.
    """
    return _folded(str(key))


@lru_cache(maxsize=8192)
def _folded(key: str) -> str:
    return _BETWEEN_WORDS.sub("", key).lower()


def folded(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with folded keys. If two keys fold alike, the first with a value counts.

    A database's internal keys (`_id`) come after all others.
    """
    result: dict[str, Any] = {}
    inner: list[tuple[str, Any]] = []
    for key, value in row.items():
        if isinstance(key, str) and key.startswith("_"):
            inner.append((fold(key), unwrapped(value)))
        elif key is not None and result.get(name := fold(key)) in (None, ""):
            result[name] = unwrapped(value)
    for name, value in inner:
        result.setdefault(name, value)
    return result


def unwrapped(value: Any) -> Any:
    """Return a value without the object that a database's export, or WordPress, wraps it in."""
    if isinstance(value, dict) and isinstance(value.get("rendered"), str):
        return value["rendered"]
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        if key in _WRAPPERS:
            return unwrapped(value[key])
    return value


def is_nothing(value: Any) -> bool:
    """Return whether a value is missing, in any of the ways in which tools write that."""
    return value is None or (
        not isinstance(value, dict | list) and str(value).strip().lower() in _NOTHING
    )


def present(row: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some folded keys that a row has, in the given order.

    The result is cached, as the rows of a file mostly have the same keys.
    """
    return _present(tuple(row), keys)


@lru_cache(maxsize=4096)
def _present(names: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    held = frozenset(names)
    return tuple(key for key in keys if key in held)


def first(row: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the value of the first of some folded keys that has one, or None."""
    return next((row[key] for key in keys if key in row and not is_nothing(row[key])), None)


def text_of(value: Any) -> str:
    """Return a scalar as stripped text; empty for anything else."""
    if is_nothing(value) or isinstance(value, dict | list | bool):
        return ""
    return str(value).strip()
