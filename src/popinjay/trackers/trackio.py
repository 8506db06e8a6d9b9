"""trackio: local, without an account or a server. Files in `TRACKIO_DIR`, or beside the personas."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from popinjay.errors import TrackerError
from popinjay.trackers import Artifact, Location, Tracker, is_installed, plain_name


def _folder(folder: Path) -> str:
    return str(Path(os.environ.get("TRACKIO_DIR") or folder / "trackio").absolute())


def _project(persona: str) -> str:
    """A persona's project. trackio leaves dots out of file names, so that `a.b` and `ab` would be one."""
    return plain_name(persona, "_-")


def _import(folder: str) -> Any:
    """trackio with its files in this folder, kept to this machine: what would send its data elsewhere is unset, whoever set it."""
    os.environ["TRACKIO_DIR"] = folder
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    for name in (
        "TRACKIO_SPACE_ID",
        "TRACKIO_SERVER_URL",
        "TRACKIO_BUCKET_ID",
        "TRACKIO_DATASET_ID",
        "TRACKIO_WEBHOOK_URL",
        "GRADIO_SHARE",
    ):
        os.environ.pop(name, None)
    import trackio

    return trackio


class Trackio(Tracker):
    """A project a persona, a run a job, an artifact a version."""

    HELP = "local, with a dashboard: popinjay track NAME"
    MODULE: ClassVar[str] = "trackio"

    def __init__(self, persona: str, folder: Path) -> None:
        super().__init__(persona, folder)
        self._trackio = _import(_folder(folder))
        self._project = _project(persona)
        self._run: Any = None
        self._step = 0

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """Its folder, for all personas."""
        return Location(_folder(folder))

    @classmethod
    def forget(cls, persona: str, place: Location) -> str:
        """Delete the persona's project: runs, tables and artifacts."""
        trackio, project = _import(place.folder), _project(persona)
        if project in _projects(trackio) and not trackio.delete_project(project, force=True):
            raise TrackerError(
                f"trackio did not delete its project {project!r}.", "Is it open in another program?"
            )
        return ""

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """A new run of the project."""
        self._step = 0
        self._run = self._init(job, group=kind, config=dict(config))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers at a step."""
        self._step = step
        self._run.log(dict(numbers), step=step)

    def sample(self, step: int, text: str) -> None:
        """A table of one post."""
        self._run.log({"sample": self._trackio.Table(columns=["text"], data=[[text]])}, step=step)

    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """The summary as numbers of the last step, then the versions. What is used and not in the project yet is put there by a run of its own."""
        self._run.log({**numbers, "done": float(done)}, step=self._step)
        if new := [artifact for artifact in uses if not self._use(artifact)]:
            name = self._run.name
            self._run.finish()
            self._run = self._init(f"@{self.persona}-inputs", group="inputs", config={})
            for artifact in new:
                self._put(artifact, {})
            self._run.finish()
            self._run = self._init(name, resume="must")
            for artifact in new:
                self._use(artifact)
        for artifact in makes:
            self._put(artifact, facts)
        self._run.finish()

    def _init(self, name: str, **more: Any) -> Any:
        return self._trackio.init(
            project=self._project,
            name=name,
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
            **more,
        )

    def _use(self, artifact: Artifact) -> bool:
        """Say that the run uses a version; whether the project has it."""
        try:
            self._run.use_artifact(f"{plain_name(artifact.name)}:{artifact.hash[:12]}")
        except ValueError:
            return False
        return True

    def _put(self, artifact: Artifact, facts: Mapping[str, Any]) -> None:
        """Say that the run made a version."""
        logged = self._trackio.Artifact(
            plain_name(artifact.name), artifact.type, metadata={**facts, **artifact.facts}
        )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "artifact.json"
            file.write_text(artifact.described(), encoding="utf-8")
            for path in (str(file), *artifact.files):
                logged.add_file(path)
            self._run.log_artifact(logged, aliases=[artifact.hash[:12]])


def _projects(trackio: Any) -> list[str]:
    from trackio.sqlite_storage import SQLiteStorage

    return [str(name) for name in SQLiteStorage.get_projects()]


@contextlib.contextmanager
def dashboard(persona: str, folder: Path, port: int | None = None) -> Iterator[str]:
    """trackio's dashboard on a port of this machine, and the address of this persona's page in it.

    Raises TrackerError where trackio is not installed or knows nothing of the persona.
    """
    if not is_installed("trackio"):
        raise TrackerError(
            "The dashboard is trackio's, which is not installed.",
            "Install it with: pip install 'popinjay[trackio]'",
        )
    trackio, project = _import(_folder(folder)), _project(persona)
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # it prints a token that lets whoever has it write
        if project not in _projects(trackio):
            raise TrackerError(
                f"trackio knows nothing of {persona!r}.",
                "Make it with: popinjay make SPEC --track trackio",
            )
        server, address, *_ = trackio.show(
            project,
            open_browser=False,
            block_thread=False,
            share=False,
            host="127.0.0.1",
            server_port=port,
        )
    try:
        yield f"{address.rstrip('/')}/?project={project}"
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.close()
