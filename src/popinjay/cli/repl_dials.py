"""Dials in the interactive session: `emoji=0.5` turns one, `emoji=` turns it back, `=` all."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from popinjay.errors import OptionError
from popinjay.options import DIALS, SayOptions

_USUAL: dict[str, Any] = {
    field.name: field.default for field in fields(SayOptions) if field.name in DIALS
}


def with_dial(options: SayOptions, line: str) -> SayOptions:
    """Return options with a dial turned as a line says. Raises OptionError."""
    name, _, value = (part.strip() for part in line.partition("="))
    if not name:
        return replace(options, **_USUAL)
    if not value:
        return replace(options, **{name: _USUAL[name]})
    try:
        number: Any = float(value.replace(",", "."))
    except ValueError:
        raise OptionError(
            f"{name} takes a number, not {value!r}.", f"Such as {name}=0.5."
        ) from None
    return replace(options, **{name: number})


def turned(options: SayOptions) -> str:
    """Return the dials that are turned, such as `emoji=0.5 length=2`."""
    values = {name: getattr(options, name) for name in DIALS}
    said = [f"{name}={value:g}" for name, value in values.items() if value != _USUAL[name]]
    return " ".join(said) or "all dials as it comes"
