"""What a Mastodon account and its server say about automated use: reported, not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from popinjay.errors import NetworkError
from popinjay.network.http_client import HttpClient, Response
from popinjay.post import one_line, printable
from popinjay.sources.json_values import as_line, as_list, as_object
from popinjay.text.html_text import to_text

_MAX_RULES = 2**20  # bytes of a server's rules or terms
_MAX_SENTENCE = 300  # characters of a quoted sentence
_MAX_SENTENCES = 5  # quoted from the rules and from the terms
_MAX_FIELDS = 20
_MAX_TAGS = 10

_TAGS = re.compile(
    r"#(?:no|stop|anti|fuck)_?(?:(?:gen|generative|gpt|train)?ai|ki|ia|bots?|llms?|gpt"
    r"|index(?:ing)?|search|train(?:ing)?|scrap(?:e|ers?|ing)|"
    r"crawl(?:ers?|ing)?|archiv(?:e|ing)|mining|tdm)\b",
    re.IGNORECASE,
)
# Terms of automated use in English, German, French, Spanish (and Portuguese and Italian if the
# words are alike) and Japanese.
_AUTOMATED = re.compile(
    # English
    r"\b(?:ro|chat)?bots?\b|\bro[bv]oters?\b|scrap(?:e|es|ed|er|ers|ing)\b|\bcrawl\w*"
    r"|\bspiders?\b|\bharvest\w*|\bdata[ -]?mining\b|\bautomated\b"
    r"|\bautomatic(?:ally)? (?:means|tools?|access|collect\w*|process\w*|extract\w*|post\w*)"
    r"|\b(?:machine|deep)[ -]learning\b|\bartificial intelligence\b|\blanguage models?\b"
    r"|\btraining (?:data|sets?|models?)"
    r"|\btrain(?:ing|ed|s)?\b.{0,60}?\b(?:model|algorithm|data)"
    # German
    r"|\bautomatisiert\w*|\bmaschinelle\w* lernen|\bkünstliche\w* intelligenz"
    r"|\bsprachmodell\w*|\btrainier\w*|\bdatenabgriff|\bauslesen\b"
    # French
    r"|\bautomatisé\w*|\bapprentissage (?:automatique|machine|profond)"
    r"|\bintelligence artificielle|\bmodèles? de langage|\bfouille de (?:données|textes)"
    r"|\bmoissonn\w*|\bentraîn(?:er|ement|é)\w*"
    # Spanish, Portuguese, Italian
    r"|\bautomati[zs]ad[oa]s?\b|\bautomatizzat\w*"
    r"|\baprendizaje (?:automático|profundo|de máquina)|\binteligencia artificial"
    r"|\bmodelos? de lenguaje|\bminería de (?:datos|textos)|\braspado\b"
    r"|\bentren(?:ar|amiento) .{0,60}?(?:modelo|datos)"
    # Japanese
    r"|ボット|自動(?:投稿|収集|取得|化|巡回|アクセス|的に)|スクレイピング|クロー(?:ル|リング|ラ)"
    r"|機械学習|深層学習|学習データ|人工知能|データマイニング|言語モデル",
    re.IGNORECASE,
)
_AI = re.compile(r"(?<![A-Za-z])(?:A\.?I\.?|KI|IA|LLMs?|GPT)(?![A-Za-z])")  # not the end of "j'ai"
_SENTENCES = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")


def notes_on_account(account: dict[str, Any]) -> list[str]:
    """Describe what a profile says about its account, for the user."""
    notes = []
    moved = as_object(account.get("moved"))
    if moved:
        target = as_line(moved.get("url")) or as_line(moved.get("acct")) or "another one"
        notes.append(f"The account has moved to {target}: newer posts are there.")
    notes += [note for key, note in _STATES.items() if account.get(key) is True]
    settings = [note for key, value, note in _SETTINGS if key in account and account[key] is value]
    if settings:
        notes.append(
            f"The author's settings: {'; '.join(settings)}. They don't mention training, but "
            "please respect their intent."
        )
    if tags := _tags(account):
        notes.append(
            f"The author's profile says {', '.join(tags)}. Unless you are the author, "
            "please respect that."
        )
    return notes


_STATES = {
    "bot": "The account says that it is a bot: its posts may not be a person's words.",
    "memorial": "The account is a memorial: the person behind it has died.",
    "limited": "The moderators of its server have limited the account.",
    "locked": "The author approves every follower by hand; only public posts are read.",
}
_SETTINGS = (
    ("noindex", True, "search engines are asked to stay away (noindex)"),
    ("indexable", False, "posts are not to be found by full-text search (indexable is off)"),
    ("discoverable", False, "the account is not to be recommended to others (discoverable is off)"),
)


def notes_on_rules(client: HttpClient, server: str) -> list[str]:
    """Quote what a server's rules and terms say about automated use; empty if nothing."""
    notes = []
    for name, path, texts_in in (
        ("rules", "rules", _rule_texts),
        ("terms of service", "terms_of_service", _terms_text),
    ):
        try:
            _, value = client.json(
                f"{server}/api/v1/instance/{path}", max_bytes=_MAX_RULES, check=_fail_fast
            )
        except NetworkError as error:
            notes.append(f"The server's {name} could not be read: {error.message}")
            continue
        found = [sentence for text in texts_in(value) for sentence in on_automated_use(text)]
        quotes = [f"“{_shortened(sentence)}”" for sentence in dict.fromkeys(found)]
        if quotes:
            note = f"The {name} of {urlsplit(server).netloc} on automated use: "
            note += " ".join(quotes[:_MAX_SENTENCES])
            if len(quotes) > _MAX_SENTENCES:
                note += f" And {len(quotes) - _MAX_SENTENCES:,} more: see {server}/about."
            notes.append(note)
    return notes


def on_automated_use(text: str) -> Iterator[str]:
    """Yield the sentences of a text about bots, scraping, machine learning and the like."""
    for sentence in _SENTENCES.split(text):
        if _AUTOMATED.search(sentence) or _AI.search(sentence):
            yield sentence


def _rule_texts(value: Any) -> Iterator[str]:
    for rule in as_list(value):
        for key in ("text", "hint"):
            if isinstance(text := as_object(rule).get(key), str):
                yield text


def _terms_text(value: Any) -> Iterator[str]:
    if isinstance(content := as_object(value).get("content"), str):
        yield to_text(content)


def _tags(account: dict[str, Any]) -> list[str]:
    """Return the hashtags in a profile that ask programs to stay away."""
    fields = account.get("fields")
    texts = [account.get("note"), account.get("display_name")]
    for field in as_list(fields)[:_MAX_FIELDS]:
        texts += [as_object(field).get("name"), as_object(field).get("value")]
    found: dict[str, str] = {}
    for html in texts:
        for tag in _TAGS.findall(to_text(html)) if isinstance(html, str) else []:
            found.setdefault(tag.lower(), tag)
    return list(found.values())[:_MAX_TAGS]


def _fail_fast(response: Response) -> None:
    """Fail at once if a server is busy or broken: the rules are not worth waiting for."""
    if response.status == 429 or response.status >= 500:
        raise NetworkError(f"the server answered with status {response.status}.")


def _shortened(sentence: str) -> str:
    line = one_line(printable(sentence[: 4 * _MAX_SENTENCE]))
    return line if len(line) <= _MAX_SENTENCE else f"{line[: _MAX_SENTENCE - 1]}…"
