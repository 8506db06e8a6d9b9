"""What a server's rules say about bots: forbidden, or allowed in a certain way.

Rules are texts that people wrote for people. What is found here only decides what is stopped, or
kept to without a question: the user is shown every rule, and confirms them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from popinjay.bots.networks.network import Rule

# Servers whose rules don't tolerate profiles that post nothing but generated texts, as of
# November 2026. The rules that their API lists may say it shorter, or not at all.
NO_GENERATED_PROFILES = ("mastodon.social", "mstdn.social", "masto.ai", "mastodon.coffee")
NO_GENERATED_PROFILES_RULE = "Profiles that only post AI-generated content are not tolerated."

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
# What a sentence is about: bots, automation, or generated texts
_BOTS = re.compile(
    r"\b(?:(?:chat|social|spam|fake|AI|KI)?[- ]?bots?|automated|automatisierte?\w*|automation"
    r"|robots?)\b",
    re.IGNORECASE,
)
_GENERATED = re.compile(
    r"\b(?:A\.?I\.?|KI|IA|LLMs?|(?:chat)?gpt|artificial intelligence|large language models?"
    r"|(?:machine|computer|AI)?[- ]?generated|generative|genAI|künstliche\w* intelligenz"
    r"|KI[- ]generiert\w*)\b",
    re.IGNORECASE,
)
_PROHIBITED = re.compile(
    r"\b(?:no(?! longer)|not (?:be )?(?:\w+ )?(?:allowed|permitted|tolerated|welcome|accepted|okay)"
    r"|aren['’]t (?:allowed|permitted|tolerated|welcome)|isn['’]t (?:allowed|permitted|welcome)"
    r"|forbidden|prohibited|banned|disallowed|do(?:n['’]t| not)|may not|must not|can(?:no|['’])t"
    r"|never|refrain|unwelcome|zero tolerance|removed|suspended"
    r"|keine?n?|verboten|nicht (?:\w+ )?(?:erlaubt|gestattet|toleriert|erwünscht|willkommen)"
    r"|unerwünscht|interdit\w*|pas de|prohibid\w+|no se (?:permite|admite)n?)\b",
    re.IGNORECASE,
)
# What makes it a condition that a bot can keep: then it does not forbid
_CONDITION = re.compile(
    r"\b(?:unless|without|except(?:ions?)?|only if|as long as|provided|un(?:marked|labell?ed"
    r"|declared|disclosed|flagged|identified|attended)|non-?disclosed|must(?! not)|should(?! not)"
    r"|have to|need to|required|(?:are|is) (?:ok(?:ay)?|fine|welcome|allowed|permitted)"
    r"|ask (?:first|us)|prior|pre-?approv\w+|permission|consent|more than"
    r"|too (?:many|much|often)|exce\w+"
    r"|es sei denn|ohne|nur wenn|müssen|sauf|sans|salvo|sin)\b",
    re.IGNORECASE,
)
# Of which only something else is forbidden than posts of a bot's own
_SOMETHING_ELSE = re.compile(
    r"\b(?:train\w*|scrap\w+|crawl\w*|spam\w*|harass\w*|follow[- ]?bots?|mirror\w*"
    r"|cross-?post\w*|news bots?|images?|pictures?|art(?:works?)?|photos?|videos?|deep-?fakes?"
    r"|porn\w*|replies|reply(?:ing)?|mention\w*|interact\w*|follow|boost\w*|like"
    r"|impersonat\w+|misinformation|public(?:ly)? (?:timelines?|feeds?)|publicly|in public"
    r"|hashtags?|accounts? creation|sign[- ]?ups?|regist\w+)\b",
    re.IGNORECASE,
)
_UNLISTED = re.compile(
    r"\bunlisted\b|quiet public|\bungelistet\b"
    r"|(?:not|never|n['’]t)\b.{0,40}\b(?:public|local)(?:ly)?(?: timelines?)?\b",
    re.IGNORECASE,
)
_WARNED = re.compile(r"\b(?:CWs?|content warnings?|CW['’]ed)\b", re.IGNORECASE)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "once": 1, "two": 2, "twice": 2, "three": 3, "four": 4}
_NUMBER = r"(\d{1,4}|an?|one|two|three|four)"
_UNIT = r"(minute|min|hour|hr|h|day|d)s?\b"
_PER = re.compile(
    rf"\b(?:{_NUMBER}|(once|twice))(?: (?:times?|posts?|statuses|toots?|messages?))?"
    rf"(?: (?:per|an?|each|every) |/){_NUMBER}?\s?{_UNIT}",
    re.IGNORECASE,
)
_EVERY = re.compile(rf"\bevery {_NUMBER}?\s?{_UNIT}", re.IGNORECASE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Judged:
    """What the rules of a server ask of a bot."""

    forbids: tuple[str, ...] = ()  # the rules that forbid it, in their own words
    is_named: bool = False  # whether the server is known for it, whatever its list says
    is_unlisted: bool = False  # whether its posts must not be public
    is_warned: bool = False  # whether they need a content warning
    pause: timedelta = timedelta()  # between two posts, at least


def judge(server: str, rules: Sequence[Rule]) -> Judged:
    """Return what the rules of a server ask of a bot that posts generated texts."""
    about = [rule.text for rule in rules if _is_about_bots(rule.text)]
    is_named = server.lower().removeprefix("www.") in NO_GENERATED_PROFILES
    forbids = tuple(text for text in about if any(_forbids(one) for one in _sentences(text)))
    return Judged(
        forbids=forbids or ((NO_GENERATED_PROFILES_RULE,) if is_named else ()),
        is_named=is_named,
        is_unlisted=any(_UNLISTED.search(text) for text in about),
        is_warned=any(_asks_for_warnings(text) for text in about),
        pause=max((_pause(text) for text in about), default=timedelta()),
    )


def hash_of(rules: Sequence[Rule]) -> str:
    """Return by which it is seen that rules have changed."""
    texts = sorted(" ".join(rule.text.split()) for rule in rules)
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()[:16]


def _is_about_bots(text: str) -> bool:
    return bool(_BOTS.search(text) or _GENERATED.search(text))


def _sentences(text: str) -> Iterator[str]:
    yield from (one for one in _SENTENCE.split(text) if one.strip())


def _forbids(sentence: str) -> bool:
    """Return whether a sentence forbids bots or generated texts, without a condition to meet."""
    if not _is_about_bots(sentence) or not _PROHIBITED.search(sentence):
        return False
    return not (_CONDITION.search(sentence) or _SOMETHING_ELSE.search(sentence))


def _asks_for_warnings(text: str) -> bool:
    """Return whether content warnings are asked for, and not as one of two choices."""
    return any(
        _WARNED.search(one) and not re.search(r"\b(?:or|oder)\b", one) for one in _sentences(text)
    )


def _pause(text: str) -> timedelta:
    """Return the pause between posts that a text asks for; none if it names no rate."""
    found = []
    for match in _PER.finditer(text):
        number = _number(match[1] or match[2])
        found.append(_number(match[3]) * _UNITS[match[4][0].lower()] / max(1, number))
    if not found:
        found = [_number(match[1]) * _UNITS[match[2][0].lower()] for match in _EVERY.finditer(text)]
    return max(found, default=timedelta())


def _number(text: str | None) -> int:
    return 1 if text is None else _NUMBERS.get(text.lower()) or int(text)
