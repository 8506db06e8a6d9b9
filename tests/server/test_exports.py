"""Tests of exports over the API: what is offered, jobs, downloads, and pages opened here."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from popinjay.forgetting.forget import Gone, _notes_after
from popinjay.store.run import Run
from serving import Client, served, served_apart, wait
from speaking_persona import put_persona
from web_engine import needs_engine, put_engine

OF_ADA = "/api/personas/ada/exports"


@pytest.fixture
def home(own_home: Path, tiny_gpt2: Path) -> Path:
    """A home with a persona that speaks."""
    put_persona(own_home, "ada", tiny_gpt2)
    return own_home


def export(client: Client, to: str, **more: Any) -> Any:
    """Export ada, and return the job once it is over."""
    job = client.post(OF_ADA, {"to": to, **more}, 201)
    return client.wait(job["id"], "done", "failed", "stopped")


def kinds(client: Client) -> dict[str, Any]:
    return {kind["kind"]: kind for kind in client.get(OF_ADA)["kinds"]}


def test_every_kind_is_offered_with_its_size(home: Path) -> None:
    with served(home) as client:
        found = kinds(client)
    assert {"gguf", "ollama", "onnx", "adapter", "mlx", "transformers", "web"} <= set(found)
    assert found["gguf"]["quants"][0] == "q8_0"
    assert 0 < found["gguf"]["sizes"]["q8_0"] < found["gguf"]["sizes"]["f16"]
    assert found["mlx"]["sizes"] == found["transformers"]["sizes"] == {"": 0}  # nothing is written
    assert "has no adapter" in found["adapter"]["problem"]
    assert found["onnx"]["problem"] == ""
    assert "npm registry" in found["web"]["needs"]
    assert not any("popinjay " in kind["problem"] for kind in found.values())  # no commands


def test_an_export_is_a_job_whose_folder_is_downloaded(home: Path) -> None:
    with served(home) as client:
        job = export(client, "gguf", quant="f16")
        assert (job["state"], job["doing"], job["name"]) == ("done", "export", "ada"), job
        result = job["result"]
        assert (result["kind"], result["quant"], result["folder"]) == ("gguf", "f16", "ada-gguf")
        assert result["loaded_by"].startswith("llama-completion -m ./ada-gguf/ada-F16.gguf")
        assert str(home) not in json.dumps(result)
        events = client.events(job["id"])
        assert any(event.get("total") for event in events)
        answer = client.ask("GET", f"{OF_ADA}/{job['id']}/zip")
        assert answer.headers["content-type"] == "application/zip"
        assert "ada-gguf.zip" in answer.headers["content-disposition"]
        assert "content-length" not in answer.headers  # it is streamed
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            names = archive.namelist()
            assert sum(info.file_size for info in archive.infolist()) == result["bytes"]
        assert {"ada-gguf/ada-F16.gguf", "ada-gguf/README.md"} <= set(names)
        (listed,) = client.get(OF_ADA)["jobs"]
        assert listed == job
        assert client.ask("GET", f"/exports/{job['id']}/").status == 404  # no page


def test_an_export_takes_the_place_of_the_one_before(home: Path) -> None:
    with served(home) as client:
        first = export(client, "gguf")
        other = export(client, "onnx")
        second = export(client, "gguf", quant="f16")
        found = [job["id"] for job in client.get(OF_ADA)["jobs"]]
        assert found == [second["id"], other["id"]]
        assert not (home / ".jobs" / first["id"]).exists()
        assert client.ask("DELETE", f"/api/jobs/{second['id']}").status == 204
        assert not (home / ".jobs" / second["id"]).exists()
        assert client.ask("GET", f"{OF_ADA}/{second['id']}/zip").status == 404


def test_nothing_is_written_for_a_folder_that_is_loaded_as_it_is(home: Path) -> None:
    with served(home) as client:
        job = export(client, "transformers")
        assert (job["state"], job["result"]["folder"], job["result"]["bytes"]) == ("done", None, 0)
        assert client.ask("GET", f"{OF_ADA}/{job['id']}/zip").status == 404


def test_an_export_is_cancelled(home: Path, tmp_path: Path) -> None:
    slow = put_slow_exporter(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", slow)
        with served_apart(home) as (client, _):
            job = client.post(OF_ADA, {"to": "slow"}, 201)["id"]
            client.events(job, until=lambda event: event.get("what") == "progress")
            again = client.ask("POST", OF_ADA, {"to": "gguf"})
            assert (again.status, "being exported right now" in again.message) == (409, True)
            assert client.ask("DELETE", "/api/personas/ada").status == 409
            client.post(f"/api/jobs/{job}/stop")
            assert client.wait(job, "stopped", "done", "failed")["state"] == "stopped"
            assert list((home / ".jobs" / job / "export").iterdir()) == []  # nothing half-written
            assert export(client, "gguf")["state"] == "done"


def put_slow_exporter(folder: Path) -> str:
    """Write a package with an exporter that goes on until it is stopped; return its path."""
    site = folder / "site"
    about = site / "slow-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[popinjay.exporters]\nslow = slow_exporter\n")
    (site / "slow_exporter.py").write_text(
        "import time\n"
        "from popinjay.exporting import Exported\n"
        'HELP, NEEDS, QUANTS = "slowly", "", ()\n'
        "def check(run=None): pass\n"
        "def estimate(model, quant): return 1\n"
        "def export(request):\n"
        '    (request.folder / "half").write_text("half")\n'
        "    for done in range(600):\n"
        '        request.progress("writing", done, 600)\n'
        "        time.sleep(0.1)\n"
        "    return Exported(request.place, 'cat half')\n"
    )
    return os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"to": "floppy"}, 422, "floppy"),
        ({"to": "../gguf"}, 422, "../gguf"),
        ({"to": "gguf", "quant": "q1"}, 422, "can't be exported with quant"),
        ({"to": "adapter"}, 409, "has no adapter"),
        ({"to": "gguf", "out": "/etc"}, 422, "out"),
        ({}, 422, "to"),
    ],
)
def test_what_can_not_be_exported_is_refused_at_once(
    home: Path, asked: dict[str, Any], status: int, said: str
) -> None:
    with served(home) as client:
        answer = client.ask("POST", OF_ADA, asked)
        assert (answer.status, said in answer.message) == (status, True), answer.body
        assert client.get("/api/jobs") == []


def test_a_persona_without_a_model_says_so(home: Path) -> None:
    shutil.rmtree(home / "ada" / "model")
    with served(home) as client:
        answer = client.ask("GET", OF_ADA)
        assert (answer.status, "has no model yet" in answer.message) == (409, True)
        assert "popinjay status" not in answer.json["error"]["hint"]
        assert client.ask("GET", "/api/personas/eve/exports").status == 404


def test_other_sites_can_not_export(home: Path) -> None:
    with served(home) as client:
        assert client.ask("POST", OF_ADA, {"to": "gguf"}, {}).status == 403


def test_exports_go_with_the_persona_and_with_what_is_forgotten(home: Path) -> None:
    with served(home) as client:
        job = export(client, "gguf")
        notes = _notes_after(Run(home / "ada"), Gone())
        assert any("exports went too" in note for note in notes)
        assert client.get(OF_ADA)["jobs"] == []
        assert client.ask("GET", f"{OF_ADA}/{job['id']}/zip").status == 404
        job = export(client, "gguf")
        client.ask("PATCH", "/api/personas/ada", {"name": "eve"})
        assert not (home / ".jobs" / job["id"]).exists()  # it has the old name in its files
        assert client.get("/api/personas/eve/exports")["jobs"] == []


@needs_engine
def test_a_page_is_opened_here_and_reaches_nothing_else(own_home: Path) -> None:
    put_engine()
    put_persona(own_home, "ada")
    with served(own_home) as client:
        job = export(client, "web")
        assert job["state"] == "done", job
        base = f"/exports/{job['id']}/"
        page = client.ask("GET", base)
        assert (page.status, page.headers["content-type"].split(";")[0]) == (200, "text/html")
        policy = page.headers["content-security-policy"]
        assert f"connect-src {client.url}{base}" in policy
        assert "'self'" not in policy
        assert not re.search("unsafe-(?!none)(?!eval)", policy.replace("wasm-unsafe-eval", ""))
        assert page.headers["cache-control"] == "no-store"
        for name, kind in (
            ("page.js", "text/javascript"),
            ("engine/ort-wasm-simd-threaded.mjs", "text/javascript"),
            ("manifest.webmanifest", "application/manifest+json"),
            ("model/weights.000.bin", "application/octet-stream"),
        ):
            answer = client.ask("GET", base + name)
            assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, kind)
            assert answer.headers["content-security-policy"] == policy
        outside = ("../../job.json", "..%2f..%2fjob.json", "../../../ada/train.jsonl", "%00")
        for path in (*outside, ".hidden", "/etc/passwd", quote("../", safe="") + "x"):
            assert client.ask("GET", base + path).status == 404, path
        assert client.ask("GET", f"/exports/{'0' * 16}/").status == 404
    with served(own_home, token="secret" * 6) as client:
        assert client.ask("GET", base).status == 401


def test_an_export_outlives_the_server(home: Path) -> None:
    with served(home) as client:
        job = export(client, "gguf")["id"]
    with served(home) as client:
        assert [one["id"] for one in client.get(OF_ADA)["jobs"]] == [job]
        assert wait(lambda: client.ask("GET", f"{OF_ADA}/{job}/zip").status == 200)
