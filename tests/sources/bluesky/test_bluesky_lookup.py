"""Tests of finding Bluesky accounts without a server: names, refusals and malformed answers.

A table of answers stands in for the network: each test says what each address answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from popinjay import sources
from popinjay.errors import NetworkError, PopinjayError, SpecError
from popinjay.network.http_client import HttpClient, Response
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import UNATTENDED, Reading
from popinjay.sources.bluesky import account as bluesky
from popinjay.sources.bluesky.account import Bluesky
from popinjay.sources.bluesky.identity import Identity, look_up
from popinjay.sources.bluesky.preferences import Preferences, labels_of
from popinjay.sources.source import KEPT
from repositories import POST, bsky_post, many, write_car

DID = f"did:plc:{'ada2' * 6}"
SERVER = "https://pds.example"
PLC = "https://plc.directory"
WELL_KNOWN = "https://ada.example/.well-known/atproto-did"
RESOLVER = "https://public.api.bsky.app/xrpc/com.atproto.identity.resolveHandle?handle=ada.example"
AI, INTENTS = "community.lexicon.preference.ai", "org.user-intents.declaration"


def document(**more: Any) -> dict[str, Any]:
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": SERVER}
    return {"id": DID, "alsoKnownAs": ["at://ada.example"], "service": [service], **more}


class Table(HttpClient):
    """A client that answers from a table: a status and a body for an address, or an error to raise.

    All other addresses are not found.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__(after_failure=KEPT)
        self.table = dict(table)
        self.asked = list[str]()

    def get(self, url: str, query: Mapping[str, str] | None = None, **options: Any) -> Response:
        address = f"{url}?{urlencode(query)}" if query else url
        self.asked.append(address)
        said = self.table.get(address, (404, {"error": "NotFound"}))
        if isinstance(said, Exception):
            raise said
        status, body = said if isinstance(said, tuple) else (200, said)
        return Response(
            address, status, {}, body if isinstance(body, bytes) else json.dumps(body).encode()
        )


# specs


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("ada.bsky.social", "ada.bsky.social"),
        ("@Ada.Bsky.Social", "ada.bsky.social"),
        ("@ada.md", "ada.md"),
        ("bsky:ada.zip", "ada.zip"),
        ("BSKY:@ada.example", "ada.example"),
        ("xn--ls8h.example", "xn--ls8h.example"),
        (DID, DID),
        (f"bsky:{DID}", DID),
        ("did:web:ada.example", "did:web:ada.example"),
        ("https://bsky.app/profile/ada.bsky.social", "ada.bsky.social"),
        (f"https://bsky.app/profile/{DID}/post/3k2yihcrp6f2c?ref=x#top", DID),
        (f"https://bsky.app/profile/{DID.replace(':', '%3A')}", DID),
        ("http://www.bsky.app/profile/Ada.example/", "ada.example"),
        (f"at://{DID}/app.bsky.feed.post/3k2yihcrp6f2c", DID),
        ("at://ada.example", "ada.example"),
    ],
)
def test_specs_of_accounts(spec: str, name: str) -> None:
    assert sources.find(spec) is bluesky
    assert bluesky._account_name(spec) == name


@pytest.mark.parametrize(
    "spec",
    [
        *"posts.txt posts.CSV ada.car archive.tar.gz notes.md run.py index.js a.zip".split(),
        *"ada @ada @ada@example.social x:@ada ada. .ada -ada.example".split(),
        *"https://bsky.app/about https://example.social/@ada did:key:z6Mk 127.0.0.1".split(),
        *"ada.example/posts a_b.example ada..example".split(),
        *("", "ada lovelace.example", "a." * 200),
    ],
)
def test_specs_of_something_else(spec: str) -> None:
    assert not bluesky.matches(spec)


def test_existing_files_are_never_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ada.bsky.social").mkdir()
    assert not bluesky.matches("ada.bsky.social")
    assert bluesky.matches("bsky:ada.bsky.social")


# identities


def test_a_handle_is_resolved_by_its_own_host_first() -> None:
    web = Table({WELL_KNOWN: f"{DID}\n".encode(), f"{PLC}/{DID}": document()})
    assert look_up("ada.example", web) == Identity(DID, "ada.example", SERVER)
    assert web.asked == [WELL_KNOWN, f"{PLC}/{DID}"]


