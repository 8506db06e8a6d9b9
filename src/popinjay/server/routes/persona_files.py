"""Routes of the files in a persona's folder: pictures, report, card, metrics, downloads."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from pydantic import BaseModel

from popinjay.picture.avatar import colours_of, initial_svg
from popinjay.report.saved import fragment_of, page_of
from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.errors import error_responses
from popinjay.server.file_groups import SHARED, FoundFile, Group, file_inside, files_in, zipped
from popinjay.server.state import AppState
from popinjay.stages.collect import picture_kind
from popinjay.store.run import Run
from popinjay.store.stage_table import PICTURE_FILE
from popinjay.summary import DAMAGED, authors_of

# Added to the policy that the report itself sets, which blocks all requests: the sandbox gives the
# report an origin of its own, so it can't reach the page or the API.
REPORT_POLICY = "sandbox allow-scripts; frame-ancestors 'self'"
DRAWING_POLICY = "default-src 'none'; sandbox"  # a drawing needs nothing from anywhere
REPORT_FILES = (
    "authors.json",
    "held_out.jsonl",
    "metrics.jsonl",
    "report.json",
    "samples.jsonl",
)
PICTURES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
REVALIDATE = {"cache-control": "private, no-cache"}
# Of the card's drawings: they may have styles, and neither scripts nor anything from elsewhere.
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class FileRow(BaseModel):
    """A file of a persona."""

    name: str
    bytes: int
    group: Group


class Card(BaseModel):
    """The content of README.md."""

    markdown: str


def binary_response(kind: str) -> dict[int | str, dict[str, Any]]:
    """Describe the response of a route that does not return JSON."""
    return {
        **error_responses(404, 409),
        200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}},
    }


def zip_response(files: Iterable[FoundFile], top: str) -> StreamingResponse:
    """Return a zip of files below a folder `top` as a download, which is never held as a whole."""
    return StreamingResponse(
        zipped(files, top),
        media_type="application/zip",
        headers={"content-disposition": f"attachment; filename*=utf-8''{quote(top)}.zip"},
    )


def routes(state: AppState) -> APIRouter:
    """Return the routes of a persona's files."""
    router = APIRouter(prefix="/api/personas/{name}", tags=["personas"])
    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}

    @router.get(
        "/picture", response_class=Response, responses=binary_response("image/png") | unchanged
    )
    def picture(name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """Return the card's picture."""
        return _image(_file(catalog.find(state.home, name), PICTURE_FILE), if_none_match)

    @router.get(
        "/avatar/{handle}",
        response_class=Response,
        responses=binary_response("image/*") | unchanged,
    )
    def avatar(name: str, handle: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """Return an author's avatar: the picture that their posts came with, or an initial."""
        run = catalog.find(state.home, name)
        authors = authors_of(run)
        author = next((author for author in authors if author.handle == handle), None)
        if author is None:
            raise ApiError(404, "There is no such author.")
        folder = run.file("avatars")
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.stem == handle and _kind(path) is not None:
                return _image(path, if_none_match)
        colour = colours_of([author.handle for author in authors])[handle]
        return _drawing(initial_svg(author.name, handle, colour), if_none_match)

    @router.get("/report", response_class=Response, responses=binary_response("text/html"))
    def report(name: str) -> Response:
        """Return the report, an HTML page that is isolated from this one."""
        run = catalog.find(state.home, name)
        if not run.file("report.html").is_file():
            return _report(run, page_of)
        return FileResponse(
            run.file("report.html"),
            media_type="text/html",
            headers={"content-security-policy": REPORT_POLICY},
        )

    @router.get("/report/content", response_class=Response, responses=binary_response("text/html"))
    def report_content(name: str) -> Response:
        """Return the report's content as HTML, for the page to show it within itself."""
        return _report(catalog.find(state.home, name), fragment_of)

    @router.get("/card", responses=error_responses(404, 409))
    def card(name: str) -> Card:
        """Return the card's text."""
        return Card(
            markdown=_file(catalog.find(state.home, name), "README.md").read_text(
                encoding="utf-8", errors="replace"
            )
        )

    @router.get(
        "/shown/{path:path}",
        response_class=Response,
        responses=binary_response("image/*") | unchanged,
    )
    def shown(name: str, path: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """Return a picture or a drawing that the card shows."""
        found = file_inside(catalog.find(state.home, name).path, path)
        if found.suffix != ".svg":
            return _image(found, if_none_match)
        return FileResponse(
            found,
            media_type="image/svg+xml",
            headers={**REVALIDATE, "content-security-policy": SVG_POLICY},
        )

    @router.get("/metrics", responses=error_responses(404, 409))
    def metrics(name: str) -> list[dict[str, Any]]:
        """Return the metrics of the training."""
        return _rows(_file(catalog.find(state.home, name), "metrics.jsonl"))

    @router.get("/files", responses=error_responses(404, 409))
    def files(name: str) -> list[FileRow]:
        """List all files, each with its group: who may have it."""
        return [
            FileRow(name=file.name, bytes=file.path.stat().st_size, group=file.group)
            for file in files_in(catalog.find(state.home, name).path)
        ]

    @router.get(
        "/zip", response_class=StreamingResponse, responses=binary_response("application/zip")
    )
    def download(name: str, what: Literal["share", "everything"] = "share") -> StreamingResponse:
        """Download the files as a zip: the card and the model, or everything, with all posts."""
        files = files_in(catalog.find(state.home, name).path)
        chosen = [file for file in files if what == "everything" or file.group in SHARED]
        return zip_response(chosen, name)

    @router.get(
        "/files/{path:path}",
        response_class=Response,
        responses=binary_response("application/octet-stream"),
    )
    def file(name: str, path: str) -> Response:
        """Download one file."""
        found = file_inside(catalog.find(state.home, name).path, path)
        return FileResponse(
            found,
            media_type="application/octet-stream",
            filename=found.name,
            content_disposition_type="attachment",
        )

    return router


def _report(run: Run, written: Callable[[Run], str]) -> HTMLResponse:
    """Return the report as it is written now. Raises ApiError if it can't be."""
    for needed in REPORT_FILES:
        _file(run, needed)
    try:
        text = written(run)
    except DAMAGED as error:
        raise ApiError(409, "The report can’t be read.", "Measure the persona again.") from error
    return HTMLResponse(text, headers={"content-security-policy": REPORT_POLICY})


def _file(run: Run, name: str) -> Path:
    if not run.file(name).is_file():
        raise ApiError(
            404,
            f"{run.name!r} has no {name} yet.",
            "It is made once the persona is trained and measured.",
        )
    return run.file(name)


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file; damaged lines are skipped."""
    found = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [row for row in found if isinstance(row, dict)]


def _kind(file: Path) -> str | None:
    """Return the suffix of a picture's file by its content; None if it is not a picture."""
    with file.open("rb") as stream:
        return picture_kind(stream.read(16))


def _drawing(svg: str, known: str) -> Response:
    """Return a drawing, or 304 if `known` is its ETag."""
    tag = f'"{hashlib.sha256(svg.encode()).hexdigest()[:32]}"'
    headers = {**REVALIDATE, "etag": tag, "content-security-policy": DRAWING_POLICY}
    if known == tag:
        return Response(status_code=304, headers=headers)
    return Response(svg, media_type="image/svg+xml", headers=headers)


def _image(file: Path, known: str) -> Response:
    """Return a picture with the type of its content, or 304 if `known` is its ETag."""
    kind = _kind(file)
    if kind is None:
        raise ApiError(404, "The file is not a picture.")
    stat = file.stat()
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    if known == tag:
        return Response(status_code=304, headers={**REVALIDATE, "etag": tag})
    return FileResponse(file, media_type=PICTURES[kind], headers={**REVALIDATE, "etag": tag})
