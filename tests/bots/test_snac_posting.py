"""Tests of posting to snac2, a real server with Mastodon's API, as far as it goes.

It keeps no idempotency keys, lets no programs delete posts, checks neither PKCE nor scopes, sends
no `Date`, and has neither `/api/v2/instance` nor rules; what it lacks is tested with the stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import keyring_standin
from pixels import png
from popinjay.bots import accounts
from popinjay.bots.networks.login import LoginRequest
from popinjay.bots.networks.network import PostingAccount
from popinjay.errors import LoginError, PostingError
from posting_accounts import draft
from snac_server import Snac, program


@pytest.fixture(scope="module")
def snac(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snac]:
    server = Snac(program(), tmp_path_factory.mktemp("snac"))
    yield server
    server.close()


class User:
    """A user who authorizes popinjay on the server's page, and copies the code."""

    def __init__(self, snac: Snac) -> None:
        self._snac = snac
        self._page = ""

    def line(self, question: str) -> str:
        raise AssertionError(question)

    def secret(self, question: str) -> str:
        query = parse_qs(urlsplit(self._page).query)
        return self._snac.authorize("ada", self._snac.words["ada"], query["client_id"][0])

    def show(self, text: str) -> None:
        self._page = text.splitlines()[-1]

    def can_open_pages(self) -> bool:
        return False

    def open_page(self, address: str) -> None:
        raise AssertionError(address)


@pytest.fixture
def account(
    snac: Snac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostingAccount]:
    """Return Ada's account, logged in by OAuth."""
    keyring_standin.use(monkeypatch, tmp_path / "keyring")
    request = LoginRequest(snac.host, None, pastes_token=False, allow_local=True)
    known = accounts.log_in("mastodon", request, User(snac))
    assert known.handle == f"@ada@{snac.host}"
    opened = accounts.open_account(allow_local=True)
    yield opened
    opened.close()


def test_posting_and_finding(account: PostingAccount, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(png(7, 4, 2))
    text = "the tide is in: see https://example.org/a/b?c=1\n\nand more"
    row = draft(text, picture=str(tmp_path / "card.png"), alt="a card", language="en")
    request = account.request(row, text)
    since = datetime.now(UTC).isoformat()
    sent = account.send(request)
    assert not account.always_remembers(since)  # it keeps no keys
    assert account.find(request, since) == sent
    again = account.send(request)  # which looks first
    assert again == sent
    assert account.reactions([sent.uri])[sent.uri].likes == 0
    with pytest.raises(PostingError, match="lets no programs delete posts") as caught:
        account.delete(sent.uri)
    assert sent.url in caught.value.hint


def test_the_profile(account: PostingAccount) -> None:
    account.mark_as_bot("A machine writes here.")
    shown = account.profile()
    assert shown.is_bot
    assert "A machine writes here." in shown.description
    assert account.length_problem("a few words") == ""
    assert account.rules() == ()


def test_a_token_that_it_does_not_know(snac: Snac, account: PostingAccount) -> None:
    request = LoginRequest(f"@ada@{snac.host}", None, pastes_token=True, allow_local=True)

    class Pastes(User):
        def secret(self, question: str) -> str:
            return "not-a-token"

    with pytest.raises(LoginError, match="does not accept the login"):
        accounts.log_in("mastodon", request, Pastes(snac))


def test_an_older_post_is_not_this_one(account: PostingAccount) -> None:
    text = "said once"
    account.send(account.request(draft(text), text))
    later = account.request(draft(text, 2), text)
    soon = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    moved = later.__class__(
        later.key.replace(later.key.split("-")[1], str(int(soon))), later.content
    )
    assert account.find(moved, "") is None
