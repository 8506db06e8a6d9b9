"""The page `/docs`: every route with its parameters, fields and an example.

It is written from the OpenAPI document, needs no script, and loads nothing from elsewhere.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Template

MAX_DEPTH = 3  # of fields in fields
METHODS = ("get", "post", "put", "patch", "delete")
_PLACEHOLDERS = {"name": "ada", "id": "0123456789abcdef", "handle": "ada", "path": "README.md"}
_QUERIES = {"/api/uploads": "?name=posts.txt"}
BODIES: dict[str, Any] = {  # of the examples
    "/v1/completions": {"model": "ada", "prompt": "My dream is", "n": 3},
    "/v1/chat/completions": {
        "model": "ada",
        "messages": [{"role": "user", "content": "My dream is"}],
    },
    "/api/login": {"token": "TOKEN"},
    "/api/personas/{name}": {"name": "eve"},
    "/api/personas/{name}/exports": {"to": "web"},
    "/api/personas/{name}/retrain": {"longer": True},
    "/api/personas/{name}/update": {},
    "/api/personas/{name}/say": {"prompt": "My dream is", "n": 3},
    "/api/personas/{name}/kept": {"prompt": "My dream is", "text": "My dream is a parrot."},
    "/api/personas/{name}/picture": {"prompt": "My dream is", "text": "My dream is a parrot."},
    "/api/personas/{name}/queue/write": {"n": 20},
    "/api/personas/{name}/queue/check": {"text": "My dream is a parrot."},
    "/api/personas/{name}/queue/{id}/approve": {"since": "draft"},
    "/api/personas/{name}/queue/{id}/reject": {"since": "draft"},
    "/api/personas/{name}/queue/{id}/edit": {"text": "My dream is two parrots."},
    "/api/personas/{name}/queue/settings": {"every": "6h", "quiet_hours": "22:00-08:00"},
    "/api/personas/{name}/queue/post": {"dry_run": True},
    "/api/jobs": {"doing": "make", "specs": ["ada.bsky.social"], "options": {"whose": "self"}},
}
_CLIENT = """from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="{key}")
"""
CLIENTS = {  # the same with OpenAI's own client
    "/v1/models": "print([model.id for model in client.models.list()])",
    "/v1/models/{name}": 'print(client.models.retrieve("ada"))',
    "/v1/completions": (
        'posts = client.completions.create(model="ada", prompt="My dream is", n=3)\n'
        "for choice in posts.choices:\n"
        '    print("My dream is" + choice.text)'
    ),
    "/v1/chat/completions": (
        "posts = client.chat.completions.create(\n"
        '    model="ada", messages=[{"role": "user", "content": "My dream is"}], n=3\n'
        ")\n"
        "for choice in posts.choices:\n"
        "    print(choice.message.content)"
    ),
}


@dataclass(frozen=True)
class Row:
    """A parameter, or a field of a request or response."""

    name: str
    type: str
    meaning: str
    required: bool = False
    where: str = ""  # path, query or header


@dataclass(frozen=True)
class Operation:
    """A route with a method."""

    method: str
    path: str
    summary: str
    paragraphs: list[str]
    parameters: list[Row]
    body: list[Row]
    response: list[Row]
    statuses: list[str]
    curl: str
    python: str  # empty for routes that OpenAI's API lacks

    @property
    def anchor(self) -> str:
        """The part of the page's address that leads to it."""
        return re.sub(r"\W+", "-", f"{self.method} {self.path}").strip("-").lower()


