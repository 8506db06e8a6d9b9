"""trackio: local, without an account or a server.

Its files are in `TRACKIO_DIR`, or beside the personas.
"""

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
    """Return the name of a persona's project.

    It has no dots, which trackio drops in file names: `a.b` and `ab` would be the same.
    """
    return plain_name(persona, "_-")


def _import(folder: str) -> Any:
    """Import trackio with its files in this folder.

    Environment variables that would send its data elsewhere are unset.
    """
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
    """One project per persona, one run per job, one artifact per version."""

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
        """Return its folder, which all personas share."""
        return Location(_folder(folder))

    @classmethod
    def forget(cls, persona: str, location: Location) -> str:
        """Delete the persona's project: runs, tables and artifacts."""
        trackio = _import(location.folder)
        project = _project(persona)
        if project in _projects(trackio) and not trackio.delete_project(project, force=True):
            raise TrackerError(
                f"trackio did not delete its project {project!r}.", "Is it open in another program?"
            )
        return ""

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """Start a run of the project."""
        self._step = 0
        self._run = self._init(job, group=kind, config=dict(config))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log metrics at a step."""
        self._step = step
        self._run.log(dict(numbers), step=step)

    def sample(self, step: int, text: str) -> None:
        """Log a post as a table."""
        self._run.log({"sample": self._trackio.Table(columns=["text"], data=[[text]])}, step=step)

    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """Log the final metrics at the last step, then the artifacts.

        An artifact that is used but not in the project is added by a separate run.
        """
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

    def _init(self, name: str, **kwargs: Any) -> Any:
        return self._trackio.init(
            project=self._project,
            name=name,
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
            **kwargs,
        )

    def _use(self, artifact: Artifact) -> bool:
        """Log that the run uses an artifact; return whether the project has it."""
        try:
            self._run.use_artifact(f"{plain_name(artifact.name)}:{artifact.hash[:12]}")
        except ValueError:
            return False
        return True

    def _put(self, artifact: Artifact, facts: Mapping[str, Any]) -> None:
        """Log that the run made an artifact."""
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
    """Return the names of all projects."""
    from trackio.sqlite_storage import SQLiteStorage

    return [str(name) for name in SQLiteStorage.get_projects()]


@contextlib.contextmanager
def dashboard(persona: str, folder: Path, port: int | None = None) -> Iterator[str]:
    """Serve trackio's dashboard on this machine, and yield the address of a persona's page.

    Raises TrackerError if trackio is not installed, or has no data of the persona.
    """
    if not is_installed("trackio"):
        raise TrackerError(
            "The dashboard is trackio's, which is not installed.",
            "Install it with: pip install 'popinjay[trackio]'",
        )
    trackio = _import(_folder(folder))
    project = _project(persona)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a token that permits writing
        if project not in _projects(trackio):
            raise TrackerError(
                f"trackio has no data of {persona!r}.",
                "To track a persona: popinjay make SPEC --track trackio",
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
