"""Write `docs/reference.md` from the command line's parser.

python docs/make_reference.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from popinjay.cli.main import parser

HEAD = """# Reference

Every command and option. Made by `make docs` from the program itself; a test keeps it true.

"""


def reference() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(section(name, command) for name, command in commands_of(parser()))


def commands_of(
    top: argparse.ArgumentParser, before: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with its full name, each followed by its subcommands."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield before + name, command
                yield from commands_of(command, f"{before}{name} ")


def section(name: str, command: argparse.ArgumentParser) -> str:
    """Return a command's section: its description and a table of its arguments."""
    lines = [f"## popinjay {name}", "", command.description or "", "", "| | |", "| --- | --- |"]
    for action in command._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        shown = ", ".join(action.option_strings) or str(action.metavar)
        takes = f" {action.metavar}" if action.option_strings and action.metavar else ""
        meaning = (action.help or "").replace("%%", "%").replace("|", "\\|")
        lines.append(f"| `{(shown + takes).replace('|', chr(92) + '|')}` | {meaning} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (Path(__file__).parent / "reference.md").write_text(reference(), encoding="utf-8")