@pytest.mark.parametrize(
    "there",
    [
        (404, b""),
        b"<html>welcome</html>",
        b"\xff\xfe",
        NetworkError("There is no server 'ada.example'."),
    ],
)
def test_otherwise_the_public_resolver_is_used(there: Any) -> None:
    web = Table({WELL_KNOWN: there, RESOLVER: {"did": DID}, f"{PLC}/{DID}": document()})
    assert look_up("ada.example", web) == Identity(DID, "ada.example", SERVER)


def test_a_configured_resolver_replaces_the_public_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPINJAY_BLUESKY_RESOLVER", "https://resolver.example/")
    monkeypatch.setenv("POPINJAY_PLC_DIRECTORY", "https://directory.example/")
    web = Table(
        {
            RESOLVER.replace("public.api.bsky.app", "resolver.example"): {"did": DID},
            f"https://directory.example/{DID}": document(),
        }
    )
    assert look_up("ada.example", web).handle == "ada.example"
    assert all(
        address.startswith(("https://resolver.example/", "https://directory.example/"))
        for address in web.asked
    )


@pytest.mark.parametrize(
    "names",
    [
        ["at://eve.example"],
        ["at://eve.example", "at://ada.example"],
        [],
        None,
        ["https://ada.example"],
        [7],
        ["at://no handle"],
    ],
)
def test_a_handle_unknown_to_its_account_is_an_error(names: Any) -> None:
    with pytest.raises(
        SpecError,
        match=f"ada.example points to the account {DID}, whose handle is (eve.example|unknown).",
    ):
        look_up(
            "ada.example",
            Table({WELL_KNOWN: DID.encode(), f"{PLC}/{DID}": document(alsoKnownAs=names)}),
        )


@pytest.mark.parametrize(
    "there",
    [b"did:plc:bbbbbbbbbbbbbbbbbbbbbbbb", (404, b""), NetworkError("There is no such server.")],
)
def test_a_did_whose_handle_leads_elsewhere_has_none(there: Any) -> None:
    web = Table(
        {
            WELL_KNOWN: there,
            RESOLVER: (400, {"error": "InvalidRequest"}),
            f"{PLC}/{DID}": document(),
        }
    )
    assert look_up(DID, web) == Identity(DID, "", SERVER)
    assert (
        look_up(DID, Table({WELL_KNOWN: DID.encode(), f"{PLC}/{DID}": document()})).handle
        == "ada.example"
    )


@pytest.mark.parametrize(
    ("did", "address"),
    [
        ("did:web:ada.example", "https://ada.example"),
        ("did:web:localhost%3A99", "http://localhost:99"),
    ],
)
def test_a_did_on_the_web_has_its_document_there(did: str, address: str) -> None:
    service = {
        **document()["service"][0],
        "id": f"{did}#atproto_pds",
        "serviceEndpoint": f"{SERVER}/",
    }
    web = Table(
        {
            f"{address}/.well-known/did.json": document(
                id=did, alsoKnownAs=[], service=[7, {"id": "#other"}, service]
            )
        }
    )
    assert look_up(did, web) == Identity(did, "", SERVER)


