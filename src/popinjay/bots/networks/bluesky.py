"""Post to Bluesky: records in the account's repository, on its own server (PDS).

Exactly once: the record's key follows from the draft, and `putRecord` writes the same record under
the same key any number of times. It writes only where nothing else stands (`swapRecord`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from popinjay.bots.credentials import Credentials
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks import bluesky_profile, bluesky_record
from popinjay.bots.networks.bluesky_login import log_in, log_out
from popinjay.bots.networks.bluesky_record import COLLECTION, text_with_warning
from popinjay.bots.networks.bluesky_session import Session
from popinjay.bots.networks.network import (
    NotPosted,
    OutcomeUnknown,
    Profile,
    Reactions,
    Request,
    Rule,
    Sent,
)
from popinjay.bots.networks.pictures import read_picture
from popinjay.errors import AnswerLost, LoginError, NetworkError, PostingError, SpecError
from popinjay.network.http_client import HttpClient, Response
from popinjay.sources.bluesky.identity import error_in, look_up
from popinjay.sources.bluesky.records import HANDLE
from popinjay.sources.json_values import as_list, as_object, as_text
from popinjay.store.post_queue import Draft

__all__ = ["BlueskyAccount", "account_called", "log_in", "log_out", "open_account"]

_MAX_PICTURE = 1_000_000  # bytes
_MAX_URIS = 25  # in one request for reactions
_NO_VIEW = "No service configured"  # what a server that knows no app view says
_WEB = "https://bsky.app"  # where people see posts
_URI = re.compile(
    rf"at://(?P<did>did:[\w.:%-]+)/{re.escape(COLLECTION)}/(?P<key>[\w.~:-]{{1,512}})"
)


def account_called(name: str, allow_local: bool) -> KnownAccount:
    """Return the account that a name of the environment means. Raises LoginError for others."""
    handle = name.strip().removeprefix("@").lower()
    if not HANDLE.fullmatch(handle) and not handle.startswith("did:"):
        raise LoginError(
            f"{name[:100]!r} is not a Bluesky account.", "It is a handle such as ada.bsky.social."
        )
    return KnownAccount("bsky", handle, "")


def open_account(
    account: KnownAccount,
    credentials: Credentials,
    client: HttpClient,
    keep: Callable[[KnownAccount], None],
    *,
    mentions: bool,
) -> BlueskyAccount:
    """Return an account that is logged in."""
    return BlueskyAccount(Session(account, credentials, client, keep), mentions=mentions)


class BlueskyAccount:
    """An account on Bluesky: see `network.PostingAccount`."""

    network = "bsky"

    def __init__(self, session: Session, *, mentions: bool) -> None:
        self.name = session.account.name
        self._session = session
        self._mentions = mentions

    @property
    def server(self) -> str:
        """The host of the account's server, which is looked up if it is not known yet."""
        self._session.did()
        return self._session.host

    def close(self) -> None:
        """Close its connections."""
        self._session.client.close()

    # the account

    def profile(self) -> Profile:
        """Return what the server says about the account now."""
        return bluesky_profile.profile(self._session)

    def mark_as_bot(self, statement: str) -> None:
        """Mark the account as a bot, and add the statement to its profile; all else stays."""
        bluesky_profile.mark_as_bot(self._session, statement)

    def rules(self) -> Sequence[Rule]:
        """Return no rules: servers on Bluesky's network publish none that can be read."""
        return ()

    def length_problem(self, text: str, warning: str = "") -> str:
        """Return why a text is too long there; empty if it is not."""
        return bluesky_record.length_problem(text_with_warning(text, warning))

    # posting

    def request(self, draft: Draft, text: str) -> Request:
        """Return the request that posts a draft, of which `text` is what is shown.

        Its picture, a path that can be opened from here, is uploaded: nobody sees it until then.
        """
        if not self._session.clock.is_known:
            self._session.get("com.atproto.server.getSession", {})
        moment = datetime.fromtimestamp(self._session.clock.now(), UTC)
        created_at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = bluesky_record.record(
            draft,
            text,
            created_at,
            embed=self._embed(draft.picture, draft.alt) if draft.picture else None,
            did_of=self._did_of if self._mentions else None,
        )
        return Request(bluesky_record.record_key(draft), content)

    def send(self, request: Request) -> Sent:
        """Send a request; sent again, at any time, it posts nothing more.

        Raises NotPosted if it was refused, and OutcomeUnknown if the answer was lost. LoginError
        and NetworkError mean that this attempt has posted nothing.
        """
        try:
            response = self._session.post(
                "com.atproto.repo.putRecord",
                {
                    "repo": self._did(),
                    "collection": COLLECTION,
                    "rkey": request.key,
                    "record": request.content,
                    "swapRecord": None,
                },
            )
        except AnswerLost as error:
            raise OutcomeUnknown(error.message) from error
        name, message = error_in(response) if response.status >= 400 else ("", "")
        if name == "InvalidSwap":
            if found := self.find(request, ""):
                return found
            raise NotPosted(
                f"Another post stands on {self.server} in the place of this one.",
                "Edit it, which gives it another place.",
            )
        if response.status >= 500 or response.status in (408, 409, 425):
            raise OutcomeUnknown(f"{self.server} failed (status {response.status}).")
        if response.status != 200:
            said = (message or name or f"status {response.status}").rstrip(".")
            is_final = response.status in (400, 413, 422)
            raise NotPosted(
                f"{self.server} refused the post: {said}.",
                "Edit it, or reject it." if is_final else "Try again later.",
                is_final=is_final,
            )
        with suppress(ValueError):
            if uri := as_text(as_object(response.value()).get("uri")):
                return self._sent(uri)
        raise OutcomeUnknown(f"{self.server} answered with something other than a post.")

    def find(self, request: Request, since: str) -> Sent | None:
        """Return the post if it stands there, whoever sent it and whatever came back."""
        response = self._record(request.key)
        if response.status == 400 and error_in(response)[0] in ("RecordNotFound", "InvalidRequest"):
            return None
        found = self._session.value(response)
        if as_object(found.get("value")).get("text") != request.content.get("text"):
            return None
        return self._sent(as_text(found.get("uri")))

    def always_remembers(self, since: str) -> bool:
        """Return that a record is written once under its key, however late it is sent again."""
        return True

    def delete(self, uri: str) -> None:
        """Delete a post. One that is gone already is no error."""
        found = self._parts(uri)
        response = self._session.post(
            "com.atproto.repo.deleteRecord",
            {"repo": self._did(), "collection": COLLECTION, "rkey": found["key"]},
        )
        self._session.value(response)

    def reactions(self, uris: Sequence[str]) -> Mapping[str, Reactions]:
        """Return the reactions to posts; those that are gone are missing.

        They are counted by the network's app view, to which a server passes the question on.
        Raises NetworkError for a server that is connected to none.
        """
        found: dict[str, Reactions] = {}
        for begin in range(0, len(uris), _MAX_URIS):
            wanted = [self._parts(uri)[0] for uri in uris[begin : begin + _MAX_URIS]]
            response = self._session.get(
                "app.bsky.feed.getPosts", [("uris", uri) for uri in wanted]
            )
            if response.status in (404, 501) or _NO_VIEW in error_in(response)[1]:
                raise NetworkError(
                    f"{self.server} counts no likes: it is not connected to Bluesky's app.",
                    "Its posts are there all the same.",
                )
            for row in map(as_object, as_list(self._session.value(response).get("posts"))):
                likes, reposts = row.get("likeCount"), row.get("repostCount")
                found[as_text(row.get("uri"))] = Reactions(_count(likes), _count(reposts))
        return found

    # parts

    def _did(self) -> str:
        return self._session.did()

    def _record(self, key: str) -> Response:
        query = {"repo": self._did(), "collection": COLLECTION, "rkey": key}
        return self._session.get("com.atproto.repo.getRecord", query)

    def _sent(self, uri: str) -> Sent:
        key = self._parts(uri)["key"]
        return Sent(uri, f"{_WEB}/profile/{self._did()}/post/{key}")

    def _parts(self, uri: str) -> re.Match[str]:
        """Return the parts of a post's address. Raises PostingError unless it is one of ours."""
        found = _URI.fullmatch(uri)
        if not found or found["did"] != self._did():
            raise PostingError(
                f"{uri[:200]!r} is not a post of {self._session.account.handle}.",
                "Check which account it was posted to.",
            )
        return found

    def _embed(self, path: str, alt: str) -> dict[str, Any]:
        """Upload a picture, and return how a record shows it."""
        picture = read_picture(path, _MAX_PICTURE)
        response = self._session.post(
            "com.atproto.repo.uploadBlob", body=(picture.kind, picture.data)
        )
        blob = as_object(self._session.value(response).get("blob"))
        shown: dict[str, Any] = {"alt": alt, "image": blob}
        if picture.size:
            shown["aspectRatio"] = {"width": picture.size[0], "height": picture.size[1]}
        return {"$type": "app.bsky.embed.images", "images": [shown]}

    def _did_of(self, handle: str) -> str:
        with suppress(SpecError, NetworkError):
            return look_up(handle, self._session.client).did
        return ""


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
