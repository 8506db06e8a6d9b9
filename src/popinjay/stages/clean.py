"""Clean: decide which posts are kept, and normalise their text.

First come HuggingTweets' rules, whose counts the card shows: downloaded - reposts - short = kept.
Then, unless the option is `--rules huggingtweets`, come further drops of our own, each counted
separately. Every dropped post goes to `dropped.jsonl` with its reason.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from popinjay.errors import TooLittleText
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.options import CleanOptions
from popinjay.post import Kind, Post, by_author, is_repost_by_hand, one_line, read_posts
from popinjay.store.stage_runner import StageContext
from popinjay.text.language_codes import language_code
from popinjay.text.language_detection import detect_language
from popinjay.text.machine_made import is_machine_made
from popinjay.text.masking import mask
from popinjay.text.near_duplicates import NearDuplicates
from popinjay.text.words import spoken_length, words

STAGE = "clean"
LEAST_CHARACTERS = 6_000  # under this HuggingTweets refused
FEW_CHARACTERS = 40_000  # and under this it warned
MANY_CHARACTERS = 60_000  # about a thousand short posts
LEAST_POSTS = 3  # under this there is nothing left to learn from
MOST_CHARACTERS = 100_000  # of a post: no network takes more, and megabytes would be slow
INTERESTING_WORDS = 3
TELL_EVERY = 2000  # posts

# In scripts without blanks a t.co link can be followed by a letter at once. HuggingTweets removed
# everything up to the next blank.
_LINK = re.compile(
    r"https?:(?://t\.co/[A-Za-z0-9]+(?:…|(?=[^\x00-\x7f]))|\S+)(?:\u00a0…)?", re.IGNORECASE
)
_LINK_AS_HUGGINGTWEETS = re.compile(r"https?:\S+")
_PICTURE_LINK = re.compile(r"\s?pic\.(?:twitter|x)\.com/\w+", re.IGNORECASE)
_HOST = r"(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5}[a-z]{2,24}(?::\d{1,5})?"
# Pages that were scraped have a blank behind the scheme: http:// bit.ly/x
_BROKEN_LINK = re.compile(
    rf"https?://\s+(?:www\.\s?)?{_HOST}(?![\w.])(?:[/?#]\S*)?(?:\s?…)?", re.IGNORECASE
)
_TOP_LEVEL = (
    "com|org|net|edu|gov|info|io|co|ly|me|gl|be|tv|fm|to|am|gd|gs|st|li|it|is|us|uk|de|fr|es|nl|eu"
    "|ca|au|jp|br|mx|in|ru|pl|se|ch|app|blog|dev|news|page|site|social|xyz|link|ow|tk|cc|biz|mobi"
    "|tumblr|jobs|gg|sh|ai"
)
_BARE_LINK = re.compile(
    rf"(?<![\w@./:-])(?:www\.{_HOST}(?:/\S*)?"
    rf"|(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}(?:{_TOP_LEVEL})/[^\s…]+…?)(?:\u00a0…)?",
    re.IGNORECASE,
)


def tidy(text: str, *, as_huggingtweets: bool = False) -> str:
    """Return the text on one line, without links and with single blanks."""
    if as_huggingtweets:
        return " ".join(_LINK_AS_HUGGINGTWEETS.sub("", text).split())
    if "/" in text or "www." in text.lower():
        for link in (_BROKEN_LINK, _LINK, _PICTURE_LINK, _BARE_LINK):
            text = link.sub("", text)
    return " ".join(text.split())


def polish(text: str, *, keep_personal_data: bool) -> tuple[str, dict[str, int]]:
    """Return a tidy text without picture links and invisible characters, and the masks by kind.

    Personal data is masked unless it is to be kept.
    """
    text = one_line(_PICTURE_LINK.sub("", text))
    return (text, {}) if keep_personal_data else mask(text)


def interesting_words(text: str, *, as_huggingtweets: bool = False) -> int:
    """Return how many words are neither link, mention nor hashtag.

    In scripts without blanks two characters count as a word. HuggingTweets counted everything
    between two blanks as one.
    """
    found = [word for word in text.split() if not any(mark in word for mark in ("http", "@", "#"))]
    return len(found) if as_huggingtweets else sum(spoken_length(word) for word in found)


# Our further drops: functions from a post and its finished text to a reason, or None to keep it.

Rule = Callable[[Post, str, CleanOptions], str | None]


def reply(post: Post, text: str, options: CleanOptions) -> str | None:
    """Drop replies to other people if they are not wanted."""
    return "reply" if options.drop_replies and post.kind is Kind.REPLY else None


def other_language(post: Post, text: str, options: CleanOptions) -> str | None:
    """Drop posts in other languages than those asked for."""
    if options.lang is None:
        return None
    wanted = [language_code(name) for name in options.lang.split(",")]
    return None if language_of(post, text).split("-")[0] in wanted else "other language"


def empty(post: Post, text: str, options: CleanOptions) -> str | None:
    """Drop posts with nothing but punctuation: no letter, no number, no emoji."""
    has_content = any(unicodedata.category(character)[0] in "LNS" for character in text)
    return None if has_content else "empty"


def cut_short(post: Post, text: str, options: CleanOptions) -> str | None:
    """Drop posts that their source cut in the middle: a model would learn to stop there."""
    return "cut short" if post.truncated else None


def machine_made(post: Post, text: str, options: CleanOptions) -> str | None:
    """Drop posts that an app wrote in its owner's name."""
    return "machine-made" if is_machine_made(text, post.text) else None


