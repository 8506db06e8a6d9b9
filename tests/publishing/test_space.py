"""Tests of publishing a web page as a Space, to a stand-in for the hub."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import hub_state
from hub_state import HEADERS, SPACES, TEMPLATE, Fault, HubStandIn
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaError, PublishError
from popinjay.events import Event, EventKind
from popinjay.exporting.web import engine
from popinjay.forgetting import forget
from popinjay.publishing import web_content
from popinjay.publishing.hub import SPACE, writable
from popinjay.store.run import WEB_PAGE, Run
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.whose import MAY_BE_PUBLIC, WHOSE
from publications import PICTURE, REPO, TO, change, put_picture, say_whose, send
from web_engine import put_stand_ins

# Deprecation warnings of the hub's own client are not ours.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

PAGE = "ada/page"
TO_SPACE = f"space:{PAGE}"
KEPT = SPACES + PAGE  # its name in the stand-in
URL = "https://huggingface.co/spaces/ada/page"
PARTS = {"index.html", "sw.js", "files.json", "persona.json", "posts.index", "model/model.onnx"}


@pytest.fixture(autouse=True)
def stand_ins(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put stand-ins for the page's engine into the cache; return their folder."""
    return put_stand_ins(monkeypatch)


def front(hub: HubStandIn, repo: str = KEPT) -> dict[str, Any]:
    """Return the settings in a repository's README."""
    text = hub.files(repo)["README.md"].decode()
    settings: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return settings


def rename_author(run: Run, name: str) -> None:
    """Give the persona's author another name, unseen by the stages."""
    rows = json.loads(run.file("authors.json").read_text(encoding="utf-8"))
    content = json.dumps([{**rows[0], "name": name}])
    old = run.record.hashes()["authors.json"]
    run.file("authors.json").write_text(content, encoding="utf-8")
    from popinjay.store.files import content_hash

    new = content_hash(run.file("authors.json"))
    stages = {
        stage: replace(
            entry,
            needs={k: new if v == old else v for k, v in entry.needs.items()},
            makes={k: new if v == old else v for k, v in (entry.makes or {}).items()},
        )
        for stage, entry in run.record.stages.items()
    }
    run.save(run.record.updated(stages=stages))


def test_the_page_becomes_a_static_space(run: Run, hub: HubStandIn) -> None:
    put_picture(run)
    result = send(run, TO_SPACE)
    assert (result.to, result.url, result.version) == (TO_SPACE, URL, "v1")
    assert (result.changed, result.private) == (True, False)
    files = hub.files(KEPT)
    assert set(files) == {file.name for file in result.files} | {".gitattributes"}
    assert set(files) >= PARTS | {f"engine/{name}" for name in (engine.FILES[0].name, engine.WASM)}
    listed = json.loads(files["files.json"])["sizes"]
    assert {name: len(files[name]) for name in listed} == listed
    assert files["card.png"] == PICTURE
    settings = front(hub)
    assert settings == {
        "title": "Ada 🧮 L., imitated by a machine",
        "emoji": "🦜",
        "colorFrom": settings["colorFrom"],
        "colorTo": settings["colorTo"],
        "sdk": "static",
        "app_file": "index.html",
        "pinned": False,
        "short_description": "A machine writes like Ada 🧮 L.",
        "tags": ["popinjay", "text-generation"],
        "thumbnail": f"{URL}/resolve/main/card.png",
        "license": "other",
        "header": "mini",
        "disable_embedding": False,
        "custom_headers": {
            "cross-origin-embedder-policy": "require-corp",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "cross-origin",
        },
    }
    assert settings["colorFrom"] != settings["colorTo"]
    assert settings["custom_headers"].keys() == HEADERS
    text = files["README.md"].decode()
    assert "![What it wrote, as a picture](card.png)" in text
    assert "The maker of this page states: the author is fictional." in text
    assert not run.file(WEB_PAGE).exists()
    entry = run.record.published[TO_SPACE]
    assert (entry.version, entry.private) == ("v1", False)
    assert set(entry.files) == {file.name for file in result.files}


