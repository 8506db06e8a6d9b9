"""Tests of Mastodon exports, built as servers build them: what is read, private posts, damage."""

from __future__ import annotations

import gzip
import json
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from archives import archive_files, posts, write_folder, write_zip
from mastodon_exports import (
    ACTOR,
    FOLLOWERS,
    FRIEND,
    ME,
    PICTURE,
    PUBLIC,
    boost,
    create,
    export_files,
    outbox,
    write_tar,
)
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post
from popinjay.sources import Reading
from popinjay.sources.files import tarball
from popinjay.sources.mastodon import export as mastodon_export
from popinjay.sources.x import archive as x_archive
from readings import read


def read_items(path: Path, *items: Any) -> tuple[list[Post], Reading]:
    return read(write_zip(path / "archive-2024.zip", export_files(*items)))


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read(path)
    assert caught.value.hint
    return str(caught.value)


# shapes


@pytest.mark.parametrize("wrapper", ["", "archive-2024/"])
@pytest.mark.parametrize("form", ["zip", "tar.gz", "folder"])
def test_an_export_is_read_in_every_form(tmp_path: Path, form: str, wrapper: str) -> None:
    files = {
        wrapper + name: content
        for name, content in export_files(create("<p>one</p>"), boost()).items()
    }
    path = tmp_path / f"archive.{form}"
    found, reading = read(
        {"zip": write_zip, "tar.gz": write_tar, "folder": write_folder}[form](path, files)
    )
    assert [(post.id, post.text, post.kind) for post in found] == [
        ("109000000000000001", "one", Kind.POST),
        ("90", "", Kind.REPOST),
    ]
    assert (found[0].author, found[0].created_at, found[0].lang) == (
        "ada@social.example",
        "2022-11-08T03:07:14Z",
        "en",
    )
    author = reading.author
    assert (author.handle, author.name, author.bio, author.url) == (
        "ada@social.example",
        "Ada 🧮 :blob:",
        "counts & sings",
        "https://social.example/@ada",
    )
    assert reading.avatar() == PICTURE
    assert reading.findings.unread == {"likes": 1, "bookmarks": 1}
    assert len(reading.fingerprint()) == 64


def test_each_source_leaves_the_others_archives_alone(tmp_path: Path) -> None:
    export = write_zip(tmp_path / "mastodon.zip", export_files(create("<p>one</p>")))
    archive = write_zip(tmp_path / "x.zip", archive_files(posts(2)))
    assert [sources.find(str(path)) for path in (export, archive)] == [mastodon_export, x_archive]
    assert not mastodon_export.matches(str(archive))
    with pytest.raises(SpecError, match="holds a Mastodon export among other things"):
        x_archive.read(str(export), CollectOptions(), sources.UNATTENDED)


def test_the_fingerprint_changes_with_the_posts(tmp_path: Path) -> None:
    marks = {
        read(write_zip(tmp_path / f"{n}.zip", export_files(create(f"<p>{n // 2}</p>"))))[
            1
        ].fingerprint()
        for n in range(4)
    }
    assert len(marks) == 2


def test_without_a_profile_the_file_names_the_author(tmp_path: Path) -> None:
    found, reading = read(
        write_zip(tmp_path / "ada.zip", {"outbox.json": outbox(create("<p>one</p>"))})
    )
    assert (found[0].author, reading.author.handle, reading.avatar()) == ("ada", "ada", None)
    assert "no actor.json" in reading.findings.notes[0]


# visibility


@pytest.mark.parametrize("public", [PUBLIC, "as:Public", "Public"])
def test_public_and_unlisted_posts_are_kept(tmp_path: Path, public: str) -> None:
    items = [
        create("<p>public</p>", 1, to=(public,)),
        create("<p>unlisted</p>", 2, to=(FOLLOWERS,), cc=(public,)),
        create("<p>one</p>", 3, to=public, cc=None),
    ]
    assert [post.text for post in read_items(tmp_path, *items)[0]] == ["public", "unlisted", "one"]


def test_non_public_posts_are_never_read(tmp_path: Path) -> None:
    secret = "<p>secret</p>"
    mixed = create(secret, 6)
    mixed["object"] |= {"to": [FOLLOWERS], "cc": []}
    items = [
        create(secret, 1, to=(FOLLOWERS,), cc=()),
        create(secret, 2, to=(FRIEND,), cc=()),
        create(secret, 3, to=(FRIEND,), cc=(FOLLOWERS,)),
        create(secret, 4, to=None, cc=None),
        create(secret, 5, to={"id": PUBLIC}, cc=[{"id": PUBLIC}, 7]),
        mixed,
        create(secret, 7, to=("https://evil.example/#Public",), cc=()),
        boost(8, FOLLOWERS),
        create("<p>open</p>", 9),
    ]
    found, reading = read_items(tmp_path, *items)
    assert [post.text for post in found] == ["open"]
    assert dict(reading.findings.left_out) == {
        "followers-only post": 3,
        "direct message": 4,
        "boost that is not public": 1,
    }
    assert "secret" not in repr((reading.findings, reading.author))


