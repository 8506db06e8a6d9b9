"""Weights & Biases: the graph that HuggingTweets drew. Without a login or a network it writes to disk, for `wandb sync` later."""

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

LOGIN_SECONDS = 20.0  # until it goes on without the network


def _project() -> str:
    return os.environ.get("WANDB_PROJECT") or "popinjay"


class WeightsAndBiases(Tracker):
    """A run a job, in one group a persona. `WANDB_PROJECT`, `WANDB_ENTITY`, `WANDB_MODE` and `WANDB_DIR` are the user's.

    All that it leaves on this machine lies in one folder a persona, so that it can be synced, and removed, as a whole.
    """

    HELP = "Weights & Biases, online where you are logged in, else offline"
    MODULE: ClassVar[str] = "wandb"

    def __init__(self, persona: str, folder: Path) -> None:
        super().__init__(persona, folder)
        own = Path(self.location(persona, folder).folder)
        own.mkdir(parents=True, exist_ok=True)
        os.environ["WANDB_DIR"] = str(own)
        os.environ["WANDB_DATA_DIR"], os.environ["WANDB_CACHE_DIR"] = (
            str(own / "data"),
            str(own / "cache"),
        )  # where copies of artifacts lie
        os.environ.setdefault(
            "WANDB_CONFIG_DIR", str(own / "config")
        )  # what it would otherwise leave about the home folder
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        import wandb

        self._wandb = wandb
        self._run: Any = None

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """A folder of the persona's own, and the project on W&B's server."""
        own = (
            Path(os.environ.get("WANDB_DIR") or folder).absolute()
            / "popinjay-wandb"
            / plain_name(persona)
        )
        entity, server = (
            os.environ.get("WANDB_ENTITY"),
            re.sub("//[^/]*@", "//", os.environ.get("WANDB_BASE_URL") or "https://wandb.ai"),
        )
        return Location(
            str(own), f"the project {entity + '/' if entity else ''}{_project()} on {server}"
        )

    @classmethod
    def advice(cls, place: Location) -> str:
        """How to sync what was written offline."""
        runs = Path(place.folder) / "wandb"
        waiting = [
            file
            for file in runs.glob("offline-run-*/run-*.wandb")
            if not file.with_suffix(".wandb.synced").exists()
        ]
        return (
            f"Written offline; to send it to your account: wandb sync {shlex.quote(str(runs))}"
            if waiting
            else ""
        )

    @classmethod
    def forget(cls, persona: str, place: Location) -> str:
        """Remove the persona's folder. Whether something was synced from it since, nobody here knows."""
        folder = Path(place.folder)
        if folder.parts[-2:] != ("popinjay-wandb", plain_name(persona)) or ".." in folder.parts:
            raise TrackerError(f"{folder} is not where a persona's runs are kept.", "")
        if folder.exists():
            shutil.rmtree(folder)
        there = f"delete the runs and artifacts of the group {persona!r} in {place.address}"
        return f"{place.folder} is removed. If any of it was synced or told online, it is there still: {there}."

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """A new run; offline where there is neither a word on it nor a server that takes us."""
        asked = os.environ.get("WANDB_MODE")
        try:
            self._run = self._init(job, kind, config, asked or "online")
        except self._wandb.Error:
            if asked:
                raise
            self._run = self._init(job, kind, config, "offline")

    def _init(self, job: str, kind: str, config: Mapping[str, Any], mode: Any) -> Any:
        """A run that tells what we tell: not the command line, the machine, the code or the terminal."""
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
        """Numbers at a step."""
        self._run.log(dict(numbers), step=step)

    def sample(self, step: int, text: str) -> None:
        """A table of one post."""
        self._run.log({"sample": self._wandb.Table(columns=["text"], data=[[text]])}, step=step)

    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """The summary and the versions."""
        self._run.summary.update({**numbers, **facts})
        for artifact in uses:
            self._use(self._artifact(artifact))
        for artifact in makes:
            self._run.log_artifact(self._artifact(artifact))
        self._run.finish(exit_code=0 if done else 1)

    def _use(self, artifact: Any) -> None:
        """Say that the run uses a version, which comes to be thereby if need be.

        Offline, `use_artifact` refuses, though the record it would write is understood by `wandb sync`: this writes that record.
        """
        if self._run.offline:
            self._run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
        else:
            self._run.use_artifact(artifact)

    def _artifact(self, artifact: Artifact) -> Any:
        """A version as W&B has it: same content, same version."""
        made = self._wandb.Artifact(
            plain_name(artifact.name), artifact.type, metadata=artifact.facts
        )
        with made.new_file("artifact.json") as file:
            file.write(artifact.described())
        for path in artifact.files:
            made.add_file(path)
        return made
