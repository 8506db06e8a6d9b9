"""Names in the texts that are not the author's, but left over from the base model.

A base model has read many other authors, and a persona made from it still knows whom those wrote
about. Two shares say how often that shows: posts with a handle that stands in no training post, and
posts with a name that the untouched base writes and that stands in none of those posts. The
author's own new posts are the control, for authors mention new people too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from popinjay.metrics.intervals import Estimate, wilson_interval
from popinjay.metrics.measure import BASE, MAX_TEXTS, Compared, Measure
from popinjay.text.handles import find_handles, names_in
from popinjay.text.words import words

_WORD = re.compile(r"(?<![@#＠\w])[^\W\d_]{2,}")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;\n—–|]|-)[\W_]*$")


def unknown_names(given: Compared, seed: int) -> Measure:
    """Return how often each source's texts have a handle or a name that the author never used."""
    unknown = UnknownNames(given.training, given.written.get(BASE, ()))
    found = {
        source: unknown.measure(texts[:MAX_TEXTS]) for source, texts in given.sources().items()
    }
    if not given.written.get(BASE):
        found = {source: {"handles": shares["handles"]} for source, shares in found.items()}
    return Measure(found)


class UnknownNames:
    """A detector of names that an author never used, handles and others."""

    def __init__(self, learnt: Sequence[str], base: Sequence[str]) -> None:
        """Take the posts that were learnt, and what the untouched base model writes."""
        self._handles = {name for text in learnt for name in names_in(text)}
        own = {word for text in learnt for word in words(text)}
        self._of_base = capitalised(base) - own

    def measure(self, texts: Sequence[str]) -> dict[str, Estimate]:
        """Return the shares of texts with an unknown handle, and an unknown name of the base's."""
        handles = sum(any(one.name not in self._handles for one in find_handles(t)) for t in texts)
        named = sum(not self._of_base.isdisjoint(words(text)) for text in texts)
        return {
            "handles": wilson_interval(handles, len(texts)),
            "of_base": wilson_interval(named, len(texts)),
        }


def capitalised(texts: Iterable[str]) -> frozenset[str]:
    """Return the words that begin with a capital inside sentences, and are never small, folded.

    That is how names are written in scripts that have capitals; German writes all nouns so.
    """
    capital, small = set[str](), set[str]()
    for text in texts:
        for found in _WORD.finditer(text):
            word = found[0]
            if word.islower():
                small.add(word.casefold())
            elif word.istitle() and not _begins_sentence(text, found.start()):
                capital.add(word.casefold())
    return frozenset(capital - small)


def _begins_sentence(text: str, place: int) -> bool:
    """Return whether a word that begins there may have its capital from where it stands."""
    return _SENTENCE_START.search(text[max(0, place - 8) : place]) is not None
