"""Routes of what lies in a persona's folder: its picture, its report, its card, all its files to download."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState
from popinjay.stages.collect import picture_kind
from popinjay.store.run import Run
from popinjay.store.stage_table import PICTURE_FILE

REPORT_POLICY = "sandbox allow-scripts; frame-ancestors 'self'"  # beside its own, which lets nothing in: no page of ours is in its reach
PICTURES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
ASK_AGAIN = {"cache-control": "private, no-cache"}


class FileRow(BaseModel):
    """A file of a persona."""

    name: str
    bytes: int


class Card(BaseModel):
    """README.md, as it is."""

    markdown: str


def binary(kind: str) -> dict[int | str, dict[str, Any]]:
    """A route's answer that is no JSON, described."""
    return {
        **may_refuse(404, 409),
        200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}},
    }


def routes(place: AppState) -> APIRouter:
    """What is read from a persona's folder."""
    router = APIRouter(prefix="/api/personas/{name}", tags=["personas"])
    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "It is as it was"}}

    @router.get("/picture", response_class=Response, responses=binary("image/png") | unchanged)
    def picture(name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """The card's picture."""
        return _image(_file(catalog.find(place.home, name), PICTURE_FILE), if_none_match)

    @router.get(
        "/avatar/{handle}", response_class=Response, responses=binary("image/*") | unchanged
    )
    def avatar(name: str, handle: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """An author's picture."""
        folder = catalog.find(place.home, name).file("avatars")
        found = next(
            (path for path in (folder.iterdir() if folder.is_dir() else ()) if path.stem == handle),
            None,
        )
        if found is None:
            raise ApiError(404, "There is no picture of them.")
        return _image(found, if_none_match)

    @router.get("/report", response_class=Response, responses=binary("text/html"))
    def report(name: str) -> Response:
        """The report, a page of its own that is kept apart from this one."""
        file = _file(catalog.find(place.home, name), "report.html")
        return FileResponse(
            file, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
        )

    @router.get("/card", responses=may_refuse(404, 409))
    def card(name: str) -> Card:
        """The card's text."""
        return Card(
            markdown=_file(catalog.find(place.home, name), "README.md").read_text(
                encoding="utf-8", errors="replace"
            )
        )

    @router.get("/metrics", responses=may_refuse(404, 409))
    def metrics(name: str) -> list[dict[str, Any]]:
        """What was measured while it learnt."""
        return _rows(_file(catalog.find(place.home, name), "metrics.jsonl"))

    @router.get("/files", responses=may_refuse(404, 409))
    def files(name: str) -> list[FileRow]:
        """All files, to download."""
        return sorted(_files(catalog.find(place.home, name).path), key=lambda file: file.name)

    @router.get(
        "/files/{path:path}", response_class=Response, responses=binary("application/octet-stream")
    )
    def file(name: str, path: str) -> Response:
        """One file, to be saved and not shown."""
        found = inside(catalog.find(place.home, name), path)
        return FileResponse(
            found,
            media_type="application/octet-stream",
            filename=found.name,
            content_disposition_type="attachment",
        )

    return router


def _file(run: Run, name: str) -> Path:
    if not run.file(name).is_file():
        raise ApiError(
            404,
            f"{run.name!r} has no {name} yet.",
            "It is made in one of the stages that are to come.",
        )
    return run.file(name)


def _rows(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, as far as nobody changed them into something else."""
    found = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [row for row in found if isinstance(row, dict)]


def inside(run: Run, path: str) -> Path:
    """A file of a persona by its path in the folder. Raises Refused for what is none, hidden, or elsewhere."""
    missing = ApiError(404, "There is no such file.", "See which there are: /files")
    parts = path.split("/")
    if any(not part or part.startswith(".") or "\\" in part or "\x00" in part for part in parts):
        raise missing
    try:
        found, folder = run.path.joinpath(*parts).resolve(strict=True), run.path.resolve()
    except (OSError, ValueError):
        raise missing from None
    if not found.is_relative_to(folder) or not found.is_file():
        raise missing
    return found


def _files(folder: Path) -> Iterator[FileRow]:
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(path, name)
            if not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield FileRow(name=file.relative_to(folder).as_posix(), bytes=file.stat().st_size)


def _image(file: Path, known: str) -> Response:
    """A picture, by what it is and not by what it is called; asked for again only where it changed."""
    with file.open("rb") as stream:
        kind = picture_kind(stream.read(16))
    if kind is None:
        raise ApiError(404, "That is no picture.")
    stat = file.stat()
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    if known == tag:
        return Response(status_code=304, headers={**ASK_AGAIN, "etag": tag})
    return FileResponse(file, media_type=PICTURES[kind], headers={**ASK_AGAIN, "etag": tag})
