"""Snapshots of a folder, without what differs between two undisturbed runs: times and the path."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOGS = "logs"  # a folder with a log of each attempt: a killed command has left more of them
# Keys of JSON and TOML with times, durations, or hashes of files that contain such.
_TIMES = re.compile(r"finished|kept_at|made|published|time|.*seconds.*|.*_per_second|.*reserve.*")
_TIMED_FILES = ("README.md", "report.html", "report.json", "metrics.jsonl")
_TIME_IN_WORDS = re.compile(r"\d+(?:\.\d+)? (?:s|min|h)\b")
_JSON_TIME = re.compile(r'"\w*(?:seconds|time)\w*": ?[\d.e+-]+')


def snapshot(folder: Path) -> dict[str, str]:
    """Return a hash of each file below a folder, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != LOGS:
            told = _reader(path)(path.read_bytes()).replace(str(folder), "FOLDER")
            found[path.relative_to(folder).as_posix()] = _hash(told.encode())
    return found


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return how a folder differs from the expected one."""
    missing = [f"{name} is missing" for name in wanted if name not in found]
    more = [f"{name} is left over" for name in found if name not in wanted]
    other = [
        f"{name} is another" for name in wanted if found.get(name, wanted[name]) != wanted[name]
    ]
    return [*missing, *more, *other]


def _reader(path: Path) -> Callable[[bytes], str]:
    if path.suffix == ".toml":
        return lambda data: _canonical(tomllib.loads(data.decode()))
    if path.suffix == ".jsonl":
        return lambda data: "\n".join(
            _canonical(json.loads(line)) for line in data.decode().splitlines()
        )
    if path.suffix == ".json":
        return lambda data: _canonical(json.loads(data))
    if path.suffix == ".safetensors":
        return _tensors
    if path.suffix in (".md", ".html"):
        return lambda data: _JSON_TIME.sub("", _TIME_IN_WORDS.sub("", data.decode()))
    return _hash


def _tensors(data: bytes) -> str:
    """Return the tensors of a file by name, independent of their order."""
    length = int.from_bytes(data[:8], "little")
    entries = {
        name: entry
        for name, entry in json.loads(data[8 : 8 + length]).items()
        if name != "__metadata__"
    }
    content = memoryview(data)[8 + length :]
    assert len(content) == max(entry["data_offsets"][1] for entry in entries.values())
    return _canonical(
        {
            name: [entry["dtype"], entry["shape"], _hash(content[slice(*entry["data_offsets"])])]
            for name, entry in entries.items()
        }
    )


def _hash(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(_timeless(value), sort_keys=True, default=str, indent=1)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _timeless(item)
            for key, item in value.items()
            if not _TIMES.fullmatch(key) and key not in _TIMED_FILES
        }
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return _TIME_IN_WORDS.sub("", value) if isinstance(value, str) else value
