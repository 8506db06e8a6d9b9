"""Tests that no message on the page asks for what can be done at a terminal only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import popinjay
from popinjay import errors
from popinjay.errors import PopinjayError
from popinjay.server.api_error import ApiError
from serving import served

SOURCE = Path(popinjay.__file__).parent
# What users type into a terminal, and addresses of the API.
COMMANDS = (
    "make|demo|inspect|say|report|card|status|lineage|bases|sources|publish|forget|serve|track"
)
TYPED = re.compile(
    rf"popinjay ({COMMANDS})\b|pip install .?popinjay|(?<![\w-])--[a-z]|/api|openapi"
)
NEVER_ON_THE_PAGE = (
    "cli",
    "exporting",
    "forgetting",
    "trackers",
    "server/cors.py",
    "server/listen.py",
    "models/bases/finding.py",  # the removal of a base model
    "sources/source_options.py",
    "x/price.py",  # its message is what the terminal shows; the hint is checked in its own tests
)
KINDS = {
    name
    for name, kind in [*vars(errors).items(), ("ApiError", ApiError)]
    if isinstance(kind, type) and issubclass(kind, PopinjayError)
}


def text_of(node: ast.expr) -> str:
    return " ".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def hints(file: Path) -> Iterator[tuple[str, str]]:
    """Yield where an error is raised, and its hint on the page, as far as it is a literal."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in KINDS:
            continue
        on_page = [word.value for word in node.keywords if word.arg == "page_hint"]
        place = 2 if node.func.id == "ApiError" else 1
        for hint in on_page or node.args[place:]:
            yield f"{file.relative_to(SOURCE)}:{node.lineno}", text_of(hint)


def test_no_hint_on_the_page_names_a_command_an_option_or_a_route() -> None:
    files = [
        file
        for file in SOURCE.rglob("*.py")
        if not file.relative_to(SOURCE).as_posix().startswith(NEVER_ON_THE_PAGE)
        and not file.as_posix().endswith(NEVER_ON_THE_PAGE)
    ]
    found = [(where, hint) for file in files for where, hint in hints(file)]
    assert len(found) > 150
    assert [(where, hint) for where, hint in found if TYPED.search(hint)] == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("card.png", b"\x89PNG\r\n\x1a\n" + bytes(1000), "card.png"),
        ("notes.zip", b"PK\x03\x04 and then nothing", "notes.zip"),
        ("data.csv", b"a,b\n1,2\n", "data.csv"),
        ("tiny.txt", b"one post\n", "tiny"),
    ],
)
def test_a_refusal_names_the_file_that_the_user_chose(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    home = tmp_path / "home"
    with served(home) as client:
        asked = {"doing": "make", "upload": client.upload(file), "name": "ada"}
        job = client.post("/api/jobs", asked)["id"]
        failed = client.wait(job, "failed")
        events = (home / ".jobs" / job / "events.jsonl").read_text()
    shown = f"{failed['error']} {failed['hint']}"
    assert said in shown
    assert str(tmp_path) not in shown + events
    assert not TYPED.search(shown)


def test_answers_of_the_api_name_no_command(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        for method, path in (
            ("GET", "/api/personas/nobody"),
            ("GET", "/api/jobs/none"),
            ("DELETE", "/api/uploads/none"),
            ("POST", "/api/personas/nobody/retrain"),
        ):
            answer = client.ask(method, path, {} if method == "POST" else None)
            assert answer.status == 404
            assert not TYPED.search(answer.body.decode())


def test_the_token_is_asked_for_in_words(tmp_path: Path) -> None:
    with served(tmp_path, token="secret") as client:
        answer = client.ask("GET", "/api/personas")
    assert answer.status == 401
    assert "paste the token" in answer.json["error"]["hint"]
    assert "popinjay serve" not in answer.body.decode()


def test_the_archive_of_a_fictional_person_is_an_upload(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        upload = client.post("/api/uploads/example")
        assert upload["name"] == "nellmarrow.zip"
        job = client.post("/api/jobs", {"doing": "inspect", "upload": upload["upload"]})["id"]
        found = client.wait(job, "done", "failed")["result"]["authors"]
    assert [author["author"] for author in found] == ["nellmarrow"]
