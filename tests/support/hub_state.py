"""What the hub's stand-in (hub_standin) holds: accounts, repositories, and what it refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def token(
    name: str,
    role: str,
    orgs: dict[str, str] | None = None,
    scoped: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Return what whoami answers for a token.

    `orgs` are name -> role there, `scoped` the permissions of a fine-grained token by namespace.
    """
    access: dict[str, Any] = {"displayName": "test", "role": role}
    if role == "fineGrained":
        scopes = [
            {"entity": {"type": "user" if who == name else "org", "name": who}, "permissions": can}
            for who, can in (scoped or {}).items()
        ]
        access["fineGrained"] = {"canReadGatedRepos": False, "global": [], "scoped": scopes}
    return {
        "type": "user",
        "name": name,
        "orgs": [
            {"type": "org", "name": org, "roleInOrg": how} for org, how in (orgs or {}).items()
        ],
        "auth": {"type": "access_token", "accessToken": access},
    }


TOKENS = {
    "hf_write": token("ada", "write", {"engines": "admin", "lookers": "read"}),
    "hf_read": token("ada", "read", {"engines": "admin"}),
    "hf_fine": token(
        "ada",
        "fineGrained",
        {"engines": "admin"},
        {"engines": ["repo.content.read", "repo.write"], "ada": ["repo.content.read"]},
    ),
}


SPACES = "spaces/"  # before the names of Spaces
# What the hub puts into a new static Space: from its template.
TEMPLATE = {
    "README.md": b"---\ntitle: Page\nemoji: x\nsdk: static\n---\n",
    "index.html": b"<!doctype html><p>Welcome to your static Space!</p>",
    "style.css": b"body { padding: 2rem }",
}
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
HEADERS = {
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
}


@dataclass
class Repo:
    """One repository: every commit with all its files, and the tags."""

    private: bool
    commits: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, tuple[str, bytes]], title: str) -> str:
        """Add a commit with these files (name -> how it is kept, content)."""
        oid = hashlib.sha1(f"{len(self.commits)} {title} {sorted(files)}".encode()).hexdigest()
        self.commits.append({"oid": oid, "title": title, "files": files})
        return oid

    def at(self, revision: str) -> dict[str, Any] | None:
        """Return the commit that a branch, tag or id names."""
        oid = self.commits[-1]["oid"] if revision == "main" else self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit["oid"] == oid), None)


@dataclass
class Fault:
    """Where to break off.

    `before` the request is read, `after` all is done and only the answer is missing, or `not`,
    only to watch.
    """

    method: str
    path: str
    breaks: str = "before"
    times: int = 1
    meanwhile: Callable[[], None] | None = None  # called when it comes to it


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class HubStandIn:
    """The stand-in, while it runs."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.log: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.faults: list[Fault] = []
        self.url = ""

    def writes(self) -> list[tuple[str, str]]:
        """Return all requests that change something."""
        return [(method, path) for method, path in self.log if method not in ("GET", "HEAD")]

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files of a repository."""
        commit = self.repos[repo].at(revision)
        assert commit is not None
        return {name: content for name, (_, content) in commit["files"].items()}


def git_hash(content: bytes) -> str:
    """Return git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def space_errors(settings: dict[str, Any]) -> list[str]:
    """Return what the hub's reference of a Space's settings does not allow."""
    headers = set(settings.get("custom_headers", ()))
    checks = {
        "sdk": settings.get("sdk") == "static",
        "emoji": 0 < len(settings.get("emoji", "")) <= 2,
        "colorFrom": settings.get("colorFrom") in COLOURS,
        "colorTo": settings.get("colorTo") in COLOURS,
        "short_description": len(settings.get("short_description", "").encode("utf-16-le")) <= 120,
        "header": settings.get("header", "default") in ("mini", "default"),
        "pinned": isinstance(settings.get("pinned"), bool),
        "custom_headers": headers <= HEADERS,
    }
    return [f'"{name}" is not allowed like this' for name, holds in checks.items() if not holds]
