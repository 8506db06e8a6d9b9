"""The user's defaults of options: which keys the file may have, and what they change.

Flags beat the environment, which beats the file, which beats the program's own defaults. In the
file a command's table beats what stands at the top.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay import options, settings
from popinjay.cli.parser import Parser, command_helps, commands_of
from popinjay.errors import OptionError

# Answers to a question are given anew each time; the others say what is printed or meant once.
PER_CALL = (
    "help version debug json yes accept i_have_the_right replace defaults to dry_run "
    "name prompt report card against stdin token"
).split()
# What these change or remove depends on nothing but what is typed, and bots keep settings of their
# own.
UNAFFECTED = "config completion help rename remove forget open logout post bot".split()


@dataclass(frozen=True)
class Setting:
    """One line of the file, checked."""

    key: str  # as it is written: `base`, or `say.temperature`
    name: str
    value: Any
    table: str | None = None  # the command, for a line in its table

    @property
    def variable(self) -> str | None:
        """The environment variable that is set and counts instead; None without one."""
        found = settings.VARIABLES.get(self.name)
        return found if found and os.environ.get(found) else None


def with_defaults(args: argparse.Namespace, top: Parser) -> argparse.Namespace:
    """Return the arguments with the user's defaults for what was not given.

    Those of `make` are put aside as `preferences`, as a persona that exists goes before them.
    Raises OptionError if the file is wrong.
    """
    args.preferences, args.top = {}, top
    command = args.parser.prog.partition(" ")[2]
    if not command or command.split()[0] in UNAFFECTED:
        return args
    found = {setting.key: setting for setting in checked(settings.load(), top)}
    for name, variable in settings.VARIABLES.items():
        if name in found and name != "home":  # the home folder is looked up in the file itself
            os.environ.setdefault(variable, found[name].value)
    of_make = {field.name for field, _ in options.declared(*options.MakeOptions.PARTS.values())}
    for name, action in settable(args.parser).items():
        setting = found.get(f"{command}.{name}") or found.get(name)
        if setting is None or setting.variable:
            continue
        if command == "make" and name in of_make:
            if not hasattr(args, name):
                args.preferences[name] = setting.value
        elif getattr(args, name, action.default) == action.default:
            setattr(args, name, setting.value)
    return args


def settable(command: Parser) -> dict[str, argparse.Action]:
    """Return the options of a command that the file may set, by name."""
    return {
        action.dest: action
        for action in command._actions
        if action.option_strings and action.dest not in PER_CALL and action.dest != "home"
    }


def keys(top: Parser) -> dict[str, argparse.Action | None]:
    """Return every key that the file may have, with its option; None without one."""
    found: dict[str, argparse.Action | None] = dict.fromkeys(settings.VARIABLES)
    for command in command_helps(top):
        if command not in UNAFFECTED:
            for name, action in settable(_command(top, command)).items():
                found.setdefault(name, action)
                found[name] = found[name] or action
                found[f"{command}.{name}"] = action
    return found


def _command(top: Parser, name: str) -> Parser:
    return commands_of(top)[name]


def checked(loaded: Mapping[str, Any], top: Parser) -> list[Setting]:
    """Return the lines of the file. Raises OptionError for an unknown key or a wrong value."""
    known = keys(top)
    return [
        Setting(key, key.rpartition(".")[2], value_of(key, value, known), table)
        for key, value, table in _lines(loaded)
    ]


def _lines(loaded: Mapping[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    for key, value in loaded.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner, key) for name, inner in value.items())
        else:
            yield key, value, None


def normal(key: str) -> str:
    """Return a key as it is written: `--max-tokens` and `max-tokens` are `max_tokens`."""
    return key.strip().removeprefix("--").replace("-", "_")


def value_of(key: str, value: Any, known: Mapping[str, argparse.Action | None]) -> Any:
    """Return the value of a key, checked. Raises OptionError, also for an unknown key."""
    if key not in known:
        raise _unknown(key, known)
    action = known[key]
    if action is None:
        kind: Any = str
    elif action.nargs == 0:
        kind = bool
    else:
        kind = getattr(action, "plain", None) or action.type or str
    try:
        found = _converted(value, kind)
        declared = getattr(action, "declared", None)
        if declared is not None and action is not None:
            options.build({action.dest: found}, declared)
    except (OptionError, argparse.ArgumentTypeError) as error:
        said = error.message if isinstance(error, OptionError) else f"{error}."
        if action is not None:  # the sentence begins with the key already
            said = re.sub(rf"^{re.escape(action.dest)}\b", "it", said)
        hint = error.hint if isinstance(error, OptionError) else ""
        raise OptionError(
            f"{key!r} in your settings ({settings.config_file()}): {said}",
            f"{hint} Change it: popinjay config set {key} VALUE, or remove it: "
            f"popinjay config unset {key}".strip(),
        ) from error
    return found


def _converted(value: Any, kind: Any) -> Any:
    """Return a value of the file as this kind of option takes it."""
    if kind is bool:
        if not isinstance(value, bool):
            raise argparse.ArgumentTypeError(f"it takes true or false, not {value!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise argparse.ArgumentTypeError(f"it can't be {value!r}")
    if kind is str and not isinstance(value, str):
        raise argparse.ArgumentTypeError(f"it takes a text in quotes, not {value!r}")
    if kind is int and not isinstance(value, int):
        raise argparse.ArgumentTypeError(f"it takes a whole number, not {value!r}")
    if kind is float and not isinstance(value, int | float):
        raise argparse.ArgumentTypeError(f"it takes a number, not {value!r}")
    return kind(value) if kind in (str, int, float) else kind(str(value))


def _unknown(key: str, known: Mapping[str, Any]) -> OptionError:
    import difflib

    table, _, name = key.rpartition(".")
    if name in PER_CALL:
        return OptionError(
            f"{name!r} can't be a default: it is given anew each time.",
            f"Remove it from {settings.config_file()}: popinjay config unset {key}",
        )
    if name in settings.VARIABLES and table:
        return OptionError(
            f"{name!r} holds for all commands, so it can't stand under [{table}].",
            f"Put it at the top of {settings.config_file()}: popinjay config set {name} VALUE",
        )
    near = difflib.get_close_matches(key, known, n=1)
    return OptionError(
        f"There is no setting {key!r} ({settings.config_file()}).",
        (f"Did you mean {near[0]}? " if near else "")
        + f"A key is an option's name, such as base or say.temperature. Remove it: popinjay "
        f"config unset {key}",
    )


def text_value(key: str, text: str, known: Mapping[str, argparse.Action | None]) -> Any:
    """Return the value that a user typed for a key, as the file holds it. Raises OptionError."""
    if key not in known:
        raise _unknown_typed(key, known)
    action = known[key]
    if action is not None and action.nargs == 0:
        switches = {"yes": True, "true": True, "on": True, "no": False, "false": False}
        if (value := switches.get(text.lower())) is None:
            raise OptionError(f"{key} is a switch: it can't be {text!r}.", "Give yes or no.")
        return value
    try:
        found = action.type(text) if action is not None and callable(action.type) else text
    except argparse.ArgumentTypeError as error:
        raise OptionError(f"{key}: {error}.", f"Such as: popinjay config set {key} 1") from error
    found = str(found) if isinstance(found, Path) else found
    declared = getattr(action, "declared", None)
    if declared is not None and action is not None:
        options.build({action.dest: found}, declared)
    return found


def _unknown_typed(key: str, known: Mapping[str, Any]) -> OptionError:
    import difflib

    name = key.rpartition(".")[2]
    if name in PER_CALL:
        return OptionError(
            f"{name!r} can't be a default: it is given anew each time.",
            "What is set: popinjay config",
        )
    if name in settings.VARIABLES and "." in key:
        return _unknown(key, known)
    near = difflib.get_close_matches(key, known, n=1)
    return OptionError(
        f"There is no setting {key!r}.",
        f"{f'Did you mean {near[0]}? ' if near else ''}"
        "A key is an option's name, such as base or say.temperature: see popinjay make --help",
    )
