"""Options that only one source has: given as `--source-options NAME=VALUE`, declared by the source.

A source that has some names their dataclass `OPTIONS`, with fields made by `options.option`, and
gets its values in `read` by `own_options(options, OPTIONS)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from popinjay.errors import OptionError
from popinjay.options import Checked, CollectOptions, build, declared
from popinjay.sources.source import Source

Kind = TypeVar("Kind", bound=Checked)
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


def own_options(options: CollectOptions, kind: type[Kind]) -> Kind:
    """Return a source's own options, as given, with defaults for the rest.

    Raises OptionError for a value that the option does not take.
    """
    types = {field.name: value_type for field, value_type in declared(kind)}
    given = {
        name: _value(name, text, types[name])
        for name, text in _assignments(options).items()
        if name in types
    }
    try:
        own: Kind = build(given, kind)[0]
    except OptionError as error:  # which are no flags
        raise OptionError(error.message, error.hint) from None
    return own


def check_known(options: CollectOptions, kinds: Sequence[type[Checked]]) -> None:
    """Raise OptionError if an option is given that none of these kinds declares."""
    known = sorted({field.name for field, _ in declared(*kinds)})
    for name in _assignments(options):
        if name not in known:
            raise OptionError(
                f"No source of these posts has an option {name!r}.",
                f"There are: {', '.join(known)}." if known else "Leave --source-options out.",
            )


def options_of(source: Source) -> type[Checked] | None:
    """Return the dataclass of the options that only this source has, or None if it has none."""
    kind: type[Checked] | None = getattr(source, "OPTIONS", None)
    return kind


def help_of(source: Source) -> str:
    """Return what to give to a source, and its own options with their meaning."""
    kind = options_of(source)
    if kind is None:
        return source.HELP
    own = " ".join(f"{field.name}: {field.metadata['help']}" for field, _ in declared(kind))
    return f"{source.HELP} (--source-options {own})"


def _assignments(options: CollectOptions) -> dict[str, str]:
    """Return what `--source-options` sets, as text by name."""
    found: dict[str, str] = {}
    for part in filter(None, (options.source_options or "").split(",")):
        name, is_set, value = part.partition("=")
        if not is_set or not name.strip():
            raise OptionError(
                f"source_options can't be {options.source_options!r}.",
                "It takes NAME=VALUE, with commas between.",
                ["source_options"],
            )
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def _value(name: str, text: str, kind: type[Any]) -> Any:
    """Return the value that a text stands for."""
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        takes = {bool: "yes or no", int: "a whole number"}.get(kind, "a number")
        raise OptionError(f"{name} can't be {text!r}.", f"It takes {takes}.") from None
