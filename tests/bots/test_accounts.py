"""Tests of logging in and out, and of passwords and tokens: they are in the keyring alone."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

import keyring_standin
from mastodon_posting_api import TOKEN
from mastodon_posting_standin import PostingStandIn
from popinjay.bots import accounts, known_accounts
from popinjay.bots.credentials import KeyringCredentials, Secret
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks import registry
from popinjay.bots.networks.login import LoginRequest
from popinjay.cli.main import main
from popinjay.errors import LoginError, PopinjayError
from posting_accounts import draft, mastodon_variables


@pytest.fixture
def server() -> Iterator[PostingStandIn]:
    stand_in = PostingStandIn()
    yield stand_in
    stand_in.close()


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the keyring."""
    file = tmp_path / "keyring"
    keyring_standin.use(monkeypatch, file)
    return file


class User:
    """A user who is asked: types the answers in turn, and has a browser or not."""

    def __init__(self, *answers: str, browser: bool = False) -> None:
        self.answers = list(answers)
        self.shown: list[str] = []
        self._browser = browser
        self._threads: list[threading.Thread] = []

    def line(self, question: str) -> str:
        return self.secret(question)

    def secret(self, question: str) -> str:
        self.shown.append(question)
        answer = self.answers.pop(0)
        if answer != "CODE":
            return answer
        with urlopen(self.page) as page:  # the user authorizes, and copies what the page shows
            return str(re.findall(r'value="(.*?)"', page.read().decode())[0])

    def show(self, text: str) -> None:
        self.shown.append(text)

    def can_open_pages(self) -> bool:
        return self._browser

    def open_page(self, address: str) -> None:
        assert address == self.page
        browser = threading.Thread(target=lambda: urlopen(address).read())
        browser.start()
        self._threads.append(browser)

    @property
    def page(self) -> str:
        return next(line for text in self.shown for line in text.split("\n") if "://" in line)

    def leave(self) -> None:
        for thread in self._threads:
            thread.join()


def asked(name: str = "", secret: str = "", *, pastes: bool = False) -> LoginRequest:
    return LoginRequest(name, Secret(secret) if secret else None, pastes, allow_local=True)


# Mastodon


@pytest.mark.parametrize("browser", [True, False])
def test_authorizing_on_a_page(server: PostingStandIn, ring: Path, browser: bool) -> None:
    user = User("CODE", browser=browser)
    account = accounts.log_in("mastodon", asked(server.host), user)
    user.leave()
    assert account.name == f"mastodon:{server.account}"
    app = next(iter(server.data["apps"].values()))
    assert app["scopes"].split() == [
        "read:accounts",
        "read:statuses",
        "write:statuses",
        "write:media",
        "write:accounts",
    ]
    opened = accounts.open_account(allow_local=True)
    opened.send(opened.request(draft("once"), "once"))
    opened.mark_as_bot("A machine writes here.")
    opened.close()
    assert server.texts == ["once"]
    new = next(token for token in server.data["tokens"] if token != TOKEN)
    assert new in ring.read_text()
    assert accounts.log_out(account.name, allow_local=True) == account.name
    assert new not in server.data["tokens"]
    assert json.loads(ring.read_text()) == {}
    assert known_accounts.kept() == []


def test_a_code_that_is_wrong(server: PostingStandIn, ring: Path) -> None:
    with pytest.raises(LoginError, match="does not accept the code"):
        accounts.log_in("mastodon", asked(server.host), User("not-the-code"))
    assert not ring.exists()


def test_a_redirect_without_the_state_does_not_count(server: PostingStandIn, ring: Path) -> None:
    """Another page in the browser can't slip in the login of another account."""
    from popinjay.bots.networks.authorization_code import LoopbackRedirect

    loopback = LoopbackRedirect("the-state")
    try:
        for query in ("code=theirs", "code=theirs&state=guessed", ""):
            with pytest.raises(OSError, match="404"):
                urlopen(f"{loopback.address}?{query}")
        urlopen(f"{loopback.address}?code=ours&state=the-state").close()
        assert loopback.wait() == "ours"
    finally:
        loopback.close()


def test_the_user_refuses_on_the_page(server: PostingStandIn) -> None:
    from popinjay.bots.networks.authorization_code import LoopbackRedirect

    loopback = LoopbackRedirect("the-state")
    try:
        urlopen(f"{loopback.address}?error=access_denied&state=the-state").close()
        with pytest.raises(LoginError, match="refused on the server's page"):
            loopback.wait()
    finally:
        loopback.close()


