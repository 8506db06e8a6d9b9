"""Words, in any script, and finding posts that say the same.

Scripts written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are counted by their characters.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’][^\W{_UNSPACED}]+)*")

_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)|\s+")
_LAST_WORD = re.compile(rf"(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)?\s*$")
_SENTENCE_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s|$)|[。！？｡]+[」』”’）]*")
_ABBREVIATION = re.compile(r"(?:^|[\W_])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|Gov|Sen|Rep|Gen|St|Mt|No|Nr|vs|etc|bzw|Hr|Fr|Sr|Sra)\.$")

FIRST_UNSPACED = "\u0e00"  # no character before it is of a script without blanks
SHINGLE = 3  # words
SAME_SHARE = 0.8  # Jaccard similarity of shingles from which two posts say the same

_BUCKETS = 1 << 20
_NONE = -1


def words(text: str) -> list[str]:
    """The words of a text, case folded and without punctuation; single characters where a script has no blanks."""
    return _WORD.findall(text.casefold())


def is_unspaced(character: str) -> bool:
    """Whether a character is of a script without blanks."""
    return _UNSPACED_CHARACTER.match(character) is not None


def is_inside_word(character: str) -> bool:
    """Return whether a character is part of a word that is written with blanks around it.

    Letters, figures, their combining marks and underscores are; no character of a script without
    blanks is, so that such a script begins and ends a word of another.
    """
    is_part = character == "_" or unicodedata.category(character)[0] in "LNM"
    return is_part and not is_unspaced(character)


def located_words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of a text that is case folded already, each with where it begins and ends."""
    return ((found[0], found.start(), found.end()) for found in _WORD.finditer(text))


def pieces(text: str) -> list[str]:
    """The text cut at blanks, and around each character of a script without blanks; joined they are the text again."""
    return _PIECE.findall(text)


def halves(word: str) -> int:
    """What a word of `words` weighs, in half words: 2, or 1 for a character of a script without blanks."""
    return 1 if word[0] >= FIRST_UNSPACED and is_unspaced(word[0]) else 2


def spoken_length(token: str) -> int:
    """How many words a blank-separated token stands for: 1, or one for every two characters of an unspaced script."""
    return max(1, (len(_UNSPACED_CHARACTER.findall(token)) + 1) // 2)


def last_word(text: str) -> int:
    """Where the last word of a text begins, with what stands around it up to a blank: as far as it may still grow."""
    found = _LAST_WORD.search(text)
    assert found is not None
    return found.start()


def goes_on(text: str, length: int) -> bool:
    """Whether all that stands behind the first so many characters, if anything, goes on with the word before it, in a script with blanks."""
    end = text[max(0, length - 1) :]
    return length > 0 and end.split() == [end] and max(end) < FIRST_UNSPACED


def whole_sentences(text: str, most: int) -> str:
    """The text up to the last end of a sentence among its first `most` characters; empty where there is none.

    A single letter with a full stop and the commonest abbreviations end none, nor does a figure at the very end: more of it may have been to come.
    """
    end = 0
    for found in _SENTENCE_END.finditer(text):
        if found.end() > most:
            break
        stop = text[: found.start() + 1]
        unsure = found[0] == "." and (_ABBREVIATION.search(stop[-8:]) or (found.end() == len(text) and stop[-2:-1].isdigit()))
        end = end if unsure else found.end()
    return text[:end]


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of three words of a text (the whole of it where it is shorter)."""
    found = words(text)
    if len(found) <= SHINGLE:
        return frozenset([tuple(found)]) if found else frozenset([(text.strip(),)])
    return frozenset(tuple(found[i : i + SHINGLE]) for i in range(len(found) - SHINGLE + 1))


class NearDuplicates:
    """An index of texts that answers whether a text says the same as one that it holds.

    Same means a Jaccard similarity of 3-word shingles of at least 0.8. Exact, by prefix filtering (Chaudhuri, Ganti and
    Kaushik, ICDE 2006): two sets can only be so alike if they share one of their rarest shingles, so only those are looked
    up, and what they lead to is compared in full. Time grows with the number of posts, not with its square.

    For 200,000 posts to fit in little memory, the index holds shingles as their hashes, in flat arrays, and makes a text's
    shingles anew where they are compared. Python's hashes differ from run to run; what is found does not.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Count how rare each shingle is in `texts`: every text asked about later should be among them."""
        self._frequency = array("I", [0]) * _BUCKETS  # of all shingles of a bucket together: near enough to put the rare ones first
        for text in texts:
            for mark in _marks(text):
                self._frequency[mark % _BUCKETS] += 1
        self._texts: list[str] = []
        # One entry for each rare shingle of each held text. Those of one bucket are a chain, from its newest to its first.
        self._newest = array("i", [_NONE]) * _BUCKETS
        self._older = array("i")
        self._mark = array("q")
        self._holder = array("i")

    def _rarest(self, text: str) -> list[int]:
        """The shingles, as hashes, of which two texts that say the same must share one."""
        found = _marks(text)
        keep = len(found) - -(-len(found) * 8 // 10) + 1  # with SAME_SHARE = 8/10, in whole numbers
        return sorted(found, key=lambda mark: (self._frequency[mark % _BUCKETS], mark))[:keep]

    def add(self, text: str) -> None:
        """Hold a text."""
        for mark in self._rarest(text):
            self._older.append(self._newest[mark % _BUCKETS])
            self._newest[mark % _BUCKETS] = len(self._mark)
            self._mark.append(mark)
            self._holder.append(len(self._texts))
        self._texts.append(text)

    def _holders(self, mark: int) -> Iterator[int]:
        """The positions of the held texts with this among their rarest shingles."""
        entry = self._newest[mark % _BUCKETS]
        while entry != _NONE:
            if self._mark[entry] == mark:
                yield self._holder[entry]
            entry = self._older[entry]

    def find(self, text: str) -> int | None:
        """The position (in order of adding) of the first held text that says the same, or None."""
        found = shingles(text)
        for position in sorted({position for mark in self._rarest(text) for position in self._holders(mark)}):
            other = shingles(self._texts[position])
            shared = len(found & other)
            if shared >= SAME_SHARE * (len(found) + len(other) - shared):
                return position
        return None


def _marks(text: str) -> set[int]:
    """The shingles of a text as 64-bit hashes."""
    return {hash(shingle) for shingle in shingles(text)}
