"""Which one is real? Pairs of a held-out post and one of the persona that is about as long."""

from __future__ import annotations

import bisect
import json
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from popinjay.post import printable
from popinjay.text.words import words

PAIRS = 20
SHORT = 280  # characters; pairs with a longer post come last
LONGEST = 600  # characters; of longer posts the beginning is shown, of both kinds alike
LUCK = 0.05  # a score that guessing reaches with a lower probability is more than luck


class Pair(NamedTuple):
    """Two posts, of which one is real, and which of them comes first."""

    real: str
    written: str
    real_is_first: bool


def pairs(real: Sequence[str], written: Sequence[str], seed: int) -> list[Pair]:
    """Return at most 20 pairs, those of short posts first, the same for the same texts and seed.

    No text comes twice, and none that both the author and the persona wrote.
    """
    chance = random.Random(seed)
    ours = _shown(real)
    theirs = _shown(written)
    both = ours.keys() & theirs.keys()
    choice = [text for said, text in ours.items() if said not in both]
    left = sorted(
        (text for said, text in theirs.items() if said not in both),
        key=lambda text: (len(text), text),
    )
    lengths = [len(text) for text in left]
    found = []
    for text in chance.sample(choice, min(PAIRS, len(choice), len(left))):
        nearest = _nearest(lengths, len(text))
        lengths.pop(nearest)
        found.append(Pair(text, left.pop(nearest), chance.random() < 0.5))
    return sorted(found, key=lambda pair: max(len(pair.real), len(pair.written)) > SHORT)


def more_than_luck(count: int) -> int:
    """Return the lowest score of `count` that guessing reaches at most 1 time in 20.

    It is `count + 1` if no score is so rare.
    """
    at_least = 0.0
    for score in range(count, -1, -1):
        at_least += math.comb(count, score) / 2**count
        if at_least > LUCK:
            return score + 1
    return 0


def as_json(found: Sequence[Pair]) -> Markup:
    """Return the pairs for a script element.

    They are in ASCII, without any character that could end the element or begin another.
    """
    rows = [
        {"real": pair.real, "written": pair.written, "realIsFirst": pair.real_is_first}
        for pair in found
    ]
    text = json.dumps(rows, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (this is what makes it safe)


def _shown(texts: Sequence[str]) -> dict[str, str]:
    """Return texts as the quiz shows them, by their words; texts without words are left out."""
    found: dict[str, str] = {}
    for text in texts:
        shown = _beginning(printable(text).strip())
        said = " ".join(words(shown))
        if said:
            found.setdefault(said, shown)
    return found


def _beginning(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    blank = cut.rfind(" ", LONGEST // 2)
    return cut[: blank if blank > 0 else LONGEST].rstrip() + "…"


def _nearest(lengths: Sequence[int], wanted: int) -> int:
    """Return the index of the length nearest to the wanted one, in sorted lengths."""
    after = bisect.bisect_left(lengths, wanted)
    around = [place for place in (after - 1, after) if 0 <= place < len(lengths)]
    return min(around, key=lambda place: abs(lengths[place] - wanted))
