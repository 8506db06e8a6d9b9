"""Tests of personas over HTTP: the list, files, kept posts; hostile names, posts and paths."""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archives import archive_files, posts, tweet, write_zip
from popinjay.errors import PictureError
from popinjay.pipeline import make
from popinjay.store.files import content_hash
from popinjay.store.run import Run
from serving import Client, served

HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe </script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2: Path) -> Path:
    """Return a home with a persona of hostile name and posts, and secrets beside what is served."""
    around = tmp_path_factory.mktemp("around")
    (around / "secret.txt").write_text("nobody's business")
    home = around / "home"
    files = archive_files(posts(200) + [tweet(f"{HOSTILE} number {n}", 900 + n) for n in range(5)])
    archive = write_zip(around / "ada.zip", files)
    make(
        archive,
        name="ada",
        home_folder=home,
        base=str(tiny_gpt2),
        whose="fictional",
        epochs=0.1,
        samples=10,
        track="none",
    )
    (home / "ada" / "authors.json").write_text(json.dumps([{"handle": "ada_l", "name": HOSTILE}]))
    (home / "ada" / "avatars" / "ada_l.png").write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    (home / "ada" / "avatars" / "evil.svg").write_text("<svg onload='alert(1)'/>")
    (home / "ada" / "card.png").write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    taken_as_made(Run(home / "ada"))
    (home / "ada" / "way out.txt").symlink_to(around / "secret.txt")
    (home / "ada" / "way").symlink_to(around)
    return home


def taken_as_made(run: Run) -> None:
    """Record files that were written by hand as if stages had made them."""

    def hashes(files: Mapping[str, str]) -> dict[str, str]:
        return {file: content_hash(run.file(file)) for file in files}

    stages = {
        name: replace(entry, needs=hashes(entry.needs or {}), makes=hashes(entry.makes or {}))
        for name, entry in run.record.stages.items()
    }
    stages["card"] = replace(stages["card"], source=run.picture_shown())
    run.save(run.record.updated(stages=stages))


def test_a_persona_is_listed_and_described(client: Client, home: Path) -> None:
    found = client.get("/api/personas")
    assert found["total"] == 1
    row = found["personas"][0]
    assert (row["name"], row["title"], row["handles"], row["state"], row["speaks"]) == (
        "ada",
        HOSTILE,
        ["ada_l"],
        "ready",
        True,
    )
    assert (row["posts"], row["whose"], row["picture"], row["still_known"]) == (
        201,
        "fictional",
        True,
        False,
    )
    assert row["verdict"]
    assert row["made"].endswith(("Z", "+00:00"))
    detail = client.get("/api/personas/ada")
    assert {**detail, **row} == detail
    assert [stage["state"] for stage in detail["stages"]] == ["done"] * 6
    assert detail["counts"][0]["downloaded"] == 205
    assert detail["specs"] == ["ada.zip"]


def test_no_file_of_posts_is_served_as_html(client: Client) -> None:
    for path in ("", "/ada", "/ada/card", "/ada/metrics", "/ada/kept", "/ada/files"):
        answer = client.ask("GET", f"/api/personas{path}")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    report = client.ask("GET", "/api/personas/ada/report")
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts;")
    assert b"<img src=x" not in report.body
    assert b"<script>alert" not in report.body


def test_files_are_downloads(client: Client, home: Path) -> None:
    listed = client.get("/api/personas/ada/files")
    names = [file["name"] for file in listed]
    assert "model/config.json" in names
    assert not [name for name in names if name.startswith(".") or "way" in name]
    for file in listed:
        answer = client.ask("GET", f"/api/personas/ada/files/{quote(file['name'])}")
        assert answer.status == 200
        assert answer.body == (home / "ada" / file["name"]).read_bytes()
        assert len(answer.body) == file["bytes"]
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"


def test_pictures_have_their_type_and_are_cached(client: Client) -> None:
    for path in ("picture", "avatar/ada_l"):
        answer = client.ask("GET", f"/api/personas/ada/{path}")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
        assert (
            client.ask(
                "GET",
                f"/api/personas/ada/{path}",
                headers={"If-None-Match": answer.headers["etag"]},
            ).status
            == 304
        )
    for handle in ("evil", "nobody", "..", "../authors", "ada_l.png"):
        assert client.ask("GET", f"/api/personas/ada/avatar/{quote(handle, safe='')}").status == 404


def test_an_author_without_a_picture_has_an_initial(client: Client, home: Path) -> None:
    file = home / "ada" / "avatars" / "ada_l.png"
    picture = file.read_bytes()
    file.unlink()
    try:
        answer = client.ask("GET", "/api/personas/ada/avatar/ada_l")
        tag = {"If-None-Match": answer.headers["etag"]}
        again = client.ask("GET", "/api/personas/ada/avatar/ada_l", headers=tag)
    finally:
        file.write_bytes(picture)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert [one.tag.rpartition("}")[2] for one in ET.fromstring(answer.body)] == ["rect", "text"]
    assert again.status == 304


OUT = [
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "way/secret.txt",
    "way out.txt",
    ".lock",
    "model/../../ada/run.toml",
    "",
    "/etc/passwd",
    "model",
    "a\x00b",
]


@pytest.mark.parametrize(
    "path", [*OUT, "....//secret.txt", "..\\secret.txt", "model//config.json", "x" * 5000, "\ud800"]
)
def test_no_path_leads_out_of_the_folder(client: Client, path: str) -> None:
    sent = quote(path, safe="/%", errors="surrogatepass")
    for form in (sent, sent.replace("/", "%2f"), sent.replace(".", "%2e")):
        answer = client.ask("GET", f"/api/personas/ada/files/{form}")
        assert answer.status in (404, 405)
        assert b"business" not in answer.body


PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "~",
        "ada",
        "way",
        "secret.txt",
        "run.toml",
        "home",
        "model",
        "%2e%2e",
        "%00",
        "\\",
    ]
) | st.text(max_size=8)


@given(
    name=st.lists(PARTS, max_size=4).map("/".join), path=st.lists(PARTS, max_size=6).map("/".join)
)
@example(name="..", path="secret.txt")
@example(name="../home/ada", path="run.toml")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_names_and_paths_lead_nowhere_else(
    client: Client, home: Path, name: str, path: str
) -> None:
    for form in (
        f"/api/personas/{quote(name, safe='/')}/files/{quote(path, safe='/')}",
        f"/api/personas/{quote(name, safe='')}/files/{quote(path, safe='')}",
    ):
        answer = client.ask("GET", form)
        if answer.status == 200 and answer.headers["content-type"] == "application/octet-stream":
            assert answer.body == (home / "ada" / path).read_bytes()
        assert b"business" not in answer.body
        assert answer.status < 500


def test_only_generated_posts_are_kept_or_drawn(client: Client, home: Path) -> None:
    said = {"prompt": "My dream is", "text": f"My dream is {HOSTILE}"}
    for path in ("kept", "picture"):
        answer = client.ask("POST", f"/api/personas/ada/{path}", said)
        assert (answer.status, answer.message) == (422, "'ada' did not write this post.")
    client.app.state.app_state.recent_outputs.remember("ada", said["prompt"], said["text"])
    assert client.ask("POST", "/api/personas/ada/kept", {**said, "prompt": "My"}).status == 422
    kept = client.post("/api/personas/ada/kept", {**said, "temperature": 0.7, "seed": 3}, 201)
    assert kept["text"] == said["text"]
    assert client.get("/api/personas/ada/kept") == {"kept": [kept]}
    row = json.loads((home / "ada" / "kept.jsonl").read_text())
    assert (row["text"], row["prompt"], row["temperature"], row["seed"]) == (
        said["text"],
        said["prompt"],
        0.7,
        3,
    )
    with (home / "ada" / "kept.jsonl").open("a") as file:
        file.write("what an editor left\n")
    assert client.get("/api/personas/ada/kept") == {"kept": [kept]}


def test_a_generated_post_becomes_the_picture(
    client: Client, home: Path, no_picture: Callable[[], None]
) -> None:
    try:
        no_picture()
    except PictureError as error:
        pytest.skip(f"nothing to draw with here: {error}")
    before = (home / "ada" / "card.png").read_bytes()
    client.app.state.app_state.recent_outputs.remember("ada", "My dream is", "My dream is a lamp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("popinjay.stages.picture.check_ready", no_picture)
        client.post(
            "/api/personas/ada/picture",
            {"prompt": "My dream is", "text": "My dream is a lamp"},
            204,
        )
    picture = client.ask("GET", "/api/personas/ada/picture").body
    assert picture != before
    assert "“My dream is → a lamp”".encode() in picture


def test_the_list_works_with_any_files_in_the_home_folder(tmp_path: Path) -> None:
    records = {
        "good": 'x = 1\n[asked]\nwhose = "self"\n',
        "damaged": "this is no toml [",
        "senseless": 'stages = "none"\nasked = 3\n',
        "worse": "[stages]\ncollect = 3\n",
        "failed": '[stages.collect]\nstate = "failed"\nerror = "no posts"\n',
        ".hidden": "",
        "-dash": "",
        "<b>bold": "",
        "Zoë 🦜": "",
    }
    for name, record in records.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").write_text(record)
    (tmp_path / "no persona").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / os.fsdecode(b"\xff\xfe")).mkdir()
    (tmp_path / "good" / "authors.json").write_text("[3]")
    with served(tmp_path) as client:
        rows = {row["name"]: row["state"] for row in client.get("/api/personas")["personas"]}
        assert rows == {
            "<b>bold": "unfinished",
            "damaged": "failed",
            "failed": "failed",
            "good": "unfinished",
            "senseless": "failed",
            "worse": "failed",
            "Zoë 🦜": "unfinished",
        }
        for name in ("damaged", "senseless", "worse"):
            assert client.ask("GET", f"/api/personas/{name}").status == 409
        for name in rows:
            assert client.ask("GET", f"/api/personas/{quote(name)}").status in (200, 409)
        for what in ("picture", "report", "card", "metrics"):
            assert client.ask("GET", f"/api/personas/good/{what}").status == 404
        assert [row["name"] for row in client.get("/api/personas?search=ZO")["personas"]] == [
            "Zoë 🦜"
        ]
        os.utime(tmp_path / "good" / "run.toml", (2**32, 2**32))
        page = client.get("/api/personas?sort=newest&limit=1")
        assert (page["total"], [row["name"] for row in page["personas"]]) == (7, ["good"])
        assert client.get("/api/personas?offset=1000") == {"personas": [], "total": 7}
        shutil.rmtree(tmp_path / "good")
        assert client.ask("GET", "/api/personas/good").status == 404


def test_without_a_home_folder_there_is_no_persona(tmp_path: Path) -> None:
    with served(tmp_path / "not" / "yet") as client:
        assert client.get("/api/personas") == {"personas": [], "total": 0}