def test_no_text_of_a_post_is_sent(run: Run, hub: HubStandIn) -> None:
    send(run, TO_SPACE)
    sent = b"\n".join([*hub.bodies, *hub.files(KEPT).values(), *hub.objects.values()])
    posts = [
        json.loads(line)["text"]
        for line in run.file("train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert not [post for post in posts if len(post.split()) > 3 and post.encode() in sent]
    index = VerbatimIndex.from_bytes(hub.files(KEPT)["posts.index"])
    assert all(index.is_copied(post) for post in posts if len(post.split()) > 8)
    with pytest.raises(PublishError, match="without the posts"):
        send(run, TO_SPACE, with_posts=True)


def test_what_the_model_and_the_page_say_of_each_other(run: Run, hub: HubStandIn) -> None:
    assert "[Let it write in your browser]" not in run.file("README.md").read_text()
    send(run)
    assert "[Let it write in your browser]" not in hub.files(REPO)["README.md"].decode()
    events: list[Event] = []
    send(run, TO_SPACE, events.append)
    notes = [event.message for event in events if event.what is EventKind.NOTE]
    assert [note for note in notes if f"popinjay publish ada_l --to {TO}" in note]
    assert front(hub)["models"] == [REPO]
    assert f"(https://huggingface.co/{REPO})" in hub.files(KEPT)["README.md"].decode()
    hub.log.clear()
    assert send(run).version == "v2"
    assert f"[Let it write in your browser]({URL})" in hub.files(REPO)["README.md"].decode()
    assert not [path for method, path in hub.writes() if method == "PUT"]
    events.clear()
    assert not send(run, TO_SPACE, events.append).changed
    assert not [event for event in events if event.what is EventKind.NOTE]


def test_what_is_private_is_not_named_in_public(run: Run, hub: HubStandIn) -> None:
    send(run, private=True)
    send(run, TO_SPACE)
    assert "models" not in front(hub)
    assert REPO not in hub.files(KEPT)["README.md"].decode()
    events: list[Event] = []
    send(run, "space:ada/hidden", events.append, private=True)
    assert f"--to {TO} --private" in " ".join(event.message for event in events)
    assert hub.repos[f"{SPACES}ada/hidden"].private
    assert front(hub, f"{SPACES}ada/hidden")["models"] == [REPO]
    send(run, "hub:ada/shown")
    assert "ada/hidden" not in hub.files("ada/shown")["README.md"].decode()
    assert URL in hub.files("ada/shown")["README.md"].decode()


@pytest.mark.parametrize("whose", [*WHOSE, None])
def test_the_origin_of_posts_decides_what_may_be_public(
    run: Run, hub: HubStandIn, whose: str | None
) -> None:
    say_whose(run, whose)
    if whose in MAY_BE_PUBLIC:
        assert send(run, TO_SPACE).private is False
    else:
        with pytest.raises(PublishError, match="in private only"):
            send(run, TO_SPACE)
        assert hub.log == []
        assert send(run, TO_SPACE, private=True).private is True
        assert hub.repos[KEPT].private


@pytest.mark.parametrize(
    ("given", "to", "message"),
    [
        (None, "space:ada/page", "no token"),
        ("hf_unknown", "space:ada/page", "doesn't know this token"),
        ("hf_read", "space:ada/page", "may only read"),
        ("hf_write", "space:lookers/page", "'ada' may not write to 'lookers/page'"),
        ("hf_fine", "space:ada/page", "'ada' may not write to 'ada/page'"),
    ],
)
def test_a_token_without_rights_is_told_before_anything_is_prepared(
    run: Run,
    hub: HubStandIn,
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    to: str,
    message: str,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the page was written")

    monkeypatch.setattr(web_content, "write_site", never)
    if given is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", given)
    with pytest.raises(PublishError, match=message) as caught:
        send(run, to)
    assert caught.value.hint
    assert "hf auth" not in caught.value.page_hint
    assert hub.writes() == []
    assert TO_SPACE not in run.record.published


def test_a_fine_grained_token_for_one_space_may_write_there(
    run: Run, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = hub_state.token("ada", "fineGrained")
    scope = {"entity": {"type": "space", "name": PAGE}, "permissions": ["repo.write"]}
    me["auth"]["accessToken"]["fineGrained"]["scoped"] = [scope]
    assert writable(me, PAGE, SPACE) == {"ada"}
    assert writable(me, PAGE) == set()  # not to a model of that name
    monkeypatch.setenv("HF_TOKEN", "hf_fine")
    assert send(run, "space:engines/page").version == "v1"


def test_a_dry_run_sends_no_request_and_fetches_no_engine(
    run: Run,
    hub: HubStandIn,
    stand_ins: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = send(run, TO_SPACE, dry_run=True)
    for file in stand_ins.iterdir():
        file.unlink()
    monkeypatch.setenv(engine.REGISTRY_SETTING, "http://127.0.0.1:9")  # nobody answers there
    before = run.file("run.toml").read_bytes()
    assert main(["publish", "ada_l", "--to", TO_SPACE, "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    sizes = {file["name"]: file["bytes"] for file in document["files"]}
    assert sizes.keys() == {file.name for file in whole.files}
    assert sizes[f"engine/{engine.WASM}"] > 3_000_000  # that of the real one, about
    about = {f"engine/{engine.WASM}", "files.json"}
    for sent in whole.files:
        assert sent.name in about or sizes[sent.name] == sent.size
    assert (document["url"], document["dry_run"]) == (URL, True)
    assert hub.log == []
    assert run.file("run.toml").read_bytes() == before
    assert main(["publish", "ada_l", "--to", TO_SPACE]) == 2
    assert "Export again while you are online" in capsys.readouterr().err
    assert hub.writes() == []
    assert not run.file(WEB_PAGE).exists()


def test_publishing_again_sends_nothing_and_a_change_is_a_new_version(
    run: Run, hub: HubStandIn
) -> None:
    first = send(run, TO_SPACE)
    assert not set(TEMPLATE) - {"README.md", "index.html"} & set(hub.files(KEPT))
    hub.log.clear()
    again = send(run, TO_SPACE)
    assert (again.version, again.changed, again.commit) == ("v1", False, first.commit)
    assert hub.writes() == []
    change(run)
    second = send(run, TO_SPACE)
    assert (second.version, second.changed) == ("v2", True)
    assert hub.repos[KEPT].tags == {"v1": first.commit, "v2": second.commit}
    assert b"the lighthouse" in hub.files(KEPT)["persona.json"]
    assert b"the lighthouse" not in hub.files(KEPT, "v1")["persona.json"]
    assert not [path for method, path in hub.writes() if method == "PUT"]
    other = send(run, "space:ada/other")
    salts = {hub.files(f"{SPACES}ada/{name}")["posts.index"][:16] for name in ("page", "other")}
    assert len(salts) == 2
    assert other.version == "v1"


def test_what_an_older_page_had_is_removed_and_what_others_put_there_stays(
    run: Run, hub: HubStandIn
) -> None:
    send(run, TO_SPACE)
    repo = hub.repos[KEPT]
    more = {
        "old.js": ("regular", b"//"),  # on record as ours
        "model/weights.009.bin": ("lfs", b"0"),  # of a page that another machine published
        "notes.txt": ("regular", b"mine"),
    }
    repo.commit({**repo.commits[-1]["files"], **more}, "by hand")
    entry = run.record.published[TO_SPACE]
    entry = replace(entry, files=(*entry.files, "old.js"))
    run.save(run.record.updated(published={TO_SPACE: entry}))
    assert send(run, TO_SPACE).version == "v2"
    assert more.keys() & hub.files(KEPT).keys() == {"notes.txt"}


def test_a_foreign_space_is_left_alone(run: Run, hub: HubStandIn) -> None:
    hub.repos[KEPT] = hub_state.Repo(private=False)
    mine = {name: ("regular", text) for name, text in TEMPLATE.items()}
    hub.repos[KEPT].commit(mine, "initial commit")
    hub.repos[KEPT].commit({**mine, "index.html": ("regular", b"my own page")}, "mine")
    with pytest.raises(PublishError, match="did not put there"):
        send(run, TO_SPACE)
    assert hub.writes() == []


@pytest.mark.parametrize(
    ("method", "path", "breaks"),
    [
        ("GET", "whoami", "before"),
        ("GET", f"/api/spaces/{PAGE}", "before"),
        ("POST", "/repos/create", "after"),
        ("GET", "/commits/", "before"),
        ("POST", "/objects/batch", "after"),
        ("PUT", "/lfs/", "before"),
        ("POST", "/commit/", "before"),
        ("POST", "/commit/", "after"),
        ("POST", "/tag/", "after"),
    ],
)
def test_a_broken_connection_is_retried(
    run: Run, hub: HubStandIn, method: str, path: str, breaks: str
) -> None:
    hub.faults.append(Fault(method, path, breaks))
    assert send(run, TO_SPACE).version == "v1"
    assert not hub.faults[0].times
    assert len(hub.repos[KEPT].commits) == 2
    assert "style.css" not in hub.files(KEPT)


def test_a_killed_upload_leaves_nothing_that_forgetting_misses(run: Run, hub: HubStandIn) -> None:
    run.file(WEB_PAGE).mkdir()
    (run.file(WEB_PAGE) / "posts.index").write_bytes(b"hashes")
    with run.file("train.jsonl").open(encoding="utf-8") as file:
        forget.forget(run, [json.loads(file.readline())["id"]])
    assert not run.file(WEB_PAGE).exists()
    with pytest.raises(PublishError, match="not finished"):
        send(run, TO_SPACE)


@pytest.mark.parametrize(
    "name",
    [
        '"quoted": [no]\n---\n# not a heading <script>alert(1)</script>',
        "👩‍👩‍👧‍👦" * 20,
        "אבג " * 30,
        "_under_ *star* `tick` [link](https://example.org) " * 2,
    ],
)
def test_a_hostile_name_stays_a_name(run: Run, hub: HubStandIn, name: str) -> None:
    rename_author(run, name)
    send(run, TO_SPACE)
    settings = front(hub)
    assert settings["sdk"] == "static"
    assert settings["title"].endswith(", imitated by a machine")
    assert len(settings["short_description"].encode("utf-16-le")) <= 120
    body = hub.files(KEPT)["README.md"].decode().split("\n---\n", 1)[1]
    assert "<script>" not in body.replace(r"\<", "")
    assert "](https://example.org)" not in re.sub(r"\\.", "", body)
    assert len([line for line in body.splitlines() if line.startswith("# ")]) == 1


def test_options_that_do_not_fit_are_refused(run: Run, hub: HubStandIn) -> None:
    with pytest.raises(OptionError, match="can't be exported with quant 'q2'"):
        send(run, TO_SPACE, quant="q2")
    with pytest.raises(PublishError, match="--quant is for web pages"):
        send(run, quant="q5")
    for to in ("space:", "space:page", "space:a/b/c"):
        with pytest.raises(PublishError, match=f"'{to}' names no repository"):
            send(run, to)
    assert hub.log == []


def test_a_persona_whose_page_cannot_be_made_is_told_so_at_once(
    run: Run, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(model: Path) -> None:
        raise PersonaError("Its tokenizer is not known to the page.")

    monkeypatch.setattr("popinjay.exporting.web.check_tokenizer", refused)
    with pytest.raises(PersonaError, match="tokenizer"):
        send(run, TO_SPACE)
    assert hub.log == []
    assert not run.file(WEB_PAGE).exists()


def test_the_command_line_says_where_it_is(
    run: Run, hub: HubStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "ada_l", "--to", TO_SPACE]) == 0
    said = capsys.readouterr().out
    assert f"Published to the Space {PAGE} on the Hugging Face hub, version v1." in said
    assert URL in said
    assert main(["publish", "ada_l", "--to", TO_SPACE]) == 0
    assert "already as version v1" in capsys.readouterr().out
    assert main(["remove", "ada_l", "--yes"]) == 0
    assert f"the Space {PAGE} on the Hugging Face hub" in capsys.readouterr().out