@pytest.mark.parametrize(
    ("name", "table", "kind", "said"),
    [
        (
            "ada.example",
            {RESOLVER: (400, {"message": "Unable to resolve handle"})},
            SpecError,
            "There is no Bluesky account ada.example.",
        ),
        (
            "ada.example",
            {RESOLVER: {"did": "did:key:z6Mk"}},
            SpecError,
            "'did:key:z6Mk' is not a DID",
        ),
        (
            "ada.example",
            {RESOLVER: {"did": 7}},
            NetworkError,
            "public.api.bsky.app can't resolve ada.example",
        ),
        (
            "ada.example",
            {RESOLVER: [7]},
            NetworkError,
            "public.api.bsky.app can't resolve ada.example",
        ),
        ("ada.example", {}, NetworkError, r"can't resolve ada.example \(status 404\)"),
        ("ada", {}, SpecError, "'ada' is not a valid Bluesky handle"),
        ("did:plc:tooshort", {}, SpecError, "'did:plc:tooshort' is not a DID"),
        ("did:web:ada.example/../x", {}, SpecError, "is not a DID"),
        (DID, {}, SpecError, f"According to plc.directory, the account {DID} is unknown"),
        (
            DID,
            {f"{PLC}/{DID}": (410, {})},
            SpecError,
            f"According to plc.directory, the account {DID} has been deleted",
        ),
        (
            DID,
            {f"{PLC}/{DID}": document(id="did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")},
            NetworkError,
            "plc.directory has no document",
        ),
        (DID, {f"{PLC}/{DID}": [1]}, NetworkError, "plc.directory has no document"),
        (
            DID,
            {f"{PLC}/{DID}": (403, {})},
            NetworkError,
            r"plc.directory has no document for .* \(status 403\)",
        ),
        *[
            (
                DID,
                {f"{PLC}/{DID}": document(alsoKnownAs=[], service=service)},
                NetworkError,
                "names no server with its posts",
            )
            for service in (
                None,
                7,
                [7],
                [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": 7}],
            )
        ],
        *[
            (
                DID,
                {
                    f"{PLC}/{DID}": document(
                        alsoKnownAs=[],
                        service=[{**document()["service"][0], "serviceEndpoint": address}],
                    )
                },
                NetworkError,
                "no server",
            )
            for address in (
                "file:///etc/passwd",
                "https://",
                "https://eve@pds.example",
                "https://pds.example/path?q",
                "https://[bad",
                "javascript:alert(1)",
            )
        ],
    ],
)
def test_an_account_that_is_not_found_is_one_clear_sentence(
    name: str, table: dict[str, Any], kind: type[PopinjayError], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        look_up(name, Table(table))
    assert caught.value.hint


# declarations of authors


def scoped(scope: str | None, **said: bool | None) -> dict[str, Any]:
    where = (
        {"$type": f"{AI}#globalScope"}
        if scope == "all"
        else {"$type": f"{AI}#collectionScope", "collection": scope}
    )
    where = (
        {"$type": f"{AI}#entityScope", "entity": "example.com"} if scope == "somebody" else where
    )
    return {
        "preferences": {purpose: {"allow": allow} for purpose, allow in said.items()},
        **({"scope": where} if scope else {}),
    }


TRAINING, MADE = "training models on these posts", "synthetic content made from these posts"
GENERATED = "models that generate synthetic content from these posts"
SELF, OTHER, THIRD, INTENT = f"{AI}/self", f"{AI}/3kother", f"{AI}/3kthird", f"{INTENTS}/self"


@pytest.mark.parametrize(
    ("records", "refusal"),
    [
        ({}, ""),
        ({SELF: scoped("all", training=False)}, f"ada says no to {TRAINING} ({SELF})."),
        (
            {SELF: scoped("all", syntheticContent=False, training=False)},
            f"ada says no to {TRAINING} and to {MADE} ({SELF}).",
        ),
        ({SELF: scoped("all", inference=False, embedding=False, training=True)}, ""),
        ({SELF: scoped("all", training=None, syntheticContent=True)}, ""),
        ({SELF: scoped(None, training=False)}, f"ada says no to {TRAINING} ({SELF})."),
        (
            {SELF: {"scope": 7, "preferences": {"training": {"allow": False}}}},
            f"ada says no to {TRAINING} ({SELF}).",
        ),
        (
            {SELF: scoped("all", training=False), OTHER: scoped("somebody", training=True)},
            f"ada says no to {TRAINING} ({SELF}).",
        ),
        ({SELF: scoped("all", training=True), OTHER: scoped("somebody", training=False)}, ""),
        ({SELF: scoped("all", training=False), OTHER: scoped(POST, training=True)}, ""),
        (
            {
                OTHER: scoped(POST, training=True),
                SELF: scoped("all", training=False, syntheticContent=False),
            },
            f"ada says no to {MADE} ({SELF}).",
        ),
        (
            {SELF: scoped("all", training=True), OTHER: scoped(POST, training=False)},
            f"ada says no to {TRAINING} ({OTHER}).",
        ),
        (
            {
                SELF: scoped("all", training=True),
                OTHER: scoped("app.bsky.feed.like", training=False),
            },
            "",
        ),
        (
            {
                SELF: scoped("all", training=False),
                OTHER: scoped("app.bsky.feed.like", training=True),
            },
            f"ada says no to {TRAINING} ({SELF}).",
        ),
        (
            {SELF: scoped("all", training=False), OTHER: scoped(None, training=True)},
            f"ada says no to {TRAINING} ({SELF}).",
        ),
        (
            {OTHER: scoped(POST, training=True), THIRD: scoped(POST, training=False)},
            f"ada says no to {TRAINING} ({THIRD}).",
        ),
        (
            {INTENT: {"syntheticContentGeneration": {"allow": False}}},
            f"ada says no to {GENERATED} ({INTENT}).",
        ),
        (
            {INTENT: {"org.user-intents.syntheticContentGeneration": {"allow": False}}},
            f"ada says no to {GENERATED} ({INTENT}).",
        ),
        (
            {
                INTENT: {
                    "syntheticContentGeneration": {"allow": True},
                    "bulkDataset": {"allow": False},
                }
            },
            "",
        ),
        ({INTENT: {"syntheticContentGeneration": {"allow": "false"}}}, ""),
        (
            {
                OTHER: scoped(POST, training=True, syntheticContent=True),
                INTENT: {"syntheticContentGeneration": {"allow": False}},
            },
            f"ada says no to {GENERATED} ({INTENT}).",
        ),
        (
            {
                SELF: 7,
                INTENT: None,
                OTHER: {"preferences": [1]},
                THIRD: {"preferences": {"training": 7, "": {"allow": False}}},
            },
            "",
        ),
    ],
)
def test_which_records_are_refusals(records: dict[str, Any], refusal: str) -> None:
    preferences = Preferences()
    for name, record in records.items():
        preferences.add(name, record)
    assert preferences.refusal("ada", set()) == refusal
    assert len(preferences.notes) == len(records)
    assert any(
        "The refusal applies to everyone but the author." in note for note in preferences.notes
    ) >= bool(refusal)


def test_many_records_give_few_lines() -> None:
    preferences = Preferences()
    for n in range(1000):
        preferences.add(f"{AI}/{n}", scoped("all", training=False))
    assert len(preferences.notes) == 5
    assert len(preferences.refusal("ada", set())) < 400


@pytest.mark.parametrize(
    "profile",
    [
        None,
        7,
        {"labels": 7},
        {"labels": {"values": 7}},
        {"labels": {"values": [7, {}, {"val": 7}, {"val": ["bot"]}]}},
    ],
)
def test_a_profile_without_labels_has_none(profile: Any) -> None:
    assert labels_of(profile) == set()


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({SELF: scoped("all", training=False)}, f"ada.example says no to {TRAINING} ({SELF})."),
        (
            {
                "app.bsky.actor.profile/self": {
                    "labels": {"values": [{"val": "!no-unauthenticated"}]}
                }
            },
            "ada.example asks that these posts be shown only to users who are signed in (the "
            "profile's label !no-unauthenticated).",
        ),
        (
            {
                SELF: scoped("all", training=True),
                "app.bsky.actor.profile/self": {"labels": {"values": [{"val": "bot"}]}},
            },
            "",
        ),
    ],
)
def test_an_export_refuses_as_the_network_does(
    tmp_path: Path, more: dict[str, Any], refusal: str
) -> None:
    reading = sources.read(
        str(write_car(tmp_path / "ada.example.car", many(3) | more)), CollectOptions()
    )
    assert reading.refusal == refusal
    assert len(reading.findings.notes) == len(more)