DROP_RULES: tuple[Rule, ...] = (reply, other_language, empty, cut_short, machine_made)
FURTHER = (  # their order in the card's table; reasons of other rules come behind them
    "too long",
    "reply",
    "other language",
    "empty",
    "cut short",
    "machine-made",
    "duplicate",
    "near-duplicate",
)
COUNTED_APART = ("repost", "short")  # HuggingTweets' own drops


@dataclass
class Counts:
    """The card's table for one author."""

    author: str
    downloaded: int = 0
    reposts: int = 0
    short: int = 0
    further: dict[str, int] = field(default_factory=dict)
    characters: int = 0  # of all used posts
    masked: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """How many posts are kept as HuggingTweets counted."""
        return self.downloaded - self.reposts - self.short

    @property
    def used(self) -> int:
        """How many posts are left after our further drops."""
        return self.kept - sum(self.further.values())

    def to_json(self) -> dict[str, Any]:
        """Return all counts in the order of the table."""
        row = asdict(self)
        head = {
            "author": row.pop("author"),
            "downloaded": row.pop("downloaded"),
            "reposts": row.pop("reposts"),
            "short": row.pop("short"),
        }
        return {**head, "kept": self.kept, "further": row.pop("further"), "used": self.used, **row}


@dataclass
class Sorted:
    """One author's posts: kept ones with their finished text, dropped ones with their reason."""

    counts: Counts
    kept: list[tuple[Post, str]] = field(default_factory=list)
    dropped: list[tuple[Post, str]] = field(default_factory=list)


def sort_out(
    author: str, posts: Iterable[Post], options: CleanOptions, listener: Listener = ignore
) -> Sorted:
    """Apply all rules to one author's posts in order."""
    plain = options.rules == "huggingtweets"
    result = Sorted(Counts(author))
    counts = result.counts
    masked = Counter[str]()
    candidates: list[tuple[Post, str]] = []
    for post in posts:
        counts.downloaded += 1
        if post.kind is Kind.REPOST and not (plain and is_repost_by_hand(post.text)):
            counts.reposts += 1
            result.dropped.append((post, "repost"))
            continue
        if not plain and len(post.text) > MOST_CHARACTERS:
            result.dropped.append((post, "too long"))
            continue
        text = tidy(post.text, as_huggingtweets=plain)
        if interesting_words(text, as_huggingtweets=plain) < INTERESTING_WORDS:
            counts.short += 1
            result.dropped.append((post, "short"))
            continue
        text, hidden = polish(text, keep_personal_data=options.keep_personal_data)
        rules = () if plain else DROP_RULES
        reason = next((why for rule in rules if (why := rule(post, text, options))), None)
        if reason:
            result.dropped.append((post, reason))
        else:
            # An unchanged text is kept in memory once only.
            candidates.append((post, post.text if text == post.text else text))
            masked.update(hidden)
    result.kept = candidates if plain else list(_once(candidates, result.dropped, listener))
    tally = Counter(reason for _, reason in result.dropped)
    others = sorted(set(tally).difference(FURTHER, COUNTED_APART))
    counts.further = {reason: tally[reason] for reason in (*FURTHER, *others) if tally[reason]}
    counts.characters = sum(len(text) for _, text in result.kept)
    counts.masked = dict(masked)
    return result


def _once(
    candidates: list[tuple[Post, str]], dropped: list[tuple[Post, str]], listener: Listener
) -> Iterator[tuple[Post, str]]:
    """Yield the first of the posts that say the same; the others are appended to `dropped`."""
    exact: set[bytes] = set()
    near = NearDuplicates(text for _, text in candidates)
    for place, (post, text) in enumerate(candidates):
        if place % TELL_EVERY == 0:
            listener(
                Event(
                    STAGE,
                    EventKind.PROGRESS,
                    "looking for repetitions",
                    done=place,
                    total=len(candidates),
                    unit="posts",
                )
            )
        plain = hashlib.sha256(" ".join(words(text) or [text]).encode()).digest()
        if plain in exact:
            dropped.append((post, "duplicate"))
        elif near.find(text) is not None:
            dropped.append((post, "near-duplicate"))
        else:
            exact.add(plain)
            near.add(text)
            yield post, text