def test_a_pasted_token(server: PostingStandIn, ring: Path) -> None:
    user = User(server.host, f" {TOKEN} ")
    account = accounts.log_in("Mastodon", asked(pastes=True), user)
    assert account.handle == server.account
    assert "Preferences, Development, New application" in "\n".join(user.shown)
    accounts.log_out("mastodon", allow_local=True)
    assert TOKEN in server.data["tokens"]  # only its user can revoke it


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        ("{host}", "not-a-token", "does not accept the login of localhost"),
        ("@bob@{host}", TOKEN, "There is no @bob@localhost|That is the login of @ada@localhost"),
        ("not a server", TOKEN, "is not a Mastodon server"),
        ("localhost:9", TOKEN, "can't be read now: connection refused"),
    ],
)
def test_logins_that_are_refused(
    server: PostingStandIn, ring: Path, impatient: None, name: str, token: str, said: str
) -> None:
    with pytest.raises(PopinjayError, match=said):
        accounts.log_in("mastodon", asked(name.format(host=server.host), token), User())
    assert not ring.exists()
    assert known_accounts.kept() == []


# which account


def test_which_account_is_meant(ring: Path) -> None:
    with pytest.raises(LoginError, match="No account is logged in"):
        accounts.open_account()
    rows = [
        KnownAccount("bsky", "ada.test", "https://a.example", "did:plc:a"),
        KnownAccount("mastodon", "@ada@b.example", "https://b.example", "1"),
        KnownAccount("mastodon", "@bob@b.example", "https://b.example", "2"),
    ]
    for row in rows:
        known_accounts.keep(row)
        known_accounts.keep(row)
    assert known_accounts.kept() == rows
    for name in ("bsky", "bsky:ada.test", "ada.test", "@Ada.test"):
        assert accounts.chosen(name, rows) == rows[0]
    for name in ("mastodon:@bob@b.example", "bob@b.example", "@bob@b.example"):
        assert accounts.chosen(name, rows) == rows[2]
    with pytest.raises(LoginError, match="3 accounts are logged in") as caught:
        accounts.open_account()
    assert caught.value.hint == (
        "Name one with --to: bsky:ada.test, mastodon:@ada@b.example, mastodon:@bob@b.example."
    )
    with pytest.raises(LoginError, match="'mastodon' could be 2 accounts"):
        accounts.open_account("mastodon")
    with pytest.raises(LoginError, match="No account 'zed' is logged in"):
        accounts.open_account("zed")
    with pytest.raises(LoginError, match=r"no token of @bob@b\.example in the system's keyring"):
        accounts.open_account("@bob@b.example")
    with pytest.raises(LoginError, match="Popinjay can't post to 'x'"):
        accounts.log_in("x", asked(), User())


@pytest.mark.parametrize("content", ["nonsense", "7", "[7]", '[{"network": "bsky"}]', "[[]]"])
def test_a_damaged_list(ring: Path, content: str) -> None:
    known_accounts.file().write_text(content)
    with pytest.raises(LoginError, match=r"The list of accounts in .* can't be read"):
        accounts.accounts()


def test_every_network_is_a_module_and_a_row() -> None:
    for row in registry.NETWORKS:
        module = row.load()
        assert all(
            callable(getattr(module, name))
            for name in ("log_in", "log_out", "open_account", "account_called")
        )


# the environment


