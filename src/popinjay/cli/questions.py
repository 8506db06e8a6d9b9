"""What a person at the terminal is asked."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable

from popinjay import options


def may_ask(not_now: bool) -> bool:
    """Whether a person sits there who can be asked something."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not not_now


def yes(question: str) -> bool:
    """Ask for a yes; anything else is a no. Each line of the question is a paragraph, the last one what is asked."""
    width = min(shutil.get_terminal_size().columns, 80) - 1
    *paragraphs, asked = [
        textwrap.fill(one, width, break_long_words=False, break_on_hyphens=False)
        for one in question.splitlines()
    ]
    print("\n" + "\n\n".join([*paragraphs, f"{asked} [y/N] "]), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def name(said: str) -> str | None:
    """Ask for a persona's name, as `said` says nothing about whose posts these are; None if the answer is none."""
    print(f"{said!r} does not say whose posts these are.", file=sys.stderr)
    print("A name for the persona, such as its author's: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or None


def accepts(title: str, name: str, summary: Iterable[str], where: str) -> str | None:
    """Ask for terms of use to be accepted by typing their name; None for any other answer."""
    width = min(shutil.get_terminal_size().columns, 80) - 1
    print(f"\n{title}, in short (the whole of them: {where}):\n", file=sys.stderr)
    for line in summary:
        print(
            textwrap.fill(line, width, initial_indent="- ", subsequent_indent="  "), file=sys.stderr
        )
    print(
        f"\nType {name} to accept them, or Enter to leave it: ", end="", file=sys.stderr, flush=True
    )
    answer = sys.stdin.readline().strip().casefold()
    return answer if answer == name else None


def whose() -> str | None:
    """Ask whose words these are; None where the answer is none."""
    print("Whose words are these?", file=sys.stderr)
    choices = list(options.WHOSE)
    for number, name in enumerate(choices, 1):
        print(f"  {number}  {name}: {options.WHOSE[name]}", file=sys.stderr)
    while True:
        print("Number or name, or Enter to leave it open: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip().lower()
        if answer in choices or not answer:
            return answer or None
        if answer.isdigit() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1]
