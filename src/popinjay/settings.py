"""The file of the user's own defaults, `config.toml`: where it is, reading it, changing it.

Which keys it may have is known to the command line, which has the options (`cli/defaults.py`).
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from popinjay.errors import OptionError

VARIABLE = "POPINJAY_CONFIG"  # the file itself
# Keys that an environment variable sets too, which then counts.
VARIABLES = {
    "home": "POPINJAY_HOME",
    "track": "POPINJAY_TRACK",
    "homepage": "POPINJAY_HOMEPAGE",
}
_FILE = Path("popinjay") / "config.toml"


def config_file() -> Path:
    """Return where the file is, whether it exists or not.

    It is `POPINJAY_CONFIG`, or lies where programs of this system keep their settings.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    if given := os.environ.get("XDG_CONFIG_HOME"):
        return Path(given) / _FILE
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _FILE
    if sys.platform == "win32" and (given := os.environ.get("APPDATA")):
        return Path(given) / _FILE
    return Path.home() / ".config" / _FILE


def load() -> dict[str, Any]:
    """Return what the file sets, empty without a file. Raises OptionError if it can't be read."""
    file = config_file()
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:  # those of TOML and of UTF-8 are such, too
        raise OptionError(
            f"Your settings in {file} are not valid TOML: {error}.",
            'A line is NAME = VALUE, with texts in quotes, such as base = "smollm2".',
        ) from error
    except OSError as error:
        raise OptionError(
            f"Your settings in {file} can't be read: {error.strerror}.",
            f"Check its permissions, or name another file in {VARIABLE}.",
        ) from error


def home_folder() -> Path | None:
    """Return the folder of all personas that the file names; None if it names none.

    It applies to programs in Python too, as these are the same personas. Raises OptionError if the
    file can't be read.
    """
    found = load().get("home")
    return Path(found).expanduser() if isinstance(found, str) and found else None


def defaults_of(command: str, names: Iterable[str]) -> dict[str, Any]:
    """Return what the file sets of these options for a command; its table goes before the top.

    Keys of `VARIABLES` are left out, and no value is checked. Raises OptionError as above.
    """
    loaded = load()
    table = loaded.get(command)
    found = {**loaded, **(table if isinstance(table, Mapping) else {})}
    return {name: found[name] for name in names if name in found and name not in VARIABLES}


def set_value(key: str, value: Any) -> None:
    """Set a key of the file, such as `base` or `say.temperature`.

    Raises OptionError if the file can't be read or written.
    """
    settings = load()
    table, name = _split(key)
    inner = settings if table is None else settings.setdefault(table, {})
    inner[name] = value
    _write(settings, key, value)


def unset(key: str) -> bool:
    """Remove a key from the file; return whether it was there. Raises OptionError as above."""
    settings = load()
    table, name = _split(key)
    inner = settings if table is None else settings.get(table, {})
    if name not in inner:
        return False
    del inner[name]
    if table is not None and not inner:
        del settings[table]
    _write(settings, key, None)
    return True


def _split(key: str) -> tuple[str | None, str]:
    table, _, name = key.rpartition(".")
    return table or None, name


def _write(settings: Mapping[str, Any], key: str, value: Any) -> None:
    """Write the file: with its comments, as far as only one line has to change."""
    file = config_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        text = _edited(before, key, value)
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        partial.write_text(text if _means(text, settings) else _dumped(settings), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise OptionError(
            f"Your settings in {file} can't be written: {error.strerror}.",
            f"Check its permissions, or name another file in {VARIABLE}.",
        ) from error


def _edited(text: str, key: str, value: Any) -> str:
    """Return the text with the line of a key replaced, added or removed (None)."""
    table, name = _split(key)
    new = [] if value is None else [_dumped({name: value}).rstrip("\n")]
    lines = text.splitlines()
    start, end = 0, len(lines)
    headers = [place for place, line in enumerate(lines) if line.lstrip().startswith("[")]
    if table is None:
        end = headers[0] if headers else end
    elif place := [one for one in headers if lines[one].strip() == f"[{table}]"]:
        start = place[0] + 1
        end = next((one for one in headers if one >= start), end)
    else:
        return "\n".join([*lines, *([""] if lines else []), f"[{table}]", *new]) + "\n"
    for number in range(start, end):
        if re.match(rf"\s*{re.escape(name)}\s*=", lines[number]):
            is_only = not new and not any(
                line.strip() for line in _without(lines, start, end, number)
            )
            first = start - 1 if table is not None and is_only else number
            return "\n".join([*lines[:first], *new, *lines[number + 1 :]]) + "\n"
    while end > start and not lines[end - 1].strip():
        end -= 1
    gap = [""] if table is None and end < len(lines) and lines[end].strip() else []
    return "\n".join([*lines[:end], *new, *gap, *lines[end:]]) + "\n"


def _without(lines: list[str], start: int, end: int, number: int) -> list[str]:
    return [*lines[start:number], *lines[number + 1 : end]]


def _means(text: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a text holds these settings and nothing else."""
    try:
        found = tomllib.loads(text)
    except ValueError:
        return False
    return found == settings


def _dumped(settings: Mapping[str, Any]) -> str:
    import tomli_w  # only to change the file

    return tomli_w.dumps(settings)
