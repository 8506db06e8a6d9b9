"""Options in messages: as flags on the command line, as keywords in Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_FLAG = re.compile(r"--([a-z][a-z-]*[a-z])(?: ([^\s,.;:()]+))?")
_NO_VALUES = ("or", "and", "as", "for", "to", "if", "with", "says", "needs")


def flag(name: str) -> str:
    """Return a field's flag on the command line."""
    return "--" + name.rstrip("_").replace("_", "-")  # Python has words of its own, such as `for`


def with_flags(text: str, names: Iterable[str]) -> str:
    """Return a text with these options as they are typed: `tune='lora'` as `--tune lora`."""
    for name in names:
        text = re.sub(rf"(?<![\w-]){name}=('?)([^'\s,]+?)\1(?=[\s,.]|$)", rf"{flag(name)} \2", text)
        text = re.sub(rf"^{name}\b(?!=)", flag(name), text)
    return text


def with_keywords(text: str, kinds: Mapping[str, Any]) -> str:
    """Return a text with flags as keywords: `--tune lora` as `tune='lora'`.

    Commands in the text stay as they are typed.

    Args:
        text: A message or a hint.
        kinds: The types of the options that are known, by name.
    """

    def keyword(found: re.Match[str]) -> str:
        name, value = found[1].replace("-", "_"), found[2] or ""
        before = text[: found.start()].rpartition(". ")[2]
        if name not in kinds or "popinjay " in before:
            return found[0]
        if kinds[name] is bool:
            return f"{name}=True{f' {value}' if value else ''}"
        if not value or value in _NO_VALUES:
            return f"{name}={f' {value}' if value else ''}"
        if value.isupper():  # it stands for a value
            return f"{name}=..."
        is_text = kinds[name] is str and not value.startswith(("'", '"'))
        return f"{name}={value!r}" if is_text else f"{name}={value}"

    return _FLAG.sub(keyword, text)
