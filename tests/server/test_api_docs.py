"""Tests of the API's description: its words, the page /docs, and that its examples work."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from popinjay.server.description import MEANINGS, first_sentence
from serving import Client
from speaking_persona import put_persona


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("docs")
    put_persona(home, "ada")
    return home


class Page(HTMLParser):
    """What a page links to, its ids, and its blocks of code by their class."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.code: dict[str, list[str]] = {"curl": [], "python": []}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [str(found[key]) for key in ("href", "src") if found.get(key)]
        self.ids.add(found.get("id") or "")
        assert "style" not in found, "the page's policy forbids styles in the text"
        if tag == "code":
            self._inside = found.get("class") or ""
            if self._inside:
                self.code[self._inside].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == "code" else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.code[self._inside][-1] += data


@pytest.fixture(scope="module")
def described(client: Client) -> Any:
    return client.get("/openapi.json")


@pytest.fixture(scope="module")
def page(client: Client) -> Page:
    answer = client.ask("GET", "/docs")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    return Page(answer.body.decode())


def operations(described: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def test_people_wrote_every_summary(described: Any) -> None:
    for method, path, operation in operations(described):
        summary, text = operation["summary"], operation["description"]
        assert " ".join(text.split()).startswith(summary), f"{method} {path}: {summary}"
        assert len(summary) < 100, f"{method} {path} has a long summary"


def test_every_parameter_and_field_has_a_meaning(described: Any) -> None:
    missing = [
        f"{method} {path} {parameter['name']}"
        for method, path, operation in operations(described)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    missing += [
        f"{name}.{field}"
        for name, schema in described["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    assert not missing, "add a description to the field, or a row to MEANINGS"


def test_no_meaning_is_left_over(described: Any) -> None:
    used = {
        part
        for name, schema in described["components"]["schemas"].items()
        for field in schema.get("properties", {})
        for part in (field, f"{name}.{field}")
    }
    used |= {
        part
        for method, path, operation in operations(described)
        for parameter in operation.get("parameters", ())
        for part in (parameter["name"], f"{method.upper()} {path}.{parameter['name']}")
    }
    assert set(MEANINGS) <= used


def test_all_references_of_the_document_lead_somewhere(described: Any) -> None:
    found = set(re.findall(r"'\$ref': '([^']+)'", str(described)))
    assert found
    for reference in found:
        name = reference.removeprefix("#/components/schemas/")
        assert name in described["components"]["schemas"], reference


def test_the_page_has_every_route_and_loads_nothing_from_elsewhere(
    page: Page, described: Any, client: Client
) -> None:
    assert not {"script", "iframe", "style"} & set(page.tags)
    for link in page.links:
        assert link.startswith(("/", "#")), link
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert client.ask("GET", link).status == 200, link
    assert len(page.code["curl"]) == len(operations(described))
    for method, path, _ in operations(described):
        assert re.sub(r"\W+", "-", f"{method} {path}").strip("-") in page.ids


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_examples_of_v1_and_of_reading_work_as_printed(page: Page) -> None:
    tried = 0
    for command in page.code["curl"]:
        words = shlex.split(command)
        path = words[1].partition("127.0.0.1:")[2].partition("/")[2]
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        is_reading = method == "GET" and path in ("health", "metrics", "api/personas/ada")
        if path.startswith("v1/") or is_reading:
            ended = subprocess.run(
                [*words, "-s", "--noproxy", "*", "-w", "\n%{http_code}"],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert ended.stdout.splitlines()[-1] == "200", (command, ended.stdout)
            tried += 1
    assert tried == 7


def test_the_examples_for_openais_client_work_as_printed(page: Page) -> None:
    assert len(page.code["python"]) == 4
    for program in page.code["python"]:
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.strip()


def test_the_first_sentence() -> None:
    assert first_sentence("Return `ok`. This needs\nno token.") == "Return `ok`"
    assert first_sentence("List all,\nthe newest first.\n\nMore.") == "List all, the newest first"
