"""Words, in any script.

Scripts written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are counted by their characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:'[^\W{_UNSPACED}]+)*")  # of folded text
_APOSTROPHES = "’‘‛ʼʹ′´`＇"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]+"
)
_VOICED = ("\u3099", "\u309a")  # combining marks of kana

_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)|\s+")
_LAST_WORD = re.compile(rf"(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)?\s*$")
_SENTENCE_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s|$)|[。！？｡]+[」』”’）]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\W_])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|Gov|Sen|Rep|Gen|St|Mt|No|Nr|vs|etc|bzw|Hr|Fr|Sr|Sra)\.$"
)

FIRST_UNSPACED = "\u0e00"  # no character before it is of a script without blanks
SHINGLE = 3  # words


def folded(text: str) -> str:
    """The text with everything made alike that is another way to write the same.

    Case, apostrophes, full and half widths, ligatures and styled letters, accents as characters of their own
    (Unicode's NFKC), and invisible characters such as soft hyphens. Folding what is folded changes nothing,
    nor does it matter whether a text is folded at once or as it grows.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        for apostrophe in _APOSTROPHES:
            text = text.replace(apostrophe, "'")
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return text.replace("`", "'").casefold()


def words(text: str) -> list[str]:
    """The words of a text, folded and without punctuation; single characters where a script has no blanks."""
    return _WORD.findall(folded(text))


def may_grow(word: str, rest: str) -> bool:
    """Whether more text could make a word a longer one, or another, where so much stands behind it."""
    if rest not in ("", "'"):
        return False
    return halves(word) == 2 or any(
        len(unicodedata.normalize("NFC", word + mark)) == 1 for mark in _VOICED
    )


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
    """The words of a text that is folded already, each with where it begins and ends."""
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
        unsure = found[0] == "." and (
            _ABBREVIATION.search(stop[-8:]) or (found.end() == len(text) and stop[-2:-1].isdigit())
        )
        end = end if unsure else found.end()
    return text[:end]


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of three words of a text (the whole of it where it is shorter)."""
    found = words(text)
    if len(found) <= SHINGLE:
        return frozenset([tuple(found)]) if found else frozenset([(text.strip(),)])
    return frozenset(tuple(found[i : i + SHINGLE]) for i in range(len(found) - SHINGLE + 1))
