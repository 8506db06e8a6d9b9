"""The parser of a command line: its help, and its errors as popinjay words them."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from popinjay.errors import OptionError

COMMAND = "COMMAND"  # what stands for a command in usage and errors
MAX_WIDTH = 100  # columns of a help page
NAME_WIDTH = 14  # columns of the names in the list of commands


class Formatter(argparse.HelpFormatter):
    """A formatter that leaves lists of examples as they are, and takes the terminal's width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=help_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("Examples:"):
            return textwrap.indent(text, indent)
        return super()._fill_text(text, width, indent)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(
            " ".join(text.split()), width, break_long_words=False, break_on_hyphens=False
        )


def help_width() -> int:
    """Return the columns of a help page."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH) - 1


class Parser(argparse.ArgumentParser):
    """A parser that reports errors as popinjay does: a sentence, a hint, exit code 2."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{"formatter_class": Formatter, **given})
        # Of arguments that can be missing, by metavar: the error and its hint.
        self.missing: dict[str, tuple[str, str]] = {}
        self._positionals.title = "Arguments"
        self._optionals.title = "Options"

    @property
    def words(self) -> str:
        """The command as it is typed after `popinjay`."""
        return self.prog.partition(" ")[2]

    def error(self, message: str) -> NoReturn:
        """Raise OptionError with what argparse would have printed, and the nearest valid word."""
        for metavar, (said, hint) in self.missing.items():
            if re.fullmatch(rf"the following arguments are required: {metavar}\b.*", message):
                raise OptionError(said, hint)
        found = re.match(r"argument (\S+): invalid choice: '(.+?)' \(", message)
        if found and found[1] == self._commands_metavar:
            self._unknown_command(found[2])
        known = [
            word
            for action in self._actions
            for word in (*action.option_strings, *(action.choices or ()))
        ]
        wrong = [
            word
            for word in re.findall(r"(?<!\S)--?[\w-]+|(?<=invalid choice: ')[^']+", message)
            if word not in known
        ]
        near = next((near for word in wrong for near in _nearest(word, known)), None)
        raise OptionError(
            f"{message[0].upper()}{message[1:]}.",
            f"{f'Did you mean {near}? ' if near else ''}All options: {self.prog} --help",
        )

    def _unknown_command(self, word: str) -> NoReturn:
        near = next(iter(_nearest(word, list(commands_of(self)))), None)
        raise OptionError(
            f"There is no command '{word}'.",
            f"{f'Did you mean {near}? ' if near else ''}All commands: {self.prog} --help",
        )

    @property
    def _commands_metavar(self) -> str | None:
        """What stands for a command of this parser in errors; None if it has no commands."""
        named = (
            str(action.metavar)
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        return next(named, None)

    def format_usage(self) -> str:
        """Return the usage: the arguments, with one word for all options."""
        self.usage = self.usage or self._short_usage()
        return super().format_usage()

    def format_help(self) -> str:
        """Return the help page."""
        self.usage = self.usage or self._short_usage()
        return super().format_help()

    def _short_usage(self) -> str:
        words = [self.prog, "[OPTIONS]"]
        for action in self._actions:
            shown = str(action.metavar)
            if action.option_strings:
                words += [f"{action.option_strings[0]} {shown}"] if action.required else []
            elif isinstance(action, argparse._SubParsersAction):
                words.append(f"[{shown}]")
            elif action.nargs == "+":
                words.append(f"{shown} [{shown} ...]")
            else:
                words.append(f"[{shown}]" if action.nargs == "?" else shown)
        return " ".join(words).replace("%", "%%")


class TopParser(Parser):
    """The parser of `popinjay` itself, whose help lists the commands in groups."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.groups: list[tuple[str, list[str]]] = []  # title and names of commands
        self.first_steps: Sequence[str] = ()

    def format_help(self) -> str:
        """Return the help page."""
        width = help_width()
        lines = [*textwrap.wrap(self.description or "", width), ""]
        lines += ["Usage: popinjay COMMAND [OPTIONS]", ""]
        helps = command_helps(self)
        for title, names in self.groups:
            lines.append(title)
            for name in names:
                first = f"  {name:<{NAME_WIDTH - 2}}"
                rest = " " * NAME_WIDTH
                lines += textwrap.wrap(
                    helps[name], width, initial_indent=first, subsequent_indent=rest
                )
            lines.append("")
        lines += ["First steps", *(f"  {line}" for line in self.first_steps), ""]
        lines += ["More on a command, with examples: popinjay help COMMAND"]
        return "\n".join(lines) + "\n"


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, Parser]:
    """Return the commands of a parser by name, aliases included."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def command_helps(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return each command's line in the list of commands, by its name without aliases."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {choice.dest.split()[0]: choice.help or "" for choice in action._choices_actions}
    return {}


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(word, known, n=1)