# answers of servers


def asked(method: str, **query: str) -> str:
    return f"{SERVER}/xrpc/com.atproto.{method}?{urlencode({'repo': DID, **query})}"


def listed(collection: str, cursor: str = "") -> str:
    return asked(
        "repo.listRecords",
        collection=collection,
        limit="100",
        **({"cursor": cursor} if cursor else {}),
    )


def records(*found: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"uri": f"at://{DID}/{path}", "cid": "bafy", "value": record} for path, record in found]


SOUND: dict[str, Any] = {
    asked("repo.describeRepo"): {"did": DID, "handle": "ada.example"},
    listed(AI): {"records": []},
    listed(INTENTS): {"records": []},
    listed(POST): {
        "records": records(bsky_post("the tide is in", 1), bsky_post("the tide is out", 0))
    },
    listed("app.bsky.feed.repost"): {"records": []},
}


def account(**changed: Any) -> Callable[[], Bluesky]:
    return lambda: Bluesky(
        Identity(DID, "ada.example", SERVER), Table({**SOUND, **changed}), UNATTENDED
    )


def fetched(folder: Path, reading: Reading) -> list[Post]:
    reading.fetch(folder, lambda author, id: False)
    return list(reading.posts())


def test_an_account_without_a_profile_is_read(tmp_path: Path) -> None:
    reading = account()()
    assert [post.text for post in fetched(tmp_path, reading)] == [
        "the tide is out",
        "the tide is in",
    ]
    assert (
        reading.author.handle,
        reading.author.name,
        reading.author.avatar,
        reading.findings.notes,
    ) == ("ada.example", "", "", [])


