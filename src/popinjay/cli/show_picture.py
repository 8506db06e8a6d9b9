"""What the command `card` prints: ten predictions, which of them the picture shows, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from popinjay.cli.show_posts import print_rows

WHY = (
    "Numbers are in the order of writing. The picture shows the ones with an arrow. They were "
    "chosen from these ten: real words, a proper end, the author's habits, something to say."
)


def show_predictions(texts: Sequence[str], shown: Sequence[int], *, is_ranked: bool) -> None:
    """Print numbered predictions with a mark at those that the picture shows.

    Args:
        texts: The predictions with their prompt.
        shown: The numbers of those that the picture shows, from 1.
        is_ranked: Whether they were chosen by rank, not by the user.
    """
    print_rows(
        [
            (f"{'→' if number in shown else ' '} {number:>2}", text)
            for number, text in enumerate(texts, 1)
        ]
    )
    if is_ranked:
        print("\n" + "\n".join(textwrap.wrap(WHY, 78)))


def show_picture(path: str) -> None:
    """Print where the picture is, and how to choose others."""
    print(f"\nOthers: --pick 3 or --pick 1,4,7; --prompt TEXT; --seed NUMBER\nPicture: {path}")
