"""Words, in any script.

Scripts written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are counted by
characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:'[^\W{_UNSPACED}]+)*")  # of folded text
_APOSTROPHES = "’‘‛ʼʹ′´`＇"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]+"
)
_VOICED = ("\u3099", "\u309a")  # combining voicing marks of kana

_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)|\s+")
_LAST_WORD = re.compile(rf"(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)?\s*$")
_SENTENCE_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s|$)|[。！？｡]+[」』”’）]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\W_])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|Gov|Sen|Rep|Gen|St|Mt|No|Nr|vs|etc|bzw|Hr|Fr|Sr"
    r"|Sra)\.$"
)

FIRST_UNSPACED = "\u0e00"  # the first character of any script without spaces
SHINGLE = 3  # words


def folded(text: str) -> str:
    """Normalize a text so that different ways to write the same compare equal.

    It folds case, apostrophes, full and half widths, ligatures, styled letters and combining
    accents (Unicode's NFKC), and removes invisible characters such as soft hyphens. It is
    idempotent, and folding a growing text piece by piece gives the same result.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        for apostrophe in _APOSTROPHES:
            text = text.replace(apostrophe, "'")
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return text.replace("`", "'").casefold()


def words(text: str) -> list[str]:
    """Return the folded words of a text, or single characters in scripts without spaces."""
    return _WORD.findall(folded(text))


def may_grow(word: str, rest: str) -> bool:
    """Return whether more text could change a word that is followed by `rest`."""
    if rest not in ("", "'"):
        return False
    return half_words(word) == 2 or any(
        len(unicodedata.normalize("NFC", word + mark)) == 1 for mark in _VOICED
    )


def is_unspaced(character: str) -> bool:
    """Return whether a character belongs to a script without spaces."""
    return _UNSPACED_CHARACTER.match(character) is not None


def is_inside_word(character: str) -> bool:
    """Return whether a character is part of a word in a script with spaces.

    These are letters, digits, combining marks and underscores.
    """
    is_part = character == "_" or unicodedata.category(character)[0] in "LNM"
    return is_part and not is_unspaced(character)


def located_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a folded text with their begin and end."""
    return ((found[0], found.start(), found.end()) for found in _WORD.finditer(text))


def pieces(text: str) -> list[str]:
    """Split a text at whitespace and around each character of a script without spaces.

    Joined, the pieces give the text again.
    """
    return _PIECE.findall(text)


def half_words(word: str) -> int:
    """Return the weight of a word in half words: 2, or 1 for a character of an unspaced script."""
    return 1 if word[0] >= FIRST_UNSPACED and is_unspaced(word[0]) else 2


def spoken_length(token: str) -> int:
    """Return the number of words in a token without whitespace, at least 1.

    In a script without spaces, two characters count as a word.
    """
    return max(1, (len(_UNSPACED_CHARACTER.findall(token)) + 1) // 2)


def last_word(text: str) -> int:
    """Return where the last word of a text begins, including adjacent punctuation."""
    found = _LAST_WORD.search(text)
    assert found is not None
    return found.start()


def continues_word(text: str, length: int) -> bool:
    """Return whether all text after the first `length` characters continues the word before it.

    In a script without spaces nothing does.
    """
    end = text[max(0, length - 1) :]
    return length > 0 and end.split() == [end] and max(end) < FIRST_UNSPACED


def whole_sentences(text: str, most: int) -> str:
    """Cut a text after the last complete sentence within `most` characters; empty if none.

    A full stop after a single letter or a common abbreviation does not end a sentence, nor does one
    after a digit at the very end, which may be a decimal point.
    """
    end = 0
    for found in _SENTENCE_END.finditer(text):
        if found.end() > most:
            break
        if found[0] == ".":
            before = text[: found.start() + 1]
            may_be_decimal = found.end() == len(text) and before[-2:-1].isdigit()
            if may_be_decimal or _ABBREVIATION.search(before[-8:]):
                continue
        end = found.end()
    return text[:end]


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return all runs of three words of a text, or all its words if it is shorter."""
    found = words(text)
    if len(found) <= SHINGLE:
        return frozenset([tuple(found)]) if found else frozenset([(text.strip(),)])
    return frozenset(tuple(found[i : i + SHINGLE]) for i in range(len(found) - SHINGLE + 1))
