"""Post to Mastodon, and to servers that speak its API.

Exactly once: a key goes with the post, and for an hour Mastodon answers the same key with the same
post. The key holds the server's own time when it was made, so that neither this machine's clock
nor a long pause matters: once the hour is over, or where a server keeps no keys, `send` first looks
whether the post stands there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from popinjay.bots.credentials import Credentials
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks import mastodon_text
from popinjay.bots.networks.mastodon_api import MastodonApi, error_in, form
from popinjay.bots.networks.mastodon_instance import Instance, read_instance
from popinjay.bots.networks.mastodon_login import log_in, log_out, token_of
from popinjay.bots.networks.mastodon_media import upload
from popinjay.bots.networks.mastodon_profile import note_with, profile_of
from popinjay.bots.networks.network import (
    NotPosted,
    OutcomeUnknown,
    Profile,
    Reactions,
    Request,
    Rule,
    Sent,
)
from popinjay.bots.networks.requests import seconds_of
from popinjay.errors import AnswerLost, LoginError, NetworkError, PostingError
from popinjay.network.http_client import HttpClient, Response
from popinjay.options import FetchOptions
from popinjay.sources import Access
from popinjay.sources.json_values import as_list, as_object, as_text
from popinjay.sources.mastodon.identity import parse_name
from popinjay.sources.mastodon.posts import address_of, id_of
from popinjay.store.post_queue import Draft

__all__ = ["MastodonAccount", "log_in", "log_out", "open_account"]

REMEMBERED = 50 * 60  # seconds that a key is relied on; Mastodon keeps it for an hour
VISIBILITY = "unlisted"  # unless the draft says otherwise
_CLOCKS_DIFFER = 10 * 60  # seconds that a post may seem to be older than its request
_AHEAD = 60  # seconds that this machine's clock may be ahead
_MAX_PAGES = 25  # of own posts, when one is looked for
_PAGE = 40
_KEY = re.compile(r"popinjay-(\d{1,12})-[0-9a-f]{32}")
_UNKNOWN = (408, 409, 425)  # and 5xx: the post may stand there
_NOT_FOUND = (404, 405, 410)


def account_called(name: str, allow_local: bool) -> KnownAccount:
    """Return the account that a name of the environment means. Raises LoginError for others."""
    found = parse_name(name)
    if found is None:
        raise LoginError(
            f"{name[:100]!r} is not a Mastodon account.", "It has the form @user@example.social."
        )
    access = Access(FetchOptions(allow_local=allow_local))
    return KnownAccount("mastodon", str(found), found.server(access))


def open_account(
    account: KnownAccount,
    credentials: Credentials,
    client: HttpClient,
    keep: Callable[[KnownAccount], None],
    *,
    mentions: bool,
) -> MastodonAccount:
    """Return an account that is logged in. Raises LoginError without a token."""
    api = MastodonApi(client, account.server, account.handle, token_of(account, credentials))
    return MastodonAccount(account, api, keep)


class MastodonAccount:
    """An account on a server with Mastodon's API: see `network.PostingAccount`."""

    network = "mastodon"

    def __init__(
        self, account: KnownAccount, api: MastodonApi, keep: Callable[[KnownAccount], None]
    ) -> None:
        self.name = account.name
        self.server = api.host
        self._account = account
        self._api = api
        self._keep = keep
        self._instance: Instance | None = None

    def close(self) -> None:
        """Close its connections."""
        self._api.client.close()

    # the account and its server

    def profile(self) -> Profile:
        """Return what the server says about the account now."""
        return profile_of(self._credentials(), self._account.handle, self.server)

    def mark_as_bot(self, statement: str) -> None:
        """Mark the account as a bot, and add the statement to its profile; all else stays."""
        note = note_with(self._credentials(), statement)
        values = {"bot": "true", **({"note": note} if note else {})}
        response = self._api.send("PATCH", "/api/v1/accounts/update_credentials", body=form(values))
        if response.status == 422:
            raise PostingError(
                f"{self.server} refuses the profile: {error_in(response) or 'too long'}.",
                f"Make room in it for this statement, or put it there yourself: {statement}",
            )
        self._api.expect(response, 200)

    def rules(self) -> Sequence[Rule]:
        """Return the rules of its server; empty if it has none, or none that can be read."""
        return self._limits().rules

    def length_problem(self, text: str, warning: str = "") -> str:
        """Return why a text is too long there, as the server counts; empty if it is not."""
        limits = self._limits()
        counted = mastodon_text.length(text, warning, limits.url_length)
        if counted <= limits.max_characters:
            return ""
        return (
            f"It has {counted:,} characters as Mastodon counts them, and {self.server} takes "
            f"{limits.max_characters:,}."
        )

    # posting

    def request(self, draft: Draft, text: str) -> Request:
        """Return the request that posts a draft, of which `text` is what is shown.

        Its picture, a path that can be opened from here, is uploaded: nobody sees it until then.
        """
        content: dict[str, Any] = {
            "status": text,
            "visibility": draft.visibility or VISIBILITY,
        }
        if draft.language:
            content["language"] = draft.language.partition("-")[0].lower()
        if draft.warning:
            content |= {"spoiler_text": draft.warning, "sensitive": True}
        if draft.picture:
            content["media_ids"] = [upload(self._api, draft.picture, draft.alt)]
        seed = [self.name, draft.id, draft.written_at, draft.decided_at, text]
        digest = hashlib.blake2b(json.dumps(seed).encode(), digest_size=16).hexdigest()
        return Request(f"popinjay-{int(self._now()):d}-{digest}", content)

    def send(self, request: Request) -> Sent:
        """Send a request; sent again, at any time, it posts nothing more.

        Raises NotPosted if it was refused, and OutcomeUnknown if the answer was lost. LoginError
        and NetworkError mean that this attempt has posted nothing.
        """
        if not self._surely_remembers(request.key) and (found := self.find(request, "")):
            return found
        try:
            response = self._api.send(
                "POST",
                "/api/v1/statuses",
                request.content,
                headers={"Idempotency-Key": request.key},
            )
        except AnswerLost as error:
            raise OutcomeUnknown(error.message) from error
        if response.status in _UNKNOWN or response.status >= 500:
            raise OutcomeUnknown(f"{self.server} failed (status {response.status}).")
        if response.status not in (200, 201, 202):
            raise self._refusal(response)
        try:
            sent = _sent(response.value())
        except ValueError:
            sent = None
        if sent is None:
            raise OutcomeUnknown(f"{self.server} answered with something other than a post.")
        return sent

    def find(self, request: Request, since: str) -> Sent | None:
        """Return the post if it stands there, whoever sent it and whatever came back."""
        text = as_text(request.content.get("status"))
        warning = as_text(request.content.get("spoiler_text"))
        begin = self._begin(request.key, since) - _CLOCKS_DIFFER
        is_hidden = request.content.get("visibility") not in ("public", "unlisted")
        for row in self._own_posts(begin, is_hidden):
            same_warning = mastodon_text.is_same(warning, as_text(row.get("spoiler_text")))
            if same_warning and mastodon_text.is_same(text, as_text(row.get("content"))):
                return _sent(row)
        return None

    def always_remembers(self, since: str) -> bool:
        """Return whether the server still knows a key that was first sent then."""
        begin = seconds_of(since)
        return (
            begin is not None
            and self._limits().keeps_keys
            and -_AHEAD <= self._now() - begin <= REMEMBERED
        )

    def delete(self, uri: str) -> None:
        """Delete a post by its id. One that is gone already is no error.

        Raises PostingError if the server lets no programs delete, as snac does.
        """
        path = f"/api/v1/statuses/{_checked_id(uri)}"
        response = self._api.send("DELETE", path)
        self._api.expect(response, 200, *_NOT_FOUND)
        if response.status in _NOT_FOUND and (found := _sent(self._api.get(path))):
            raise PostingError(
                f"{self.server} lets no programs delete posts: this one still stands there.",
                f"Delete it with a browser: {found.url}",
            )

    def reactions(self, uris: Sequence[str]) -> Mapping[str, Reactions]:
        """Return the reactions to posts; those that are gone are missing."""
        found: dict[str, Reactions] = {}
        for uri in uris:
            row = as_object(self._api.get(f"/api/v1/statuses/{_checked_id(uri)}"))
            likes, reposts = row.get("favourites_count"), row.get("reblogs_count")
            if type(likes) is int and type(reposts) is int:
                found[uri] = Reactions(likes, reposts)
        return found

    # the server

    def _limits(self) -> Instance:
        if self._instance is None:
            self._instance = read_instance(self._api)
        return self._instance

    def _now(self) -> float:
        """Return the server's time, which one of its answers has told."""
        if not self._api.clock.is_known:
            self._limits()
        return self._api.clock.now()

    def _credentials(self) -> dict[str, Any]:
        """Return the account as its server shows it to itself. Raises NetworkError."""
        found = as_object(self._api.get("/api/v1/accounts/verify_credentials"))
        id = id_of(found.get("id"))
        if not id:
            raise NetworkError(
                f"{self.server} answered with something other than an account.",
                "Try again later. It may not speak Mastodon's API.",
            )
        if id != self._account.id:
            self._account = replace(self._account, id=id)
            self._keep(self._account)
        return found

    def _surely_remembers(self, key: str) -> bool:
        """Return whether a key was made so short ago that the server knows it, if it was sent."""
        made = _KEY.fullmatch(key)
        age = self._now() - int(made[1]) if made else -1.0
        return self._limits().keeps_keys and -_AHEAD <= age <= REMEMBERED

    def _begin(self, key: str, since: str) -> float:
        """Return when a request was made at the earliest, by the server's clock."""
        if made := _KEY.fullmatch(key):
            return float(made[1])
        return seconds_of(since) or 0.0

    def _own_posts(self, begin: float, is_hidden: bool) -> Iterator[dict[str, Any]]:
        """Yield the account's posts since a time, the newest first."""
        id = self._account.id or id_of(self._credentials().get("id"))
        path, seen = f"/api/v1/accounts/{id}/statuses", set[str]()
        query = {"limit": str(_PAGE), "exclude_reblogs": "true"}
        for _ in range(_MAX_PAGES):
            rows = [as_object(row) for row in as_list(self._page(path, query, is_hidden))]
            new = [row for row in rows if id_of(row.get("id")) not in {"", *seen}]
            yield from (row for row in new if (_time_of(row) or begin) >= begin)
            if not new or min(_time_of(row) or begin for row in new) < begin:
                return
            seen |= {id_of(row["id"]) for row in new}
            query["max_id"] = id_of(new[-1]["id"])

    def _page(self, path: str, query: Mapping[str, str], is_hidden: bool) -> Any:
        """Return a page of own posts; a login that may not read them reads them as everybody."""
        try:
            found = self._api.get(path, query)
        except LoginError:
            found = None if is_hidden else self._api.get_unsigned(path, query)
            if found is None:
                raise
        if not isinstance(found, list):
            raise NetworkError(
                f"{self.server} does not show which posts of {self._account.handle} stand there.",
                "Try again later.",
            )
        return found

    def _refusal(self, response: Response) -> NotPosted:
        said = error_in(response).removeprefix("Validation failed: ").rstrip(".")
        if response.status in _NOT_FOUND or response.status < 400:
            return NotPosted(
                f"{self.server} takes no posts at this address (status {response.status}).",
                "It may have moved, or not speak Mastodon's API.",
                is_final=False,
            )
        return NotPosted(
            f"{self.server} refused the post: {said or f'status {response.status}'}.",
            "Edit it, or reject it.",
        )


def _sent(row: Any) -> Sent | None:
    """Return where a post stands; None for something else."""
    row = as_object(row)
    id = id_of(row.get("id"))
    return Sent(id, address_of(row.get("url")) or address_of(row.get("uri"))) if id else None


def _time_of(row: Mapping[str, Any]) -> float | None:
    return seconds_of(as_text(row.get("created_at")))


def _checked_id(uri: str) -> str:
    """Return an id that may be part of an address. Raises PostingError for anything else."""
    if not id_of(uri):
        raise PostingError(f"{uri[:100]!r} is not a post on Mastodon.", "Check which draft it is.")
    return uri
