"""Tests of accounts on snac2, a real server with Mastodon's API, on loopback, as far as it goes.

Whatever the request, snac2 returns the newest 256 posts of an account at once, without `Link`. It
calls unlisted posts public and lists no boosts. Paging and all else that it lacks are tested with
the stand-in in test_mastodon_account.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import popinjay
from popinjay.cli.main import main
from popinjay.errors import SpecError
from popinjay.options import CollectOptions, FetchOptions
from popinjay.post import Kind, Post
from popinjay.sources import Access, Reading, read
from readings import fetch
from snac_server import Snac, program

VISIBILITIES = ("public", "unlisted", "private", "direct")


@pytest.fixture(scope="module")
def snac(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snac]:
    server = Snac(program(), tmp_path_factory.mktemp("snac"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def filled(snac: Snac) -> Snac:
    """Return Ada's account, with posts of every kind that the server has."""
    his = snac.post("bob", "nobody but bob says this")
    for n in range(120):
        snac.post(
            "ada", f"number {n} counts {n * 37} engines and {n * 13} gulls near the old river"
        )
    for visibility in VISIBILITIES:
        snac.post(
            "ada",
            f"@bob@{snac.host} for whom: {visibility}"
            if visibility == "direct"
            else f"for whom: {visibility}",
            visibility=visibility,
        )
    snac.post("ada", "just so", in_reply_to_id=his)
    first = snac.post("ada", "a thread begins", spoiler_text="gulls")
    snac.post("ada", "and goes on", in_reply_to_id=first)
    snac.post(
        "ada", "see https://example.org/a/b?c=1&d=2 and #engines with **stars** & 2 < 3\nnext line"
    )
    snac.api("POST", f"/api/v1/statuses/{his}/reblog", "ada")
    snac.api(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        "ada",
        display_name="Ada L",
        note="counts & sings #noai",
        bot="true",
    )
    return snac


def read_all(spec: str, folder: Path) -> tuple[list[Post], Reading]:
    reading = read(spec, CollectOptions(), Access(FetchOptions(allow_local=True)))
    return fetch(reading, folder)


def test_the_whole_account_is_read(filled: Snac, tmp_path: Path) -> None:
    found, reading = read_all(f"@ada@{filled.host}", tmp_path)
    texts = {post.text: post for post in found}
    assert {
        f"number {n} counts {n * 37} engines and {n * 13} gulls near the old river"
        for n in range(120)
    } <= texts.keys()
    assert texts.keys() >= {"for whom: public", "for whom: unlisted"}
    assert not any(
        "private" in text or "direct" in text or "nobody but bob" in text for text in texts
    )
    reply = next(post for post in found if "just so" in post.text)
    assert (reply.kind, reply.text) == (
        Kind.REPLY,
        f"@bob@{filled.host} just so" if "@bob" in reply.text else "just so",
    )
    assert (texts["a thread begins"].kind, texts["and goes on"].kind) == (Kind.POST, Kind.POST)
    assert "see https://example.org/a/b?c=1&d=2 and #engines with stars & 2 < 3\nnext line" in texts
    assert all(post.created_at and post.author == "ada@localhost" for post in found)
    author = reading.author
    assert (author.handle, author.name, author.bio, author.url) == (
        "ada@localhost",
        "Ada L",
        "counts & sings #noai",
        f"http://{filled.host}/ada",
    )
    notes = "\n".join(reading.findings.notes)
    assert "says that it is a bot" in notes
    assert "says #noai" in notes
    assert "1 of the posts read now is behind a content warning" in notes


def test_an_update_reads_new_and_edited_posts(filled: Snac, tmp_path: Path) -> None:
    before, _ = read_all(f"@ada@{filled.host}", tmp_path)
    new = filled.post("ada", "one more of them")
    read_all(f"@ada@{filled.host}", tmp_path)
    filled.api("PUT", f"/api/v1/statuses/{new}", "ada", status="one more, mended")
    after, _ = read_all(f"@ada@{filled.host}", tmp_path)
    assert {post.text for post in after} - {post.text for post in before} == {"one more, mended"}
    assert len(after) == len(before) + 1


@pytest.mark.parametrize("form", ["acct:ada@{}", "http://{}/@ada", "http://{}/users/ada"])
def test_the_account_by_its_other_names(filled: Snac, form: str) -> None:
    reading = read(
        form.format(filled.host), CollectOptions(), Access(FetchOptions(allow_local=True))
    )
    assert (reading.author.handle, reading.author.name) == ("ada@localhost", "Ada L")


def test_unknown_account(filled: Snac) -> None:
    with pytest.raises(SpecError, match="There is no @zed@localhost"):
        read(f"@zed@{filled.host}", CollectOptions(), Access(FetchOptions(allow_local=True)))


def test_from_the_server_to_a_persona(
    filled: Snac, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = f"@ada@{filled.host}"
    assert main(["inspect", spec, "--allow-local", "--json"]) == 0
    (author,) = json.loads(capsys.readouterr().out)["authors"]
    assert (author["name"], author["notes"][0]) == (
        "Ada L",
        "The account says that it is a bot: its posts may not be a person's words.",
    )
    quick = [
        "--base",
        str(tiny_gpt2),
        "--epochs",
        "0.2",
        "--batch-tokens",
        "512",
        "--samples",
        "10",
    ]
    assert main(["make", spec, "--allow-local", "--whose", "fictional", *quick]) == 0
    persona = popinjay.load("ada@localhost")
    rows = [
        json.loads(line)
        for line in persona.run.file("posts.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) >= 126
    assert not any("private" in row["text"] for row in rows)
    assert "gulls near the old river" in persona.run.file("train.jsonl").read_text(encoding="utf-8")
