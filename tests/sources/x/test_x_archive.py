"""Tests of X archives of every era: what is read, what is joined, and what is never opened."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from archives import (
    ACCOUNT,
    FIRST_MS,
    archive_files,
    grailbird_files,
    js,
    manifest,
    note,
    posts,
    snowflake,
    spoil,
    tweet,
    write_folder,
    write_zip,
)
from popinjay import sources
from popinjay.cli.main import main
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post
from popinjay.sources import Reading
from readings import read, texts

PRIVATE = {
    "direct_messages": "direct messages",
    "direct_messages_group": "direct messages",
    "deleted_tweets": "deleted posts",
    "deleted_note_tweet": "deleted posts",
    "like": "likes",
    "ip_audit": "addresses and numbers",
    "phone_number": "addresses and numbers",
    "ad_engagements": "adverts",
    "grok_chat_item": "chats with Grok",
}
LONG = (
    "A long post that goes on and on about the tide, the gulls over it "
    "and the lamp at the end of the pier"
)


def read_files(
    path: Path, files: dict[str, str | bytes], **options: Any
) -> tuple[list[Post], Reading]:
    return read(write_zip(path / "twitter-2024-11-16-abc.zip", files), **options)


def read_tweets(path: Path, *tweets: Any, **more: Any) -> list[Post]:
    return read_files(path, archive_files(tweets, **more))[0]


def plain(item: Any) -> Any:
    return item["tweet"]


# shapes of archives


@pytest.mark.parametrize("wrapper", ["", "twitter-2024/"])
def test_a_zip_with_a_top_folder_is_read(tmp_path: Path, wrapper: str) -> None:
    files = {wrapper + name: content for name, content in archive_files(posts(3)).items()}
    found, reading = read_files(
        tmp_path, files | {f"__MACOSX/{wrapper}data/._tweets.js": b"\x00\x05\x16\x07"}
    )
    assert texts(found) == [plain(item)["full_text"] for item in posts(3)]
    assert (reading.author.handle, reading.author.name) == ("ada_l", "Ada 🧮 L.")
    assert {post.author for post in found} == {"ada_l"}
    assert found[0].created_at == "2024-10-27T03:33:20Z"
    assert found[0].lang == "en"
    assert (reading.findings.notes, dict(reading.findings.left_out)) == ([], {})


@pytest.mark.parametrize("inside", ["", "data", "wrapped"])
def test_an_unpacked_archive_is_read_and_so_is_its_data_folder_alone(
    tmp_path: Path, inside: str
) -> None:
    wrapper = "some-folder/" if inside == "wrapped" else ""
    write_folder(
        tmp_path / "archive",
        {wrapper + name: content for name, content in archive_files(posts(3)).items()},
    )
    found, reading = read(tmp_path / "archive" / ("data" if inside == "data" else ""))
    assert len(found) == 3
    assert reading.author.handle == "ada_l"


def test_parts_are_joined_and_a_post_in_two_of_them_counts_once(tmp_path: Path) -> None:
    files = archive_files(
        posts(3),
        tweets_part1=js("tweets", posts(3, start=2)),
        tweets_part2=js("tweets", posts(1, start=9)),
    )
    files["data/manifest.js"] = manifest(
        {
            "tweets": [
                ("data/tweets.js", 3),
                ("data/tweets-part1.js", 3),
                ("data/tweets-part2.js", 1),
            ]
        }
    )
    found, reading = read_files(tmp_path, files)
    assert sorted(texts(found)) == sorted(
        plain(item)["full_text"] for item in [*posts(5), *posts(1, start=9)]
    )
    assert dict(reading.findings.left_out) == {"the same post again": 1}
    assert reading.findings.notes == []


@pytest.mark.parametrize("wrapped", [True, False])
def test_archives_of_2019_to_2022_are_read(tmp_path: Path, wrapped: bool) -> None:
    items = [item if wrapped else plain(item) for item in posts(3)]
    found, _ = read_files(
        tmp_path,
        {
            "data/tweet.js": js("tweet", items),
            "data/account.js": archive_files([])["data/account.js"],
        },
    )
    assert texts(found) == [plain(item)["full_text"] for item in posts(3)]
    assert found[0].author == "ada_l"


def old_tweet(text: str, number: int, **more: Any) -> Any:
    own = 94404102955606016 + number
    return {
        "id": own,
        "id_str": str(own),
        "text": text,
        "created_at": "2011-07-22 13:51:06 +0000",
        "user": {"id_str": ACCOUNT},
        "entities": {},
        **more,
    }


def test_archives_from_before_2019_are_read_by_their_months(tmp_path: Path) -> None:
    july = [
        old_tweet(
            "@bob so it is &amp; was",
            1,
            in_reply_to_status_id_str="9",
            in_reply_to_user_id_str="8",
            in_reply_to_screen_name="bob",
        )
    ]
    august = [
        old_tweet("mine", 2),
        old_tweet("going on", 3, in_reply_to_status_id_str="7", in_reply_to_user_id_str=ACCOUNT),
    ]
    august.append(old_tweet("RT @bob: his", 4, retweeted_status={"text": "his"}))
    found, reading = read_files(tmp_path, grailbird_files({"2011_07": july, "2011_08": august}))
    assert [(post.text, post.kind) for post in found] == [
        ("@bob so it is & was", Kind.REPLY),
        ("mine", Kind.POST),
        ("going on", Kind.POST),
        ("RT @bob: his", Kind.REPOST),
    ]
    assert found[0].created_at == "2011-07-22T13:51:06Z"
    assert (reading.author.handle, reading.author.name, reading.author.bio) == (
        "ada_l",
        "Ada 🧮 L.",
        "counts & sings",
    )


TABLE = (
    '"tweet_id","in_reply_to_status_id","in_reply_to_user_id","timestamp","source","text",'
    '"retweeted_status_id","retweeted_status_user_id","retweeted_status_timestamp",'
    '"expanded_urls"\n'
    '"94404102955606016","","","2011-07-22 13:51:06 +0000","web",'
    '"two\nlines, ""quoted"" &amp; all","","","",""\n'
    '"94404102955606017","12","34","2011-07-23 13:51:06 +0000","web","@bob yes","","","",""\n'
    '"94404102955606018","","","2011-07-24 13:51:06 +0000","web",'
    '"RT @bob: his","9","8","2011-07-24 13:51:00 +0000",""\n'
)


def test_archives_from_before_2019_are_read_by_their_table_if_it_is_all(
    tmp_path: Path,
) -> None:
    found, reading = read(
        write_zip(tmp_path / "ada.zip", {"tweets.csv": TABLE, "index.html": "", "README.txt": ""})
    )
    assert [(post.text, post.kind) for post in found] == [
        ('two\nlines, "quoted" & all', Kind.POST),
        ("@bob yes", Kind.REPLY),
        ("RT @bob: his", Kind.REPOST),
    ]
    assert found[1].created_at == "2011-07-23T13:51:06Z"
    assert reading.author.handle == "ada"


def test_the_months_are_preferred_to_the_table(tmp_path: Path) -> None:
    found, _ = read_files(
        tmp_path, grailbird_files({"2011_07": [old_tweet("mine", 1)]}) | {"tweets.csv": TABLE}
    )
    assert texts(found) == ["mine"]


def test_posts_to_communities_are_read(tmp_path: Path) -> None:
    community = js(
        "community_tweet",
        [tweet("to my community", 7, community_id="12", scopes={"followers": False})],
    )
    assert texts(read_tweets(tmp_path, tweet("to all", 1), community_tweet=community)) == [
        "to all",
        "to my community",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + ";\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace(" = ", "=\r\n"),
    ],
)
def test_semicolons_byte_order_marks_and_line_ends_do_not_matter(
    tmp_path: Path, change: Any
) -> None:
    files = {
        name: change(content) if name.endswith(".js") and isinstance(content, str) else content
        for name, content in archive_files(posts(3)).items()
    }
    assert len(read_files(tmp_path, files)[0]) == 3


def test_an_equals_sign_and_brackets_in_a_post_are_text(tmp_path: Path) -> None:
    text = "f(x) = [x], g(x) = {x}; window.YTD.tweets.part0 = [ ]"
    assert texts(read_tweets(tmp_path, tweet(text, 1), tweet("two", 2))) == [text, "two"]


def test_posts_larger_than_a_chunk_are_whole(tmp_path: Path) -> None:
    items = [tweet("é" * 700_000, 1), tweet("two", 2), tweet("🧮" * 900_000, 3)]
    assert [len(text) for text in texts(read_tweets(tmp_path, *items))] == [700_000, 3, 900_000]


# kinds of posts


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("RT @x: somebody else's words", Kind.REPOST),
        ("RT @long_Name9: cut off…", Kind.REPOST),
        ("RT if you agree", Kind.POST),
        ("RT @x no colon", Kind.REPOST),
        ("so true RT @x: words", Kind.POST),
    ],
)
def test_only_a_prefix_marks_a_repost(tmp_path: Path, text: str, kind: Kind) -> None:
    assert read_tweets(tmp_path, tweet(text))[0].kind is kind


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (
            {
                "in_reply_to_status_id_str": "5",
                "in_reply_to_user_id_str": ACCOUNT,
                "in_reply_to_screen_name": "ada_l",
            },
            Kind.POST,
        ),
        ({"in_reply_to_status_id_str": "5", "in_reply_to_screen_name": "ADA_l"}, Kind.POST),
        (
            {
                "in_reply_to_status_id_str": "5",
                "in_reply_to_user_id_str": "77",
                "in_reply_to_screen_name": "bob",
            },
            Kind.REPLY,
        ),
        ({"in_reply_to_status_id_str": "5"}, Kind.REPLY),
        ({"in_reply_to_user_id_str": "77", "in_reply_to_screen_name": "bob"}, Kind.REPLY),
    ],
)
def test_replies_to_oneself_are_posts_and_others_are_replies(
    tmp_path: Path, fields: dict[str, Any], kind: Kind
) -> None:
    assert read_tweets(tmp_path, tweet("and another thing", **fields))[0].kind is kind


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("https://twitter.com/bob/status/12", Kind.QUOTE),
        ("https://x.com/bob/status/12?s=20", Kind.QUOTE),
        ("https://mobile.twitter.com/bob/status/12", Kind.QUOTE),
        ("https://x.com/bob", Kind.POST),
        ("https://example.com/x.com/bob/status/12", Kind.POST),
    ],
)
def test_a_link_to_a_post_at_the_end_makes_a_quote(tmp_path: Path, link: str, kind: Kind) -> None:
    urls = [
        {"url": "https://t.co/a", "expanded_url": "https://example.com"},
        {"url": "https://t.co/b", "expanded_url": link},
    ]
    assert (
        read_tweets(tmp_path, tweet("see https://t.co/a https://t.co/b", entities={"urls": urls}))[
            0
        ].kind
        is kind
    )


# texts and times


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a &amp; b &lt;3", "a & b <3"),
        ("how to write &amp;lt;", "how to write &lt;"),
        ("AT&T &copy R&D; x", "AT&T &copy R&D; x"),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_entities_are_unescaped_once_and_line_breaks_stay(
    tmp_path: Path, written: str, meant: str
) -> None:
    assert texts(read_tweets(tmp_path, tweet(written))) == [meant]


def test_invalid_characters_leave_the_rest_of_a_post(tmp_path: Path) -> None:
    items = json.dumps(
        [
            tweet("nul \0 here", 1),
            tweet("half \ud83d a pair", 2),
            tweet("a pair \U0001f9ee", 3),
            tweet("odd", 4, lang="\udc80"),
        ]
    )
    assert "\\u0000" in items
    assert "\\ud83d " in items
    found = read_tweets(tmp_path, tweets="window.YTD.tweets.part0 = " + items)
    assert texts(found) == ["nul  here", "half \ufffd a pair", "a pair 🧮", "odd"]
    assert all(
        text.encode().decode() == text for post in found for text in (post.text, post.lang or "")
    )


@pytest.mark.parametrize(
    "written",
    [
        "Thu Jan 01 00:00:00 +0000 1970",
        "1970-01-01 00:00:00 +0000",
        "no date",
        "Sat Feb XX 12:33:11 +0000 2023",
        "",
        None,
        5,
    ],
)
def test_impossible_dates_are_replaced_by_the_time_in_the_id(tmp_path: Path, written: Any) -> None:
    assert (
        read_tweets(tmp_path, tweet("when", created_at=written))[0].created_at
        == "2024-10-27T03:33:20Z"
    )


def test_old_ids_give_no_time(tmp_path: Path) -> None:
    (found,) = read_tweets(
        tmp_path, tweet("just setting up", id_str="20", created_at="Thu Jan 01 00:00:00 +0000 1970")
    )
    assert found.created_at is None


# edits


def version(text: str, number: int, *, last: int = 3, at: str = "initial") -> Any:
    info = {
        "editTweetIds": [snowflake(FIRST_MS + n * 60_000, n) for n in range(1, last + 1)],
        "editsRemaining": "3",
    }
    return tweet(
        text,
        number,
        edit_info={"initial": info}
        if at == "initial"
        else {"edit": {"initialTweetId": "1", "editControlInitial": info}},
    )


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 1, 2)])
def test_the_last_version_of_an_edited_post_is_kept(tmp_path: Path, order: tuple[int, ...]) -> None:
    versions = {
        1: version("frist", 1),
        2: version("firstt", 2, at="edit"),
        3: version("first", 3, at="edit"),
    }
    found, reading = read_files(
        tmp_path, archive_files([tweet("other", 9), *(versions[n] for n in order)])
    )
    assert sorted(texts(found)) == ["first", "other"]
    assert dict(reading.findings.left_out) == {"earlier version of an edited post": 2}


def test_an_edited_long_post_is_its_last_version_in_full(tmp_path: Path) -> None:
    versions = [version(LONG[:60] + "…", 1, last=2), version(LONG[:60] + "…", 2, last=2)]
    notes = [note(LONG + ", frist", FIRST_MS + 60_000), note(LONG + ", first", FIRST_MS + 120_000)]
    found, reading = read_files(tmp_path, archive_files(versions, notes=notes))
    assert texts(found) == [LONG + ", first"]
    assert reading.findings.notes == []


# long posts


def test_a_long_post_replaces_its_beginning(tmp_path: Path) -> None:
    stub = tweet(LONG[:50] + "… https://t.co/abc", 5)
    (found,) = read_tweets(tmp_path, stub, notes=[note(LONG, FIRST_MS + 5 * 60_000 - 400)])
    assert found == Post(
        plain(stub)["id_str"], "ada_l", LONG, created_at="2024-10-27T03:38:20Z", lang="en"
    )


def test_two_long_posts_of_one_second_go_to_the_right_beginnings(tmp_path: Path) -> None:
    whole = {name: f"{name}: {LONG}, says {name}" for name in ("one", "two")}
    stubs = [
        tweet(f"{whole['one'][:40]}…", at_ms=FIRST_MS + 100),
        tweet(f"{whole['two'][:40]}…", at_ms=FIRST_MS + 200),
    ]
    notes = [note(whole["two"], FIRST_MS + 110, 1), note(whole["one"], FIRST_MS + 190, 2)]
    found = read_tweets(tmp_path, *stubs, notes=notes)
    assert [(post.id, post.text) for post in found] == [
        (plain(stubs[0])["id_str"], whole["one"]),
        (plain(stubs[1])["id_str"], whole["two"]),
    ]


def test_two_long_posts_that_begin_alike_go_by_the_nearest_moment(tmp_path: Path) -> None:
    stubs = [
        tweet(LONG[:40] + "…", at_ms=FIRST_MS + 100),
        tweet(LONG[:40] + "…", at_ms=FIRST_MS + 900),
    ]
    notes = [note(LONG + ", later", FIRST_MS + 890, 1), note(LONG + ", sooner", FIRST_MS + 90, 2)]
    assert texts(read_tweets(tmp_path, *stubs, notes=notes)) == [
        LONG + ", sooner",
        LONG + ", later",
    ]


def test_the_same_words_at_another_time_are_no_beginning(tmp_path: Path) -> None:
    found, reading = read_files(
        tmp_path, archive_files([tweet(LONG[:50] + "…", 5)], notes=[note(LONG, FIRST_MS)])
    )
    assert sorted(texts(found), key=len) == [LONG[:50] + "…", LONG]
    assert len(reading.findings.notes) == 1


def test_a_long_reply_keeps_whom_it_answers(tmp_path: Path) -> None:
    stub = tweet(
        f"@bob @eve {LONG[:50]}…", in_reply_to_status_id_str="5", in_reply_to_user_id_str="77"
    )
    (found,) = read_tweets(tmp_path, stub, notes=[note(LONG, FIRST_MS)])
    assert found.text == f"@bob @eve {LONG}"
    assert found.kind is Kind.REPLY


def test_a_long_post_is_unescaped_as_its_beginning_is(tmp_path: Path) -> None:
    stub = tweet("Bread &amp; butter &lt;3 " + LONG[:40] + "…")
    assert texts(
        read_tweets(tmp_path, stub, notes=[note("Bread &amp; butter &lt;3 " + LONG, FIRST_MS)])
    ) == ["Bread & butter <3 " + LONG]


def test_long_posts_without_a_beginning_are_kept_and_noted(tmp_path: Path) -> None:
    found, reading = read_files(
        tmp_path, archive_files([tweet("short", 5)], notes=[note(LONG, FIRST_MS + 1000)])
    )
    assert texts(found) == ["short", LONG]
    assert found[1].created_at == "2024-10-27T03:33:21Z"
    assert reading.findings.notes == ["Long posts without a short one, kept as separate posts: 1."]


# Circle


CIRCLE_MS = 1669000000000  # November 2022


def test_marked_circle_posts_are_left_out(tmp_path: Path) -> None:
    secret = tweet("for my circle only", at_ms=CIRCLE_MS)
    files = archive_files(
        [tweet("for all", at_ms=CIRCLE_MS + 1), secret], twitter_circle_tweet=js("tweet", [secret])
    )
    found, reading = read_files(tmp_path, files)
    assert texts(found) == ["for all"]
    assert dict(reading.findings.left_out) == {"Circle post": 1}
    assert reading.findings.notes == []


def test_a_long_circle_post_is_left_out_with_its_note(
    tmp_path: Path,
) -> None:
    secret = tweet(LONG[:50] + "…", at_ms=CIRCLE_MS)
    files = archive_files(
        [tweet("for all", 1), secret],
        notes=[note(LONG, CIRCLE_MS - 300)],
        twitter_circle_tweet=js("tweet", [secret]),
    )
    found, reading = read_files(tmp_path, files)
    assert texts(found) == ["for all"]
    assert reading.findings.notes == []


# July 31, August 1, November 30 and December 1, at noon
AROUND_CIRCLE = [1659268800000, 1659355200000, 1701345600000, 1701432000000]


def test_an_archive_that_does_not_mark_circle_posts_says_so(tmp_path: Path) -> None:
    found, reading = read_files(
        tmp_path, archive_files([tweet(f"post {at}", at_ms=at) for at in AROUND_CIRCLE])
    )
    assert len(found) == 4
    (told,) = reading.findings.notes
    assert told.startswith("2 posts are from August 2022 to November 2023")
    assert "--exclude-circle-window" in told


def test_the_time_of_circle_can_be_left_out_with_its_long_posts(tmp_path: Path) -> None:
    files = archive_files(
        [tweet(f"post {at}", at_ms=at) for at in AROUND_CIRCLE], notes=[note(LONG, CIRCLE_MS)]
    )
    found, reading = read_files(tmp_path, files, exclude_circle_window=True)
    assert texts(found) == [f"post {AROUND_CIRCLE[0]}", f"post {AROUND_CIRCLE[-1]}"]
    assert dict(reading.findings.left_out) == {"from the time of Circle": 3}
    assert not any("--exclude-circle-window" in told for told in reading.findings.notes)


# manifest


def test_fewer_posts_than_the_manifest_says_are_noted(tmp_path: Path) -> None:
    files = archive_files(posts(3)) | {
        "data/manifest.js": manifest({"tweets": ("data/tweets.js", 1005)})
    }
    assert read_files(tmp_path, files)[1].findings.notes == [
        "The manifest says that data/tweets.js holds 1,005 posts, but it has 3."
    ]


def test_a_missing_part_is_noted(tmp_path: Path) -> None:
    files = archive_files(posts(3)) | {
        "data/manifest.js": manifest(
            {"tweets": [("data/tweets.js", 3), ("data/tweets-part1.js", 1000)]}
        )
    }
    assert read_files(tmp_path, files)[1].findings.notes == [
        "The manifest names data/tweets-part1.js with 1,000 posts, but it is missing: those "
        "posts are lost."
    ]


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "[]",
        "{}",
        '{"userInfo":null,"dataTypes":{"tweets":[]}}',
        '{"dataTypes":{"tweets":{"files":[{"count":"many"},5]}}}',
    ],
)
def test_a_manifest_of_another_shape_does_no_harm(tmp_path: Path, value: str) -> None:
    files = archive_files(posts(3)) | {
        "data/manifest.js": "window.__THAR_CONFIG = " + value,
        "data/profile.js": js("profile", [{"profile": {"description": "x"}}]),
    }
    found, reading = read_files(tmp_path, files)
    assert len(found) == 3
    assert reading.author.handle == "ada_l"


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_the_fingerprint_is_that_of_the_posts(tmp_path: Path, form: str) -> None:
    def fingerprint(name: str, files: dict[str, str | bytes]) -> str:
        path = (
            write_zip(tmp_path / f"{name}.zip", files)
            if form == "zip"
            else write_folder(tmp_path / name, files)
        )
        return sources.read(str(path), CollectOptions()).fingerprint()

    first = fingerprint("a", archive_files(posts(3)))
    assert fingerprint("b", archive_files(posts(3))) == first
    assert (
        fingerprint("c", archive_files(posts(3), direct_messages=js("direct_messages", [{"x": 1}])))
        == first
    )
    assert fingerprint("d", archive_files([*posts(2), tweet("another", 2)])) != first
    assert fingerprint("e", archive_files(posts(3), notes=[note(LONG, FIRST_MS)])) != first


# private files


def private_files() -> dict[str, str]:
    return {name: js(name, [{"secret": f"{name} {n}"} for n in range(50)]) for name in PRIVATE}


def counted() -> dict[str, int]:
    return {label: list(PRIVATE.values()).count(label) for label in PRIVATE.values()}


def test_private_files_of_a_zip_are_counted_and_never_opened(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ada.zip", archive_files(posts(3), **private_files()))
    for name in PRIVATE:
        member = f"data/{name.replace('_', '-')}.js"
        spoil(path, member)
        with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile):
            archive.open(member)
    found, reading = read(path)
    assert len(found) == 3
    assert reading.findings.unread == counted()


WATCH = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pathlib import Path
from popinjay import sources
from popinjay.options import CollectOptions
reading = sources.read(sys.argv[1], CollectOptions())
reading.fingerprint()
count = len(list(reading.posts()))
print(count, *sorted({Path(name).name for name in opened if name.startswith(sys.argv[1])}))
"""


