"""What an account on Mastodon, and the server it lives on, say about being read by a program: shown, not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from popinjay.errors import NetworkError
from popinjay.post import one_line, printable
from popinjay.sources.files.container import as_object
from popinjay.sources.network.http_client import Response, HttpClient
from popinjay.text.html_text import to_text

_MAX_RULES = 2**20  # bytes of a server's rules, or its terms
_MAX_SAID = 300  # characters of a sentence that is shown
_MAX_SENTENCES = 5  # shown of the rules, and of the terms
_MAX_FIELDS = 20
_MAX_TAGS = 10

_TAGS = re.compile(
    r"#(?:no|stop|anti|fuck)_?(?:(?:gen|generative|gpt|train)?ai|ki|ia|bots?|llms?|gpt|index(?:ing)?|search|train(?:ing)?|scrap(?:e|ers?|ing)|"
    r"crawl(?:ers?|ing)?|archiv(?:e|ing)|mining|tdm)\b",
    re.IGNORECASE,
)
# What sentences on automated use speak of: in English, German, French, Spanish (with Portuguese and Italian where the words are alike) and Japanese.
_AUTOMATED = re.compile(
    r"\b(?:ro|chat)?bots?\b|\bro[bv]oters?\b|scrap(?:e|es|ed|er|ers|ing)\b|\bcrawl\w*|\bspiders?\b|\bharvest\w*|\bdata[ -]?mining\b|\bautomated\b"
    r"|\bautomatic(?:ally)? (?:means|tools?|access|collect\w*|process\w*|extract\w*|post\w*)|\b(?:machine|deep)[ -]learning\b|\bartificial intelligence\b"
    r"|\blanguage models?\b|\btraining (?:data|sets?|models?)|\btrain(?:ing|ed|s)?\b.{0,60}?\b(?:model|algorithm|data)"
    r"|\bautomatisiert\w*|\bmaschinelle\w* lernen|\bkünstliche\w* intelligenz|\bsprachmodell\w*|\btrainier\w*|\bdatenabgriff|\bauslesen\b"
    r"|\bautomatisé\w*|\bapprentissage (?:automatique|machine|profond)|\bintelligence artificielle|\bmodèles? de langage|\bfouille de (?:données|textes)"
    r"|\bmoissonn\w*|\bentraîn(?:er|ement|é)\w*"
    r"|\bautomati[zs]ad[oa]s?\b|\bautomatizzat\w*|\baprendizaje (?:automático|profundo|de máquina)|\binteligencia artificial|\bmodelos? de lenguaje"
    r"|\bminería de (?:datos|textos)|\braspado\b|\bentren(?:ar|amiento) .{0,60}?(?:modelo|datos)"
    r"|ボット|自動(?:投稿|収集|取得|化|巡回|アクセス|的に)|スクレイピング|クロー(?:ル|リング|ラ)|機械学習|深層学習|学習データ|人工知能|データマイニング|言語モデル",
    re.IGNORECASE,
)
_AI = re.compile(r"(?<![A-Za-z])(?:A\.?I\.?|KI|IA|LLMs?|GPT)(?![A-Za-z])")  # not the end of "j'ai"
_SENTENCES = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")


def notes_on_account(account: dict[str, Any]) -> list[str]:
    """What a profile says of itself, as sentences for people."""
    notes = []
    moved = as_object(account.get("moved"))
    if moved:
        notes.append(
            f"The account has moved to {_shown(moved.get('url')) or _shown(moved.get('acct')) or 'another one'}: newer posts are there."
        )
    for key, said in _SAYS.items():
        if account.get(key) is True:
            notes.append(said)
    wishes = [said for key, value, said in _WISHES if key in account and account[key] is value]
    if wishes:
        notes.append(
            f"The author's settings: {'; '.join(wishes)}. That says nothing of training, but heed what it means."
        )
    if tags := _tags(account):
        notes.append(
            f"The author's profile says {', '.join(tags)}. Unless you are the author, heed it."
        )
    return notes


_SAYS = {
    "bot": "The account says that it is a bot: what it posts may be no person's words.",
    "memorial": "The account is a memorial: the person behind it has died.",
    "limited": "The moderators of its server have limited the account.",
    "locked": "The author approves every follower by hand; only what is for everybody is read.",
}
_WISHES = (
    ("noindex", True, "search engines are asked to stay away (noindex)"),
    (
        "indexable",
        False,
        "posts are not to be found by searching for their words (indexable is off)",
    ),
    ("discoverable", False, "the account is not to be recommended to others (discoverable is off)"),
)


def rules_said(client: HttpClient, server: str) -> list[str]:
    """What a server's rules and terms say on automated use, as notes; where it hasn't any, or none of that, there is nothing to say."""
    notes = []
    for what, path, read in (
        ("rules", "rules", _rules),
        ("terms of service", "terms_of_service", _terms),
    ):
        try:
            said = client.json(
                f"{server}/api/v1/instance/{path}", max_bytes=_MAX_RULES, check=_no_patience
            )[1]
        except NetworkError as error:
            notes.append(f"The server's {what} could not be read: {error.message}")
            continue
        found = [sentence for text in read(said) for sentence in on_automated_use(text)]
        shown = [f"“{_cut(sentence)}”" for sentence in dict.fromkeys(found)]
        if shown:
            more = (
                f" And {len(shown) - _MAX_SENTENCES:,} more: see {server}/about."
                if len(shown) > _MAX_SENTENCES
                else ""
            )
            notes.append(
                f"The {what} of {urlsplit(server).netloc} on automated use: {' '.join(shown[:_MAX_SENTENCES])}{more}"
            )
    return notes


def on_automated_use(text: str) -> Iterator[str]:
    """The sentences of a text that speak of programs that read or write: bots, scraping, machine learning and the like."""
    for sentence in _SENTENCES.split(text):
        if _AUTOMATED.search(sentence) or _AI.search(sentence):
            yield sentence


def _rules(said: Any) -> Iterator[str]:
    for rule in said if isinstance(said, list) else []:
        for key in ("text", "hint"):
            if isinstance(value := as_object(rule).get(key), str):
                yield value


def _terms(said: Any) -> Iterator[str]:
    if isinstance(content := as_object(said).get("content"), str):
        yield to_text(content)


def _tags(account: dict[str, Any]) -> list[str]:
    """Tags in the profile that ask programs to stay away."""
    fields = account.get("fields")
    said = [account.get("note"), account.get("display_name")]
    for field in fields[:_MAX_FIELDS] if isinstance(fields, list) else []:
        said += [as_object(field).get("name"), as_object(field).get("value")]
    found: dict[str, str] = {}
    for html in said:
        for tag in _TAGS.findall(to_text(html)) if isinstance(html, str) else []:
            found.setdefault(tag.lower(), tag)
    return list(found.values())[:_MAX_TAGS]


def _no_patience(answer: Response) -> None:
    """The rules are worth one question, not a wait."""
    if answer.status in (429, 503) or answer.status >= 500:
        raise NetworkError(f"the server answered with status {answer.status}.")


def _shown(value: Any) -> str:
    return one_line(printable(value))[:200] if isinstance(value, str) else ""


def _cut(sentence: str) -> str:
    line = one_line(printable(sentence[: 4 * _MAX_SAID]))
    return line if len(line) <= _MAX_SAID else f"{line[: _MAX_SAID - 1]}…"
