"""Tests of Bluesky exports: only what the commit's tree reaches is read; damage is reported."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import libipld
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import SpecError
from popinjay.options import CleanOptions, CollectOptions
from popinjay.post import Kind, Post
from popinjay.sources.bluesky import car as car_files
from popinjay.stages.clean import sort_out
from readings import read
from repositories import (
    DID,
    POST,
    Blocks,
    bsky_post,
    car,
    commit,
    link,
    many,
    put,
    repository,
    tid,
    tree,
    varint,
    write_car,
)

THEIRS = {"uri": f"at://did:plc:bob/{POST}/{tid(1)}", "cid": "bafy"}
OWN = {"uri": f"at://{DID}/{POST}/{tid(1)}", "cid": "bafy"}
LIKE = {"$type": "app.bsky.feed.like", "subject": THEIRS, "createdAt": "2024-10-27T03:00:00Z"}
REPOST = {
    "$type": "app.bsky.feed.repost",
    "subject": THEIRS,
    "createdAt": "2024-10-28T03:00:00.5+02:00",
}


def read_one(path: Path, text: str = "the tide is in", **more: Any) -> Post:
    return read(write_car(path / "repo.car", [bsky_post(text, 0, **more)]))[0][0]


# what is read


def test_all_records_that_the_tree_reaches_are_read_in_their_order(tmp_path: Path) -> None:
    found, reading = read(write_car(tmp_path / "ada.bsky.social.car", many(300)))
    assert [post.text for post in found] == [record["text"] for record in many(300).values()]
    assert [post.id for post in found] == [tid(n) for n in range(300)]
    assert found[61] == Post(
        tid(61),
        "ada.bsky.social",
        "the tide came in for the 61th time",
        Kind.POST,
        "2024-10-27T04:01:00Z",
        "en",
    )
    assert (reading.findings.notes, dict(reading.findings.left_out), reading.findings.unread) == (
        [],
        {},
        {},
    )


def test_unreachable_blocks_are_no_posts(tmp_path: Path) -> None:
    root, blocks = repository(many(5))
    put(blocks, bsky_post("deleted long ago", 77)[1])
    tree(blocks, [(f"{POST}/{tid(78)}".encode(), put(blocks, bsky_post("an older state", 78)[1]))])
    (tmp_path / "repo.car").write_bytes(car(root, blocks))
    assert len(read(tmp_path / "repo.car")[0]) == 5


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, Kind.POST),
        ({"reply": {"root": THEIRS, "parent": THEIRS}}, Kind.REPLY),
        ({"reply": {"root": THEIRS, "parent": OWN}}, Kind.POST),
        ({"reply": {"root": OWN, "parent": THEIRS}}, Kind.REPLY),
        ({"reply": {"parent": {"uri": f"at://{DID}b/{POST}/x"}}}, Kind.REPLY),
        ({"embed": {"$type": "app.bsky.embed.record", "record": THEIRS}}, Kind.QUOTE),
        (
            {
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "record": {"record": THEIRS},
                    "media": {},
                }
            },
            Kind.QUOTE,
        ),
        (
            {
                "embed": {
                    "$type": "app.bsky.embed.record",
                    "record": {"uri": "at://did:plc:bob/app.bsky.graph.list/x"},
                }
            },
            Kind.POST,
        ),
        ({"embed": {"$type": "app.bsky.embed.images", "images": []}}, Kind.POST),
        ({"embed": 7, "reply": []}, Kind.POST),
    ],
)
def test_kinds_of_posts(tmp_path: Path, more: dict[str, Any], kind: Kind) -> None:
    assert read_one(tmp_path, **more).kind is kind


@pytest.mark.parametrize(
    ("said", "iso"),
    [
        ("2023-07-21T01:33:51.481951", "2023-07-21T01:33:51Z"),
        ("2024-01-01T00:30:00.123456789+01:00", "2023-12-31T23:30:00Z"),
        ("2009-03-01T10:00:00Z", "2009-03-01T10:00:00Z"),  # brought along from elsewhere
        ("yesterday", "2024-10-27T03:33:20Z"),  # then by its key
        ("0001-01-01T00:00:00+23:00", "2024-10-27T03:33:20Z"),
        (7, "2024-10-27T03:33:20Z"),
        (None, "2024-10-27T03:33:20Z"),
    ],
)
def test_the_time_is_that_of_the_record_or_else_of_its_key(
    tmp_path: Path, said: Any, iso: str
) -> None:
    assert read_one(tmp_path, createdAt=said).created_at == iso


@pytest.mark.parametrize(
    ("langs", "lang"),
    [
        (["pt-BR"], "pt-BR"),
        (["en", "de"], None),
        ([], None),
        (None, None),
        ("en", None),
        ([7], None),
        (["no such"], None),
    ],
)
def test_the_language_is_that_of_the_record(tmp_path: Path, langs: Any, lang: str | None) -> None:
    assert read_one(tmp_path, langs=langs).lang == lang


def test_text_is_unchanged_but_for_expanded_links(tmp_path: Path) -> None:
    text = "🧮 @bob.bsky.social &amp; I read\nexample.com/a/long/pa... #tide"
    post = read_one(
        tmp_path,
        text,
        facets=[link(text, "example.com/a/long/pa...", "https://example.com/a/long/path")],
    )
    assert post.text == "🧮 @bob.bsky.social &amp; I read\nhttps://example.com/a/long/path #tide"


def test_reposts_are_counted_and_other_records_are_not_read(tmp_path: Path) -> None:
    records = (
        many(4)
        | {f"app.bsky.feed.repost/{tid(n)}": REPOST for n in range(3)}
        | {f"app.bsky.feed.like/{tid(n)}": LIKE for n in range(5)}
    )
    records |= {
        f"app.bsky.graph.block/{tid(1)}": {"subject": "did:plc:eve"},
        "app.bsky.feed.threadgate/x": {},
    }
    root, blocks = repository(records)
    blocks |= {put({}, LIKE): libipld.encode_dag_cbor(LIKE)}
    (tmp_path / "repo.car").write_bytes(car(root, blocks))
    found, reading = read(tmp_path / "repo.car")
    assert [post.kind for post in found].count(Kind.REPOST) == 3
    assert found[-1].created_at == "2024-10-28T01:00:00Z"
    assert reading.findings.unread == {
        "app.bsky.feed.like": 5,
        "app.bsky.feed.threadgate": 1,
        "app.bsky.graph.block": 1,
    }
    assert sort_out(reading.author.handle, found, CleanOptions()).counts.reposts == 3


def test_likes_may_be_missing(tmp_path: Path) -> None:
    root, blocks = repository(many(4) | {f"app.bsky.feed.like/{tid(1)}": LIKE})
    del blocks[put({}, LIKE)]
    (tmp_path / "repo.car").write_bytes(car(root, blocks))
    assert len(read(tmp_path / "repo.car")[0]) == 4


def test_invalid_posts_are_counted(tmp_path: Path) -> None:
    root, blocks = repository(
        many(2)
        | {
            f"{POST}/{tid(50)}": {"$type": POST, "text": 7},
            f"{POST}/{tid(51)}": [1],
            f"{POST}/{tid(52)}": b"\xff",
        }
    )
    (tmp_path / "repo.car").write_bytes(car(root, blocks))
    found, reading = read(tmp_path / "repo.car")
    assert len(found) == 2
    assert reading.findings.left_out == {"record that is no post": 3}


@pytest.mark.parametrize(
    ("keys", "root"),
    [
        ("", "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"),
        ("3jqfcqzm3fo2j", "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu"),
        ("3jqfcqzm3fx2j", "bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai"),
        (
            "3jqfcqzm3fp2j 3jqfcqzm3fr2j 3jqfcqzm3fs2j 3jqfcqzm3ft2j 3jqfcqzm4fc2j",
            "bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m",
        ),
    ],
)
def test_our_trees_match_the_protocols_test_vectors(tmp_path: Path, keys: str, root: str) -> None:
    record = (
        b"\x01\x71\x12\x20"
        + libipld.decode_cid("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454")["hash"][
            "digest"
        ]
    )
    blocks: Blocks = {}
    top = tree(blocks, [(f"com.example.record/{key}".encode(), record) for key in keys.split()])
    assert libipld.encode_cid(top) == root
    (tmp_path / "repo.car").write_bytes(car(commit(blocks, top), blocks))
    found, reading = read(tmp_path / "repo.car")
    assert (found, sum(reading.findings.unread.values())) == ([], len(keys.split()))


# the author


PROFILE = {
    "app.bsky.actor.profile/self": {
        "displayName": " Ada 🧮 L.",
        "description": "Engines\nand tides",
    }
}


def test_the_profile_is_read(tmp_path: Path) -> None:
    author = read(write_car(tmp_path / "repo.car", many(2) | PROFILE))[1].author
    assert (author.name, author.bio, author.url) == (
        "Ada 🧮 L.",
        "Engines\nand tides",
        f"https://bsky.app/profile/{DID}",
    )


@pytest.mark.parametrize("profile", [7, {"displayName": 7, "description": None}])
def test_an_invalid_profile_is_ignored(tmp_path: Path, profile: Any) -> None:
    author = read(
        write_car(tmp_path / "repo.car", many(2) | {"app.bsky.actor.profile/self": profile})
    )[1].author
    assert (author.name, author.bio) == ("", "")


@pytest.mark.parametrize(
    ("name", "did", "handle", "notes"),
    [
        ("repo.car", DID, "did_plc_ada00000000000000000000a", 1),
        ("Ada.BSKY.social.CAR", DID, "ada.bsky.social", 0),
        ("repo (1).car", "did:web:ada.example", "did_web_ada.example", 1),
    ],
)
def test_the_file_name_gives_the_author_if_it_is_a_handle(
    tmp_path: Path, name: str, did: str, handle: str, notes: int
) -> None:
    found, reading = read(write_car(tmp_path / name, many(2), did))
    assert {reading.author.handle, found[0].author} == {handle}
    assert len(reading.findings.notes) == notes


@pytest.mark.parametrize(
    ("path", "record", "said"),
    [
        (
            "community.lexicon.preference.ai/self",
            {
                "preferences": {
                    "training": {"allow": False},
                    "inference": {"allow": True},
                    "embedding": {},
                }
            },
            "The author's record community.lexicon.preference.ai/self about AI says no to "
            "training and yes to inference. "
            "The refusal applies to everyone but the author.",
        ),
        (
            "org.user-intents.declaration/self",
            {
                "updatedAt": "2025-01-01T00:00:00Z",
                "bulkDataset": {"allow": True},
                "syntheticContentGeneration": {"allow": True},
            },
            "The author's record org.user-intents.declaration/self about AI says yes to "
            "bulkDataset, syntheticContentGeneration.",
        ),
        (
            "org.user-intents.declaration/self",
            7,
            "The author's record org.user-intents.declaration/self about AI says neither yes "
            "nor no to anything.",
        ),
    ],
)
def test_the_authors_declarations_about_ai_are_reported(
    tmp_path: Path, path: str, record: Any, said: str
) -> None:
    assert read(write_car(tmp_path / "ada.example.car", many(2) | {path: record}))[
        1
    ].findings.notes == [said]


# fingerprints


def test_the_fingerprint_changes_with_posts_and_not_with_likes(tmp_path: Path) -> None:
    def mark(**more: Any) -> str:
        return read(
            write_car(
                tmp_path / "repo.car",
                many(4) | {path.replace("_", "/"): record for path, record in more.items()},
            )
        )[1].fingerprint()

    plain = mark()
    assert mark(**{"app.bsky.feed.like_3k": LIKE}) == plain
    assert (
        len(
            {
                plain,
                mark(**{f"{POST}_3k": bsky_post("one more")[1]}),
                mark(**{"app.bsky.feed.repost_3k": REPOST}),
            }
        )
        == 3
    )


# damage


def refused(path: Path, content: bytes) -> str:
    (path / "repo.car").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read(path / "repo.car")
    assert caught.value.hint
    return caught.value.message


def whole(count: int = 20) -> bytes:
    return car(*repository(many(count) | PROFILE))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"PK\x03\x04" + bytes(99),
        b"hello, this is a letter",
        b"\xff" * 99,
        varint(5) + b"\xa1",
    ],
)
def test_file_that_is_not_a_car(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content) == "repo.car is not a CAR file, despite its name."


def test_a_car_of_the_second_version(tmp_path: Path) -> None:
    assert (
        refused(tmp_path, bytes.fromhex("0aa16776657273696f6e02") + bytes(60))
        == "repo.car is a CAR file of version 2."
    )


def test_car_of_other_content(tmp_path: Path) -> None:
    blocks: Blocks = {}
    assert "without a repository" in refused(tmp_path, car(put(blocks, {"hello": "there"}), blocks))


def test_truncated_file(tmp_path: Path) -> None:
    content = whole()
    for end in random.Random(7).sample(range(70, len(content) - 1), 60):
        said = refused(tmp_path, content[:end])
        assert said.startswith(("repo.car was cut off", "repo.car is incomplete"))


def test_a_changed_byte_is_found_wherever_it_is(tmp_path: Path) -> None:
    content = whole()
    chance = random.Random(7)
    for place in chance.sample(range(len(content)), 80):
        assert refused(
            tmp_path,
            content[:place]
            + bytes([content[place] ^ 1 << chance.randrange(8)])
            + content[place + 1 :],
        ).startswith("repo.car ")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_corruption_leads_to_anything_but_a_clear_sentence(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(whole(6))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        content[begin : begin + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    (tmp_path / "repo.car").write_bytes(content)
    said = ("repo.car ", "?")
    try:
        read(tmp_path / "repo.car")
    except SpecError as error:
        said = (error.message, error.hint)
    assert said[0].startswith("repo.car ")
    assert said[1]


@pytest.mark.parametrize("length", [varint(2**62), varint(3 << 20), b"\x80" * 40, b"\x00"])
def test_a_giant_length_is_refused_without_reading_it(tmp_path: Path, length: bytes) -> None:
    (tmp_path / "repo.car").write_bytes(car(*repository(many(1))) + length + bytes(5 << 20))
    tracemalloc.start()
    with pytest.raises(SpecError, match="an impossible length"):
        read(tmp_path / "repo.car")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 20


def test_a_cid_of_another_kind(tmp_path: Path) -> None:
    assert "has no CID" in refused(tmp_path, whole() + varint(40) + b"\x01\x71\x1b\x20" + bytes(36))


def bad_tree(path: Path, node: Any, blocks: Blocks | None = None) -> str:
    blocks = {} if blocks is None else blocks
    return refused(path, car(commit(blocks, put(blocks, node)), blocks))


def entry(path: str, cid: bytes, **more: Any) -> dict[str, Any]:
    return {"p": 0, "k": path.encode(), "v": cid, "t": None, **more}


def test_invalid_tree(tmp_path: Path) -> None:
    blocks: Blocks = {}
    cid = put(blocks, bsky_post("here")[1])
    first, second = entry(f"{POST}/a", cid), entry(f"{POST}/b", cid)
    empty = put(blocks, {"l": None, "e": []})
    nodes: list[Any] = [
        7,
        b"\xff",
        {"e": 7, "l": None},
        {"l": b"no cid", "e": []},
        {"l": None, "e": [7]},
        {"l": empty, "e": [first]},
    ]
    nodes += [
        {"l": None, "e": entries}
        for entries in (
            [second, first],
            [first, first],
            [first | {"p": 1}],
            [first | {"p": -1}],
            [first | {"v": None}],
        )
    ]
    nodes += [
        {"l": None, "e": entries}
        for entries in (
            [first | {"t": empty}],
            [first | {"k": b"no path"}],
            [first | {"k": f"{POST}/\n".encode()}],
        )
    ]
    for node in nodes:
        assert (
            bad_tree(tmp_path, node, dict(blocks))
            == "repo.car is damaged: its tree of records is malformed."
        )


def test_a_cycle_contradicts_its_cid(tmp_path: Path) -> None:
    root, blocks = repository(many(1))
    top = libipld.decode_dag_cbor(blocks[root])["data"]
    node = libipld.decode_dag_cbor(blocks[top])
    blocks[top] = libipld.encode_dag_cbor({**node, "l": top})
    assert "does not match its CID" in refused(tmp_path, car(root, blocks))


def test_deep_and_repetitive_trees_end(tmp_path: Path) -> None:
    blocks: Blocks = {}
    cid = put(blocks, bsky_post("here")[1])
    deep = again = put(blocks, {"l": None, "e": [entry(f"{POST}/a", cid)]})
    for _ in range(5000):
        deep = put(blocks, {"l": deep, "e": []})
    assert "is malformed" in bad_tree(tmp_path, {"l": deep, "e": []}, dict(blocks))
    for name in "bcdefghijklmnopqrstuvwxyz":  # would double at each level
        again = put(blocks, {"l": again, "e": [entry(f"{POST}/{name}", cid, t=again)]})
    assert "is malformed" in bad_tree(tmp_path, {"l": again, "e": []}, blocks)


def test_more_blocks_than_any_account_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(car_files, "MAX_BLOCKS", 10)
    assert "holds over 10 records" in refused(tmp_path, whole())


def test_a_file_that_changes_after_it_was_opened(tmp_path: Path) -> None:
    path = write_car(tmp_path / "repo.car", many(3))
    reading = sources.read(str(path), CollectOptions())
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(SpecError):
        list(reading.posts())


# by hand


def test_inspect_reports_the_contents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = (
        many(5)
        | PROFILE
        | {f"app.bsky.feed.repost/{tid(1)}": REPOST, f"app.bsky.feed.like/{tid(1)}": LIKE}
    )
    assert main(["inspect", str(write_car(tmp_path / "ada.example.car", records))]) == 0
    out = capsys.readouterr().out
    assert "ada.example" in out
    assert "app.bsky.feed.like" in out