def test_private_posts_are_neither_shown_nor_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [
        create(
            f"<p>number {n}: the gull at pier {n * 7} sings to {n * 31} boats of the tide</p>", n
        )
        for n in range(30)
    ]
    items += [
        create("<p>verysecretword for friends</p>", 40, to=(FOLLOWERS,), cc=()),
        create("<p>verysecretword for you</p>", 41, to=(FRIEND,), cc=()),
    ]
    assert (
        main(
            [
                "inspect",
                str(write_zip(tmp_path / "archive.zip", export_files(*items, boost()))),
                "--json",
            ]
        )
        == 0
    )
    out, err = capsys.readouterr()
    (author,) = json.loads(out)["authors"]
    assert author["left_out"] == {"direct message": 1, "followers-only post": 1}
    assert "verysecretword" not in out + err


# kinds of posts


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"inReplyTo": f"{FRIEND}/statuses/7"}, Kind.REPLY),
        ({"inReplyTo": f"{ME}/statuses/7"}, Kind.POST),
        ({"inReplyTo": "https://social.example/@ada/7"}, Kind.POST),
        ({"inReplyTo": f"{ME}x/statuses/7"}, Kind.REPLY),
        ({"inReplyTo": {"id": f"{ME}/statuses/7"}}, Kind.POST),
        ({"quote": f"{FRIEND}/statuses/7"}, Kind.QUOTE),
        ({"updated": "2023-01-01T00:00:00Z"}, Kind.POST),
        ({"attachment": [{"type": "Document", "name": "a cat"}]}, Kind.POST),
    ],
)
def test_threads_replies_and_quotes(tmp_path: Path, fields: dict[str, Any], kind: Kind) -> None:
    (found,), _ = read_items(tmp_path, create("<p>so it is</p>", **fields))
    assert (found.text, found.kind) == ("so it is", kind)


def test_content_warnings_and_polls_are_noted_and_not_in_the_text(tmp_path: Path) -> None:
    poll = create(
        "<p>tea?</p>",
        2,
        type="Question",
        oneOf=[{"type": "Note", "name": "yes"}, {"type": "Note", "name": "no"}],
    )
    found, reading = read_items(
        tmp_path, create("<p>it was the gull</p>", 1, summary="who did it"), poll
    )
    assert [post.text for post in found] == ["it was the gull", "tea?"]
    assert [note[:28] for note in reading.findings.notes] == [
        "1 post is behind a content w",
        "1 post is a poll: the questi",
    ]


def test_other_things_in_an_outbox_are_counted(tmp_path: Path) -> None:
    same = create("<p>one</p>", 1)
    others = [
        {"type": "Like", "id": f"{ME}/likes/1", "object": "x"},
        {"type": "Update", "id": "u"},
        create("x", 2, type="Article"),
        create("x", 3, attributedTo=FRIEND),
    ]
    found, reading = read_items(tmp_path, same, same, *others)
    assert [post.text for post in found] == ["one"]
    assert dict(reading.findings.left_out) == {
        "the same post again": 1,
        "neither a post nor a boost": 3,
        "somebody else's post": 1,
    }


