"""Tests of trackers: real ones get graph and numbers but no words; failures harm no training."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import popinjay
from installed import install
from popinjay.cli.main import main
from popinjay.errors import OptionError
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.persona import Persona
from popinjay.pipeline import relearn
from popinjay.post import read_rows
from popinjay.store.files import content_hash
from popinjay.store.run import Run
from popinjay.store.stage_table import STAGES
from popinjay.trackers import chosen, client, find, is_installed, listener, plain_name
from popinjay.trackers.client import TrackerClient
from ports import free_port

OPTIONS: dict[str, Any] = {"epochs": 1.0, "batch_tokens": 512, "samples": 10}
SUPPORT = Path(__file__).parents[1] / "support"
ALL = [name for name in ("trackio", "wandb", "mlflow") if is_installed(name)]


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in ALL, reason=f"{name} is not installed")


@dataclass
class Outside:
    """A proxy that refuses everything and records requests to addresses outside of loopback."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    seen = Outside()
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen.port = server.getsockname()[1]

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        seen.asked.append(connection.recv(1000))

        threading.Thread(target=answer, daemon=True).start()
        yield seen
        server.shutdown(socket.SHUT_RDWR)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run a real MLflow server on SQLite; yield its address and folder, empty without MLflow."""
    folder = tmp_path_factory.mktemp("mlflow")
    if "mlflow" not in ALL:
        yield "", folder
        return
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **quiet},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 200
        while not answers(f"{address}/health"):
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, "the MLflow server did not start"
            time.sleep(0.2)
        yield address, folder
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@dataclass
class Told:
    """A persona made with every tracker there is, and where they keep what they were told."""

    persona: Persona
    events: list[Event]
    home: Path
    mlflow: str
    folders: list[Path]
    leaked: set[str]  # texts of posts found with trackers as soon as it was made


@contextlib.contextmanager
def surroundings(home: Path, server: str, outside: Outside) -> Iterator[None]:
    """Set the trackers' own variables so that none of them leaves this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("MLFLOW_TRACKING_URI", server)
        patch.setenv("HF_HOME", str(home / "hub"))
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            patch.setenv(name, f"http://127.0.0.1:{outside.port}")
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost")
        patch.setattr(listener, "CLOSE_SECONDS", 120.0)
        yield


def all_told(
    ada: Path, base: Path, home: Path, server: tuple[str, Path], outside: Outside, **options: Any
) -> Told:
    events: list[Event] = []
    with surroundings(home, server[0], outside):
        persona = popinjay.make(
            ada,
            base=str(base),
            home=home,
            listener=events.append,
            whose="fictional",
            track=",".join(ALL) or "none",
            **{**OPTIONS, **options},
        )
    folders = [home / ".trackers", server[1]]
    return Told(persona, events, home, server[0], folders, found_in(folders, texts_of(persona)))


@pytest.fixture(scope="module")
def told(
    ada: Path,
    tiny_gpt2: Path,
    tmp_path_factory: pytest.TempPathFactory,
    mlflow_server: tuple[str, Path],
    outside: Outside,
) -> Told:
    return all_told(ada, tiny_gpt2, tmp_path_factory.mktemp("told"), mlflow_server, outside)


def metrics(persona: Persona) -> list[dict[str, Any]]:
    return list(read_rows(persona.path / "metrics.jsonl"))


def warnings_of(events: list[Event]) -> list[str]:
    return [
        event.message
        for event in events
        if event.what is EventKind.WARNING and event.stage == "track"
    ]


def found_in(folders: list[Path], texts: list[str]) -> set[str]:
    """Return which of the texts are anywhere in the files of these folders."""
    everything = b"\0".join(
        file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()
    )
    forms = {
        text: (
            text.encode(),
            json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        )
        for text in texts
    }
    return {text for text, ways in forms.items() if any(way in everything for way in ways)}


def texts_of(persona: Persona) -> list[str]:
    files = (
        "posts.jsonl",
        "clean.jsonl",
        "train.jsonl",
        "validation.jsonl",
        "held_out.jsonl",
        "samples.jsonl",
    )
    return [
        text
        for name in files
        for row in read_rows(persona.path / name)
        if len(text := row["text"]) > 8
    ]


