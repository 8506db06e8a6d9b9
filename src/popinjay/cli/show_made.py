"""Show a persona that was just made: posts, how good it is, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from popinjay.cli.consoles import console
from popinjay.cli.made_again import make_again
from popinjay.cli.progress import waiting
from popinjay.cli.show_posts import print_rows, show_numbered

if TYPE_CHECKING:
    from popinjay.persona import Persona

POSTS = 10


@dataclass(frozen=True)
class Introduction:
    """What is shown of a new persona."""

    name: str
    posts: Sequence[str]
    verdict: str
    advice: Sequence[tuple[str, str]]  # what would help, with the command for it or ""


def _introduction(persona: Persona, repeatable: bool) -> Introduction:
    """Return what is shown of a new persona. Its posts are the first that it writes."""
    from popinjay.advice import advice_on
    from popinjay.report.saved import load_report
    from popinjay.report.verdict import plain_verdict

    posts = persona.say(n=POSTS, seed=0)
    report = load_report(persona.run)
    advice = [
        (one.text, make_again(persona.run, one.options) if repeatable and one.options else "")
        for one in advice_on(persona.run, report)
    ]
    return Introduction(persona.name, posts, plain_verdict(report), advice)


def show_made(persona: Persona, *, repeatable: bool = True) -> None:
    """Show ten posts of a new persona, unselected, how good it is, and what would help.

    `repeatable` is false if its `make` can't be typed again, as for the demo.
    """
    with waiting(f"{persona.name} writes its first posts"):  # loading it takes seconds, too
        made = _introduction(persona, repeatable)
        from rich.text import Text

    out = console()
    out.print()
    out.print(Text.assemble((made.name, "bold"), " is ready. Its first ten posts, unselected:"))
    out.print()
    show_numbered(made.posts)
    out.print()
    out.print(made.verdict)
    for text, command in made.advice:
        out.print()
        out.print(text)
        if command:
            out.print(f"  {command}", soft_wrap=True)


def show_next(name: str) -> None:
    """Show what to type after a persona was made."""
    console().print("\nNext:")
    print_rows(
        [
            (f"  {command:<{len(name) + 22}}", meaning)
            for command, meaning in (
                (f"popinjay say {name}", "more posts; type how they begin"),
                (f"popinjay report {name}", "how good it is, with a quiz as a page"),
                (f"popinjay card {name}", "a picture of a post, to share"),
                ("popinjay serve", "all of this in the browser"),
            )
        ]
    )
