"""Words that do not exist: how many of a text's words no list and no post of the author has.

A model that writes in pieces of words makes some up ("catadrops"). A word exists if a list of its
language or a post that was learnt has it. The lists are pyspellchecker's. Authors, too, write words
that no list has, so the numbers mean something only beside those of their own held-out posts.

What may well exist outside of any list is not counted as made up: names (words with a capital),
words of under four letters, whatever has a digit, hashtags, handles, and scripts that the author's
languages are not written in.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from popinjay.metrics.intervals import wilson_interval
from popinjay.metrics.measure import AUTHOR, Compared, Measure
from popinjay.text.language_detection import detect_language
from popinjay.text.words import is_unspaced

MIN_LETTERS = 4  # shorter words are abbreviations and interjections too often to be judged
MIN_WORDS = 100  # of a source; with fewer its share says nothing
SAMPLED_POSTS = 300  # of the training posts, which the author's languages are found from
LEAST_SHARE = 0.1  # of those posts that a language of the author's is found in
ALWAYS = "en"  # a list that is always used: English words stand in posts of any language
COMPOUNDING = frozenset({"de", "nl"})  # languages that put new words together from others
LINKS = ("", "s", "es", "n", "en")  # letters between the parts of a compound
UNCOUNTED = "Words that do not exist could not be counted: "
NO_LIST = "there is no list of the words of the author's language"
TOO_FEW_WORDS = f"the held-out posts have fewer than {MIN_WORDS} words."

_UNREAD = re.compile(r"https?://\S+|www\.\S+|\S+\.(?:com|org|net|gov|co)\b\S*|[@＠#＃]\w+|\[\w+\]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]+")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*")
_APOSTROPHE = re.compile("['’]")
_REPEATED = re.compile(r"(.)\1{2,}")


class Counted(NamedTuple):
    """How many words some texts have, and how many of them do not exist."""

    words: int
    made_up: int


def non_words(given: Compared, seed: int) -> Measure:
    """Return the share of each source's words that do not exist.

    If they can't be counted there are no numbers but the reason.
    """
    lexicon = Lexicon.of(given.training)
    readable = sum(map(lexicon.can_judge, given.author))
    if not readable or 2 * readable < len(given.author):
        return Measure(what=f"{UNCOUNTED}{NO_LIST} ({', '.join(lexicon.languages)}).")
    found = {source: lexicon.count(texts) for source, texts in given.sources().items()}
    shares = {
        source: wilson_interval(one.made_up, one.words)
        for source, one in found.items()
        if one.words >= MIN_WORDS
    }
    if AUTHOR not in shares:
        return Measure(what=UNCOUNTED + TOO_FEW_WORDS)
    return Measure.single(shares)


class Lexicon:
    """The words that exist: those of the author's languages, and those of the author's posts."""

    def __init__(self, languages: Sequence[str], posts: Iterable[str]) -> None:
        """Take the languages that the posts are in, the most frequent first, and the posts."""
        self.languages = tuple(languages)
        listed = [
            code for code in dict.fromkeys((*languages, ALWAYS)) if code in listed_languages()
        ]
        self._lists = [words_of(code) for code in listed]
        self._has_compounds = not COMPOUNDING.isdisjoint(listed)
        self._scripts = {_script(next(iter(words))[0]) for words in self._lists}
        self._own = {word.lower() for post in posts for word in spelled_words(post)}

    @classmethod
    def of(cls, posts: Sequence[str]) -> Lexicon:
        """Return the words of an author with these posts, whose languages are found from them."""
        sample = posts[:: max(1, len(posts) // SAMPLED_POSTS)]
        found = Counter(map(detect_language, sample)).most_common()
        frequent = [code for code, count in found if count >= LEAST_SHARE * len(sample)]
        return cls(frequent or [code for code, _ in found[:1]], posts)

    def can_judge(self, text: str) -> bool:
        """Return whether a text is in a language that there are lists for.

        One that looks to be in another language is judged nevertheless if most of its words are
        listed, unless the author writes that language: made-up words look like any language.
        """
        language = detect_language(text)
        if language in listed_languages() or not (found := spelled_words(text)):
            return True
        if language in self.languages:
            return False
        return 2 * sum(self._is_listed(word.lower()) for word in found) >= len(found)

    def count(self, texts: Iterable[str]) -> Counted:
        """Return the words of these texts, without those in languages that have no list."""
        found = [
            word
            for text in texts
            if self.can_judge(text)
            for word in spelled_words(text)
            if not self._scripts.isdisjoint(map(_script, word))
        ]
        return Counted(len(found), sum(not self.exists(word) for word in found))

    def exists(self, word: str) -> bool:
        """Return whether a word exists, as far as can be known. A word with a capital is a name."""
        small = word.lower()
        if len(small) < MIN_LETTERS or small in self._own or small != word:
            return True
        spellings = {small, *(_REPEATED.sub(again, small) for again in (r"\1", r"\1\1"))}
        return any(self._is_spelled(one) for one in spellings)

    def _is_spelled(self, word: str) -> bool:
        if self._is_listed(word):
            return True
        parts = _APOSTROPHE.split(word)
        if len(parts) > 1:
            return all(len(part) < MIN_LETTERS or self._is_listed(part) for part in parts)
        return self._has_compounds and self._is_compound(word)

    def _is_listed(self, word: str) -> bool:
        return word in self._own or any(word in words for words in self._lists)

    def _is_compound(self, word: str) -> bool:
        """Return whether a word is put together from two that exist."""
        for end in range(MIN_LETTERS, len(word) - MIN_LETTERS + 1):
            first, second = word[:end], word[end:]
            if self._is_listed(second) and any(
                first.endswith(link) and self._is_listed(first.removesuffix(link)) for link in LINKS
            ):
                return True
        return False


def spelled_words(text: str) -> list[str]:
    """Return the words of letters alone, as they are written; without links, handles and hashtags.

    Scripts without spaces have none.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _UNREAD.sub(" ", text)))
    return [
        token
        for token in _TOKEN.findall(text)
        if _APOSTROPHE.sub("", token).isalpha() and not any(map(is_unspaced, token))
    ]


@functools.cache
def listed_languages() -> frozenset[str]:
    """Return the codes of the languages that have a list of words."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker.languages())


@functools.cache
def words_of(language: str) -> frozenset[str]:
    """Return the list of a language's words, in lower case."""
    from spellchecker import SpellChecker

    listed = SpellChecker(language=language, distance=1).word_frequency.keys()
    return frozenset(unicodedata.normalize("NFC", word) for word in listed if word)


@functools.lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the script of a letter, such as `LATIN`."""
    return unicodedata.name(character, "").split(" ")[0]
