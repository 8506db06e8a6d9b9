"""Tests of publishing: to a stand-in for the hub (see hub_standin), and into folders."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import hub_state
from hub_state import Fault, HubStandIn
from popinjay.cli.main import main
from popinjay.errors import PublishError, StorageError
from popinjay.events import Event, EventKind
from popinjay.model_card.facts import gather
from popinjay.models import bases
from popinjay.options import CardOptions
from popinjay.pipeline import measure
from popinjay.publishing import repository
from popinjay.publishing.hub import Hub, writable
from popinjay.store.files import content_hash
from popinjay.store.run import Run
from popinjay.text.quantities import size
from popinjay.whose import WHOSE
from publications import CARD, DATA, MODEL, REPO, TO, change, names, put_picture, say_whose, send

# Deprecation warnings of the hub's own client are not ours.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

# to the hub


def test_the_code_on_the_card_runs(run: Run, hub: HubStandIn, own_home: Path) -> None:
    result = send(run)
    assert (result.version, result.changed, result.private) == ("v1", True, False)
    (code,) = re.findall(r"```python\n(.*?)```", hub.files(REPO)["README.md"].decode(), re.DOTALL)
    assert f'pipeline("text-generation", model="{REPO}")' in code
    check = (
        "\nimport json\nposts = generator('My dream is', num_return_sequences=5)\n"
        "print(json.dumps([post['generated_text'] for post in posts]))"
    )
    # It is public: no login is needed.
    env = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"}
    done = subprocess.run(
        [sys.executable, "-c", code + check], env=env, cwd=own_home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert len(said) == 5
    assert all(text.startswith("My dream is") for text in said)
    assert (
        "GET",
        f"/{REPO}/resolve/{hub.repos[REPO].commits[-1]['oid']}/model.safetensors",
    ) in hub.log


def test_only_model_and_card_are_published(run: Run, hub: HubStandIn) -> None:
    result = send(run)
    assert {file.name for file in result.files} == MODEL | CARD
    assert set(hub.files(REPO)) == MODEL | {*CARD, ".gitattributes"}
    assert (
        hub.files(REPO)["model.safetensors"]
        == (run.file("model") / "model.safetensors").read_bytes()
    )
    sent = b"\n".join([*hub.bodies, *hub.files(REPO).values(), *hub.objects.values()])
    shown = set(gather(run, CardOptions()).excerpt.posts)  # on the card, as they may be public
    assert shown
    for name in ("posts.jsonl", "dropped.jsonl", "train.jsonl", "held_out.jsonl", "samples.jsonl"):
        for line in run.file(name).read_text(encoding="utf-8").splitlines():
            if " ".join(json.loads(line)["text"].split()) in shown:
                continue
            assert json.loads(line)["text"].encode() not in sent


def beside_the_model(run: Run, *names: str) -> None:
    """Put files beside the weights, as train does for a base whose terms ask for it."""
    for name in names:
        run.file(f"model/{name}").write_text("terms")
    train = run.record.stages["train"]
    train = replace(train, makes={**(train.makes or {}), "model": content_hash(run.file("model"))})
    run.save(run.record.updated(stages={**run.record.stages, "train": train}))
    measure(run)


def test_terms_and_notices_are_published_with_the_model(
    run: Run, hub: HubStandIn, tmp_path: Path
) -> None:
    beside = {"GEMMA_TERMS.html", "NOTICE.md", "LICENSE"}
    beside_the_model(run, *beside)
    assert {file.name for file in send(run).files} == MODEL | beside | CARD
    assert hub.files(REPO)["NOTICE.md"] == b"terms"
    send(run, str(tmp_path / "bird"))
    assert names(tmp_path / "bird") == MODEL | beside | CARD
    assert not send(run).changed
    assert beside <= set(hub.files(REPO))


def test_a_model_made_from_gemma_is_not_published_without_its_terms(
    run: Run, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gemma = bases.Base("gem", "google/gemma-3-270m", "multilingual", license="gemma")
    monkeypatch.setattr("popinjay.model_card.facts.bases.row", lambda name: gemma)
    before = len(hub.log)
    beside_the_model(run, "GEMMA_TERMS.html")
    for to in (TO, str(tmp_path / "bird")):
        with pytest.raises(PublishError, match=r"'NOTICE\.md' is not beside the model"):
            send(run, to)
    assert len(hub.log) == before
    assert not (tmp_path / "bird").exists()
    beside_the_model(run, "NOTICE.md")
    assert {"GEMMA_TERMS.html", "NOTICE.md"} <= {file.name for file in send(run).files}


def test_posts_are_published_on_request_only_and_cleaned(run: Run, hub: HubStandIn) -> None:
    assert {file.name for file in send(run, with_posts=True).files} == MODEL | DATA | CARD
    assert hub.files(REPO)["data/train.jsonl"] == run.file("train.jsonl").read_bytes()
    assert not {"posts.jsonl", "data/posts.jsonl"} & set(hub.files(REPO))
    assert send(run).version == "v2"  # and without them the next version has none
    assert not DATA & set(hub.files(REPO))
    assert set(hub.files(REPO, "v1")) >= DATA


def test_a_dry_run_sends_no_request(
    run: Run, hub: HubStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.file("run.toml").read_bytes()
    assert main(["publish", "ada_l", "--to", TO, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for file in send(run, dry_run=True).files:
        assert re.search(rf"^{re.escape(file.name)} +{size(file.size)}$", said, re.MULTILINE)
    assert "Nothing was sent" in said
    assert hub.log == []
    assert hub.repos == {}
    assert run.file("run.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("given", "to", "message"),
    [
        (None, "hub:ada/bird", "no token"),
        ("hf_unknown", "hub:ada/bird", "doesn't know this token"),
        ("hf_read", "hub:ada/bird", "may only read"),
        ("hf_write", "hub:babbage/bird", "may not write to 'babbage/bird'"),
        ("hf_write", "hub:lookers/bird", "may not write to 'lookers/bird'"),
        ("hf_fine", "hub:ada/bird", "may not write to 'ada/bird'"),
    ],
)
def test_a_token_without_rights_is_reported_before_sending(
    run: Run,
    hub: HubStandIn,
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    to: str,
    message: str,
) -> None:
    if given is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", given)
    with pytest.raises(PublishError, match=message) as caught:
        send(run, to)
    assert caught.value.hint
    assert hub.writes() == []


@pytest.mark.parametrize(
    ("given", "to"),
    [
        ("hf_write", "hub:engines/bird"),
        ("hf_fine", "hub:engines/bird"),
        ("hf_write", "hub:Ada/bird"),
    ],
)
def test_a_token_with_rights_publishes(
    run: Run, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch, given: str, to: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", given)
    if to == "hub:Ada/bird":
        # Names on the hub are case-insensitive. In the stand-in they are not, so only check access.
        Hub("Ada/bird").check_access()
    else:
        assert send(run, to).version == "v1"


def test_a_fine_grained_token_for_one_repository_may_write_there() -> None:
    me = hub_state.token("ada", "fineGrained")
    me["auth"]["accessToken"]["fineGrained"]["scoped"] = [
        {"entity": {"type": "model", "name": REPO}, "permissions": ["repo.write"]}
    ]
    assert writable(me, REPO) == {"ada"}
    assert writable(me, "ada/other") == set()
    assert writable({"name": "ada", "auth": {"type": "oauth"}}, REPO) is None


@pytest.mark.parametrize("whose", [*WHOSE, None])
def test_the_origin_of_posts_decides_what_may_be_public(
    run: Run, hub: HubStandIn, whose: str | None
) -> None:
    say_whose(run, whose)
    if whose in ("self", "permission", "public-domain", "fictional"):
        assert send(run).private is False
    else:
        with pytest.raises(PublishError, match="in private only") as caught:
            send(run)
        assert "--private" in caught.value.hint
        assert hub.log == []
        assert send(run, private=True).private is True
        assert hub.repos[REPO].private


def test_private_posts_never_go_to_a_public_repository(run: Run, hub: HubStandIn) -> None:
    send(run)
    hub.log.clear()
    with pytest.raises(PublishError, match="is public"):
        send(run, private=True)
    assert hub.writes() == []


def test_a_private_repository_is_never_made_public(run: Run, hub: HubStandIn) -> None:
    send(run, private=True)
    change(run)
    events: list[Event] = []
    assert send(run, listener=events.append).private is True
    assert hub.repos[REPO].private
    assert any("stays so" in event.message for event in events)


def test_publishing_again_sends_nothing_and_a_change_is_a_new_version(
    run: Run, hub: HubStandIn
) -> None:
    first = send(run)
    hub.log.clear()
    again = send(run)
    assert (again.version, again.changed, again.commit) == ("v1", False, first.commit)
    assert hub.writes() == []
    change(run)
    second = send(run)
    assert (second.version, second.changed) == ("v2", True)
    assert hub.repos[REPO].tags == {"v1": first.commit, "v2": second.commit}
    assert b"the lighthouse" in hub.files(REPO)["README.md"]
    assert b"the lighthouse" not in hub.files(REPO, "v1")["README.md"]
    model = run.record.hashes()["model"]
    assert [commit["title"] for commit in hub.repos[REPO].commits[1:]] == [
        f"ada_l v1, model {model[:12]}",
        f"ada_l v2, model {model[:12]}",
    ]
    # The weights were there already.
    assert not [path for method, path in hub.writes() if method == "PUT"]


FRAGILE = [
    ("GET", "whoami", "before"),
    ("GET", f"/api/models/{REPO}", "before"),
    ("POST", "/repos/create", "before"),
    ("POST", "/repos/create", "after"),
    ("POST", "/preupload/", "before"),
    ("POST", "/objects/batch", "after"),
    ("PUT", "/lfs/", "before"),
    ("POST", "/lfs-verify", "after"),
    ("POST", "/commit/", "before"),
    ("POST", "/commit/", "after"),
    ("POST", "/tag/", "before"),
    ("POST", "/tag/", "after"),
]


@pytest.mark.parametrize(("method", "path", "breaks"), FRAGILE)
def test_a_broken_connection_is_retried(
    run: Run, hub: HubStandIn, method: str, path: str, breaks: str
) -> None:
    hub.faults.append(Fault(method, path, breaks))
    assert send(run).version == "v1"
    assert not hub.faults[0].times
    assert len(hub.repos[REPO].commits) == 2
    assert hub.repos[REPO].tags == {"v1": hub.repos[REPO].commits[-1]["oid"]}


def test_a_dead_connection_is_reported_and_finished_uploads_are_kept(
    run: Run, hub: HubStandIn
) -> None:
    hub.faults.append(Fault("POST", "/commit/", times=repository.TRIES))
    events: list[Event] = []
    with pytest.raises(PublishError, match="could not be reached") as caught:
        send(run, listener=events.append)
    assert "Run the same again" in caught.value.hint
    assert (
        len([event for event in events if event.what is EventKind.WARNING]) == repository.TRIES - 1
    )
    assert set(hub.files(REPO)) == {".gitattributes"}
    assert send(run).version == "v1"
    puts = [path for method, path in hub.log if method == "PUT"]
    assert len(puts) == len(set(puts)) == 3  # the weights, the avatar and the pipeline


def test_a_killed_upload_is_resumed(run: Run, hub: HubStandIn) -> None:
    command = [sys.executable, "-m", "popinjay.cli.main", "publish", "ada_l", "--to", TO]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        hub.faults.append(Fault("POST", "/commit/", meanwhile=process.kill))
        process.communicate()
    assert process.returncode < 0
    assert set(hub.files(REPO)) == {".gitattributes"}
    hub.log.clear()
    assert send(run).version == "v1"
    assert not [path for method, path in hub.log if method == "PUT"]
    assert set(hub.files(REPO)) >= MODEL


def test_a_commit_without_its_tag_gets_it_next_time(run: Run, hub: HubStandIn) -> None:
    send(run)
    hub.repos[REPO].tags.clear()
    hub.log.clear()
    assert send(run).version == "v1"
    assert [path.split("/")[4] + path.split("/")[5][:3] for _, path in hub.writes()] == ["birdtag"]


def test_a_concurrent_commit_is_kept(run: Run, hub: HubStandIn) -> None:
    def other() -> None:
        repo = hub.repos[REPO]
        repo.commit({**repo.commits[-1]["files"], "notes.txt": ("regular", b"hello")}, "by hand")

    send(run)
    hub.faults.append(Fault("POST", "/commit/", "not", meanwhile=other))
    change(run)
    assert send(run).version == "v2"
    assert set(hub.files(REPO)) == MODEL | {*CARD, ".gitattributes", "notes.txt"}


def test_a_foreign_repository_is_left_alone(run: Run, hub: HubStandIn) -> None:
    hub.repos[REPO] = hub_state.Repo(private=False)
    hub.repos[REPO].commit({"config.json": ("regular", b"{}")}, "something else")
    with pytest.raises(PublishError, match="did not put there"):
        send(run)
    assert hub.writes() == []


def test_the_picture_is_published_and_named_as_thumbnail(run: Run, hub: HubStandIn) -> None:
    put_picture(run)
    send(run)
    assert hub.files(REPO)["card.png"] == run.file("card.png").read_bytes()
    card = hub.files(REPO)["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["thumbnail"] == f"https://huggingface.co/{REPO}/resolve/main/card.png"
    assert front["tags"][0] == "popinjay"
    assert f'pipeline("text-generation", model="{REPO}")' in card
    assert "](card.png)" in card
    for image in ("avatar-ada_l.png", "pipeline.png"):
        assert f"images/{image}" in card
        assert hub.files(REPO)[f"images/{image}"] == run.file(f"images/{image}").read_bytes()


def test_what_is_not_finished_is_not_published(run: Run, hub: HubStandIn) -> None:
    asked = replace(run.record.asked, whose="permission")
    run.save(run.record.updated(asked=asked))  # and the card says "fictional"
    with pytest.raises(PublishError, match="not finished: card is stale"):
        send(run)
    run.file("report.json").write_text("{}")
    with pytest.raises(PublishError, match="not finished: evaluate is stale") as caught:
        send(run)
    assert "popinjay make" in caught.value.hint
    shutil.rmtree(run.file("model"))
    with pytest.raises(PublishError, match="not finished: train is stale"):
        send(run, to="somewhere")
    assert hub.log == []


@pytest.mark.parametrize(
    "to", ["hub:", "hub:bird", "hub:a/b/c", "hub:a/..", "hub:a b/c", "hub:/x", "hub:a/" + "x" * 100]
)
def test_invalid_repository_names_are_refused(run: Run, hub: HubStandIn, to: str) -> None:
    with pytest.raises(PublishError, match="names no repository"):
        send(run, to)
    assert hub.log == []


def test_offline_mode_is_reported(
    run: Run, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "popinjay.cli.main", "publish", "ada_l", "--to", TO],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "HF_HUB_OFFLINE is set" in done.stderr


def test_the_command_line_lists_files_and_never_the_token(
    run: Run, hub: HubStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "ada_l", "--to", TO, "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["to"], document["version"], document["changed"]) == (TO, "v1", True)
    assert document["commit"] == hub.repos[REPO].tags["v1"]
    assert {file["name"]: file["bytes"] for file in document["files"]} == {
        n: len(c) for n, c in hub.files(REPO).items() if n != ".gitattributes"
    }
    assert main(["publish", "ada_l", "--to", TO]) == 0
    assert "already as version v1" in capsys.readouterr().out
    assert "hf_write" not in said.out + said.err + run.file("run.toml").read_text()


# into a folder


def test_a_folder_gets_the_same_files(run: Run, tmp_path: Path) -> None:
    assert send(run, str(tmp_path / "bird")).changed
    assert names(tmp_path / "bird") == MODEL | CARD
    assert (
        'pipeline("text-generation", model="bird")' in (tmp_path / "bird" / "README.md").read_text()
    )
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bird").iterdir()}
    assert not send(run, str(tmp_path / "bird")).changed
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bird").iterdir()} == before
    change(run)
    assert send(run, str(tmp_path / "bird"), with_posts=True).changed
    assert names(tmp_path / "bird") == MODEL | DATA | CARD
    assert send(run, str(tmp_path / "bird")).changed
    assert names(tmp_path / "bird") == MODEL | CARD
    assert [path.name for path in tmp_path.iterdir()] == ["bird"]


def test_a_foreign_folder_is_left_alone(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "bird"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(PublishError, match=r"did not put there: 'notes.txt'"):
        send(run, str(folder))
    (folder / "notes.txt").unlink()
    send(run, str(folder))
    (folder / "notes.txt").write_text("mine")
    change(run)
    with pytest.raises(PublishError, match=r"did not put there: 'notes.txt'"):
        send(run, str(folder))
    assert names(folder) == MODEL | {*CARD, "notes.txt"}
    for to, message in (
        (tmp_path / "no" / "where", "no folder"),
        (run.path / "model", "inside"),
        (folder / "notes.txt", "is a file"),
    ):
        with pytest.raises(PublishError, match=message):
            send(run, str(to))
    with pytest.raises(PublishError, match="--private is for the hub"):
        send(run, str(tmp_path / "other"), private=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bird"]


def test_a_folder_is_written_whole_or_not_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bird"
    real = shutil.copyfile

    def full(source: Any, target: Any) -> Any:
        if Path(source).name == "model.safetensors":
            raise OSError(errno.ENOSPC, "no space")
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError, match="disk is full"):
        send(run, str(folder))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "copyfile", real)
    send(run, str(folder))
    before = (folder / "README.md").read_bytes()
    change(run)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError):
        send(run, str(folder))
    assert (folder / "README.md").read_bytes() == before
    folder.rename(tmp_path / ".bird.popinjay-old")  # as if stopped between its two renames
    monkeypatch.setattr(shutil, "copyfile", real)
    assert send(run, str(folder)).changed
    assert [path.name for path in tmp_path.iterdir()] == ["bird"]


def test_a_folder_of_private_posts_comes_with_a_warning(run: Run, tmp_path: Path) -> None:
    say_whose(run, "public-figure")
    events: list[Event] = []
    send(run, str(tmp_path / "bird"), events.append)
    assert any(
        event.what is EventKind.WARNING and "to yourself" in event.message for event in events
    )


@pytest.mark.parametrize("left", [".bird.popinjay-old", ".bird.popinjay-partial"])
def test_leftovers_of_a_killed_process_are_removed_by_the_next(
    run: Run, tmp_path: Path, left: str
) -> None:
    """Also if nothing else is to be done: it was killed when only the clean-up was left."""
    send(run, str(tmp_path / "bird"))
    (tmp_path / left).mkdir()
    (tmp_path / left / "config.json").write_text("{}")
    assert not send(run, str(tmp_path / "bird")).changed
    assert [path.name for path in tmp_path.iterdir()] == ["bird"]
