"""The file of the user's own defaults, `config.toml`: where it is, reading it, changing it.

Which keys it may have is known to the command line, which has the options (`cli/defaults.py`).
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import OptionError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

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
    """Set a key of the file, such as `base` or `say.temperature`. What else it holds stays.

    Raises OptionError if the file can't be read or written.
    """
    import tomlkit  # only to change the file: it keeps comments and order

    document = _document()
    table, name = _split(key)
    inner = document if table is None else document.setdefault(table, tomlkit.table())
    inner[name] = value
    _write(document)


def unset(key: str) -> bool:
    """Remove a key from the file; return whether it was there. Raises OptionError as above."""
    document = _document()
    table, name = _split(key)
    inner = document if table is None else document.get(table, {})
    if name not in inner:
        return False
    del inner[name]
    if table is not None and not inner:
        del document[table]
    _write(document)
    return True


def _split(key: str) -> tuple[str | None, str]:
    table, _, name = key.rpartition(".")
    return table or None, name


def _document() -> TOMLDocument:
    import tomlkit

    load()  # reports what is wrong with it
    file = config_file()
    return tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")


def _write(document: TOMLDocument) -> None:
    file = config_file()
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(document.as_string(), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise OptionError(
            f"Your settings in {file} can't be written: {error.strerror}.",
            f"Check its permissions, or name another file in {VARIABLE}.",
        ) from error
