"""How posts begin: the first words that several of them share."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from popinjay.text.masking import reveals

MIN_POSTS = 3  # that share a beginning: what fewer posts say is their own
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # no handle, hashtag, link, number or mask
_I = re.compile(r"I(?:['’]\w+)?")


def beginnings(posts: Iterable[str], count: int) -> list[str]:
    """Return the two or three first words that most posts share, all with different first words.

    Never a name: a word with a capital counts only if it also stands in lower case in some post,
    as "Today" does. Never more words, and never what looks like personal data.

    Args:
        posts: The posts; a repeated one counts once.
        count: How many beginnings to return at most.
    """
    starts: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    in_lower_case: set[str] = set()
    for post in set(posts):
        words = post.split()
        in_lower_case.update(word for word in words if word[:1].islower())
        if len(words) > 2 and all(_WORD.fullmatch(word) for word in words[:2]):
            starts[words[0].casefold(), words[1].casefold()].append(words[:4])
    found: dict[str, str] = {}
    for (first, _), shared in sorted(starts.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(shared) < MIN_POSTS or len(found) == count:
            break
        text = _beginning(shared)
        if first not in found and _names_nobody(text, in_lower_case) and not reveals(text):
            found[first] = text
    return list(found.values())


def _beginning(starts: list[list[str]]) -> str:
    """Return the two words that all share, with the third one if most share it."""
    longer = [words[:3] for words in starts if len(words) > 3 and _WORD.fullmatch(words[2])]
    third, holders = _most_common([words[2].casefold() for words in longer])
    if holders >= max(MIN_POSTS, len(starts) / 2):
        starts = [words for words in longer if words[2].casefold() == third]
        return _most_common([" ".join(words) for words in starts])[0]
    return _most_common([" ".join(words[:2]) for words in starts])[0]


def _most_common(texts: list[str]) -> tuple[str, int]:
    return max(Counter(texts).items(), key=lambda item: (item[1], item[0]), default=("", 0))


def _names_nobody(beginning: str, in_lower_case: set[str]) -> bool:
    """Return whether every word is also written in lower case, or is "I"."""
    return all(
        word == word.lower() or word.lower() in in_lower_case or _I.fullmatch(word)
        for word in beginning.split()
    )