def test_the_environment_needs_no_keyring(
    server: PostingStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring_standin.use(monkeypatch, tmp_path / "keyring", keyring_standin.LockedKeyring)
    for name, value in mastodon_variables(server).items():
        monkeypatch.setenv(name, value)
    account = accounts.open_account(allow_local=True)
    assert account.name == f"mastodon:{server.account}"
    account.send(account.request(draft("once"), "once"))
    account.close()
    assert server.texts == ["once"]
    monkeypatch.setenv("POPINJAY_MASTODON_ACCOUNT", "nonsense")
    with pytest.raises(LoginError, match="'nonsense' is not a Mastodon account"):
        accounts.open_account()
    monkeypatch.delenv("POPINJAY_MASTODON_TOKEN")
    monkeypatch.setenv("POPINJAY_BSKY_ACCOUNT", "ada.test")
    with pytest.raises(LoginError, match="No account is logged in"):
        accounts.open_account()


def test_a_secret_of_the_environment_goes_to_its_account_only(
    server: PostingStandIn, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_accounts.keep(KnownAccount("mastodon", server.account, server.address, "7001"))
    monkeypatch.setenv("POPINJAY_MASTODON_TOKEN", TOKEN)
    for variable in ("", "@bob@else.example"):
        monkeypatch.setenv("POPINJAY_MASTODON_ACCOUNT", variable)
        with pytest.raises(LoginError, match="There is no token of @ada@localhost"):
            accounts.open_account(server.account, allow_local=True)
    assert server.data["asked"] == []


def test_a_system_without_a_keyring(
    server: PostingStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.fail import Keyring

    monkeypatch.setattr("keyring.core._keyring_backend", Keyring())  # type: ignore[no-untyped-call]
    user = User("CODE")
    with pytest.raises(LoginError, match="has no keyring in which a password could be kept") as of:
        accounts.log_in("mastodon", asked(server.host), user)
    assert "POPINJAY_MASTODON_TOKEN" in of.value.hint
    assert user.shown == []  # nothing was typed for nothing
    assert server.data["asked"] == []


def test_a_system_without_the_package(
    server: PostingStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(LoginError, match="needs the package keyring") as caught:
        accounts.log_in("bsky", asked("ada.test"), User())
    assert 'pip install "popinjay[bots]"' in caught.value.hint
    assert "POPINJAY_BSKY_PASSWORD" in caught.value.hint


def test_a_keyring_that_stays_locked(
    server: PostingStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring_standin.use(monkeypatch, tmp_path / "keyring", keyring_standin.LockedKeyring)
    with pytest.raises(LoginError, match=r"keyring can't be written \(KeyringError\)") as caught:
        accounts.log_in("mastodon", asked(server.host, TOKEN), User())
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown
    assert known_accounts.kept() == []


# secrets


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hush-hush")
    for shown in (repr(secret), str(secret), f"{secret}", repr({"a": [secret]})):
        assert "hush" not in shown
    assert secret.reveal() == "hush-hush"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_an_entry_that_is_none(ring: Path) -> None:
    credentials = KeyringCredentials("bsky:ada.test")
    for content in ("nonsense", "[]", "7", '{"token": 7}'):
        ring.write_text(json.dumps({"popinjay bsky:ada.test": content}))
        assert credentials.read() == {}
    credentials.keep({"token": Secret("a")})
    credentials.keep({"access": Secret("b")}, "session")
    assert credentials.read("session")["access"].reveal() == "b"
    credentials.remove("session")
    credentials.remove("session")
    assert json.loads(ring.read_text()) == {}


def run(*words: str, typed: str = "", **variables: str) -> tuple[int, str]:
    """Run a command in a process of its own; return its exit code and all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "popinjay", *words],
        input=typed,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_no_secret_is_anywhere_but_in_the_keyring(
    server: PostingStandIn, ring: Path, own_home: Path
) -> None:
    """All commands, with and without faults, and every file that they could have written."""
    local = "--allow-local"
    shown = []
    code, said = run("login", "mastodon", server.host, "--stdin", local, typed=f"{TOKEN}\n")
    assert (code, said) == (
        0,
        f"Logged in to mastodon:{server.account}. Look at it: popinjay accounts\n",
    )
    shown.append(said)
    code, said = run("accounts", local, "--json", "--rules")
    (row,) = json.loads(said)["accounts"]
    assert (code, row["name"], row["bot"]) == (0, f"mastodon:{server.account}", False)
    assert row["rules"] == [{"id": "1", "text": "Be excellent to each other\nalways"}]
    shown.append(said)
    server.data["tokens"].clear()
    for words in (("accounts", local), ("accounts", local, "--debug")):
        code, said = run(*words)
        assert code == 0
        assert "does not accept the login of" in said
        shown.append(said)
    again = ("login", "mastodon", server.host, "--stdin", local)
    for more in ((), ("--debug",)):
        code, said = run(*again, *more, typed=f"{TOKEN}\n")
        assert code != 0
        shown.append(said)
    settings = known_accounts.file().parent
    files = [file for folder in (own_home, settings) for file in folder.rglob("*")]
    assert known_accounts.file() in files
    for content in (*shown, *(file.read_text("latin-1") for file in files if file.is_file())):
        assert TOKEN not in content
    assert TOKEN in ring.read_text()
    code, said = run("logout", "mastodon", local)
    assert (code, said) == (0, f"Logged out of mastodon:{server.account}.\n")
    assert TOKEN not in ring.read_text()


def test_the_table_of_accounts(
    server: PostingStandIn, ring: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["accounts"]) == 0
    assert "No account is logged in. Log in to one" in capsys.readouterr().out
    accounts.log_in("mastodon", asked(server.host, TOKEN), User())
    server.data["account"] |= {"bot": True, "limited": True}
    assert main(["accounts", "--allow-local", "--rules"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Ada's engine yes localhost" in shown
    assert f"The moderators of {server.host} have limited {server.account}." in shown
    assert "- Be excellent to each other always" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("login",), "login needs the network."),
        (("login", "x"), "Popinjay can't post to 'x'."),
        (("login", "bsky", "--stdin"), "--stdin needs the account too."),
        (("login", "bsky", "ada.test", "--stdin"), "Standard input is empty."),
        (("login", "mastodon"), "There is no terminal to ask in."),
        (("logout",), "logout needs the account."),
        (("logout", "bsky"), "No account is logged in."),
    ],
)
def test_commands_that_can_not_work(
    ring: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main([*words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
