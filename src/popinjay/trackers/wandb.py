"""Weights & Biases, with the graph of artifacts that HuggingTweets had.

Without a login or a network it writes to disk, for `wandb sync` later.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from popinjay.errors import TrackerError
from popinjay.trackers import Artifact, Location, Tracker, plain_name

LOGIN_SECONDS = 20.0  # until it goes offline


def _project() -> str:
    return os.environ.get("WANDB_PROJECT") or "popinjay"


class WeightsAndBiases(Tracker):
    """One run per job, in one group per persona.

    The user may set `WANDB_PROJECT`, `WANDB_ENTITY`, `WANDB_MODE` and `WANDB_DIR`. All local files
    are in one folder per persona, so that it can be synced, and deleted, as a whole.
    """

    HELP = "Weights & Biases, online where you are logged in, else offline"
    MODULE: ClassVar[str] = "wandb"

    def __init__(self, persona: str, folder: Path) -> None:
        super().__init__(persona, folder)
        own = Path(self.location(persona, folder).folder)
        own.mkdir(parents=True, exist_ok=True)
        os.environ["WANDB_DIR"] = str(own)
        os.environ["WANDB_DATA_DIR"] = str(own / "data")  # copies of artifacts
        os.environ["WANDB_CACHE_DIR"] = str(own / "cache")  # copies of artifacts
        os.environ.setdefault("WANDB_CONFIG_DIR", str(own / "config"))  # not the user's home
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        import wandb

        self._wandb = wandb
        self._run: Any = None

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """Return the persona's folder, and the project on W&B's server."""
        root = Path(os.environ.get("WANDB_DIR") or folder).absolute()
        own = root / "popinjay-wandb" / plain_name(persona)
        entity = os.environ.get("WANDB_ENTITY")
        project = f"{entity}/{_project()}" if entity else _project()
        url = os.environ.get("WANDB_BASE_URL") or "https://wandb.ai"
        server = re.sub("//[^/]*@", "//", url)  # without a login
        return Location(str(own), f"the project {project} on {server}")

    @classmethod
    def advice(cls, location: Location) -> str:
        """Return how to sync offline runs, if there are any."""
        runs = Path(location.folder) / "wandb"
        unsynced = [
            file
            for file in runs.glob("offline-run-*/run-*.wandb")
            if not file.with_suffix(".wandb.synced").exists()
        ]
        return (
            f"Written offline; to send it to your account: wandb sync {shlex.quote(str(runs))}"
            if unsynced
            else ""
        )

    @classmethod
    def forget(cls, persona: str, location: Location) -> str:
        """Delete the persona's folder. It is unknown whether any of it was synced."""
        folder = Path(location.folder)
        if folder.parts[-2:] != ("popinjay-wandb", plain_name(persona)) or ".." in folder.parts:
            raise TrackerError(f"{folder} is not the folder of a persona's runs.", "")
        if folder.exists():
            shutil.rmtree(folder)
        return (
            f"{location.folder} is deleted. If any of it was synced or sent online, it is still "
            f"there: delete the runs and artifacts of the group {persona!r} in {location.address}."
        )

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """Start a run; offline if the user has set no mode, and the server refuses."""
        mode = os.environ.get("WANDB_MODE")
        try:
            self._run = self._init(job, kind, config, mode or "online")
        except self._wandb.Error:
            if mode:
                raise
            self._run = self._init(job, kind, config, "offline")

    def _init(self, job: str, kind: str, config: Mapping[str, Any], mode: Any) -> Any:
        """Start a run without data on the command line, machine, code or terminal."""
        settings = self._wandb.Settings(
            mode=mode,
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            init_timeout=LOGIN_SECONDS,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        return self._wandb.init(
            project=_project(),
            name=job,
            group=self.persona,
            job_type=kind,
            config=dict(config),
            settings=settings,
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log metrics at a step."""
        self._run.log(dict(numbers), step=step)

    def sample(self, step: int, text: str) -> None:
        """Log a post as a table."""
        self._run.log({"sample": self._wandb.Table(columns=["text"], data=[[text]])}, step=step)

    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """Log the summary and the artifacts, and end the run."""
        self._run.summary.update({**numbers, **facts})
        for artifact in uses:
            self._use(self._artifact(artifact))
        for artifact in makes:
            self._run.log_artifact(self._artifact(artifact))
        self._run.finish(exit_code=0 if done else 1)

    def _use(self, artifact: Any) -> None:
        """Log that the run uses an artifact, which is created if need be.

        Offline, `use_artifact` refuses, but `wandb sync` understands the record that it would
        write: this writes that record.
        """
        if self._run.offline:
            self._run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
        else:
            self._run.use_artifact(artifact)

    def _artifact(self, artifact: Artifact) -> Any:
        """Return W&B's artifact, whose version depends on its content only."""
        logged = self._wandb.Artifact(
            plain_name(artifact.name), artifact.type, metadata=artifact.facts
        )
        with logged.new_file("artifact.json") as file:
            file.write(artifact.described())
        for path in artifact.files:
            logged.add_file(path)
        return logged