def test_no_tracker_caused_a_warning(told: Told) -> None:
    assert warnings_of(told.events) == []


def test_every_line_of_metrics_was_reported_as_an_event(told: Told) -> None:
    rows = [
        {"step": event.done, **event.numbers}
        for event in told.events
        if event.what is EventKind.METRICS
    ]
    assert rows == metrics(told.persona)


def test_no_tracker_gets_text_unless_asked(told: Told) -> None:
    assert told.leaked == set()
    assert found_in(told.folders, ["@ada_l-train"]) == ({"@ada_l-train"} if ALL else set())


def test_no_tracker_connected_to_another_machine(told: Told, outside: Outside) -> None:
    assert outside.asked == []


def rows(told: Told, query: str) -> list[Any]:
    with contextlib.closing(
        sqlite3.connect(told.home / ".trackers" / "trackio" / "ada_l.db")
    ) as database:
        return database.execute(query).fetchall()


@needs("trackio")
def test_trackio_has_the_graph(told: Told) -> None:
    versions = (
        "artifact_versions v ON artifact_version_id = v.id JOIN artifacts a ON artifact_id = a.id"
    )
    links = f"SELECT run_name, direction, name, type FROM run_artifact_links JOIN {versions}"
    base = told.persona.run.record.artifacts[2].name
    assert set(rows(told, links)) >= {
        ("@ada_l-preprocess", "input", "tweets-ada_l", "raw-dataset"),
        ("@ada_l-train", "input", "dataset-ada_l", "train-dataset"),
        ("@ada_l-train", "input", base, "pretrained-model"),
        ("@ada_l-evaluate", "input", "ada_l", "finetuned-model"),
    }
    producers = dict(
        rows(
            told,
            "SELECT name, producer_run_name FROM artifact_versions JOIN artifacts a ON "
            "artifact_id = a.id",
        )
    )
    assert producers == {
        "tweets-ada_l": "@ada_l-inputs",
        "dataset-ada_l": "@ada_l-preprocess",
        base: "@ada_l-inputs",
        "ada_l": "@ada_l-train",
        "report-ada_l": "@ada_l-evaluate",
    }


@needs("trackio")
def test_trackio_has_every_number_and_the_settings(told: Told) -> None:
    logged = [
        (step, json.loads(numbers))
        for step, numbers in rows(
            told, "SELECT step, metrics FROM metrics WHERE run_name = '@ada_l-train' ORDER BY id"
        )
    ]
    for row in metrics(told.persona):
        step = row.pop("step")
        assert (step, pytest.approx(row)) in logged
    (config,) = [
        json.loads(config)
        for (config,) in rows(told, "SELECT config FROM configs WHERE run_name = '@ada_l-train'")
    ]
    assert config["seed"] == 0
    assert config["learning_rate"] == told.persona.run.record.facts("train")["learning_rate"]
    assert config["version.torch"] == told.persona.run.record.facts("train")["versions"]["torch"]
    assert config["whose"] == "fictional"


@needs("wandb")
def test_wandb_writes_only_its_folder_and_no_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("WANDB_ENTITY", "aviary")
    monkeypatch.setenv("WANDB_BASE_URL", "https://ada:secret@wandb.example.org")
    place = find("wandb").location("ada lovelace", tmp_path)
    assert Path(place.folder) == tmp_path / "mine" / "popinjay-wandb" / plain_name("ada lovelace")
    assert place.address == "the project aviary/popinjay on https://wandb.example.org"
    (tmp_path / "mine" / "of my own").mkdir(parents=True)
    assert f"the group 'ada lovelace' in {place.address}." in client.forget(
        "wandb", "ada lovelace", place
    )
    assert (tmp_path / "mine" / "of my own").exists()


def wandb_runs(told: Told) -> Path:
    return told.home / ".trackers" / "popinjay-wandb" / told.persona.name / "wandb"