class Amount(Enum):
    """How much text there is to learn from."""

    TOO_LITTLE = "too little"  # `make` refuses
    LITTLE = "little"  # `make` warns
    ENOUGH = "enough"
    PLENTY = "plenty"


class Verdict(NamedTuple):
    """What is said about the amount of text, and what would help; the hint may be empty."""

    message: str
    hint: str = ""


def amount_of(counts: Counts) -> Amount:
    """Return how much text an author's used posts have."""
    if counts.characters < LEAST_CHARACTERS or counts.used < LEAST_POSTS:
        return Amount.TOO_LITTLE
    if counts.characters < FEW_CHARACTERS:
        return Amount.LITTLE
    return Amount.ENOUGH if counts.characters < MANY_CHARACTERS else Amount.PLENTY


def verdict_on(counts: Counts) -> Verdict:
    """Return in words how much text an author's used posts have."""
    posts = "post" if counts.used == 1 else "posts"
    found = f"{counts.characters:,} characters in {counts.used:,} {posts}"
    amount = amount_of(counts)
    if amount is Amount.TOO_LITTLE and counts.characters >= LEAST_CHARACTERS:
        return Verdict(
            f"Too few posts: {found}. At least {LEAST_POSTS} are needed (one to learn from, one to "
            "watch the training, one to measure the result), and hundreds are better.",
            _what_was_lost(counts)
            or "If these are many posts in one, put each on a line of its own.",
        )
    if amount is Amount.TOO_LITTLE:
        return Verdict(
            f"Too little text: {found}. At least {LEAST_CHARACTERS:,} characters are needed, and "
            f"{FEW_CHARACTERS:,} are better.",
            _what_was_lost(counts)
            or "A longer archive, or several files of the same author joined into one, has more.",
        )
    if amount is Amount.LITTLE:
        return Verdict(
            f"Little text: {found}. {FEW_CHARACTERS:,} characters are a good start; with fewer, "
            "expect a voice that repeats itself.",
            _what_was_lost(counts),
        )
    return Verdict(f"{'Plenty' if amount is Amount.PLENTY else 'Enough'} to learn from: {found}.")


def check_enough(counts: Counts) -> str | None:
    """Return a warning if there is little text. Raises TooLittleText if there is too little."""
    amount = amount_of(counts)
    verdict = verdict_on(counts)
    said = f"{counts.author}: {verdict.message[0].lower()}{verdict.message[1:]}"
    if amount is Amount.TOO_LITTLE:
        raise TooLittleText(said, verdict.hint)
    return said if amount is Amount.LITTLE else None


def _what_was_lost(counts: Counts) -> str:
    """Say what happened to most posts, if most were dropped; empty if not."""
    lost = counts.downloaded - counts.used
    if lost <= counts.used:
        return ""
    alike = counts.further.get("duplicate", 0) + counts.further.get("near-duplicate", 0)
    if alike > lost / 2:
        return (
            f"{alike:,} of {counts.downloaded:,} posts say the same as another, and each is learnt "
            "once."
        )
    return (
        f"{lost:,} of {counts.downloaded:,} posts were reposts, short or otherwise dropped; a "
        "longer archive brings more."
    )


def clean(options: CleanOptions, context: StageContext, listener: Listener) -> None:
    """Write `clean.jsonl` and `dropped.jsonl`. Raises TooLittleText if an author has too little."""
    posts = by_author(read_posts(context.need("posts.jsonl")))
    results = []
    for author, own in posts.items():
        results.append(sort_out(author, own, options, listener))
        if warning := check_enough(results[-1].counts):
            listener(Event(STAGE, EventKind.WARNING, warning))
    context.write_rows(
        "clean.jsonl",
        ({**post.to_json(), "text": text} for result in results for post, text in result.kept),
    )
    context.write_rows(
        "dropped.jsonl",
        (
            {**post.to_json(), "reason": reason}
            for result in results
            for post, reason in result.dropped
        ),
    )
    context.facts.update(
        summary=" and ".join(
            f"{r.counts.used:,} of {r.counts.downloaded:,} posts of {r.counts.author} kept"
            for r in results
        ),
        authors=[r.counts.to_json() for r in results],
        languages=languages([pair for r in results for pair in r.kept]),
    )


# languages


def language_of(post: Post, text: str) -> str:
    """Return the post's language as its source says, or else as its words look."""
    return (post.lang and language_code(post.lang)) or detect_language(text)


def languages(kept: list[tuple[Post, str]]) -> dict[str, float]:
    """Return the share of each language that 5% of the posts or more are in, the largest first."""
    found = Counter(language_of(post, text).split("-")[0] for post, text in kept)
    return {
        code: round(count / len(kept), 3)
        for code, count in found.most_common()
        if count >= 0.05 * len(kept)
    }
