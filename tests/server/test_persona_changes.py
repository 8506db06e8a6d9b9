"""Tests of what a persona's page opens with, its kept posts and zips, its new name and its end."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from archives import archive_files, posts, write_zip
from models import gpt2
from popinjay.pipeline import make
from popinjay.server.file_groups import FoundFile, Group, group_of, zipped
from popinjay.server.jobs.job import Job
from popinjay.server.opening import POSTS
from popinjay.store.run import Run
from serving import Client, served

PRIVATE = ("posts.jsonl", "train.jsonl", "held_out.jsonl", "kept.jsonl", "samples.jsonl")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a persona, which tests copy to change it."""
    around = tmp_path_factory.mktemp("made")
    base = gpt2(around / "base", every_byte=False)
    archive = write_zip(around / "ada.zip", archive_files(posts(200)))
    make(
        archive,
        name="ada",
        home=around / "home",
        base=str(base),
        whose="fictional",
        epochs=0.1,
        samples=60,
        track="none",
    )
    return around / "home" / "ada"


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(made, home / "ada")
    return home


def write_samples(home: Path, texts: list[str]) -> None:
    rows = [{"text": text, "tokens": 9, "finished": True} for text in texts]
    (home / "ada" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_ten_posts_are_there_at_once_and_may_be_kept(home: Path) -> None:
    written = [f"the lamp number {'x' * n} hums at night" for n in range(15)]
    write_samples(home, written)
    with served(home) as client:
        opening = client.get("/api/personas/ada/opening")
        assert len(opening["posts"]) == POSTS
        assert set(opening["posts"]) <= set(written)
        assert opening["prompts"][:2] == ["My dream is", "Today I"]
        assert client.app.state.app_state.models.names == []  # no model was loaded for it
        kept = client.post("/api/personas/ada/kept", {"text": opening["posts"][3]}, 201)
        assert kept["text"] == opening["posts"][3]


def test_posts_that_may_not_be_shown_are_not_there_on_arrival(home: Path) -> None:
    (learnt, *_) = (home / "ada" / "train.jsonl").read_text().splitlines()
    write_samples(home, [json.loads(learnt)["text"], "write to ada@example.org now", "a lamp"])
    with served(home) as client:
        assert client.get("/api/personas/ada/opening")["posts"] == ["a lamp"]


def test_posts_of_a_model_that_is_gone_are_not_shown(home: Path) -> None:
    run = Run(home / "ada")
    stages = {name: entry for name, entry in run.record.stages.items() if name != "evaluate"}
    run.save(run.record.updated(stages=stages))
    with served(home) as client:
        assert client.get("/api/personas/ada/opening")["posts"] == []


def test_a_damaged_file_of_samples_is_explained(home: Path) -> None:
    (home / "ada" / "samples.jsonl").write_text("[1]\n{")
    with served(home) as client:
        answer = client.ask("GET", "/api/personas/ada/opening")
        assert (answer.status, "is damaged" in answer.message) == (409, True)


def test_kept_posts_have_one_form_and_can_be_removed(home: Path) -> None:
    with served(home) as client:
        state = client.app.state.app_state
        ids = []
        for number in (1, 2, 2):
            state.recent_outputs.remember("ada", "My", f"My lamp {number}")
            said = {"text": f"My lamp {number}", "prompt": "My", "seed": 3, "number": number}
            ids.append(client.post("/api/personas/ada/kept", said, 201)["id"])
        assert ids[0] != ids[1]
        rows = [json.loads(line) for line in (home / "ada" / "kept.jsonl").read_text().splitlines()]
        assert [row["number"] for row in rows] == [1, 2, 2]
        assert all(row["time"].endswith("+00:00") and "." not in row["time"] for row in rows)
        assert client.ask("DELETE", f"/api/personas/ada/kept/{ids[0]}").status == 204
        assert client.ask("DELETE", f"/api/personas/ada/kept/{ids[0]}").status == 404
        assert [row["number"] for row in client.get("/api/personas/ada/kept")["kept"]] == [2, 2]


def test_a_kept_post_has_the_dials_that_it_was_sampled_with(home: Path) -> None:
    with served(home) as client:
        client.app.state.app_state.recent_outputs.remember("ada", "", "A lamp #sun")
        said = {"text": "A lamp #sun", "prompt": "", "seed": 3, "number": 1, "hashtags": 1}
        kept = client.post("/api/personas/ada/kept", {**said, "max_chars": 140}, 201)
        assert (kept["hashtags"], kept["emoji"], kept["length"]) == (1, None, 1)
        row = json.loads((home / "ada" / "kept.jsonl").read_text())
        row.pop("time")
        assert row == {**said, "max_chars": 140}
        assert client.ask("POST", "/api/personas/ada/kept", {**said, "hashtags": 2}).status == 422


def read_zip(client: Client, what: str) -> dict[str, bytes]:
    answer = client.ask("GET", f"/api/personas/ada/zip?what={what}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/zip")
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_zip_to_share_holds_no_posts(home: Path) -> None:
    (home / "ada" / "kept.jsonl").write_text('{"text": "mine"}\n')
    with served(home) as client:
        shared, everything = read_zip(client, "share"), read_zip(client, "everything")
        listed = {f"ada/{file['name']}" for file in client.get("/api/personas/ada/files")}
    assert {"ada/README.md", "ada/model/config.json", "ada/model/model.safetensors"} <= set(shared)
    assert not [name for name in shared if Path(name).name in (*PRIVATE, "report.html", "run.toml")]
    assert {f"ada/{name}" for name in PRIVATE} <= set(everything)
    assert set(everything) == listed
    for name, content in everything.items():
        assert content == (home / name).read_bytes()
    for row in (home / "ada" / "train.jsonl").read_text().splitlines()[:50]:
        text = json.loads(row)["text"].encode()
        assert not [name for name, content in shared.items() if text in content]


def test_a_large_zip_comes_in_pieces_and_a_removed_file_is_left_out(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(5 * 2**20))
    files = [
        FoundFile("model/large.bin", large, Group.MODEL),
        FoundFile("gone", tmp_path / "gone", Group.PRIVATE),
    ]
    pieces = list(zipped(files, "ada"))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 2 * 2**20
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.namelist() == ["ada/model/large.bin"]


def test_what_nobody_knows_is_private() -> None:
    assert group_of("README.md") is group_of("images/pipeline.png") is Group.SHARE
    assert group_of("model/tokenizer.json") is Group.MODEL
    for name in ("report.html", "kept.jsonl", "avatars/ada.png", "new.file", "x/README.md"):
        assert group_of(name) is Group.PRIVATE


def test_a_persona_is_renamed_with_its_kept_and_loaded_posts(home: Path) -> None:
    with served(home) as client:
        state = client.app.state.app_state
        opening = client.get("/api/personas/ada/opening")
        assert client.ask("POST", "/api/personas/ada/say", {"n": 1}).status == 200
        assert state.models.names == ["ada"]
        answer = client.ask("PATCH", "/api/personas/ada", {"name": "countess"})
        assert (answer.status, answer.json["name"]) == (200, "countess")
        assert state.models.names == []
        assert client.ask("GET", "/api/personas/ada").status == 404
        assert client.get("/api/personas/countess")["state"] == "ready"
        client.post("/api/personas/countess/kept", {"text": opening["posts"][0]}, 201)
        assert client.ask("POST", "/api/personas/countess/say", {"n": 1}).status == 200


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "-dash", "x" * 300, "a\x00b"])
def test_a_name_that_no_folder_can_have_is_refused(home: Path, name: str) -> None:
    with served(home) as client:
        assert client.ask("PATCH", "/api/personas/ada", {"name": name}).status == 422
        assert client.get("/api/personas/ada")["name"] == "ada"


