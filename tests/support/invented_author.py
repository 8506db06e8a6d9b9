"""Authors invented for a test: words, style and any number of sentences."""

from __future__ import annotations

import random
from collections.abc import Sequence

LETTERS = "aeioubdfgklmnprstvz"


class Author:
    """An author with preferred words, who can write any number of different sentences."""

    def __init__(self, name: str, count: int = 600, shared: Sequence[str] = ()) -> None:
        self.chance = random.Random(name)
        coined = [
            "".join(self.chance.choice(LETTERS) for _ in range(self.chance.randint(2, 7)))
            for _ in range(count)
        ]
        self.words = [*shared, *coined]
        self.liking = [1 / rank for rank in range(1, len(self.words) + 1)]
        self.follows = {
            word: self.chance.choices(self.words, self.liking, k=3) for word in self.words
        }
        self.end = self.chance.choice([".", "!", " …", "?"])

    def sentence(self) -> str:
        """Return words that tend to follow one another: their order is part of the style."""
        found = self.chance.choices(self.words, self.liking)
        for _ in range(self.chance.randint(7, 16)):
            found.append(
                self.chance.choice(self.follows[found[-1]])
                if self.chance.random() < 0.6
                else self.chance.choices(self.words, self.liking)[0]
            )
        return " ".join(found).capitalize() + (self.end if self.chance.random() < 0.7 else ".")

    def posts(self, count: int) -> list[str]:
        return [self.sentence() for _ in range(count)]