@needs("wandb")
def test_offline_runs_can_be_synced_by_wandb(told: Told) -> None:
    (advice,) = [
        event.message
        for event in told.events
        if event.what is EventKind.NOTE and event.stage == "track"
    ]
    told_to_type = advice.partition(": wandb sync ")[2]
    assert shlex.split(told_to_type) == [str(wandb_runs(told))]
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", "--dry-run", *shlex.split(told_to_type)],
        capture_output=True,
        text=True,
        cwd=told.home,
    )
    assert "Would sync 3 run(s)" in done.stdout + done.stderr


@needs("wandb")
def test_wandb_has_the_graph_offline(told: Told) -> None:
    files = sorted(wandb_runs(told).glob("offline-run-*/run-*.wandb"))
    runs = {}
    for file in files:
        done = subprocess.run(
            [sys.executable, str(SUPPORT / "wandb_file.py"), str(file)],
            capture_output=True,
            text=True,
            check=True,
        )
        run = json.loads(done.stdout)
        runs[run["name"]] = run
    base = told.persona.run.record.artifacts[2].name
    graph = {
        name: ([one[:2] for one in run["uses"]], [one[:2] for one in run["makes"]])
        for name, run in runs.items()
    }
    assert graph == {
        "@ada_l-preprocess": (
            [["tweets-ada_l", "raw-dataset"]],
            [["dataset-ada_l", "train-dataset"]],
        ),
        "@ada_l-train": (
            [["dataset-ada_l", "train-dataset"], [base, "pretrained-model"]],
            [["ada_l", "finetuned-model"]],
        ),
        "@ada_l-evaluate": (
            [["ada_l", "finetuned-model"], ["dataset-ada_l", "train-dataset"]],
            [["report-ada_l", "report"]],
        ),
    }
    train = runs["@ada_l-train"]
    assert train["makes"][0][2] == {
        "version": "v0",
        "hash": content_hash(told.persona.path / "model"),
    }
    assert train["config"]["seed"] == 0
    assert train["exit"] == 0
    losses = [row["loss"] for row in train["history"] if "loss" in row]
    assert losses == pytest.approx([row["loss"] for row in metrics(told.persona) if "loss" in row])


