"""Responses of the X API v2: accounts, pages of posts and errors, in both spellings of the fields.

The spellings are `tweet` and `post`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from popinjay.errors import NetworkError, SpecError
from popinjay.network.http_client import Response
from popinjay.post import Author, Post, printable, unescape
from popinjay.sources.json_values import as_line, as_list, as_object, as_text
from popinjay.sources.source import KEPT
from popinjay.sources.x.post import as_number, kind_of, lang_of, links_of, time_of, whole_text

CONSOLE = "console.x.com"

MAX_TEXT = 100_000  # characters; the longest posts have a quarter of it
_URL = re.compile(r"https?://[^\s<>\"']{1,500}")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as X describes it, in short texts on one line."""

    status: int
    title: str = ""
    type: str = ""
    detail: str = ""

    @classmethod
    def of(cls, status: int, value: Any) -> Problem:
        """Read the problem in a JSON response, which may be the first of a list."""
        problem = as_object(value)
        errors = problem.get("errors")
        first = as_object(errors[0]) if isinstance(errors, list) and errors else {}
        problem = problem if isinstance(problem.get("title"), str) else first
        detail = (
            first.get("message")  # more specific than what describes the whole list
            or problem.get("detail")
            or problem.get("message")
            or problem.get("title")
        )
        return cls(
            status,
            as_line(problem.get("title")),
            f"{as_line(problem.get('type'))} {as_line(problem.get('reason'))}",
            as_line(detail).rstrip("."),
        )

    def names(self, *words: str) -> bool:
        """Return whether title or type contain one of the words, in any spelling."""
        letters = re.sub(r"[^a-z]", "", f"{self.title}{self.type}".lower())
        return any(word in letters for word in words)

    @property
    def in_brackets(self) -> str:
        """X's description in brackets; empty if there is none."""
        return f" ({self.detail})" if self.detail else ""


def check(response: Response, key: str) -> None:
    """Raise NetworkError for errors that a retry can't help. Messages never contain the key."""
    if response.status < 400:
        return
    problem = problem_of(response, key)
    details = problem.in_brackets
    if problem.names("usagecap", "spendcap"):  # sent with the status of a rate limit or refusal
        raise NetworkError(
            "X's API returns no more posts for this key: "
            f"its usage or spending cap is reached{details}.",
            f"This is not a rate limit: it ends with the month, or is raised at {CONSOLE}. {KEPT}",
        )
    if response.status == 402 or problem.names("credits"):
        raise NetworkError(
            f"The credit for X's API is used up{details}.", f"There is more at {CONSOLE}. {KEPT}"
        )
    if response.status == 401:
        raise NetworkError(
            "X does not know this key.",
            "X_BEARER_TOKEN must be the bearer token of an app of yours, as "
            f"{CONSOLE} shows it. {KEPT}",
        )
    if response.status == 403:
        raise NetworkError(
            f"X does not let this key read posts{details}.",
            f"Its app needs access to the API v2: {CONSOLE}. {KEPT}",
        )


def problem_of(response: Response, key: str) -> Problem:
    """Return the problem that a response describes, without the key."""
    try:
        return Problem.of(response.status, without(key, response.value()))
    except ValueError:
        return Problem(response.status)


def without(key: str, value: Any) -> Any:
    """Remove the key from all texts of a JSON value. Raises ValueError if it is nested too deep."""
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
    """An account by its number, as handles can pass to other accounts."""

    number: str
    author: Author
    count: int = 0  # of its posts according to X, reposts included


def account_of(value: Any, handle: str) -> Account:
    """Read the response to a lookup.

    Raises SpecError if the account can't be read by anyone, NetworkError if it is malformed.
    """
    data = as_object(as_object(value).get("data"))
    problem = Problem.of(200, value)
    if not data and problem.title:
        raise _no_account(handle, problem)
    number = as_number(data.get("id"))
    name = data.get("username")
    if number is None or not isinstance(name, str) or name.lower() != handle:
        raise NetworkError(
            f"X answered with something other than the account @{handle}.",
            "It may be broken: try again later.",
        )
    if data.get("protected") is True:
        raise SpecError(
            f"@{handle} is protected: only followers see its posts.",
            "Its owner can ask X for the archive.",
        )
    # the name without "_normal" is that of the picture in full size
    picture = str(data.get("profile_image_url") or "").replace("_normal.", ".")
    metrics = as_object(data.get("public_metrics"))
    count = as_number(metrics.get("tweet_count", metrics.get("post_count")))
    author = Author(
        handle,
        printable(as_text(data.get("name")))[:200].strip(),
        printable(unescape(as_text(data.get("description"))))[:2000].strip(),
        url=f"https://x.com/{name}",
        avatar=picture if _URL.fullmatch(picture) else "",
    )
    return Account(str(number), author, count or 0)


