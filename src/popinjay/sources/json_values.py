"""Values of JSON that may be of any type, as the type that is expected of them."""

from __future__ import annotations

from typing import Any

from popinjay.post import one_line, printable

MAX_LINE = 200  # characters


def as_object(value: Any) -> dict[str, Any]:
    """Return the value if it is an object, or else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the value if it is a list, or else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Return the value if it is a string, or else an empty one."""
    return value if isinstance(value, str) else ""


def as_line(value: Any) -> str:
    """Return a string on one line, cut to `MAX_LINE` characters; empty for any other value."""
    return one_line(printable(as_text(value)))[:MAX_LINE]
