"""Questions to the user at the terminal. They go to standard error."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

from popinjay.cli.live_progress import progress_paused
from popinjay.whose import WHOSE


def may_ask(suppressed: bool) -> bool:
    """Return whether a user at a terminal can be asked, unless questions are suppressed."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not suppressed


@progress_paused()
def yes(question: str) -> bool:
    """Ask a yes-or-no question; any other answer is a no.

    Each line of the question is a paragraph of its own; the last one is the question itself.
    """
    *paragraphs, last = [
        textwrap.fill(line, _width(), break_long_words=False, break_on_hyphens=False)
        for line in question.splitlines()
    ]
    _prompt("\n" + "\n\n".join([*paragraphs, f"{last} [y/N] "]))
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@progress_paused()
def name(spec: str) -> str | None:
    """Ask for a persona's name, because `spec` does not tell the author; None for no answer."""
    print(f"{spec!r} does not say whose posts these are.", file=sys.stderr)
    _prompt("A name for the persona, such as its author's: ")
    return sys.stdin.readline().strip() or None


@progress_paused()
def line(question: str) -> str:
    """Ask for a line of text."""
    _prompt(question)
    return sys.stdin.readline().strip()


@progress_paused()
def secret(question: str) -> str:
    """Ask for a password, which is not shown while it is typed."""
    import getpass

    try:
        return getpass.getpass(question, sys.stderr).strip()
    except EOFError:  # Ctrl-D
        return ""


@progress_paused()
def show(text: str) -> None:
    """Print paragraphs for the user who is asked; addresses stay whole."""
    _show(text)


@progress_paused()
def accepts(title: str, name: str, summary: Iterable[str], url: str) -> str | None:
    """Ask to accept terms of use by typing their name.

    Args:
        title: The title of the terms.
        name: What has to be typed.
        summary: The terms in short, one sentence per item.
        url: Where the full text is.

    Returns the name, or None for any other answer.
    """
    print(f"\n{title}, in short (full text: {url}):\n", file=sys.stderr)
    for line in summary:
        wrapped = textwrap.fill(line, _width(), initial_indent="- ", subsequent_indent="  ")
        print(wrapped, file=sys.stderr)
    _prompt(f"\nType {name} to accept them, or press Enter to decline: ")
    answer = sys.stdin.readline().strip().casefold()
    return answer if answer == name else None


@progress_paused()
def whose() -> str | None:
    """Ask whose words the posts are; None for no answer."""
    choices = list(WHOSE)
    _show(
        "\nWhose words are these? The model card says it, and it decides what may be published.\n"
    )
    width = max(map(len, choices))
    for number, name in enumerate(choices, 1):
        choice = WHOSE[name]
        label = f"  {number}  {name:<{width}}  "
        _show(f"{choice.label}. {choice.meaning}", first=label, indent=" " * len(label))
    _show(
        "\nType a number or a name. With Enter nothing is on record, and the model can be "
        "published in private only; a later make with --whose changes that."
    )
    while True:
        _prompt("> ")
        answer = sys.stdin.readline().strip().casefold()
        if not answer:
            return None
        if answer.isdecimal() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1]
        near = [name for name in choices if name.startswith(answer)]
        if answer in choices or len(near) == 1:
            return answer if answer in choices else near[0]
        _show(_not_understood(answer, near or choices))


def _not_understood(answer: str, choices: Sequence[str]) -> str:
    """Return what to type instead of an answer that is none, or that could be several."""
    numbers = [f"{list(WHOSE).index(name) + 1} ({name})" for name in choices]
    could = "could be" if len(choices) < len(WHOSE) else "is not one of them. Type"
    return f"{answer!r} {could} {', '.join(numbers[:-1])} or {numbers[-1]}, or press Enter."


def _show(text: str, *, first: str = "", indent: str = "") -> None:
    """Print paragraphs, wrapped at words."""
    for paragraph in text.split("\n"):
        wrapped = textwrap.fill(
            paragraph,
            _width(),
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(wrapped, file=sys.stderr)


def _prompt(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 80) - 1
