"""Tests of jobs in their own processes: real archives, real trainings, real kills."""

from __future__ import annotations

import json
import os
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest

from popinjay.errors import PersonaBusy
from popinjay.server.app import create_app
from popinjay.server.auth import Auth
from popinjay.server.jobs.job import Job, now
from serving import Client, served, served_apart, wait

QUICK = {"whose": "fictional", "samples": 10}


def make(client: Client, upload: str, base: Path, **options: Any) -> str:
    return str(
        client.post(
            "/api/jobs",
            {"doing": "make", "upload": upload, "options": {"base": str(base), **QUICK, **options}},
        )["id"]
    )


def learns(event: dict[str, Any]) -> bool:
    return event.get("what") == "metrics" and event.get("done", 0) >= 1


def states(events: list[dict[str, Any]]) -> list[str]:
    return [event["state"] for event in events if event["type"] == "state"]


def pid(home: Path, job: str) -> int:
    return int((home / ".jobs" / job / "pid").read_text())


def is_there(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_inspect_job_gives_the_result_of_inspect(
    ada: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from popinjay.cli.main import main

    assert main(["inspect", str(ada), "--drop-replies", "--json"]) == 0
    with served(tmp_path) as client:
        job = client.post(
            "/api/jobs",
            {"doing": "inspect", "upload": client.upload(ada), "options": {"drop_replies": True}},
        )
        assert states(client.events(job["id"])) == ["queued", "running", "done"]
        printed = json.loads(capsys.readouterr().out)["authors"]
        (found,) = client.get(f"/api/jobs/{job['id']}")["result"]["authors"]
    # Each process measures the speed of this machine for itself.
    forecasts = [
        author[kind]
        for author in (*printed, found)
        for kind in ("estimate", "alternative")
        if author[kind]
    ]
    assert forecasts
    assert min(forecast.pop("seconds") for forecast in forecasts) > 0
    assert [found] == printed
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_a_job_that_is_killed_repeatedly_is_completed(
    ada: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    with served_apart(tmp_path) as (client, server):
        upload = client.upload(ada)
        job = make(client, upload, tiny_gpt2, epochs=3)
        waiting = make(client, upload, tiny_gpt2, epochs=1, held_out=0.2)
        seen = client.events(job, until=learns)
        os.kill(pid(tmp_path, job), signal.SIGKILL)
        failed = client.wait(job, "failed")
        assert "killed (signal 9" in failed["error"]
        assert "Resume" in failed["hint"]
        client.post(f"/api/jobs/{waiting}/stop")
        client.wait(waiting, "stopped")
        resumed = client.post(f"/api/jobs/{job}/resume")
        assert (resumed["state"], resumed["error"], resumed["ended"]) == ("queued", None, None)
        seen += client.events(
            job, after=seen[-1]["id"], until=lambda event: event.get("what") == "fresh"
        )
        worker = pid(tmp_path, job)
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert is_there(worker)
    with served_apart(tmp_path) as (client, _):
        seen += client.events(job, after=seen[-1]["id"])
        done = client.get(f"/api/jobs/{job}")
        assert (done["state"], done["result"], done["name"]) == (
            "done",
            {"persona": "ada_l"},
            "ada_l",
        )
        assert client.get("/api/personas/ada_l")["state"] == "ready"
        assert client.get(f"/api/jobs/{waiting}")["state"] == "stopped"
        again = client.events(job)
        assert [event["id"] for event in seen] == [event["id"] for event in again]
        assert states(again) == ["queued", "running", "failed", "queued", "running", "done"]
        assert (
            client.ask(
                "GET", f"/api/jobs/{job}/events", headers={"Last-Event-ID": again[-1]["id"]}
            ).status
            == 204
        )
    assert not is_there(worker)


def test_a_persona_is_trained_again_for_longer(ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    with served(tmp_path) as client:
        job = make(client, client.upload(ada), tiny_gpt2, epochs=0.5)
        assert client.wait(job, "done", "failed")["state"] == "done"
        again = client.post("/api/personas/ada_l/retrain", {"longer": True})
        assert (again["doing"], again["name"], again["options"]) == (
            "retrain",
            "ada_l",
            {"epochs": 1.0},
        )
        done = client.wait(again["id"], "done", "failed")
        assert (done["state"], done["result"]) == ("done", {"persona": "ada_l"})
        timed = client.post("/api/personas/ada_l/retrain", {"budget": "2s"})
        assert client.wait(timed["id"], "done", "failed")["state"] == "done"
        refused = client.ask("POST", "/api/personas/ada_l/retrain", {"budget": "for ever"})
        assert refused.status == 422
        longer = client.post("/api/personas/ada_l/retrain", {"longer": True})
        assert longer["options"] == {"budget": "4s"}
        assert client.ask("POST", "/api/personas/ada_l/retrain", {}).status == 409  # one at a time
        client.post(f"/api/jobs/{longer['id']}/stop")
        client.wait(longer["id"], "stopped", "done")
    assert tomllib.loads((tmp_path / "ada_l" / "run.toml").read_text())["stages"]["train"][
        "options"
    ]["budget"] in ("2s", "4s")


def test_a_persona_is_updated_with_newer_posts(tiny_gpt2: Path, tmp_path: Path) -> None:
    lines = [f"today engine {n} turned {n * 7} wheels near river {n * 3}" for n in range(300)]
    older, newer = tmp_path / "older.txt", tmp_path / "newer.txt"
    older.write_text("\n".join(lines[:270]))
    newer.write_text("\n".join(lines))
    home = tmp_path / "home"
    home.mkdir()
    with served(home) as client:
        options = {"base": str(tiny_gpt2), **QUICK, "epochs": 1.0}
        upload = client.upload(older)
        job = client.post(
            "/api/jobs", {"doing": "make", "upload": upload, "name": "eve", "options": options}
        )
        assert client.wait(job["id"], "done", "failed")["state"] == "done"
        same = client.post("/api/personas/eve/update", {"upload": client.upload(older)})
        assert client.wait(same["id"], "done", "failed")["result"]["before"] is None
        job = client.post("/api/personas/eve/update", {"upload": client.upload(newer)})
        assert (job["doing"], job["name"], job["specs"]) == ("update", "eve", ["newer.txt"])
        done = client.wait(job["id"], "done", "failed")
        assert (done["state"], done["result"]["before"]) == ("done", "eve:v0")
        assert client.get("/api/personas/eve")["state"] == "ready"
        assert client.ask("POST", "/api/personas/eve/update", {"upload": "gone"}).status == 404
    assert len((home / "eve" / "posts.jsonl").read_text().splitlines()) == 300


def test_what_was_never_finished_is_not_trained_again(
    ada: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    with served(tmp_path) as client:
        job = make(client, client.upload(ada), tiny_gpt2, epochs=1000)
        client.events(job, until=learns)
        client.post(f"/api/jobs/{job}/stop")
        client.wait(job, "stopped")
        answer = client.ask("POST", "/api/personas/ada_l/retrain", {})
    assert (answer.status, "never finished" in answer.message) == (409, True)


def test_the_end_of_a_job_survives_a_killed_server(ada: Path, tmp_path: Path) -> None:
    with served_apart(tmp_path) as (client, server):
        job = client.post("/api/jobs", {"doing": "inspect", "upload": client.upload(ada)})["id"]
        number = wait(lambda: (tmp_path / ".jobs" / job / "pid").exists() and pid(tmp_path, job))
        server.kill()
        server.wait()
    wait(lambda: not is_there(number))
    with served(tmp_path) as client:
        assert client.wait(job, "done", "failed")["result"]["authors"][0]["author"] == "ada_l"


def test_a_queued_job_survives_a_killed_server(ada: Path, tmp_path: Path) -> None:
    folders = {"0" * 16: "never begun", "1" * 16: "begun, and gone with the machine"}
    upload = tmp_path / ".uploads" / ("2" * 16)
    upload.mkdir(parents=True)
    (upload / "ada.zip").write_bytes(ada.read_bytes())
    for id, what in folders.items():
        folder = tmp_path / ".jobs" / id
        folder.mkdir(parents=True)
        Job(
            id,
            "inspect",
            None,
            ["ada.zip"],
            upload.name,
            {},
            created=now(),
            state="running",
            started=now(),
        ).write(folder)
        if what != "never begun":
            (folder / "pid").write_text("1")  # which is the number of another process by now
            (folder / "lock").touch()
            (folder / "events.jsonl").write_text('{"stage": "clean", "what": "sta')
    (tmp_path / ".jobs" / "no job").mkdir()
    with served(tmp_path) as client:
        assert client.wait("0" * 16, "done", "failed")["state"] == "done"
        gone = client.wait("1" * 16, "done", "failed")
        assert (gone["state"], "switched off" in gone["error"]) == ("failed", True)
        assert states(client.events("1" * 16)) == ["failed"]
        assert client.post(f"/api/jobs/{'1' * 16}/resume")["state"] in ("queued", "running")
        assert client.wait("1" * 16, "done", "failed")["state"] == "done"
        client.app.state.app_state.uploads.remove(upload.name)
        assert client.ask("POST", f"/api/jobs/{'1' * 16}/resume").status == 409
    assert len(list((tmp_path / ".jobs").glob("*/job.json"))) == 2


def test_a_job_without_folder_harms_no_other(ada: Path, tmp_path: Path) -> None:
    with served(tmp_path) as client:
        upload = client.upload(ada)
        gone = client.post("/api/jobs", {"doing": "inspect", "upload": upload})["id"]
        wait(lambda: (tmp_path / ".jobs" / gone / "pid").exists())
        (tmp_path / ".jobs" / gone).rename(tmp_path / "elsewhere")
        assert client.wait(gone, "failed", "done")["state"] == "failed"
        job = client.post("/api/jobs", {"doing": "inspect", "upload": upload})["id"]
        assert client.wait(job, "failed", "done")["state"] == "done"


def test_jobs_run_one_after_another(ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 and then nothing")
    home = tmp_path / "home"
    with served(home) as client:
        upload, wrong = client.upload(ada), client.upload(bad)
        long = make(client, upload, tiny_gpt2, epochs=1000)
        queued = make(client, wrong, tiny_gpt2)
        second = make(client, upload, tiny_gpt2, epochs=1000)
        client.events(long, until=learns)
        look = client.post("/api/jobs", {"doing": "inspect", "upload": wrong})["id"]
        assert client.wait(look, "failed", "done")["error"]  # beside the training, which goes on
        assert [client.get(f"/api/jobs/{job}")["state"] for job in (long, queued, second)] == [
            "running",
            "queued",
            "queued",
        ]
        assert client.ask("DELETE", f"/api/jobs/{long}").status == 409
        assert client.ask("DELETE", f"/api/uploads/{upload}").status == 409
        client.post(f"/api/jobs/{second}/stop")
        client.post(f"/api/jobs/{long}/stop")
        assert client.wait(long, "stopped")["error"] is None
        assert "zip" in client.wait(queued, "failed", "done")["error"]
        assert [row["id"] for row in client.get("/api/jobs")] == [look, second, queued, long]
        assert client.ask("POST", f"/api/jobs/{long}/stop").status == 409
        assert client.ask("DELETE", f"/api/jobs/{queued}").status == 204
        assert client.ask("GET", f"/api/jobs/{queued}/events").status == 404
        assert client.get("/api/personas/ada_l")["state"] == "unfinished"
    assert not (home / ".jobs" / queued).exists()


def test_one_server_at_a_time(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        client.app.state.app_state.jobs.publish_address(client.url)
        with pytest.raises(PersonaBusy, match="Another popinjay serve") as problem:
            create_app(tmp_path, Auth(1))
        assert client.url in problem.value.hint
        assert client.get("/api/jobs") == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"doing": "make"}, "nothing to read"),
        ({"doing": "make", "specs": []}, "nothing to read"),
        ({"doing": "make", "specs": ["/etc/passwd"]}, "not an account"),
        ({"doing": "make", "specs": ["/etc/passwd*2"]}, "not an account"),
        ({"doing": "make", "specs": ["ada.bsky.social*99"]}, "can't be 99"),
        ({"doing": "make", "specs": ["../../etc/passwd"]}, "not an account"),
        ({"doing": "make", "specs": ["~/posts.txt"]}, "not an account"),
        ({"doing": "make", "specs": ["pyproject.toml"]}, "not an account"),
        ({"doing": "make", "specs": ["file:///etc/passwd"]}, "not an account"),
        ({"doing": "make", "specs": ["-"]}, "not an account"),
        ({"doing": "make", "specs": ["--help"]}, "not an account"),
        ({"doing": "make", "specs": ["a\x00b"]}, "not an account"),
        ({"doing": "make", "upload": "0" * 16}, "no upload"),
        ({"doing": "make", "upload": "../../etc"}, "no upload"),
        ({"doing": "make", "specs": ["@a"], "options": {"epochs": -1}}, "epochs can't"),
        ({"doing": "make", "specs": ["@a"], "options": {"budget": "soon"}}, "budget can't"),
        ({"doing": "make", "specs": ["@a"], "options": {"bass": "gpt2"}}, "no option 'bass'"),
        ({"doing": "make", "specs": ["@a"], "options": {"track": "nobody"}}, "nobody"),
        ({"doing": "make", "specs": ["@a"], "name": "../evil"}, "can't be named"),
        ({"doing": "bake", "specs": ["@a"]}, "doing"),
        ({"doing": "make", "specs": ["@a"], "home": "/"}, "home"),
    ],
)
def test_invalid_jobs_are_refused_at_once(asked: dict[str, Any], said: str, idle: Client) -> None:
    answer = idle.ask("POST", "/api/jobs", asked)
    assert answer.status in (404, 422)
    assert said in answer.message
    assert idle.get("/api/jobs") == []


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with served(tmp_path_factory.mktemp("idle")) as client:
        yield client


def test_a_job_fetches_only_a_chosen_base_and_reports_its_needs(
    ada: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    with served(tmp_path) as client:
        upload = client.upload(ada)
        for base, said in (
            ("smollm2", "'smollm2' is not on this machine"),
            ("gemma3", "have not been accepted here"),
        ):
            job = client.post(
                "/api/jobs", {"doing": "make", "upload": upload, "options": {**QUICK, "base": base}}
            )["id"]
            assert said in client.wait(job, "failed", "done")["error"]
        job = client.post("/api/jobs", {"doing": "make", "upload": upload, "options": QUICK})["id"]
        assert client.wait(job, "failed", "done")["state"] == "done"
        told = [
            event["message"]
            for event in client.events(job)
            if event.get("what") == "note" and event.get("stage") == "train"
        ]
        assert any("popinjay bases get smollm2" in message for message in told)


def test_bases_are_listed_with_size_licence_languages_and_terms(idle: Client) -> None:
    told = {base["name"]: base for base in idle.get("/api/bases")["bases"]}
    assert told["builtin"]["here"] is True
    assert told["builtin"]["bytes"] > 1_000_000
    smollm2, gemma3 = told["smollm2"], told["gemma3"]
    assert (smollm2["here"], smollm2["license"], smollm2["languages"], smollm2["terms"]) == (
        False,
        "apache-2.0",
        ["en"],
        None,
    )
    assert smollm2["download_bytes"] > 50_000_000
    assert (gemma3["terms"]["name"], gemma3["terms"]["accepted"]) == ("gemma", False)
    assert gemma3["terms"]["url"].startswith("https://")
    assert all("seconds_a_post" in base for base in told.values())
