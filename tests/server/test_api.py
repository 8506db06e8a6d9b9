"""Tests of the API against its own description: schemathesis sends valid and invalid requests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from serving import OURS, Client, served

schemathesis = pytest.importorskip("schemathesis")

JOB = "0123456789abcdef"
EXAMPLES = 8  # of each operation, and of each once more about something that is there
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("api")
    (home / "ada").mkdir()
    (home / "ada" / "run.toml").write_text('[asked]\nwhose = "self"\n')
    (home / "ada" / "README.md").write_text("# ada")
    (home / ".jobs" / JOB).mkdir(parents=True)
    job: dict[str, Any] = {
        "id": JOB,
        "doing": "make",
        "name": None,
        "specs": ["a.zip"],
        "upload": None,
        "options": {},
        "created": "2026-01-01T00:00:00+00:00",
    }
    (home / ".jobs" / JOB / "job.json").write_text(
        json.dumps({**job, "state": "done", "ended": job["created"]})
    )
    with served(home) as client:
        yield client


@pytest.fixture(scope="module")
def described(client: Client) -> Any:
    return client.get("/openapi.json")


def test_every_operation_is_described(described: Any) -> None:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path} says nothing of itself"
            assert {"400", "403", "422", "500"} <= set(operation["responses"]), (
                f"{method} {path} says nothing of its refusals"
            )


def test_answers_match_the_description(client: Client, described: Any) -> None:
    from schemathesis.specs.openapi import checks

    held = [
        schemathesis.checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=client.url)
    asked: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        ask_all(operation, schemathesis.GenerationMode.POSITIVE, {}, held, asked)
        said = described["paths"][operation.path][operation.method]
        if "requestBody" in said or any(
            parameter["in"] == "query" for parameter in said.get("parameters", ())
        ):  # else nothing can be invalid
            ask_all(operation, schemathesis.GenerationMode.NEGATIVE, {}, held, asked)
        if "{" in operation.path and operation.method != "delete":
            ask_all(
                operation,
                schemathesis.GenerationMode.POSITIVE,
                {"name": "ada", "id": JOB, "path": "README.md"},
                held,
                asked,
            )
    assert len(asked) > 100
    assert set(asked) == {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert client.get("/api/personas")["total"] == 1
    assert client.get(f"/api/jobs/{JOB}")["state"] == "done"


def ask_all(
    operation: Any, mode: Any, there: dict[str, str], held: list[Any], asked: list[str]
) -> None:
    """Request what an operation allows, or what it does not, with names of `there`."""

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        asked.append(case.operation.label)
        for name in set(case.path_parameters or ()) & set(there):
            case.path_parameters[name] = there[name]
        case.call_and_validate(headers=OURS, checks=held, timeout=20)

    with contextlib.suppress(Unsatisfiable):  # for some, schemathesis finds no invalid request
        ask()


SENSELESS = [
    b"",
    b"{",
    b"[]",
    b"3",
    b"\xff",
    b"null",
    b"[" * 100_000,
    b'{"model": "\\ud800"}',
    b'{"specs": ["\\ud800"]}',
    b'{"options": {"epochs": NaN}}',
]


@pytest.mark.parametrize(
    "path", ["/api/jobs", "/api/personas/ada/say", "/api/personas/ada/kept", "/v1/completions"]
)
@pytest.mark.parametrize("body", SENSELESS)
def test_invalid_requests_are_refused(client: Client, path: str, body: bytes) -> None:
    before = client.get("/api/jobs")
    answer = client.ask("POST", path, body, {**OURS, "Content-Type": "application/json"})
    assert 400 <= answer.status < 500
    assert answer.message
    assert [job["id"] for job in client.get("/api/jobs")] == [job["id"] for job in before]
