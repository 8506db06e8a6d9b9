"""Collect the names that users and their programs rely on, from the program, docs and API.

    python tests/support/public_names.py

writes them to tests/project/public_names.json, which a test compares with the program.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import popinjay
from popinjay import errors, events, exporting, options, sources, trackers
from popinjay.cli.main import parser
from popinjay.models import bases
from popinjay.store.run import RECORD
from popinjay.store.stage_table import PICTURE, STAGES

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "project" / "public_names.json"
# Keys of JSON whose own keys are data, such as languages or reasons.
OPEN = {"further", "masked", "languages", "left_out", "unread", "redrawn", "removed", "record"}


def collected() -> dict[str, list[str]]:
    """Every public name, sorted, by what kind it is."""
    found = {
        "python": _python(),
        "options": _options(),
        "command line": sorted(_command_line(parser(), "popinjay")),
        "printed JSON": sorted(_printed_json()),
        "API": sorted(_api()),
        "files of a persona": [*_files()],
        "rows": _rows(),
    }
    return {kind: sorted(set(names)) for kind, names in found.items()}


def _python() -> list[str]:
    """What `import popinjay` offers, with the parameters of its functions, errors and events."""
    found = list(popinjay.__all__)
    persona = popinjay.Persona
    for function in (
        popinjay.make,
        popinjay.inspect,
        popinjay.load,
        popinjay.personas,
        persona.say,
        persona.stream,
        persona.to_pandas,
        persona.rename,
    ):
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        found.append(f"{function.__qualname__}({', '.join(names)})")
    found += [f"Persona.{name}" for name in dir(persona) if name[0] != "_"]
    found += [
        f"errors.{name}"
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.PopinjayError)
    ]
    return found + [f"EventKind {kind.value}" for kind in events.EventKind]


def _options() -> list[str]:
    """The fields of every options class, with default, choices and bounds."""
    found = []
    for name, kind in vars(options).items():
        if isinstance(kind, type) and issubclass(kind, options.Checked):
            for field, _ in options.declared(kind) if kind is not options.Checked else ():
                meta = field.metadata
                bounds = f"{meta['least']}..{meta['most']}"
                choices = "|".join(meta["choices"])
                line = f"{name}.{field.name} = {field.default!r} {choices} {bounds}"
                found.append(line.replace(" None..None", "").rstrip())
    return found


def _command_line(command: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """Every command with its arguments and flags."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner, sub in action.choices.items():
                yield from _command_line(sub, f"{name} {inner}")
        elif isinstance(action, argparse._HelpAction):
            continue
        else:
            yield f"{name} {' '.join(action.option_strings) or str(action.metavar)}"


def _printed_json() -> Iterator[str]:
    """The keys of the documents in docs/json.md, which another test compares with the program."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    for name, document in re.findall(r"^## (popinjay \w+)\n+```json\n(.*?)```", text, re.M | re.S):
        yield from (f"{name} {path}" for path in _paths(json.loads(document)))


def _paths(value: Any, before: str = "") -> Iterator[str]:
    """The keys of a JSON document as paths, one for all items of a list."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, before)
    elif isinstance(value, dict):
        for key, item in value.items():
            path = f"{before}.{key}".lstrip(".")
            yield path
            if key not in OPEN:
                yield from _paths(item, path)


def _api() -> Iterator[str]:
    """Every route of the server, and the fields of what it takes and returns."""
    from popinjay.server.app import create_app
    from popinjay.server.auth import Auth

    with tempfile.TemporaryDirectory() as folder:
        described = create_app(Path(folder), Auth(1)).openapi()
    schemas = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            route = f"{method.upper()} {path}"
            yield route
            for parameter in operation.get("parameters", ()):
                yield f"{route} {parameter['in']} {parameter['name']}"
            body = operation.get("requestBody", {})
            yield from (f"{route} takes {field}" for field in _fields(body, schemas))
            for status, response in operation["responses"].items():
                yield from (f"{route} {status} {field}" for field in _fields(response, schemas))


def _fields(schema: Any, schemas: dict[str, Any], before: str = "") -> Iterator[str]:
    """The fields that a part of an OpenAPI document has, as paths."""
    if isinstance(schema, list):
        for part in schema:
            yield from _fields(part, schemas, before)
    elif isinstance(schema, dict):
        schemas = schemas | schema.get("$defs", {})
        if reference := schema.get("$ref"):
            yield from _fields(schemas[reference.rpartition("/")[2]], schemas, before)
        for name, field in schema.get("properties", {}).items():
            path = f"{before}.{name}".lstrip(".")
            yield path
            yield from _fields(field, schemas, path)
        for key in ("content", "application/json", "schema", "items", "anyOf", "allOf"):
            yield from _fields(schema.get(key), schemas, before)


def _files() -> Iterator[str]:
    """What a persona's folder holds."""
    yield RECORD
    for stage in (*STAGES, PICTURE):
        yield from stage.makes


def _rows() -> list[str]:
    """The names in tables: sources, trackers, exporters, bases and entry point groups."""
    found = [f"source {source.NAME}" for source in sources.all_sources()]
    found += [f"tracker {name}" for name in trackers.BUILT_IN]
    found += [f"exporter {name}" for name in exporting.BUILT_IN]
    found += [f"base {base.name}" for base in bases.BASES]
    groups = ("popinjay.sources", "popinjay.trackers", "popinjay.exporters")
    return found + [f"entry points {group}" for group in groups]


if __name__ == "__main__":
    KEPT.write_text(json.dumps(collected(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
