"""Show a persona that was just made: posts, how good it is, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence

from popinjay.cli.progress import console


def show_persona(name: str, path: str, samples: Sequence[str]) -> None:
    """Show a new persona: a few of its posts, unselected, and what to run next."""
    from rich.padding import Padding

    out = console()
    out.print(f"\n{name} is ready in {path}. Its first posts, unselected:\n")
    for text in samples:
        out.print(Padding(text, (0, 0, 0, 2), expand=False))
    out.print(
        f"\nMore:    popinjay say {name}\n"
        f'Prompt:  popinjay say {name} "My dream is"\n'
        f"Card:    {path}/README.md"
    )
