"""Routes of exports: what there is, a job for each, its folder as a zip, and an exported page.

A page that was exported to `web` can be opened here, to look at it before it is put anywhere. It
has the same origin as the page of this server, but a policy of its own: it loads and asks for
nothing outside of its own folder, so that it reaches neither the API nor other personas. Nothing of
it is kept in the browser: the header `Cache-Control: no-store` keeps its service worker from being
installed.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from popinjay import exporting
from popinjay.exporting.export import check_model, quant_for
from popinjay.exporting.sizes import kinds
from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.errors import error_responses
from popinjay.server.file_groups import file_inside, files_in
from popinjay.server.jobs.job import Job
from popinjay.server.routes.persona_files import binary_response, zip_response
from popinjay.server.state import AppState
from popinjay.store.job_events import EXPORT
from popinjay.store.run import Run

WEB = "web"
PAGES = "/exports"  # exported pages are below it
INDEX = "index.html"
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?", re.ASCII)


class KindRow(BaseModel):
    """A format that a persona can be exported to."""

    kind: str
    help: str = Field(description="What the format is, and which programs load it.")
    needs: str
    problem: str
    quants: list[str]
    sizes: dict[str, int]


class Exports(BaseModel):
    """What a persona can be exported to, and the exports that are there or under way."""

    kinds: list[KindRow]
    jobs: list[Job]


class ExportJobRequest(BaseModel):
    """An export to begin."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(max_length=100)
    quant: str | None = Field(default=None, max_length=100)


def routes(state: AppState) -> APIRouter:
    """Return the routes of exports."""
    router = APIRouter(tags=["exports"])
    of_persona = "/api/personas/{name}/exports"

    @router.get(of_persona, responses=error_responses(404, 409))
    def exports(name: str) -> Exports:
        """List the formats that a persona can be exported to, and its exports.

        Those of a model that was trained again since are left out.
        """
        run = catalog.find(state.home, name)
        check_model(run)
        return Exports(
            kinds=[
                KindRow(
                    kind=kind.name,
                    help=kind.help,
                    needs=kind.needs,
                    problem=kind.problem,
                    quants=list(kind.quants),
                    sizes=kind.sizes.get(name, {}),
                )
                for kind in kinds(run, for_page=True)
            ],
            jobs=[job for job in state.jobs.exports_of(name) if _is_current(state, run, job)],
        )

    @router.post(of_persona, status_code=201, responses=error_responses(404, 409, 429, 507))
    def export(name: str, request: ExportJobRequest) -> Job:
        """Queue a job that exports a persona. It takes the place of an earlier export of that kind.

        It is refused while another job makes or exports that persona. Nothing is published: the
        folder stays on this machine, to be downloaded or opened.
        """
        run = catalog.find(state.home, name)
        check_model(run)
        exporter = exporting.find(request.to)
        quant = quant_for(request.to, exporter, request.quant)
        exporter.check(run)
        state.jobs.check_idle(name)
        state.jobs.remove_exports(name, request.to)
        options = {"to": request.to, "quant": quant or None}
        return state.jobs.submit("export", [], None, run.name, options)

    @router.get(
        of_persona + "/{id}/zip",
        response_class=StreamingResponse,
        responses=binary_response("application/zip"),
    )
    def download(name: str, id: str) -> StreamingResponse:
        """Download a finished export as a zip."""
        folder = _folder(state, id, name)
        return zip_response(files_in(folder), folder.name)

    @router.get(PAGES + "/{id}/{path:path}", include_in_schema=False)
    def page(id: str, request: Request, path: str = "") -> FileResponse:
        folder = _folder(state, id)
        if state.jobs.get(id).options["to"] != WEB:
            raise ApiError(404, "This export is not a page.", "Download it instead.")
        file = file_inside(folder, path or INDEX)
        base = f"{PAGES}/{id}/"
        return FileResponse(
            file,
            media_type=TYPES.get(file.suffix, "application/octet-stream"),
            headers={"content-security-policy": _policy(request.headers["host"], base)},
        )

    return router


def _is_current(state: AppState, run: Run, job: Job) -> bool:
    """Return whether an export is under way, failed, or there and of the model as it is now."""
    if job.state != "done":
        return True
    is_there = not (job.result or {}).get("folder") or _place(state, job) is not None
    trained = run.record.finished("train")
    began = datetime.fromisoformat(job.started or job.created)
    return is_there and (trained is None or began >= trained)


def _place(state: AppState, job: Job) -> Path | None:
    """Return the folder that a job exported; None if it is not there."""
    name = (job.result or {}).get("folder")
    folder = state.jobs.folder(job.id) / EXPORT / str(name)
    return folder if job.state == "done" and name and folder.is_dir() else None


def _folder(state: AppState, id: str, name: str | None = None) -> Path:
    """Return the folder of a finished export, of this persona if one is named. Raises ApiError."""
    job = state.jobs.get(id)
    folder = _place(state, job) if job.doing == "export" and name in (None, job.name) else None
    if folder is None:
        raise ApiError(
            404,
            "There is no such export.",
            "It is not finished, it was replaced or removed, or nothing had to be written.",
        )
    return folder


def _policy(host: str, base: str) -> str:
    """Return the policy of an exported page: its own folder, and nothing else.

    A policy can't name an IPv6 address, nor a path without naming the host: there it is the origin.
    """
    own = f"http://{host}{base}" if _HOST.fullmatch(host) else "'self'"
    kinds = ("script", "worker", "connect", "img", "style", "manifest")
    rules = [f"{kind}-src {own}" for kind in kinds]
    rules[0] += " 'wasm-unsafe-eval'"
    rest = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    return "; ".join(["default-src 'none'", *rules, *rest])