@pytest.mark.parametrize(
    ("by_language", "lang"),
    [
        ({"de": "<p>x</p>"}, "de"),
        ({"en": "<p>y</p>", "pt-BR": "<p>x</p>"}, "pt-BR"),
        ({"und": "<p>x</p>"}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_language_is_that_of_the_text(
    tmp_path: Path, by_language: Any, lang: str | None
) -> None:
    (found,), _ = read_items(tmp_path, create("<p>x</p>", contentMap=by_language))
    assert found.lang == lang


# damage


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        ("{}", "holds no list of posts (orderedItems)"),
        (
            '{"first": "https://social.example/outbox?page=1"}',
            "holds no list of posts (orderedItems)",
        ),
        ('{"orderedItems": [1]}', "holds something other than posts"),
        (outbox(create("<p>x</p>"))[:-40], "is damaged after 0 posts"),
        (outbox(create("<p>x</p>"))[:-1], "is damaged: its JSON is incomplete"),
        ('{"@context": [', "is damaged: its JSON can't be read"),
        ('{"a": ' + "[" * 100_000, "is damaged: its JSON can't be read"),
        (b"\xff\xfe{}", "is not UTF-8 text"),
    ],
)
def test_a_broken_outbox(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert f"outbox.json in archive.zip {said}" in refused(
        write_zip(tmp_path / "archive.zip", export_files() | {"outbox.json": content})
    )


def test_an_empty_outbox_and_a_broken_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(write_zip(tmp_path / "archive.zip", export_files()))]) == 2
    assert "There is not a single post of 'ada@social.example' in it." in capsys.readouterr().err
    assert "actor.json in broken.zip is damaged" in refused(
        write_zip(tmp_path / "broken.zip", export_files() | {"actor.json": "{"})
    )


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    whole = write_tar(
        tmp_path / "whole.tar.gz", export_files(*(create(f"<p>{n}</p>", n) for n in range(50)))
    ).read_bytes()
    for size in (20, len(whole) // 2, len(whole) - 3):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:size])
        assert "cut.tar.gz was cut off: its end is missing." in refused(tmp_path / "cut.tar.gz")
    (tmp_path / "other.tar.gz").write_bytes(gzip.compress(b"no tar at all" * 100))
    assert "other.tar.gz is damaged, or not a .tar.gz" in refused(tmp_path / "other.tar.gz")
    assert "photos.tgz is not a Mastodon export: it has no outbox.json." in refused(
        write_tar(tmp_path / "photos.tgz", {"a/1.jpg": "x", "b/2.jpg": "x"})
    )
    two = {"mastodon/outbox.json": outbox(), "photos/1.jpg": "x"}
    assert "two.zip holds a Mastodon export among other things." in refused(
        write_zip(tmp_path / "two.zip", two)
    )


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "a/../../outside.txt"])
def test_member_names_outside_the_archive(tmp_path: Path, name: str) -> None:
    files = export_files(create("<p>x</p>")) | {name: "x"}
    assert "leads outside of it" in refused(write_tar(tmp_path / "a.tar.gz", files))
    assert "leads outside of it" in refused(write_zip(tmp_path / "a.zip", files))


def test_links_in_a_tar_are_no_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed:
        link = tarfile.TarInfo("outbox.json")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/hostname"
        packed.addfile(link)
    assert "it has no outbox.json" in refused(tmp_path / "a.tar.gz")


def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    big = b"0" * (80 << 20)
    data = write_tar(tmp_path / "data.tar.gz", {"outbox.json": big})
    header = tarfile.TarInfo("././@LongLink")  # a name of 60 MB
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = 60 << 20
    (tmp_path / "name.tar.gz").write_bytes(
        gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + big[: 60 << 20], 1)
    )
    del big
    tracemalloc.start()
    assert "data.tar.gz would expand" in refused(data)
    assert "name.tar.gz is damaged" in refused(tmp_path / "name.tar.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_large_outbox_takes_little_memory(tmp_path: Path) -> None:
    body = "<p>" + "the gull sings. " * 1000 + "</p>"
    path = write_tar(
        tmp_path / "large.tar.gz",
        {"outbox.json": outbox(*(create(body + str(n), n) for n in range(800)))}
        | {"actor.json": json.dumps(ACTOR)},
    )
    tracemalloc.start()
    count = sum(1 for _ in sources.read(str(path), CollectOptions()).posts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 800
    assert peak < 6 << 20  # of some 13 MB


def test_small_files_of_a_tar_are_kept_and_large_ones_read_in_place(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar.gz", {"a.txt": "one", "./b.txt": "two" * 100_000})
    opened = tarball.Tarball(path, lambda name: name == "a.txt")
    assert opened.names == ["a.txt", "b.txt"]
    with opened.open("a.txt") as first, opened.open("b.txt") as second:
        assert (first.read(), second.read()) == (b"one", b"two" * 100_000)


def test_the_recorded_structure_is_read() -> None:
    folder = Path(__file__).parents[4] / "shared" / "formats" / "mastodon-export"
    if not folder.is_dir():
        pytest.skip("the recorded export lies in ../shared, which is not here")
    found, reading = read(folder)
    assert [post.kind for post in found] == [
        Kind.POST,
        Kind.REPLY,
        Kind.POST,
        Kind.POST,
        Kind.POST,
        Kind.REPOST,
    ]
    assert dict(reading.findings.left_out) == {"direct message": 1, "followers-only post": 1}
    assert not any("DIRECT" in post.text or "followers-only" in post.text.lower() for post in found)
