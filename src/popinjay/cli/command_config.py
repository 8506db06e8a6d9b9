"""`popinjay config`: show, set and remove the user's defaults."""

from __future__ import annotations

import argparse
import os
from typing import Any

from popinjay import settings
from popinjay.cli import show_settings, terminal
from popinjay.cli.defaults import Setting, checked, keys, normal, text_value
from popinjay.errors import OptionError


def do_config(args: argparse.Namespace) -> None:
    """Show what is set, and where."""
    rows = [
        {"key": key, "value": value, "from": variable, "used": True}
        for key, variable in settings.VARIABLES.items()
        if (value := os.environ.get(variable))
    ]
    rows += [_row(setting) for setting in checked(settings.load(), args.top)]
    file = settings.config_file()
    if args.json:
        terminal.show_json({"path": str(file), "exists": file.exists(), "settings": rows})
    else:
        show_settings.show_settings(rows, file)


def _row(setting: Setting) -> dict[str, Any]:
    value = setting.value
    return {
        "key": setting.key,
        "value": value if isinstance(value, bool | int | float | str) else str(value),
        "from": "file",
        "used": setting.variable is None,
    }


def do_set(args: argparse.Namespace) -> None:
    """Set a default."""
    key = normal(args.key)
    value = text_value(key, args.value, keys(args.top))
    settings.set_value(key, value)
    show_settings.show_set(key, value, settings.config_file())
    variable = settings.VARIABLES.get(key)
    if variable and os.environ.get(variable):
        terminal.show_note(f"The environment variable {variable} is set, and counts instead.")


def do_unset(args: argparse.Namespace) -> None:
    """Remove a default, also one that is not known."""
    key = normal(args.key)
    if not settings.unset(key) and not settings.unset(args.key):
        raise OptionError(
            f"{key!r} is not set in {settings.config_file()}.", "What is set: popinjay config"
        )
    show_settings.show_unset(key, settings.config_file())


def do_path(args: argparse.Namespace) -> None:
    """Print where the file is, whether it exists or not."""
    print(settings.config_file())