def test_of_a_folder_only_the_posts_and_the_public_profile_are_opened(tmp_path: Path) -> None:
    write_folder(
        tmp_path / "ada", archive_files(posts(3), profile=js("profile", []), **private_files())
    )
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path / "ada")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "3",
        "account.js",
        "manifest.js",
        "note-tweet.js",
        "profile.js",
        "tweets.js",
    ]
    assert read(tmp_path / "ada")[1].findings.unread == counted()


def test_the_accounts_mail_address_is_never_exposed(
    tmp_path: Path, own_home: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_zip(tmp_path / "ada.zip", archive_files(posts(150)))
    with zipfile.ZipFile(path) as archive:
        assert b"private@example.com" in archive.read("data/account.js")
    assert main(["inspect", str(path), "--json"]) == 0
    assert (
        main(
            [
                "make",
                str(path),
                "--base",
                str(tiny_gpt2),
                "--epochs",
                "0.1",
                "--samples",
                "10",
                "--json",
            ]
        )
        == 0
    )
    said = capsys.readouterr()
    assert "ada_l" in said.out
    assert "private@example" not in said.out + said.err
    made = [file for file in (own_home / "ada_l").rglob("*") if file.is_file()]
    assert len(made) > 10
    assert not [file for file in made if b"private@example" in file.read_bytes()]


def test_inspect_reports_unopened_files_and_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = archive_files([*posts(3), posts(1)[0]], **private_files()) | {
        "data/manifest.js": manifest({"tweets": ("data/tweets.js", 9)})
    }
    assert main(["inspect", str(write_zip(tmp_path / "ada.zip", files))]) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "Private, never opened: direct messages" in said
    assert "Left out by the source: the same post again (1)." in said
    assert "The manifest says that data/tweets.js holds 9 posts, but it has 4." in said


# real structures


def test_the_structure_of_a_real_archive_of_2024(shared: Path) -> None:
    found, reading = read(shared / "formats" / "x-archive-2024")
    assert (reading.author.handle, reading.author.name) == ("example_user", "Example User 🥘")
    assert [post.kind for post in found][:2] == [Kind.REPOST, Kind.REPLY]
    assert len({post.id for post in found}) == len(found) == 4
    assert all(post.created_at and post.created_at.startswith("2024-") for post in found)
    assert reading.findings.unread == {"deleted posts": 1}
    (long,) = [post.text for post in found if len(post.text) > 290]
    assert long.endswith("where the switch is.")


def test_the_structure_of_a_real_archive_of_2011(shared: Path) -> None:
    found, _ = read(shared / "formats" / "x-archive-grailbird-2013-2018")
    assert [(post.kind, post.created_at) for post in found] == [
        (Kind.REPLY, "2011-07-22T13:51:06Z"),
        (Kind.POST, "2011-07-22T13:41:10Z"),
    ]