def test_the_last_page_may_have_a_cursor_or_none(tmp_path: Path) -> None:
    first, second = SOUND[listed(POST)]["records"]
    pages = {
        listed(POST): {"records": [first], "cursor": "a b"},
        listed(POST, "a b"): {"records": [second], "cursor": "end"},
    }
    last_pages: list[dict[str, Any]] = [
        {"records": []},
        {"records": [], "cursor": ""},
        {"records": [], "cursor": None},
    ]
    for last in last_pages:
        assert (
            len(fetched(tmp_path / str(last), account(**pages, **{listed(POST, "end"): last})()))
            == 2
        )


def test_records_of_other_accounts_are_left_out(tmp_path: Path) -> None:
    wrong: list[Any] = [
        7,
        None,
        {},
        {"uri": 7},
        {"uri": f"at://did:plc:eve/{POST}/3k", "value": {"text": "not hers"}},
        {"uri": f"at://{DID}/{POST}/", "value": {"text": "x"}},
    ]
    wrong += [
        *records((f"{POST}/a/b", {"text": "x"}), (f"{POST}/3k", {"text": 7}), (f"{POST}/3l", None)),
        {"uri": f"at://{DID}/app.bsky.feed.like/3k"},
    ]
    reading = account(**{listed(POST): {"records": [*wrong, *SOUND[listed(POST)]["records"]]}})()
    assert len(fetched(tmp_path, reading)) == 2
    assert reading.findings.left_out == {"record that is no post": len(wrong)}