def _no_account(handle: str, problem: Problem) -> SpecError:
    """Return an error that says why an account can't be read."""
    if "suspended" in problem.detail:
        return SpecError(
            f"@{handle} is suspended on X.", "Its owner can still ask X for the archive."
        )
    if problem.names("authorization", "notauthorized", "forbidden"):
        return SpecError(
            f"X does not show @{handle}{problem.in_brackets}.",
            "Its owner can ask X for the archive.",
        )
    return SpecError(
        f"There is no account @{handle} on X{problem.in_brackets}.", "Check the spelling."
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A page of posts as X returned it."""

    charged: int  # records that X charges for
    lowest: int | None  # the lowest id among them
    posts: tuple[Post, ...]
    left_out: Counter[str]
    token: str  # of the next page; empty at the end


def page_of(value: Any, account: Account, earlier: set[int]) -> Found:
    """Read a page of posts.

    Args:
        value: the JSON of the response.
        account: the account whose posts they should be.
        earlier: ids of earlier versions of edited posts, which is extended.

    Raises NetworkError if it is malformed.
    """
    whole = as_object(value)
    records = whole.get("data") or []
    meta = as_object(whole.get("meta"))
    errors = whole.get("errors")
    if not records and not meta and (problem := Problem.of(200, value)).title:
        raise NetworkError(
            f"X does not show the posts of @{account.author.handle}{problem.in_brackets}.",
            f"Only its owner can ask X for the archive. {KEPT}",
        )
    token = meta.get("next_token") or ""
    is_token = isinstance(token, str) and re.fullmatch(r"[!-~]{0,500}", token)
    if not isinstance(records, list) or not is_token:
        raise NetworkError(
            "X answered with something other than a list of posts.",
            f"It may be broken: try again later. {KEPT}",
        )
    left_out = Counter(
        {"X could not hand it out": len(errors)} if isinstance(errors, list) and errors else {}
    )
    by_id = {
        number: record
        for record in map(as_object, records)
        if (number := as_number(record.get("id"))) is not None
    }
    for number, record in by_id.items():
        earlier.update(edit for edit in edits_of(record) if edit < number)
    posts = []
    for number, record in by_id.items():
        if number in earlier:
            left_out["earlier version of an edited post"] += 1
        elif reason := _reason_against(record, account):
            left_out[reason] += 1
        else:
            posts.append(post_of(record, number, account))
    if len(records) > len(by_id):
        left_out["no post as X writes them"] += len(records) - len(by_id)
    return Found(len(records), min(by_id, default=None), tuple(posts), left_out, token)


def _reason_against(record: Mapping[str, Any], account: Account) -> str:
    """Return the reason to leave out a record, empty if there is none."""
    text = record.get("text")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return "no post as X writes them"
    is_own = record.get("author_id", account.number) == account.number
    return "" if is_own else "somebody else's post"


def post_of(record: Mapping[str, Any], number: int, account: Account) -> Post:
    """Convert a record to a post of an account. A reply is what answers another author."""
    stub = printable(unescape(record["text"]))
    note = as_text(as_object(either(record, "note_tweet", "note_post")).get("text"))
    text = whole_text(stub, printable(unescape(note))) if 0 < len(note) <= MAX_TEXT else stub
    kinds = {
        as_text(as_object(reference).get("type"))
        for reference in as_list(either(record, "referenced_tweets", "referenced_posts"))
    }
    answered = record.get("in_reply_to_user_id")
    to_others = bool("replied_to" in kinds or answered) and answered != account.number
    links = [link for link in links_of(record) if not _is_media(link)]
    lang = record.get("lang")
    has_lang = isinstance(lang, str) and re.fullmatch(r"[A-Za-z-]{2,20}", lang)
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
        created_at=time_of(as_text(record.get("created_at")), number),
        lang=lang_of(lang) if has_lang else None,
    )


def _is_media(link: Any) -> bool:
    """Return whether a link is to the post's own media, which the archive lists elsewhere."""
    return (
        "media_key" in as_object(link)
        or re.match(r"pic\.(?:x|twitter)\.com/", as_text(as_object(link).get("display_url")))
        is not None
    )


def edits_of(record: Mapping[str, Any]) -> Iterable[int]:
    """Return the ids of all versions of a post."""
    ids = as_list(either(record, "edit_history_tweet_ids", "edit_history_post_ids"))
    return [number for id in ids if (number := as_number(id)) is not None]


def either(record: Mapping[str, Any], old: str, new: str) -> Any:
    """Return a field by its old name, or else by its new one."""
    return record.get(old) if record.get(old) is not None else record.get(new)