def page(described: Mapping[str, Any], base: str, *, has_token: bool) -> str:
    """Return the page as HTML.

    Args:
        described: The OpenAPI document.
        base: The address of this server, for the examples.
        has_token: Whether requests need the token.
    """
    schemas = described["components"]["schemas"]
    groups: dict[str, list[Operation]] = {tag["name"]: [] for tag in described.get("tags", ())}
    for path, methods in described["paths"].items():
        for method in METHODS:
            if found := methods.get(method):
                tag = (found.get("tags") or ["other"])[0]
                one = _operation(method, path, found, schemas, base, has_token=has_token)
                groups.setdefault(tag, []).append(one)
    return _template().render(
        info=described["info"],
        paragraphs=_paragraphs(described["info"]["description"]),
        groups={tag: operations for tag, operations in groups.items() if operations},
        has_token=has_token,
        base=base,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["code"] = _with_code
    source = files("popinjay").joinpath("assets/api.html").read_text(encoding="utf-8")
    return environment.from_string(source)


def _with_code(text: str) -> Markup:
    """Return text as HTML, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)))  # noqa: S704 (escaped)


def _operation(
    method: str,
    path: str,
    found: Mapping[str, Any],
    schemas: Mapping[str, Any],
    base: str,
    *,
    has_token: bool,
) -> Operation:
    responses = found["responses"]
    good: Mapping[str, Any] = next(
        (responses[status] for status in responses if status[0] == "2"), {}
    )
    client = CLIENTS.get(path)
    key = "TOKEN" if has_token else "none"
    return Operation(
        method=method.upper(),
        path=path,
        summary=found.get("summary", ""),
        paragraphs=_paragraphs(found.get("description", "")),
        parameters=[
            Row(
                parameter["name"],
                _type(parameter.get("schema", {}), schemas),
                parameter.get("description", ""),
                bool(parameter.get("required")),
                parameter["in"],
            )
            for parameter in found.get("parameters", ())
        ],
        body=_sorted(_rows(_json_of(found.get("requestBody", {})), schemas)),
        response=list(_rows(_json_of(good), schemas)),
        statuses=list(responses),
        curl=_curl(method, path, found, base, has_token=has_token),
        python=_CLIENT.format(base=base, key=key) + client if client else "",
    )


def _sorted(rows: Iterator[Row]) -> list[Row]:
    """Return fields with those that are required first, each with its own fields behind it."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.name.partition(".")[0].rstrip("[]"), []).append(row)
    ordered = sorted(groups.values(), key=lambda group: not group[0].required)
    return [row for group in ordered for row in group]


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _json_of(part: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without references and without the alternative null."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
            continue
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(choices) != 1:
            return schema
        schema = choices[0]


def _rows(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], before: str = "", depth: int = 0
) -> Iterator[Row]:
    """Yield the fields of an object, each followed by its own fields."""
    found = _resolved(schema, schemas)
    if found.get("type") == "array":
        yield from _rows(found.get("items", {}), schemas, f"{before}[]", depth)
        return
    needed = found.get("required", ())
    for name, field in found.get("properties", {}).items():
        path = f"{before}.{name}".lstrip(".")
        yield Row(
            path, _type(field, schemas), field.get("description", ""), required=name in needed
        )
        if depth < MAX_DEPTH:
            yield from _rows(field, schemas, path, depth + 1)


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return the values that a schema allows, in words."""
    found = _resolved(schema, schemas)
    if "enum" in found:
        return ", ".join(map(str, found["enum"]))
    if "anyOf" in found:
        return " or ".join(
            dict.fromkeys(_type(one, schemas) for one in found["anyOf"] if one != {"type": "null"})
        )
    if found.get("type") == "array":
        inner = _type(found.get("items", {}), schemas)
        if inner == "anything":
            return "list"
        return f"list of {inner}s" if inner in ("string", "object", "number") else f"list: {inner}"
    low, high = found.get("minimum"), found.get("maximum")
    bounds = f", {low:,} to {high:,}" if low is not None and high is not None else ""
    default = schema.get("default")
    default_text = f", default {json.dumps(default)}" if default not in (None, "", False) else ""
    return f"{found.get('type', 'anything')}{bounds}{default_text}"


def _curl(method: str, path: str, found: Mapping[str, Any], base: str, *, has_token: bool) -> str:
    """Return a command that sends the request."""
    url = re.sub(r"{(\w+)}", lambda part: _PLACEHOLDERS.get(part[1], part[1]), path)
    words = ["curl", f"'{base}{url}{_QUERIES.get(path, '')}'"]
    if method != "get":
        words += ["-X", method.upper()]
        if not path.startswith("/v1/"):
            words += ["-H", "'X-Popinjay: 1'"]
    if has_token:
        words += ["-H", "'Authorization: Bearer TOKEN'"]
    if path in BODIES and "requestBody" in found:
        body = json.dumps(BODIES[path])
        words += ["-H", "'Content-Type: application/json'", "-d", f"'{body}'"]
    elif method == "put":
        words += ["--data-binary", "@posts.txt"]
    return " ".join(words)