def test_a_name_that_is_taken_is_refused(home: Path) -> None:
    (home / "bob").mkdir()
    (home / "bob" / "run.toml").write_text("")
    with served(home) as client:
        answer = client.ask("PATCH", "/api/personas/ada", {"name": "bob"})
        assert (answer.status, "bob" in answer.message) == (409, True)


def test_a_persona_is_removed_with_all_its_files(home: Path) -> None:
    with served(home) as client:
        state = client.app.state.app_state
        text = client.get("/api/personas/ada/opening")["posts"][0]
        assert client.ask("POST", "/api/personas/ada/say", {"n": 1}).status == 200
        assert client.ask("DELETE", "/api/personas/ada").status == 204
        assert client.get("/api/personas")["total"] == 0
        assert not (home / "ada").exists()
        assert state.models.names == []
        assert not state.recent_outputs.knows("ada", "", text)
        assert client.ask("DELETE", "/api/personas/ada").status == 404


def test_other_sites_can_neither_rename_nor_remove(home: Path) -> None:
    with served(home) as client:
        for headers in ({}, {"Origin": "https://evil.example", "X-Popinjay": "1"}):
            for method, body in (("DELETE", None), ("PATCH", {"name": "other"})):
                answer = client.ask(method, "/api/personas/ada", body, headers)
                assert answer.status == 403
        assert client.get("/api/personas/ada")["name"] == "ada"


def test_a_persona_that_is_being_made_is_left_alone(home: Path) -> None:
    with served(home) as client:
        jobs = client.app.state.app_state.jobs
        job = Job("0" * 16, "make", "ada", [], None, {}, created="2026-01-01", state="stopped")
        (home / ".jobs" / job.id).mkdir()
        jobs._jobs[job.id] = job
        job.state = "queued"
        for method, body in (("DELETE", None), ("PATCH", {"name": "other"})):
            answer = client.ask(method, "/api/personas/ada", body)
            assert (answer.status, answer.message) == (409, "'ada' is being made right now.")
        job.state = "stopped"
        with Run(home / "ada").locked():  # by a `popinjay make` in a terminal
            assert client.ask("DELETE", "/api/personas/ada").status == 409
        assert client.ask("PATCH", "/api/personas/ada", {"name": "other"}).status == 200
        assert client.get(f"/api/jobs/{job.id}")["name"] == "other"
        assert client.ask("DELETE", "/api/personas/other").status == 204
        assert client.ask("GET", f"/api/jobs/{job.id}").status == 404


def test_the_reports_content_is_escaped_and_has_no_document(home: Path) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    write_samples(home, [f"{hostile} {n}" for n in range(30)])
    with served(home) as client:
        answer = client.ask("GET", "/api/personas/ada/report/content")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.headers["content-security-policy"].startswith("sandbox")
        assert b"<html" not in answer.body
        assert b"<img src=x" not in answer.body
        assert b"<script>alert" not in answer.body
        (home / "ada" / "held_out.jsonl").unlink()
        assert client.ask("GET", "/api/personas/ada/report/content").status == 404


def test_a_drawing_of_the_card_is_shown_without_its_scripts(home: Path) -> None:
    (home / "ada" / "images").mkdir(exist_ok=True)
    drawing = home / "ada" / "images" / "drawing.svg"
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with served(home) as client:
        answer = client.ask("GET", "/api/personas/ada/shown/images/drawing.svg")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "script-src" not in policy
        for path in ("run.toml", "../secret", "posts.jsonl"):
            assert client.ask("GET", f"/api/personas/ada/shown/{path}").status == 404
