"""A stand-in for the Hugging Face hub, on loopback: it shows what the client sends.

It does not show what the real hub accepts. It knows as much as publishing and loading need: the
owner and permissions of a token, models and static Spaces with visibility, the settings of a Space,
the upload of large files (git LFS: batch, put, verify), commits on top of a known parent, tags,
refs, and downloads by branch, tag or commit. It logs all requests, and breaks off if a test asks it
to. Spaces are kept under their names after `spaces/`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from hub_state import (
    SPACES,
    TEMPLATE,
    TOKENS,
    HubStandIn,
    Refused,
    Repo,
    git_hash,
    space_errors,
)


@contextlib.contextmanager
def running() -> Iterator[HubStandIn]:
    """Run a stand-in on a free port of loopback."""
    hub = HubStandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    hub: HubStandIn
    protocol_version = "HTTP/1.1"
    wbufsize = 2**16  # an answer in one piece: its end would wait for an acknowledgement

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        fault = next(
            (
                fault
                for fault in self.hub.faults
                if fault.times and fault.method == self.command and re.search(fault.path, path)
            ),
            None,
        )
        if fault:
            fault.times -= 1
            if fault.meanwhile:
                fault.meanwhile()
            if fault.breaks == "before":
                return self._break_off()
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.log.append((self.command, path))
        self.hub.bodies.append(self.body)
        try:
            status, headers, content = self._answer(path)
        except Refused as refused:
            status = refused.status
            content = json.dumps({"error": str(refused)}).encode()
            headers = {
                "X-Error-Message": str(refused),
                **({"X-Error-Code": refused.code} if refused.code else {}),
            }
        if fault and fault.breaks == "after":
            return self._break_off()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            **headers,
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _break_off(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for method, pattern, answer in ROUTES:
            if self.command in method and (found := re.fullmatch(pattern, path)):
                named = found.groupdict()
                if named.pop("kind", None) == "spaces":
                    named["repo"] = SPACES + named["repo"]
                value = answer(self, **named)
                return value if isinstance(value, tuple) else (200, {}, json.dumps(value).encode())
        raise Refused(404, f"there is no {self.command} {path} here")

    # the client

    def _me(self) -> dict[str, Any] | None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and given not in TOKENS:
            raise Refused(401, "Invalid credentials in Authorization header")
        return TOKENS.get(given)

    def _may(self, repo: str, what: str) -> bool:
        me = self._me()
        namespace = repo.removeprefix(SPACES).split("/")[0]
        if me is None:
            return False
        access = me["auth"]["accessToken"]
        if access["role"] == "fineGrained":
            return any(
                scope["entity"]["name"] == namespace and what in scope["permissions"]
                for scope in access["fineGrained"]["scoped"]
            )
        orgs = [
            org["name"]
            for org in me["orgs"]
            if what == "repo.content.read" or org["roleInOrg"] != "read"
        ]
        return namespace in (me["name"], *orgs) and (
            what == "repo.content.read" or access["role"] == "write"
        )

    def _readable(self, repo: str) -> Repo:
        found = self.hub.repos.get(repo)
        if found is None or (found.private and not self._may(repo, "repo.content.read")):
            raise Refused(404, "Repository not found", "RepoNotFound")
        return found

    def _writable(self, repo: str) -> Repo:
        found = self._readable(repo)
        if not self._may(repo, "repo.write"):
            raise Refused(403, "You don't have the rights to write here")
        return found

    # requests

    def whoami(self) -> Any:
        if (me := self._me()) is None:
            raise Refused(401, "Invalid credentials in Authorization header")
        return me

    def create(self) -> Any:
        asked = json.loads(self.body)
        repo = f"{asked.get('organization') or (self._me() or {}).get('name')}/{asked['name']}"
        is_space = asked.get("type") == "space"
        if is_space:
            repo = SPACES + repo
            if asked.get("sdk") != "static":
                raise Refused(400, "This stand-in has static Spaces only")
        if not self._may(repo, "repo.write"):
            raise Refused(403, "You don't have the rights to create a model under this namespace")
        if repo in self.hub.repos:
            raise Refused(409, "You already created this model repo")
        made = self.hub.repos[repo] = Repo(
            private=asked.get("visibility") == "private" or bool(asked.get("private"))
        )
        made.commit(
            {
                ".gitattributes": (
                    "regular",
                    b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
                ),
                **{name: ("regular", text) for name, text in TEMPLATE.items() if is_space},
            },
            "initial commit",
        )
        return {"url": f"{self.hub.url}/{repo}", "name": repo}

    def validate_yaml(self) -> Any:
        asked = json.loads(self.body)
        settings = yaml.safe_load(asked["content"].split("---\n")[1])
        errors = space_errors(settings) if asked["repoType"] == "space" else []
        if errors:
            found = {"errors": [{"message": error} for error in errors], "warnings": []}
            return 400, {}, json.dumps(found).encode()
        return {"errors": [], "warnings": []}

    def info(self, repo: str, revision: str = "main") -> Any:
        found = self._readable(repo)
        commit = found.at(revision)
        if commit is None:
            raise Refused(404, "Revision not found", "RevisionNotFound")
        card = commit["files"].get("README.md", ("", b""))[1].decode()
        settings = yaml.safe_load(card.split("---\n")[1]) if card.startswith("---\n") else {}
        tags = settings.get("tags", [])
        siblings = []
        for name, (kept, content) in commit["files"].items():
            entry = {"rfilename": name, "size": len(content), "blobId": git_hash(content)}
            if kept == "lfs":
                entry["lfs"] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 130,
                }
            siblings.append(entry)
        known = {
            "id": repo.removeprefix(SPACES),
            "sha": commit["oid"],
            "private": found.private,
            "siblings": siblings,
        }
        if repo.startswith(SPACES):
            return {**known, "sdk": "static", "tags": ["static"], "cardData": settings}
        return {**known, "modelId": repo, "tags": tags}

    def commits(self, repo: str, revision: str) -> Any:
        return [
            {
                "id": commit["oid"],
                "authors": [],
                "date": "2026-01-01T00:00:00.000Z",
                "title": commit["title"],
                "message": "",
            }
            for commit in reversed(self._readable(repo).commits)
        ]

    def tree(self, repo: str, revision: str, folder: str = "") -> Any:
        commit = self._readable(repo).at(revision)
        inside = {
            name: kept
            for name, kept in (commit or {"files": {}})["files"].items()
            if name.startswith(folder)
        }
        if not inside:
            raise Refused(404, "Entry not found", "EntryNotFound")
        return [
            {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
            for name, (_, content) in inside.items()
        ]

    def refs(self, repo: str) -> Any:
        found = self._readable(repo)
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": oid}
            for name, oid in found.tags.items()
        ]
        return {
            "branches": [
                {"name": "main", "ref": "refs/heads/main", "targetCommit": found.commits[-1]["oid"]}
            ],
            "converts": [],
            "tags": tags,
        }

    def preupload(self, repo: str, revision: str) -> Any:
        held = self._writable(repo).commits[-1]["files"]
        answers = []
        for file in json.loads(self.body)["files"]:
            name = file["path"]
            kept, content = held.get(name, ("", b""))
            known = (
                None
                if name not in held
                else hashlib.sha256(content).hexdigest()
                if kept == "lfs"
                else git_hash(content)
            )
            large = file["size"] > 10 * 2**20 or name.endswith(
                (".safetensors", ".png", ".wasm", ".bin", ".onnx")
            )
            answers.append(
                {
                    "path": name,
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": False,
                    "oid": known,
                }
            )
        return {"files": answers}

    def lfs_batch(self, repo: str) -> Any:
        self._writable(repo)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            answer: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.objects:
                answer["actions"] = {
                    "upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"},
                    "verify": {"href": f"{self.hub.url}/lfs-verify"},
                }
            objects.append(answer)
        return {"transfer": "basic", "objects": objects}

    def lfs_put(self, oid: str) -> Any:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "the content is not what its name says")
        self.hub.objects[oid] = self.body
        return {}

    def lfs_verify(self) -> Any:
        asked = json.loads(self.body)
        if len(self.hub.objects.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(404, "this object has not arrived")
        return {}

    def commit(self, repo: str, revision: str) -> Any:
        found = self._writable(repo)
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        files = dict(found.commits[-1]["files"])
        header = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                header = value
            elif line["key"] == "file":
                files[value["path"]] = ("regular", base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                files[value["path"]] = ("lfs", self.hub.objects[value["oid"]])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            else:
                raise Refused(400, f"unknown key {line['key']}")
        if header.get("parentCommit") not in (None, found.commits[-1]["oid"]):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        oid = found.commit(files, header["summary"])
        return {
            "success": True,
            "commitOid": oid,
            "commitUrl": f"{self.hub.url}/{repo}/commit/{oid}",
            "hookOutput": "",
        }

    def tag(self, repo: str, revision: str) -> Any:
        found = self._writable(repo)
        name = json.loads(self.body)["tag"]
        commit = found.at(revision)
        if name in found.tags or commit is None:
            raise Refused(409 if commit else 404, "Tag exists" if commit else "Revision not found")
        found.tags[name] = commit["oid"]
        return {}

    def resolve(self, repo: str, revision: str, name: str) -> Any:
        commit = self._readable(repo).at(revision)
        if commit is None:
            raise Refused(404, "Revision not found", "RevisionNotFound")
        if name not in commit["files"]:
            raise Refused(404, "Entry not found", "EntryNotFound")
        kept, content = commit["files"][name]
        etag = hashlib.sha256(content).hexdigest() if kept == "lfs" else git_hash(content)
        return (
            200,
            {
                "ETag": f'"{etag}"',
                "X-Repo-Commit": commit["oid"],
                "Content-Type": "application/octet-stream",
            },
            content,
        )


_REPO, _REV = r"(?P<repo>[\w.-]+/[\w.-]+)", r"(?P<revision>[\w.-]+)"
_API, _OF_SPACES = "/api/(?P<kind>models|spaces)", "/(?:(?P<kind>spaces)/)?"
ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate_yaml),
    ("GET", f"{_API}/{_REPO}", Handler.info),
    ("GET", f"{_API}/{_REPO}/revision/{_REV}", Handler.info),
    (
        "GET",
        f"{_API}/{_REPO}/tree/{_REV}(?:/(?P<folder>.+))?",
        lambda self, repo, revision, folder: self.tree(repo, revision, folder or ""),
    ),
    ("GET", f"{_API}/{_REPO}/refs", Handler.refs),
    ("GET", f"{_API}/{_REPO}/commits/{_REV}", Handler.commits),
    ("POST", f"{_API}/{_REPO}/preupload/{_REV}", Handler.preupload),
    ("POST", f"{_OF_SPACES}{_REPO}.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_put),
    ("POST", "/lfs-verify", Handler.lfs_verify),
    ("POST", f"{_API}/{_REPO}/commit/{_REV}", Handler.commit),
    ("POST", f"{_API}/{_REPO}/tag/{_REV}", Handler.tag),
    ("GET HEAD", f"{_OF_SPACES}{_REPO}/resolve/{_REV}/(?P<name>.+)", Handler.resolve),
)
