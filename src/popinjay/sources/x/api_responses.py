"""What the X API v2 answers: an account, a page of posts, and why not. In both spellings of its fields, `tweet` and `post`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from popinjay.errors import NetworkError, SpecError
from popinjay.post import Author, Post, one_line, printable, unescape
from popinjay.sources.files.container import as_object
from popinjay.sources.network.connection import KEPT
from popinjay.sources.network.http_client import Response
from popinjay.sources.x.post import as_number, kind_of, lang_of, links_of, time_of, whole_text

CONSOLE = "console.x.com"

MAX_TEXT = 100_000  # characters: the longest posts have a quarter of it
_MAX_DETAIL = 200
_ADDRESS = re.compile(r"https?://[^\s<>\"']{1,500}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What X says about why it does not answer. Its texts are for people, short and on one line."""

    status: int
    title: str = ""
    type: str = ""
    detail: str = ""

    @classmethod
    def of(cls, status: int, value: Any) -> Problem:
        """The problem in an answer, which may be the first of a list."""
        said = as_object(value)
        errors = said.get("errors")
        inner = as_object(errors[0]) if isinstance(errors, list) and errors else {}
        said = said if isinstance(said.get("title"), str) else inner
        detail = (
            inner.get("message") or said.get("detail") or said.get("message") or said.get("title")
        )  # of a list, what is wrong in particular
        texts = (said.get("title"), said.get("type"), detail, said.get("reason"))
        title, kind, detail, reason = (
            one_line(printable(text))[:_MAX_DETAIL] if isinstance(text, str) else ""
            for text in texts
        )
        return cls(status, title, f"{kind} {reason}", detail.rstrip("."))

    def names(self, *words: str) -> bool:
        """Whether title or type name one of these, however they are written."""
        said = re.sub(r"[^a-z]", "", f"{self.title}{self.type}".lower())
        return any(word in said for word in words)

    @property
    def told(self) -> str:
        """What X says about it, in brackets; empty where that is nothing."""
        return f" ({self.detail})" if self.detail else ""


def judge(answer: Response, key: str) -> None:
    """Raise NetworkError for what neither patience nor another way of asking gets past. What is said never holds the key."""
    if answer.status < 400:
        return
    problem = problem_of(answer, key)
    if problem.names(
        "usagecap", "spendcap"
    ):  # both come as if they were rate limits or lacking rights
        raise NetworkError(
            f"X's API gives this key no more posts: a cap on what it may read or spend is reached{problem.told}.",
            f"That is no rate limit: it ends with the month, or is raised at {CONSOLE}. {KEPT}",
        )
    if answer.status == 402 or problem.names("credits"):
        raise NetworkError(
            f"The credit for X's API is used up{problem.told}.",
            f"There is more at {CONSOLE}. {KEPT}",
        )
    if answer.status == 401:
        raise NetworkError(
            "X does not know this key.",
            f"X_BEARER_TOKEN has to be the bearer token of an app of yours, as {CONSOLE} shows it. {KEPT}",
        )
    if answer.status == 403:
        raise NetworkError(
            f"X does not let this key read posts{problem.told}.",
            f"Its app needs access to the API v2: {CONSOLE}. {KEPT}",
        )


def problem_of(answer: Response, key: str) -> Problem:
    """What an answer says about why it is none, without the key."""
    try:
        return Problem.of(answer.status, without(key, answer.value()))
    except ValueError:
        return Problem(answer.status)


def without(key: str, value: Any) -> Any:
    """What a server's JSON says, without the key that it was sent. Raises ValueError where it is nested too deep."""
    try:
        if isinstance(value, str):
            return value.replace(key, "…")
        if isinstance(value, dict):
            return {name: without(key, inner) for name, inner in value.items()}
        return [without(key, inner) for inner in value] if isinstance(value, list) else value
    except RecursionError as error:
        raise ValueError("nested too deep") from error


@dataclass(frozen=True, slots=True)
class Account:
    """Who is read: by number, since names change hands. `count` is how many posts X says there are, reposts included."""

    number: str
    author: Author
    count: int = 0


def account_of(value: Any, handle: str) -> Account:
    """The account that X answered with. Raises SpecError where nobody may read it, NetworkError for nonsense."""
    data = as_object(as_object(value).get("data"))
    problem = Problem.of(200, value)
    if not data and problem.title:
        if "suspended" in problem.detail:
            raise SpecError(
                f"@{handle} is suspended on X.", "Its owner can still ask X for the archive."
            )
        if problem.names("authorization", "notauthorized", "forbidden"):
            raise SpecError(
                f"X does not show @{handle}{problem.told}.", "Its owner can ask X for the archive."
            )
        raise SpecError(
            f"There is no account @{handle} on X{problem.told}.", "Check how it is written."
        )
    number, name = as_number(data.get("id")), data.get("username")
    if number is None or not isinstance(name, str) or name.lower() != handle:
        raise NetworkError(
            f"X answers with something that is no account @{handle}.",
            "It may be broken: try again later.",
        )
    if data.get("protected") is True:
        raise SpecError(
            f"@{handle} is protected: only followers see its posts.",
            "Its owner can ask X for the archive.",
        )
    picture = str(data.get("profile_image_url") or "").replace(
        "_normal.", "."
    )  # the name without it is the picture as it was uploaded
    count = as_number(
        as_object(data.get("public_metrics")).get(
            "tweet_count", as_object(data.get("public_metrics")).get("post_count")
        )
    )
    author = Author(
        handle,
        printable(_text(data.get("name")))[:200].strip(),
        printable(unescape(_text(data.get("description"))))[:2000].strip(),
        url=f"https://x.com/{name}",
        avatar=picture if _ADDRESS.fullmatch(picture) else "",
    )
    return Account(str(number), author, count or 0)


