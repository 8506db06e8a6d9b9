"""Tests of /health and /metrics: what programs that watch the server read."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from popinjay import __version__
from serving import Client, served
from speaking_persona import put_persona

TOKEN = "a-token-that-nobody-guesses"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("monitoring")
    put_persona(home, "ada")
    return home


def read(client: Client) -> Samples:
    answer = client.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_health_names_the_version(client: Client) -> None:
    assert client.get("/health") == {"status": "ok", "version": __version__}
    assert client.ask("GET", "/health").headers["X-Popinjay-Version"] == __version__


def test_requests_posts_and_tokens_are_counted(client: Client) -> None:
    before = read(client)
    asked = {"model": "ada", "prompt": "a", "n": 3, "max_tokens": 8}
    answer = client.post("/v1/completions", asked)
    client.post("/v1/completions", asked | {"model": "nobody"}, 404)
    client.ask("GET", "/nowhere")
    client.ask("GET", "/v1/models", headers={"Host": "evil.example"})
    client.get("/api/personas/ada")
    after = read(client)

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    route = {"method": "POST", "route": "/v1/completions"}
    assert grew("popinjay_requests_total", **route, status="200") == 1
    assert grew("popinjay_requests_total", **route, status="404") == 1
    assert grew("popinjay_requests_total", method="GET", route="other", status="404") == 1
    assert grew("popinjay_requests_total", method="GET", route="other", status="403") == 1
    one = {"method": "GET", "route": "/api/personas/{name}"}
    assert grew("popinjay_requests_total", **one, status="200") == 1
    assert grew("popinjay_request_seconds_count", route="/v1/completions") == 2
    assert grew("popinjay_request_seconds_sum", route="/v1/completions") > 0
    written = [
        choice for choice in answer["choices"] if choice["finish_reason"] != "content_filter"
    ]
    assert grew("popinjay_posts_written_total") == len(written)
    assert grew("popinjay_tokens_written_total") == answer["usage"]["completion_tokens"]
    assert value(after, "popinjay_models_loaded") == 1
    assert value(after, "popinjay_models_bytes") > 0
    assert value(after, "popinjay_open_generations") == 0
    assert value(after, "popinjay_jobs", state="running") == 0
    assert value(after, "popinjay_info", version=__version__) == 1


def test_no_number_names_a_persona_or_a_word(client: Client) -> None:
    client.get("/api/personas/ada")
    client.post("/v1/completions", {"model": "ada", "prompt": "Supercalifragilistic", "n": 1})
    text = client.ask("GET", "/metrics").body.decode()
    assert "ada" not in text
    assert "Supercali" not in text


def test_only_health_needs_no_token(tmp_path: Path) -> None:
    with served(tmp_path, TOKEN) as client:
        assert client.ask("GET", "/health").status == 200
        for path in ("/metrics", "/docs", "/openapi.json"):
            assert client.ask("GET", path).status == 401
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            assert client.ask("GET", path, headers=bearer).status == 200
