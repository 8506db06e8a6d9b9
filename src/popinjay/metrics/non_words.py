"""Words that do not exist: how many of a text's words no list and no post of the author has.

A model that writes in pieces of words makes some up ("catadrops"). A word exists if the list of one
of the author's languages (simplemma's) or a post that was learnt has it. Authors, too, write words
that no list has, so the numbers mean something only beside those of their own held-out posts.

What may well exist outside of any list is not counted as made up: names (words with a capital),
words of under four letters, whatever has a digit, hashtags, handles, and scripts that the author
does not write in.
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
MOST_UNLISTED = 0.02  # of the author's own words: with more the list does not fit the author
SAMPLED_POSTS = 300  # of the training posts, which the author's languages are found from
LEAST_LANGUAGE = 0.1  # of those posts that a language of the author's is found in
LEAST_SCRIPT = 0.01  # of the author's words that are in a script of the author's
ALWAYS = "en"  # a list that is always used: English words stand in posts of any language
LISTED_AS = {"no": "nb", "bs": "hbs", "hr": "hbs", "sr": "hbs"}  # codes of the lists, if others
UNCOUNTED = "Words that do not exist could not be counted: "
NO_LIST = "there is no list of the words of the author's language"
POOR_LIST = "the list of words lacks too many of the author's own"
TOO_FEW_WORDS = f"the held-out posts have fewer than {MIN_WORDS} words"

_UNREAD = re.compile(r"https?://\S+|www\.\S+|\S+\.(?:com|org|net|gov|co)\b\S*|[@＠#＃]\w+|\[\w+\]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]+")
_TOKEN = re.compile(r"\w+(?:'\w+)*")
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
    languages = ", ".join(lexicon.languages)
    if 2 * sum(map(lexicon.can_judge, given.author)) < len(given.author):
        return Measure(what=f"{UNCOUNTED}{NO_LIST} ({languages}).")
    found = {source: lexicon.count(texts) for source, texts in given.sources().items()}
    shares = {
        source: wilson_interval(one.made_up, one.words)
        for source, one in found.items()
        if one.words >= MIN_WORDS
    }
    if AUTHOR not in shares:
        return Measure(what=f"{UNCOUNTED}{TOO_FEW_WORDS}.")
    if shares[AUTHOR].low > MOST_UNLISTED:
        return Measure(what=f"{UNCOUNTED}{POOR_LIST} ({languages}).")
    return Measure.single(shares)


class Lexicon:
    """The words that exist: those of the author's languages, and those of the author's posts."""

    def __init__(self, languages: Sequence[str], posts: Iterable[str]) -> None:
        """Take the languages that the posts are in, the most frequent first, and the posts."""
        self.languages = tuple(languages)
        self._listed = {
            code: LISTED_AS.get(code, code)
            for code in (*languages, ALWAYS)
            if LISTED_AS.get(code, code) in listed_languages()
        }
        own = Counter(word.lower() for post in posts for word in spelled_words(post))
        scripts = Counter(_script(word[0]) for word in own.elements())
        least = LEAST_SCRIPT * own.total()
        self._own = frozenset(own)
        self._scripts = {script for script, count in scripts.items() if count >= least} or {"LATIN"}

    @classmethod
    def of(cls, posts: Sequence[str]) -> Lexicon:
        """Return the words of an author with these posts, whose languages are found from them."""
        sample = posts[:: max(1, len(posts) // SAMPLED_POSTS)]
        found = Counter(map(detect_language, sample)).most_common()
        frequent = [code for code, count in found if count >= LEAST_LANGUAGE * len(sample)]
        return cls(frequent or [code for code, _ in found[:1]], posts)

    def can_judge(self, text: str) -> bool:
        """Return whether a text is in a language of the author's that has a list.

        One that looks to be in another language is judged nevertheless if most of its words are
        listed, unless the author writes that language: made-up words look like any language.
        """
        language = detect_language(text)
        if language in self._listed:
            return True
        found = spelled_words(text)
        if language in self.languages or not found:
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
        parts = word.split("'")
        return self._is_listed(word) or (
            len(parts) > 1
            and all(len(part) < MIN_LETTERS or self._is_listed(part) for part in parts)
        )

    def _is_listed(self, word: str) -> bool:
        from simplemma import is_known

        return word in self._own or is_known(word, tuple(self._listed.values()))


def spelled_words(text: str) -> list[str]:
    """Return the words of letters alone, as they are written; without links, handles and hashtags.

    Scripts without spaces have none.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _UNREAD.sub(" ", text)))
    text = text.replace("’", "'")
    return [
        token
        for token in _TOKEN.findall(text)
        if token.replace("'", "").isalpha() and not any(map(is_unspaced, token))
    ]


@functools.cache
def listed_languages() -> frozenset[str]:
    """Return the codes of the languages that have a list of words."""
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

    return frozenset(SUPPORTED_LANGUAGES)


@functools.lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the script of a letter, such as `LATIN`."""
    return unicodedata.name(character, "").split(" ")[0]
