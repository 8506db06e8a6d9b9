"""The keys of a row, however they are spelled: `rawContent`, `Raw Content` and `raw_content` are one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_BETWEEN_WORDS = re.compile(r"[\W_]+")
_NOTHING = ("", "null", "none", "nan", "nat", "n/a", "undefined", "nil", r"\n")
# yes and no as spreadsheets of several languages write them (WAHR, FAUX), or people
YES_WORDS = (
    "1", "yes", "ja", "wahr", "oui", "vrai", "si", "sí", "sì", "sim", "verdadero", "verdadeiro",
    "vero", "waar", "да", "истина", "はい", "是",
)  # fmt: skip
NO_WORDS = (
    "0", "no", "nein", "falsch", "non", "faux", "não", "nao", "falso", "nee", "onwaar", "nej",
    "нет", "ложь", "いいえ", "否",
)  # fmt: skip
_SHELLS = ("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble")  # MongoDB's exports


def fold(key: Any) -> str:
    """Return a key in lower case without blanks, underscores and other marks between its words.

    Values that stand for one are folded too, and those of JSON may be of any type.
    """
    return _folded(str(key))


@lru_cache(maxsize=8192)
def _folded(key: str) -> str:
    return _BETWEEN_WORDS.sub("", key).lower()


def folded(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row under folded keys. If two keys fold alike, the first with a value counts.

    A database's own keys (`_id`) come after all others.
    """
    result: dict[str, Any] = {}
    inner: list[tuple[str, Any]] = []
    for key, value in row.items():
        if isinstance(key, str) and key.startswith("_"):
            inner.append((fold(key), bare(value)))
        elif key is not None and result.get(name := fold(key)) in (None, ""):
            result[name] = bare(value)
    for name, value in inner:
        result.setdefault(name, value)
    return result


def bare(value: Any) -> Any:
    """Return a value without the shell that a database's export, or WordPress, puts around it."""
    if isinstance(value, dict) and isinstance(value.get("rendered"), str):
        return value["rendered"]
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        if key in _SHELLS:
            return bare(value[key])
    return value


def is_nothing(value: Any) -> bool:
    """Whether a cell or value says that there is none, in any of the ways tools have for it."""
    return value is None or (
        not isinstance(value, dict | list) and str(value).strip().lower() in _NOTHING
    )


def present(row: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of these folded keys that a row has, in their order.

    The rows of a file mostly have the same keys, and there are many names that keys may have.
    """
    return _present(tuple(row), keys)


@lru_cache(maxsize=4096)
def _present(names: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    held = frozenset(names)
    return tuple(key for key in keys if key in held)


def first(row: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the value of the first of these folded keys that has one, or None."""
    return next((row[key] for key in keys if key in row and not is_nothing(row[key])), None)


def text_of(value: Any) -> str:
    """Return a scalar as text without blanks around it; empty for anything else."""
    if is_nothing(value) or isinstance(value, dict | list | bool):
        return ""
    return str(value).strip()