def ask(address: str, path: str, question: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def look(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"{address}/api/2.0/mlflow/{path}", timeout=60) as answer:
        return json.load(answer)


@needs("mlflow")
def test_the_mlflow_server_has_the_graph_and_the_numbers(told: Told) -> None:
    experiment = look(told.mlflow, "experiments/get-by-name?experiment_name=ada_l")["experiment"][
        "experiment_id"
    ]
    # A search leaves the models out.
    found = [
        run["info"]
        for run in ask(told.mlflow, "runs/search", {"experiment_ids": [experiment]})["runs"]
    ]
    runs = {
        one["run_name"]: look(told.mlflow, f"runs/get?run_id={one['run_id']}")["run"]
        for one in found
    }
    assert {name: run["info"]["status"] for name, run in runs.items()} == {
        f"@ada_l-{job}": "FINISHED" for job in ("preprocess", "train", "evaluate")
    }
    datasets = {
        (name, one["dataset"]["name"])
        for name, run in runs.items()
        for one in run["inputs"].get("dataset_inputs", [])
    }
    assert datasets >= {
        ("@ada_l-preprocess", "tweets-ada_l"),
        ("@ada_l-preprocess", "dataset-ada_l"),
        ("@ada_l-train", "dataset-ada_l"),
        ("@ada_l-evaluate", "report-ada_l"),
    }
    models = {
        one["info"]["model_id"]: one["info"]["name"]
        for one in ask(told.mlflow, "logged-models/search", {"experiment_ids": [experiment]})[
            "models"
        ]
    }
    base = told.persona.run.record.artifacts[2].name
    assert [models[one["model_id"]] for one in runs["@ada_l-train"]["inputs"]["model_inputs"]] == [
        base
    ]
    assert [
        models[one["model_id"]] for one in runs["@ada_l-train"]["outputs"]["model_outputs"]
    ] == ["ada_l"]
    assert [
        models[one["model_id"]] for one in runs["@ada_l-evaluate"]["inputs"]["model_inputs"]
    ] == ["ada_l"]
    assert {one["key"]: one["value"] for one in runs["@ada_l-train"]["data"]["params"]}[
        "seed"
    ] == "0"
    train = runs["@ada_l-train"]["info"]["run_id"]
    history = {
        one["step"]: one["value"]
        for one in look(told.mlflow, f"metrics/get-history?run_id={train}&metric_key=loss")[
            "metrics"
        ]
    }
    assert history == pytest.approx(
        {row["step"]: row["loss"] for row in metrics(told.persona) if "loss" in row}
    )


@needs("trackio")
def test_the_dashboard_opens_without_printing_its_token(told: Told) -> None:
    command = [
        sys.executable,
        "-m",
        "popinjay.cli.main",
        "track",
        "ada_l",
        "--home",
        str(told.home),
        "--no-browser",
        "--port",
        str(free_port()),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("ada_l: http://127.0.0.1:")
        with urllib.request.urlopen(first.split()[1], timeout=60) as page:
            assert b"<html" in page.read().lower()
        process.send_signal(signal.SIGINT)
        rest = "".join(process.communicate(timeout=60))
        assert process.returncode == 0
    assert "token" not in (first + rest).lower()
    assert rest == ""


@needs("trackio")
def test_a_dashboard_without_runs_is_refused(
    told: Told, ada: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    popinjay.make(ada, name="untold", home=told.home, base=str(tiny_gpt2), epochs=0.1, samples=10)
    done = subprocess.run(
        [sys.executable, "-m", "popinjay.cli.main", "track", "untold", "--home", str(told.home)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "trackio has no data of 'untold'" in done.stderr


def test_texts_are_uploaded_on_request_and_removed_by_forgetting(
    ada: Path,
    tiny_gpt2: Path,
    tmp_path: Path,
    mlflow_server: tuple[str, Path],
    outside: Outside,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    # So short a training would end before its second sample.
    monkeypatch.setattr("popinjay.training.samples.SampleSchedule.is_due", lambda _: True)
    open_hearted = all_told(
        ada, tiny_gpt2, home, mlflow_server, outside, name="open", track_posts=True
    )
    assert warnings_of(open_hearted.events) == []
    run = open_hearted.persona.run
    samples = [
        event.message
        for event in open_hearted.events
        if event.what is EventKind.SAMPLE and len(event.message) > 20  # others may be anywhere
    ]
    posts = [row["text"] for row in read_rows(run.file("train.jsonl"))]
    if ALL:
        assert found_in(open_hearted.folders, posts) == set(posts)
        assert found_in(open_hearted.folders, samples) == set(samples) != set()
    assert not [file for folder in open_hearted.folders for file in folder.rglob("*.safetensors")]
    assert [row.tracker for row in run.record.told] == ALL
    assert str(home) not in run.file("run.toml").read_text().partition("[[told]]")[2]

    events: list[Event] = []
    post = next(iter(read_rows(run.file("train.jsonl"))))
    with surroundings(home, open_hearted.mlflow, outside):
        forget(run, [post["id"]], listener=events.append)
        assert found_in([home, mlflow_server[1]], [post["text"], *samples]) == set()
        assert found_in(open_hearted.folders, posts) == set()
        assert [file.name for file in (home / ".trackers").rglob("*") if file.is_file()] in (
            [],
            ["open.lock"],
        )
        said = " ".join(
            event.message for event in events if event.what in (EventKind.NOTE, EventKind.WARNING)
        )
        local = [name for name in ALL if name != "wandb"]
        assert [
            name for name in local if f"The data of {name} with texts is deleted" in said
        ] == local
        assert [row.tracker for row in Run(run.path).record.told] == [
            name for name in ALL if name == "wandb"
        ]
        assert (
            "delete the runs and artifacts of the group 'open' in the project popinjay" in said
        ) == ("wandb" in ALL)

        events.clear()
        relearn(run, events.append)
    assert warnings_of(events) == []
    assert found_in(open_hearted.folders, ["@open-train"]) == ({"@open-train"} if ALL else set())
    assert found_in(open_hearted.folders, texts_of(open_hearted.persona)) == set()
    assert outside.asked == []
    # Copies of others are left alone.
    assert found_in([told.home / ".trackers"], ["@ada_l-train"]) == (
        {"@ada_l-train"} if ALL else set()
    )


def tell(tracker: str, persona: str, folder: Path) -> None:
    """Report to a tracker, in its own process, one training that wrote one post."""
    lines = [
        {"do": "open", "tracker": tracker, "persona": persona, "folder": str(folder)},
        {"do": "start", "job": f"@{persona}-train", "kind": "train", "config": {}},
        {"do": "sample", "step": 1, "text": f"the gulls of {persona}"},
        {
            "do": "finish",
            "done": True,
            "numbers": {"loss": 1.0},
            "facts": {},
            "uses": [],
            "makes": [],
        },
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    subprocess.run(
        [sys.executable, "-m", "popinjay.trackers.worker"],
        input=text,
        text=True,
        check=True,
        cwd=folder,
    )


@needs("mlflow")
def test_forgetting_in_an_mlflow_store_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for persona in ("ada", "bob"):
        tell("mlflow", persona, tmp_path)
    place = find("mlflow").location("ada", tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert found_in([tmp_path], ["the gulls of ada", "the gulls of bob"]) == {
        "the gulls of ada",
        "the gulls of bob",
    }
    assert client.forget("mlflow", "ada", place) == ""
    assert found_in([tmp_path], ["the gulls of ada", "the gulls of bob"]) == {"the gulls of bob"}


@needs("trackio")
def test_names_that_trackio_would_merge_stay_separate(tmp_path: Path) -> None:
    for persona in ("a.b", "ab"):
        tell("trackio", persona, tmp_path)
    assert found_in([tmp_path], ["@a.b-train", "@ab-train"]) == {"@a.b-train", "@ab-train"}
    assert client.forget("trackio", "a.b", find("trackio").location("a.b", tmp_path)) == ""
    assert found_in([tmp_path], ["@a.b-train", "@ab-train"]) == {"@ab-train"}


@needs("mlflow")
@pytest.mark.parametrize(
    ("uri", "address", "is_here"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", True),
        ("https://ada:secret@mlflow.example.org/x", "https://mlflow.example.org/x", False),
        (
            "postgresql://ada:secret@db.example.org/mlflow",
            "postgresql://db.example.org/mlflow",
            False,
        ),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db", True),
        ("sqlite:///mlflow.db", f"sqlite:///{Path('mlflow.db').absolute()}", True),
        ("mlruns", str(Path("mlruns").absolute()), True),
        ("databricks://ada", "databricks://ada", False),
        ("databricks", "databricks", False),
    ],
)
def test_where_mlflow_stores_its_data(
    uri: str, address: str, is_here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from popinjay.trackers import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert find("mlflow").location("ada", tmp_path).address == address
    assert mlflow._is_local(address) == is_here


STAND_INS = """
import os, time
from popinjay.trackers import Tracker

class Base(Tracker):
    MODULE = "json"
    def start(self, job, kind, config): ...
    def log(self, step, numbers): ...
    def sample(self, step, text): ...
    def finish(self, done, numbers, facts, uses, makes): ...

class Full(Base):
    def log(self, step, numbers): raise OSError(28, "No space left on device")

class Hangs(Base):
    def start(self, job, kind, config): time.sleep(3600)

class Dies(Base):
    def finish(self, done, numbers, facts, uses, makes): os._exit(9)

class Talks(Base):
    def start(self, job, kind, config):
        print("a token", flush=True)
        os.write(1, b"{\\"problem\\": \\"not one\\"}")
"""


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install trackers that misbehave as another package's.

    They stand for a full disk, a dead network and a crash.
    """
    kinds = ("Full", "Hangs", "Dies", "Talks")
    entry_points = {kind.lower(): f"bad_trackers:{kind}" for kind in kinds}
    install(tmp_path, monkeypatch, "bad_trackers", STAND_INS, entry_points, "popinjay.trackers")


def test_a_broken_tracker_is_reported_once_and_changes_nothing(
    ada: Path,
    tiny_gpt2: Path,
    told: Told,
    stand_ins: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(listener, "CLOSE_SECONDS", 15.0)
    events: list[Event] = []
    persona = popinjay.make(
        ada, base=str(tiny_gpt2), listener=events.append, track="full,hangs,dies,talks", **OPTIONS
    )
    said = warnings_of(events)
    assert len(said) == 3
    assert any(
        "Nothing more is sent to full: OSError: [Errno 28] No space left" in text for text in said
    )
    assert any("Nothing more is sent to hangs: it did not answer in time" in text for text in said)
    assert any("Nothing more is sent to dies: its process ended" in text for text in said)
    assert all("metrics.jsonl" in text for text in said)
    assert metrics(persona) == metrics(told.persona)
    assert content_hash(persona.path / "model") == content_hash(told.persona.path / "model")
    assert "token" not in "".join(capfd.readouterr())


def test_sending_never_waits_for_a_hanging_tracker(
    tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_QUEUED", 50)
    line = TrackerClient("hangs", "ada", tmp_path)
    line.send("start", job="@ada-train", kind="train", config={})
    for step in range(20_000):
        line.send("log", step=step, numbers={"loss": 1.0})
    assert line.problem == "it is too slow, or does not answer"
    line.finish()
    line.close(time.monotonic() + 60)
    assert line._process.returncode is not None


@needs("trackio")
def test_a_read_only_disk_is_a_warning(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "file" / "trackio"))
    monkeypatch.setattr(listener, "CLOSE_SECONDS", 60.0)
    events: list[Event] = []
    persona = popinjay.make(
        ada, base=str(tiny_gpt2), listener=events.append, track="trackio", epochs=0.1, samples=10
    )
    assert len(warnings_of(events)) == 1
    assert (persona.path / "README.md").exists()


@needs("trackio")
def test_a_killed_training_leaves_no_process_behind_and_its_run_unfinished(tmp_path: Path) -> None:
    lines = [
        {"do": "open", "tracker": "trackio", "persona": "ada", "folder": str(tmp_path)},
        {"do": "start", "job": "@ada-train", "kind": "train", "config": {"seed": 1}},
        {"do": "log", "step": 1, "numbers": {"loss": 2.0}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [sys.executable, "-m", "popinjay.trackers.worker"],
        input=text,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with contextlib.closing(sqlite3.connect(tmp_path / "trackio" / "ada.db")) as database:
        logged = [
            json.loads(numbers)
            for (numbers,) in database.execute("SELECT metrics FROM metrics ORDER BY id")
        ]
    assert logged == [{"loss": 2.0}, {"done": 0.0}]


def test_the_choice_of_trackers_makes_no_stage_stale(
    ada: Path, tiny_gpt2: Path, stand_ins: None
) -> None:
    def ran(**options: Any) -> list[str]:
        events: list[Event] = []
        popinjay.make(
            ada, base=str(tiny_gpt2), listener=events.append, epochs=0.1, samples=10, **options
        )
        return [event.stage for event in events if event.what is EventKind.DONE]

    assert ran() == [stage.name for stage in STAGES]
    assert ran(track="talks") == []
    assert ran(track="talks", track_posts=True) == []


def test_trackio_is_the_default_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POPINJAY_TRACK")
    assert chosen(None) == (("trackio",) if "trackio" in ALL else ())
    assert chosen("none") == ()
    monkeypatch.setenv("POPINJAY_TRACK", "none")
    assert chosen(None) == ()


def test_a_missing_tracker_is_reported_before_the_make(
    ada: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(ada), "--track", "wandbb"]) == 2
    assert "Did you mean 'wandb'?" in capsys.readouterr().err
    assert main(["make", str(ada), "--track", "none,trackio"]) == 2
    assert list(own_home.iterdir()) == []


@needs("mlflow")
def test_mlflow_without_an_address_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(OptionError, match="address of its server"):
        chosen("mlflow")


def test_names_are_changed_to_those_that_trackers_accept() -> None:
    assert plain_name("ada_l-bob.1") == "ada_l-bob.1"
    assert plain_name("日本") != plain_name("東京")
    assert plain_name("ada lovelace").startswith("ada_lovelace-")
    assert len(plain_name("x" * 300)) < 128