@pytest.mark.parametrize(
    "value",
    [
        {
            "text": "x",
            "createdAt": 10**400,
            "langs": [{}],
            "facets": [{"index": {"byteStart": -(10**400), "byteEnd": 1e400}}],
            "reply": 7,
            "embed": [],
        },
        {
            "text": "\x00\ud800\u0007",
            "createdAt": "\ud800",
            "facets": {},
            "reply": {"parent": {"uri": ["at"]}},
            "labels": 7,
        },
        {
            "text": "",
            "facets": [7, {"index": [], "features": 7}, {"features": [{"uri": {}}]}],
            "embed": {"$type": [], "record": {"record": 7}},
        },
    ],
)
def test_wrong_types_in_a_post_never_stop_the_others(tmp_path: Path, value: Any) -> None:
    reading = account(
        **{
            listed(POST): {
                "records": [*records((f"{POST}/3zzz", value)), *SOUND[listed(POST)]["records"]]
            }
        }
    )()
    assert len(fetched(tmp_path, reading)) == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {asked("repo.describeRepo"): (400, {"error": "RepoNotFound"})},
            "According to pds.example, ada.example has left its server or was deleted.",
        ),
        (
            {asked("repo.describeRepo"): (400, {"error": "RepoTakendown"})},
            "According to pds.example, ada.example has been taken down by its server.",
        ),
        (
            {asked("repo.describeRepo"): (400, {"error": "RepoSuspended"})},
            "According to pds.example, ada.example is suspended by its server.",
        ),
        (
            {asked("repo.describeRepo"): (400, {"error": "RepoDeactivated"})},
            "According to pds.example, ada.example is deactivated.",
        ),
        (
            {asked("repo.describeRepo"): {"did": "did:plc:eve"}},
            "pds.example has a different account under ada.example.",
        ),
        (
            {asked("repo.describeRepo"): [1]},
            "pds.example has a different account under ada.example.",
        ),
        (
            {
                asked("repo.describeRepo"): (
                    401,
                    {"error": "AuthMissing", "message": "Sign\nin \x1b[2Jfirst"},
                )
            },
            "(status 401: Sign in [2Jfirst).",
        ),
        (
            {asked("repo.describeRepo"): (403, b"<html>")},
            "does not let ada.example be read (status 403).",
        ),
        (
            {asked("repo.describeRepo"): b"<html>"},
            "pds.example answered with something that is not JSON.",
        ),
        (
            {listed(AI): (400, {"error": "InvalidRequest"})},
            "does not let ada.example be read (status 400: InvalidRequest).",
        ),
        (
            {
                listed(AI): {"records": [], "cursor": "more"},
                listed(AI, "more"): {"records": [], "cursor": "more"},
            },
            "sends an endless list of declarations by ada.example.",
        ),
        ({listed(POST): {"posts": []}}, "something other than a list of records."),
        ({listed(POST): {"records": {}}}, "something other than a list of records."),
        ({listed(POST): {"records": [], "cursor": 7}}, "something other than a list of records."),
        (
            {listed(POST): {"records": [], "cursor": "x" * 2000}},
            "something other than a list of records.",
        ),
        ({listed(POST): (400, {"error": "RepoDeactivated"})}, "ada.example is deactivated"),
        (
            {
                listed(POST): {**SOUND[listed(POST)], "cursor": "same"},
                listed(POST, "same"): {**SOUND[listed(POST)], "cursor": "same"},
            },
            "same page of posts",
        ),
    ],
)
def test_invalid_answers_are_one_clear_sentence(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(NetworkError) as caught:
        fetched(tmp_path, account(**changed)())
    assert said in caught.value.message
    assert "kept" in caught.value.hint


def test_an_exception_to_a_refusal_is_found_on_any_page() -> None:
    pages: dict[str, Any] = {
        listed(AI): {"records": records((SELF, scoped("all", training=False))), "cursor": "on"},
        listed(AI, "on"): {"records": [7, *records((OTHER, scoped(POST, training=True)))]},
    }
    assert (
        account(**{listed(AI): {"records": pages[listed(AI)]["records"]}})().refusal
        == f"ada.example says no to {TRAINING} ({SELF})."
    )
    assert account(**pages)().refusal == ""


@pytest.mark.parametrize(
    ("avatar", "cid"),
    [
        (
            {
                "$type": "blob",
                "ref": {"$link": "bafkreicwqcugdgubtawr6xv6jjifoju67eigwx2xgz4zs73nkzzn36oucy"},
            },
            "bafkreicwqcugdgubtawr6xv6jjifoju67eigwx2xgz4zs73nkzzn36oucy",
        ),
        (
            {
                "cid": "bafkreicwqcugdgubtawr6xv6jjifoju67eigwx2xgz4zs73nkzzn36oucy",
                "mimeType": "image/png",
            },
            "bafkreicwqcugdgubtawr6xv6jjifoju67eigwx2xgz4zs73nkzzn36oucy",
        ),
        ({"ref": {"$link": "../../etc/passwd&did=x"}}, None),
        ({"ref": 7}, None),
        (7, None),
    ],
)
def test_the_address_of_the_picture_is_made_from_its_hash(avatar: Any, cid: str | None) -> None:
    profile = asked("repo.getRecord", collection="app.bsky.actor.profile", rkey="self")
    author = account(**{profile: {"value": {"displayName": " Ada ", "avatar": avatar}}})().author
    assert author.name == "Ada"
    wanted = (
        f"{SERVER}/xrpc/com.atproto.sync.getBlob?did={DID.replace(':', '%3A')}&cid={cid}"
        if cid
        else ""
    )
    assert author.avatar == wanted
    assert dict(parse_qsl(author.avatar.partition("?")[2])) == (
        {"did": DID, "cid": cid} if cid else {}
    )
