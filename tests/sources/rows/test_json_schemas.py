"""Tests of rows of known schemas: found wherever they are, and non-public ones left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post
from popinjay.sources import Reading

WHEN = "2023-04-05T06:07:08Z"


def opened(folder: Path, rows: Any, name: str = "dump.json", **options: Any) -> Reading:
    path = folder / name
    path.write_text(json.dumps(rows))
    return sources.read(str(path), CollectOptions(**options))


def read(folder: Path, rows: Any, **options: Any) -> tuple[Reading, list[Post]]:
    reading = opened(folder, rows, **options)
    return reading, list(reading.posts())


def status(id: str, content: str = "<p>a lamp &amp; I</p>", **more: Any) -> dict[str, Any]:
    account = {"id": "7", "acct": "ada", "url": "https://s.example/@ada", "display_name": "Ada"}
    plain: dict[str, Any] = {
        "visibility": "public",
        "reblog": None,
        "spoiler_text": "",
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
    }
    return {
        "id": id,
        "created_at": WHEN,
        "language": "en",
        "content": content,
        "account": account,
        **plain,
        **more,
    }


def test_statuses_become_plain_text_and_boosts_have_no_text(tmp_path: Path) -> None:
    rows = [
        status("1"),
        status("2", reblog=status("3", "<p>BOB</p>"), content="<p>BOB</p>"),
        status("4", in_reply_to_id="1", in_reply_to_account_id="7"),
        status("5", in_reply_to_id="9", in_reply_to_account_id="8", visibility="unlisted"),
    ]
    reading, posts = read(
        tmp_path,
        {"account": rows[0]["account"], "statuses": rows, "favourites": [status("6", "NOT THIS")]},
    )
    assert (reading.author.handle, reading.author.name) == ("ada@s.example", "Ada")
    assert [(post.id, post.kind, post.text) for post in posts] == [
        ("1", Kind.POST, "a lamp & I"),
        ("2", Kind.REPOST, ""),
        ("4", Kind.POST, "a lamp & I"),
        ("5", Kind.REPLY, "a lamp & I"),
    ]
    assert posts[0].created_at == WHEN


def test_statuses_without_their_account_are_still_statuses(tmp_path: Path) -> None:
    row = status("1", in_reply_to_id="0")
    rows = [
        {key: value for key, value in one.items() if key != "account"}
        for one in (row, status("2", in_reply_to_id="1"))
    ]
    _, posts = read(tmp_path, rows)
    assert [(post.text, post.kind) for post in posts] == [
        ("a lamp & I", Kind.REPLY),
        ("a lamp & I", Kind.POST),
    ]


def note(id: str, text: str | None = "a lamp", **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "replyId": None,
        "renoteId": None,
        "cw": None,
        "visibility": "public",
        "localOnly": False,
        "fileIds": [],
    }
    return {"id": id, "text": text, "createdAt": "2023-04-05T06:07:08.000Z", **plain, **more}


def activity(n: int, to: list[str], **more: Any) -> dict[str, Any]:
    me = "https://s.example/users/ada"
    inner = {
        "id": f"{me}/statuses/{n}",
        "type": "Note",
        "content": "<p>a lamp</p>",
        "published": WHEN,
        "attributedTo": me,
        "to": to,
        **more,
    }
    return {
        "id": f"{me}/statuses/{n}/activity",
        "type": "Create",
        "actor": me,
        "to": to,
        "object": inner,
    }


PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
HIDDEN = {
    "mastodon": [
        (status("1", visibility="private"), "followers-only post"),
        (status("1", visibility="direct"), "direct message"),
        (status("1", visibility="limited"), "post not for everybody"),
        (status("1", local_only=True), "post not for everybody"),
        (status("1", visibility="private", reblog=status("2")), "boost that is not public"),
    ],
    "misskey": [
        (note("1", visibility="followers"), "followers-only post"),
        (note("1", visibility="specified"), "direct message"),
        (note("1", localOnly=True), "post not for everybody"),
    ],
    "activitypub": [
        (activity(1, ["https://s.example/users/ada/followers"]), "followers-only post"),
        (activity(1, ["https://t.example/users/bob"]), "direct message"),
        (activity(1, [])["object"], "direct message"),
        (
            {"type": "Like", "actor": "https://s.example/users/ada", "object": "x"},
            "neither a post nor a boost",
        ),
    ],
    "x v1": [
        (
            {"id_str": "1", "full_text": "x", "user": {"screen_name": "ada", "protected": True}},
            "post of a protected account",
        ),
        (
            {"id_str": "1", "text": "x", "favorite_count": 1, "scopes": {"followers": True}},
            "followers-only post",
        ),
    ],
    "x v2": [
        (
            {
                "id": "1",
                "text": "x",
                "author_id": "7",
                "author": {"username": "ada", "protected": True},
            },
            "post of a protected account",
        )
    ],
    "snscrape": [
        (
            {"rawContent": "x", "id": 1, "user": {"username": "ada", "protected": True}},
            "post of a protected account",
        )
    ],
    "bluesky": [
        (
            {
                "uri": "at://did:plc:a/app.bsky.feed.like/1",
                "value": {"$type": "app.bsky.feed.like"},
            },
            "record that is no post",
        ),
        ({"$type": "chat.bsky.convo.defs#messageView", "text": "x"}, "direct message"),
    ],
    "reddit": [
        (
            {"body": "x", "author": "ada", "subreddit": "y", "subreddit_type": "private"},
            "post not for everybody",
        ),
        ({"body": "x", "author": "ada", "dest": "bob", "subject": "y"}, "direct message"),
        ({"body": "[removed]", "author": "ada", "subreddit": "y"}, "deleted post"),
    ],
    "threads": [
        (
            {
                "taken_at": 1,
                "caption": {"text": "x"},
                "user": {"username": "ada", "is_private": True},
            },
            "post of a protected account",
        )
    ],
    "none": [
        ({"text": "x", "visibility": "friends"}, "followers-only post"),
        (
            {"text": "x", "Privacy": {"value": "ALL_FRIENDS", "description": "Your friends"}},
            "followers-only post",
        ),
        ({"text": "x", "privacy": "onlyMe"}, "post not for everybody"),
        ({"text": "x", "audience": ["close-friends"]}, "post not for everybody"),
        ({"text": "x", "isPrivate": True}, "post not for everybody"),
        ({"text": "x", "is_public": False}, "post not for everybody"),
        ({"text": "x", "protected": "true"}, "post of a protected account"),
        (
            {"text": "x", "author": {"username": "ada", "protected": 1}},
            "post of a protected account",
        ),
        ({"text": "x", "status": "draft"}, "post not for everybody"),
        ({"text": "x", "status": "scheduled"}, "post not for everybody"),
        ({"text": "x", "scope": "private"}, "post not for everybody"),
        ({"text": "x", "deleted_at": WHEN}, "deleted post"),
        ({"text": "x", "to": ["followers"]}, "followers-only post"),
        ({"text": "x", "sender_id": 7, "recipient_id": 8}, "direct message"),
        ({"ID": 7, "Timestamp": WHEN, "Contents": "x", "Attachments": ""}, "direct message"),
        ({"text": "x", "dm_conversation_id": "7-8"}, "direct message"),
        ({"message": "x", "from": "ada", "to": "bob"}, "direct message"),
        (
            {"body": "x", "From": "ada@s.example", "To": "bob@s.example", "Subject": "y"},
            "direct message",
        ),
        ({"text": "x", "only_me": 1}, "post not for everybody"),
        ({"text": "x", "published": False}, "post not for everybody"),
        ({"text": "x", "Sichtbarkeit": "nur Freunde"}, "followers-only post"),
        ({"text": "x", "Privat": "WAHR"}, "post not for everybody"),
        ({"text": "x", "settings": {"privacy": "friends"}}, "followers-only post"),
        ({"text": "x", "metadata": {"isPrivate": True}}, "post not for everybody"),
        (
            {
                "text": "x",
                "postAcl": {
                    "visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_YOUR_CIRCLES"}]}
                },
            },
            "post not for everybody",
        ),
        ({"text": "x", "deleted": True}, "deleted post"),
    ],
}
SEEN: dict[str, Any] = {
    "mastodon": status("2"),
    "misskey": note("2", "SEEN", visibility="home"),
    "activitypub": activity(2, [PUBLIC]),
    "x v1": {
        "id_str": "2",
        "full_text": "a lamp",
        "user": {"screen_name": "ada", "protected": False},
    },
    "x v2": {
        "id": "2",
        "text": "a lamp",
        "author_id": "7",
        "author": {"username": "ada", "protected": False},
    },
    "snscrape": {"rawContent": "a lamp", "id": 2, "user": {"username": "ada", "protected": None}},
    "bluesky": {
        "uri": "at://did:plc:a/app.bsky.feed.post/2",
        "value": {"$type": "app.bsky.feed.post", "text": "a lamp"},
    },
    "reddit": {"body": "a lamp", "author": "ada", "subreddit": "y", "subreddit_type": "public"},
    "threads": {
        "taken_at": 1,
        "caption": {"text": "a lamp"},
        "user": {"username": "ada", "is_private": False},
    },
    "none": {
        "text": "a lamp",
        "visibility": "Public",
        "privacy": {"value": "EVERYONE"},
        "audience": 12,
        "protected": False,
        "is_private": "no",
    },
}


@pytest.mark.parametrize(
    ("schema", "row", "reason"),
    [(schema, row, reason) for schema, rows in HIDDEN.items() for row, reason in rows],
)
@pytest.mark.parametrize("form", ["list", "page"])
def test_non_public_posts_are_left_out_and_counted(
    tmp_path: Path, schema: str, row: dict[str, Any], reason: str, form: str
) -> None:
    rows = [row, SEEN[schema]]
    reading, posts = read(tmp_path, rows if form == "list" else {"data": rows})
    assert len(posts) == 1
    assert reading.findings.left_out == {reason: 1}


@pytest.mark.parametrize(
    "more",
    [
        {"Sichtbarkeit": "Öffentlich"},
        {"scope": "statuses:read", "access": "api", "published": WHEN},
        {"settings": {"privacy": "public", "status": 200}, "meta": {}},
        {"postAcl": {"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_PUBLIC"}]}}},
        {"Privat": "FALSCH"},
        {"deleted_at": None, "recipient": "", "receiver": "NaN"},
        {"to": ["https://www.w3.org/ns/activitystreams#Public"], "from": "ada"},
        {"to_user": "bob", "from": "Ada", "to": "Public"},
        {"private": [], "public": {}, "deleted": ["a"], "user": {"protected": []}},
        {"messages": [], "type": ["note"]},
    ],
)
def test_public_posts_are_read(tmp_path: Path, more: dict[str, Any]) -> None:
    assert [post.text for post in read(tmp_path, [{"text": "a lamp", **more}])[1]] == ["a lamp"]


@pytest.mark.parametrize("name", ["dump", "dump.log", "dump.jsonl", "tweets.csv"])
def test_private_statuses_stay_out_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    reading = opened(tmp_path, [status("1"), status("2", "NOT THIS", visibility="private")], name)
    assert [post.text for post in reading.posts()] == ["a lamp & I"]


def test_a_page_of_a_date_range_is_not_a_message(tmp_path: Path) -> None:
    page = {"from": "2023-04-01", "to": "2023-05-01", "tweets": [{"text": "a lamp"}]}
    assert [post.text for post in read(tmp_path, page)[1]] == ["a lamp"]


def test_a_whole_page_that_is_private_is_left_out(tmp_path: Path) -> None:
    private = {"account": {"username": "ada", "protected": True}, "posts": [{"text": "NOT THIS"}]}
    _, posts = read(tmp_path, {"data": [private, {"text": "a lamp"}]})
    assert [post.text for post in posts] == ["a lamp"]


def test_misskeys_notes(tmp_path: Path) -> None:
    rows = [
        note("1"),
        note("2", None, renoteId="9"),
        note("3", renoteId="9"),
        note("4", replyId="8"),
        note("5", replyId="1"),
    ]
    _, posts = read(tmp_path, rows)
    assert [post.kind for post in posts] == [
        Kind.POST,
        Kind.REPOST,
        Kind.QUOTE,
        Kind.REPLY,
        Kind.POST,
    ]
    assert posts[0].created_at == WHEN


def test_an_outbox_alone_gives_its_author(tmp_path: Path) -> None:
    me = "https://s.example/users/ada"
    boost = {
        "id": f"{me}/statuses/3/activity",
        "type": "Announce",
        "actor": me,
        "to": [PUBLIC],
        "object": "https://t.example/1",
        "published": WHEN,
    }
    thread = activity(2, [PUBLIC], inReplyTo=f"{me}/statuses/1")
    reading, posts = read(
        tmp_path,
        {
            "@context": ["x"],
            "type": "OrderedCollection",
            "orderedItems": [activity(1, [PUBLIC]), thread, boost],
        },
    )
    assert reading.author.handle == "ada@s.example"
    assert [(post.id, post.kind, post.text) for post in posts[:2]] == [
        ("1", Kind.POST, "a lamp"),
        ("2", Kind.POST, "a lamp"),
    ]
    assert posts[2].kind is Kind.REPOST


def test_blueskys_feed(tmp_path: Path) -> None:
    def view(did: str, key: str, text: str, **more: Any) -> dict[str, Any]:
        record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": WHEN, **more}
        return {
            "uri": f"at://{did}/app.bsky.feed.post/{key}",
            "author": {"did": did, "handle": f"{did[-1]}.example"},
            "record": record,
        }

    own = {"parent": {"uri": "at://did:plc:a/app.bsky.feed.post/1"}}
    reason = {
        "$type": "app.bsky.feed.defs#reasonRepost",
        "by": {"did": "did:plc:a", "handle": "a.example"},
        "indexedAt": WHEN,
    }
    feed = [
        {"post": view("did:plc:a", "1", "one")},
        {
            "post": view("did:plc:a", "2", "two", reply=own),
            "reply": {"parent": {"text": "NOT THIS"}},
        },
    ]
    reading, posts = read(
        tmp_path,
        {"feed": [*feed, {"post": view("did:plc:b", "3", "BOB"), "reason": reason}], "cursor": "x"},
    )
    assert reading.author.handle == "a.example"
    assert [(post.text, post.kind) for post in posts] == [
        ("one", Kind.POST),
        ("two", Kind.POST),
        ("", Kind.REPOST),
    ]


def test_refusals_of_bluesky_authors_are_respected(tmp_path: Path) -> None:
    author = {"did": "did:plc:a", "handle": "a.example", "labels": [{"val": "!no-unauthenticated"}]}
    row = {
        "uri": "at://did:plc:a/app.bsky.feed.post/1",
        "author": author,
        "record": {"$type": "app.bsky.feed.post", "text": "one"},
    }
    assert "signed in" in opened(tmp_path, [row]).refusal


def test_pages_of_xs_newer_api(tmp_path: Path) -> None:
    def post(id: str, text: str = "a lamp", **more: Any) -> dict[str, Any]:
        return {
            "id": id,
            "text": text,
            "author_id": "7",
            "created_at": WHEN,
            "edit_history_tweet_ids": [id],
            **more,
        }

    data = [
        post("11", "a la…", note_tweet={"text": "a lamp &amp; more"}),
        post("12", in_reply_to_user_id="7", referenced_tweets=[{"type": "replied_to", "id": "11"}]),
        post("13", in_reply_to_user_id="8", referenced_tweets=[{"type": "replied_to", "id": "99"}]),
        post("14", "RT @bob: x", referenced_tweets=[{"type": "retweeted", "id": "98"}]),
        post("15", referenced_tweets=[{"type": "quoted", "id": "98"}]),
        post("16", "a lamo"),
        post("17", "a lamp", edit_history_tweet_ids=["16", "17"]),
    ]
    users = [{"id": "7", "username": "ada_l", "name": "Ada"}, {"id": "8", "username": "bob"}]
    includes = {"users": users, "tweets": [post("98", "NOT THIS")]}
    reading, posts = read(
        tmp_path,
        [
            {"data": data, "includes": includes, "meta": {}},
            {"errors": [{"title": "x"}], "data": [post("18")]},
        ],
    )
    assert (reading.author.handle, reading.author.name) == ("ada_l", "Ada")
    assert posts[0].text == "a lamp & more"
    assert [post.kind for post in posts] == [
        Kind.POST,
        Kind.POST,
        Kind.REPLY,
        Kind.REPOST,
        Kind.QUOTE,
        Kind.POST,
        Kind.POST,
    ]
    assert reading.findings.left_out == {"earlier version of an edited post": 1}


def test_xs_older_api_and_its_stream(tmp_path: Path) -> None:
    user = {"screen_name": "Ada_L", "id_str": "7", "name": "Ada"}
    rows: list[dict[str, Any]] = [
        {
            "id": 1050118621198921000,
            "id_str": "1050118621198921728",
            "text": "a la…",
            "truncated": True,
            "user": user,
        },
        {
            "id_str": "12",
            "text": "x…",
            "truncated": True,
            "extended_tweet": {"full_text": "a lamp, whole"},
            "user": user,
        },
        {"delete": {"status": {"id": 1}}},
        {
            "id_str": "13",
            "full_text": "his words",
            "retweeted_status": {"full_text": "NOT THIS", "user": {"screen_name": "bob"}},
            "user": user,
        },
        {
            "id_str": "14",
            "full_text": "@Ada_L and more",
            "in_reply_to_status_id_str": "12",
            "in_reply_to_screen_name": "Ada_L",
            "user": user,
        },
        {
            "id_str": "15",
            "full_text": "@bob @ada_l no",
            "in_reply_to_status_id_str": "9",
            "in_reply_to_screen_name": "bob",
            "user": user,
        },
        {
            "id_str": "12",
            "text": "x…",
            "truncated": True,
            "extended_tweet": {"full_text": "a lamp, whole"},
            "user": user,
            "created_at": None,
        },
    ]
    rows[1]["created_at"] = rows[6]["created_at"] = "Sat Feb 18 12:33:11 +0000 2023"
    reading, posts = read(tmp_path, rows)
    assert [(post.id, post.text, post.kind, post.truncated) for post in posts] == [
        ("1050118621198921728", "a la…", Kind.POST, True),
        ("12", "a lamp, whole", Kind.POST, False),
        ("13", "his words", Kind.REPOST, False),
        ("14", "and more", Kind.POST, False),
        ("15", "@bob no", Kind.REPLY, False),
    ]
    assert reading.author.handle == "ada_l"
    assert reading.findings.left_out == {"no post": 1, "the same post again": 1}


def test_posts_of_xs_graphql_answers(tmp_path: Path) -> None:
    legacy = {"full_text": "a la…", "id_str": "11", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}
    user = {
        "user_results": {
            "result": {
                "rest_id": "7",
                "core": {"screen_name": "ada_l"},
                "legacy": {"description": "NOT THIS"},
            }
        }
    }
    tweet = {
        "rest_id": "11",
        "core": user,
        "legacy": legacy,
        "note_tweet": {"note_tweet_results": {"result": {"text": "a lamp, whole"}}},
    }
    entry = {
        "content": {"itemContent": {"tweet_results": {"result": {"__typename": "Tweet", **tweet}}}}
    }
    page = {
        "data": {
            "user": {
                "result": {"timeline_v2": {"timeline": {"instructions": [{"entries": [entry]}]}}}
            }
        }
    }
    reading, posts = read(tmp_path, page)
    assert [(post.id, post.text) for post in posts] == [("11", "a lamp, whole")]
    assert reading.author.handle == "ada_l"


def test_rows_of_snscrape_and_twscrape(tmp_path: Path) -> None:
    def row(id: int, **more: Any) -> dict[str, Any]:
        return {
            "_type": "snscrape.modules.twitter.Tweet",
            "id": id,
            "date": WHEN,
            "rawContent": "a lamp",
            "lang": "qme",
            "user": {"username": "Ada"},
            **more,
        }

    rows = [
        row(1),
        row(2, retweetedTweet=row(9)),
        row(3, inReplyToTweetId=1, inReplyToUser={"username": "ada"}),
    ]
    reading, posts = read(
        tmp_path,
        [
            *rows,
            row(4, inReplyToTweetId=8, inReplyToUser={"username": "bob"}),
            row(5, quotedTweet=row(9)),
        ],
    )
    assert [post.kind for post in posts] == [
        Kind.POST,
        Kind.REPOST,
        Kind.POST,
        Kind.REPLY,
        Kind.QUOTE,
    ]
    assert (reading.author.handle, posts[0].lang, posts[0].created_at) == ("ada", None, WHEN)


def test_rows_of_twint(tmp_path: Path) -> None:
    row = {
        "id": 1,
        "conversation_id": "1",
        "date": "2021-01-01",
        "time": "10:00:00",
        "timezone": "+0100",
        "tweet": "a lamp",
        "username": "ada",
    }
    bob, ada = {"screen_name": "bob", "id": "8"}, {"screen_name": "Ada", "id": "7"}
    _, posts = read(
        tmp_path,
        [
            row,
            {**row, "id": 2, "retweet": True},
            {**row, "id": 3, "reply_to": [ada, bob]},
            {**row, "id": 4, "reply_to": [ada]},
        ],
    )
    assert [post.kind for post in posts] == [Kind.POST, Kind.REPOST, Kind.REPLY, Kind.POST]
    assert posts[0].created_at == "2021-01-01T09:00:00Z"


def test_reddits_listings(tmp_path: Path) -> None:
    comment = {
        "id": "c1",
        "body": "&gt; not this\n\na lamp",
        "author": "ada",
        "subreddit": "y",
        "created_utc": 1680674828.0,
        "parent_id": "t1_x",
    }
    post = {
        "id": "p1",
        "title": "Lamps",
        "selftext": "all of them",
        "author": "ada",
        "subreddit": "y",
        "is_self": True,
    }
    children = [
        {"kind": "t1", "data": comment},
        {"kind": "t3", "data": post},
        {"kind": "t1", "data": {**comment, "id": "c2", "parent_id": "t3_p1"}},
    ]
    _, posts = read(tmp_path, {"kind": "Listing", "data": {"children": children}})
    assert [(post.text, post.kind) for post in posts] == [
        ("a lamp", Kind.REPLY),
        ("Lamps\n\nall of them", Kind.POST),
        ("a lamp", Kind.POST),
    ]


def test_threads_in_metas_export(tmp_path: Path) -> None:
    media = [{"title": "na\u00c3\u00afve", "creation_timestamp": 1680674828, "uri": ""}]
    _, posts = read(
        tmp_path,
        {
            "text_post_app_text_posts": [
                {"media": media},
                {"title": "plain naïve 🧮", "creation_timestamp": 1680674829},
            ]
        },
    )
    assert [post.text for post in posts] == ["naïve", "plain naïve 🧮"]
    assert posts[0].created_at == "2023-04-05T06:07:08Z"


def test_blog_posts_of_wordpress(tmp_path: Path) -> None:
    def row(id: int, status: str) -> dict[str, Any]:
        text = {"rendered": "<p>a lamp &amp; I</p>\n", "protected": False}
        return {
            "id": id,
            "status": status,
            "date_gmt": WHEN,
            "title": {"rendered": "T"},
            "content": text,
        }

    reading, posts = read(tmp_path, [row(1, "publish"), row(2, "private")])
    assert [(post.id, post.text, post.created_at) for post in posts] == [("1", "a lamp & I", WHEN)]
    assert reading.findings.left_out == {"post not for everybody": 1}


def test_facebooks_export(tmp_path: Path) -> None:
    row = {
        "timestamp": 1680674828,
        "data": [{"post": "the cafÃ©"}, {"update_timestamp": 1}],
        "title": "Ada updated her status.",
    }
    _, posts = read(tmp_path, [row, {"timestamp": 1680674829, "title": "Ada shared a link."}])
    assert [(post.text, post.created_at) for post in posts] == [("the café", WHEN)]


@pytest.mark.parametrize("kind", ["deleted_tweets", "direct_messages", "like"])
def test_a_file_of_xs_archive_without_public_posts_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ada.js"
    path.write_text(
        f"window.YTD.{kind}.part0 = "
        + json.dumps([{"tweet": {"id_str": "1", "full_text": "NOT THIS"}}])
    )
    with pytest.raises(SpecError, match="no public posts") as error:
        sources.read(str(path), CollectOptions())
    assert "tweets.js" in error.value.hint


def test_a_file_of_xs_archive_with_posts_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "ada.js"
    path.write_text(
        "window.YTD.tweets.part0 = "
        + json.dumps([{"tweet": {"id_str": "1", "full_text": "a lamp"}}])
    )
    assert [post.text for post in sources.read(str(path), CollectOptions()).posts()] == ["a lamp"]


def test_a_named_column_counts_for_known_schemas_too(tmp_path: Path) -> None:
    row = {
        "id": 1,
        "rawContent": "raw",
        "renderedContent": "rendered",
        "retweetedTweet": None,
        "user": {"username": "ada"},
    }
    _, posts = read(
        tmp_path,
        [row, {**row, "id": 2, "retweetedTweet": {"id": 3}}],
        text_column="renderedContent",
    )
    assert [(post.text, post.kind) for post in posts] == [
        ("rendered", Kind.POST),
        ("raw", Kind.REPOST),
    ]


def test_rows_of_a_document_database_are_unwrapped(tmp_path: Path) -> None:
    row = {
        "_id": {"$oid": "65"},
        "id": {"$numberLong": "1050118621198921728"},
        "text": "a lamp",
        "created_at": {"$date": WHEN},
    }
    _, posts = read(
        tmp_path, [row, {**row, "id": {"$numberLong": "12"}, "user": {"screen_name": "ada"}}]
    )
    assert [(post.id, post.created_at) for post in posts] == [
        ("1050118621198921728", WHEN),
        ("12", WHEN),
    ]