@dataclass(frozen=True, slots=True)
class Found:
    """A page as X gave it: how many records are charged for, the lowest id among them, the posts, what was left out, where it goes on."""

    charged: int
    lowest: int | None
    posts: tuple[Post, ...]
    left_out: Counter[str]
    token: str  # empty at the end


def page_of(value: Any, account: Account, earlier: set[int]) -> Found:
    """The posts of one answer; `earlier` are ids of versions that were edited since, and grows. Raises NetworkError for what is no page."""
    whole = as_object(value)
    records, meta, errors = (
        whole.get("data") or [],
        as_object(whole.get("meta")),
        whole.get("errors"),
    )
    if not records and not meta and (problem := Problem.of(200, value)).title:
        raise NetworkError(
            f"X does not show the posts of @{account.author.handle}{problem.told}.",
            f"Only its owner can ask X for the archive. {KEPT}",
        )
    token = meta.get("next_token") or ""
    if (
        not isinstance(records, list)
        or not isinstance(token, str)
        or not re.fullmatch(r"[!-~]{0,500}", token)
    ):
        raise NetworkError(
            "X answers with something that is no list of posts.",
            f"It may be broken: try again later. {KEPT}",
        )
    left_out = Counter(
        {"X could not hand it out": len(errors)} if isinstance(errors, list) and errors else {}
    )
    sound = {
        number: record
        for record in map(as_object, records)
        if (number := as_number(record.get("id"))) is not None
    }
    for number, record in sound.items():
        earlier.update(one for one in edits_of(record) if one < number)
    posts = []
    for number, record in sound.items():
        reason = (
            "earlier version of an edited post"
            if number in earlier
            else _reason_against(record, account)
        )
        if reason:
            left_out[reason] += 1
        else:
            posts.append(post_of(record, number, account))
    if len(records) > len(sound):
        left_out["no post as X writes them"] += len(records) - len(sound)
    return Found(len(records), min(sound, default=None), tuple(posts), left_out, token)


def _reason_against(record: Mapping[str, Any], account: Account) -> str:
    """Why a record is no post of the account, empty where it is one."""
    text = record.get("text")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return "no post as X writes them"
    return (
        "somebody else's post" if record.get("author_id", account.number) != account.number else ""
    )


def post_of(record: Mapping[str, Any], number: int, account: Account) -> Post:
    """Return a record as a post of an account. Whatever answers somebody else is a reply."""
    stub = printable(unescape(record["text"]))
    note = _text(as_object(either(record, "note_tweet", "note_post")).get("text"))
    text = whole_text(stub, printable(unescape(note))) if 0 < len(note) <= MAX_TEXT else stub
    kinds = {
        _text(as_object(one).get("type"))
        for one in listed(either(record, "referenced_tweets", "referenced_posts"))
    }
    answered = record.get("in_reply_to_user_id")
    to_others = bool("replied_to" in kinds or answered) and answered != account.number
    links = [link for link in links_of(record) if not _is_media(link)]
    lang = record.get("lang")
    return Post(
        id=str(number),
        author=account.author.handle,
        text=text,
        kind=kind_of(
            text,
            links,
            reposts="retweeted" in kinds,
            answers_others=to_others,
            quotes="quoted" in kinds,
        ),
        created_at=time_of(_text(record.get("created_at")), number),
        lang=lang_of(lang)
        if isinstance(lang, str) and re.fullmatch(r"[A-Za-z-]{2,20}", lang)
        else None,
    )


def _is_media(link: Any) -> bool:
    """Whether a link is that of a picture in the post itself, which the archive lists elsewhere."""
    return (
        "media_key" in as_object(link)
        or re.match(r"pic\.(?:x|twitter)\.com/", _text(as_object(link).get("display_url")))
        is not None
    )


def edits_of(record: Mapping[str, Any]) -> Iterable[int]:
    """The ids of all versions of a post."""
    ids = listed(either(record, "edit_history_tweet_ids", "edit_history_post_ids"))
    return [number for one in ids if (number := as_number(one)) is not None]


def either(record: Mapping[str, Any], old: str, new: str) -> Any:
    """Return a field by its old name, or else by its new one."""
    return record.get(old) if record.get(old) is not None else record.get(new)


def listed(value: Any) -> list[Any]:
    """Return the value if it is a list, or else an empty one."""
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
