"""MLflow: the server that `MLFLOW_TRACKING_URI` names."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from popinjay.errors import OptionError
from popinjay.trackers import Artifact, Location, Tracker, plain_name

URI = "MLFLOW_TRACKING_URI"
MAX_BATCH_METRICS = 500  # in one request; the server's limit is 1,000
BATCH_SECONDS = 1.0  # between requests
MODELS = ("pretrained-model", "finetuned-model")  # types of artifacts; all others are datasets
JOB = "popinjay.job"  # a tag of popinjay's runs


def _client(uri: str) -> Any:
    """Return a client without telemetry, and with short timeouts."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient

    return MlflowClient(uri)


def _address(uri: str) -> str:
    """Return the address of a server or store, without a login; paths are absolute."""
    parts = urlsplit(uri)
    if parts.scheme == "sqlite":
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    if not parts.scheme and not uri.startswith("databricks"):
        return str(Path(uri).absolute())
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_local(address: str) -> bool:
    """Return whether an address is on this machine."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme in ("file", "sqlite") or Path(address).is_absolute()


class MLflow(Tracker):
    """One experiment per persona, one run per job.

    Raw posts and datasets are logged as dataset inputs, models as logged models.
    """

    HELP = f"the MLflow server that {URI} names"
    MODULE: ClassVar[str] = "mlflow"

    def __init__(self, persona: str, folder: Path) -> None:
        super().__init__(persona, folder)
        self._client = _client(os.environ[URI])
        found = self._client.get_experiment_by_name(persona)
        self._experiment = found.experiment_id if found else self._client.create_experiment(persona)
        self._run = ""
        self._step = 0
        self._metrics: list[Any] = []  # not sent yet
        self._sent = time.monotonic()

    @classmethod
    def check(cls) -> None:
        """Raise OptionError if it is not installed, or if no server is set."""
        super().check()
        if not os.environ.get(URI):
            raise OptionError(
                "MLflow needs the address of its server.",
                f"Start one with: mlflow server; then set {URI}=http://127.0.0.1:5000",
            )

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """Return the address of the server."""
        return Location(address=_address(os.environ[URI]))

    @classmethod
    def forget(cls, persona: str, location: Location) -> str:
        """Delete the files of the persona's runs, which have the texts, if they are local."""
        if not _is_local(location.address):
            return (
                f"Its data is on another machine, {location.address}: "
                f"delete the experiment {persona!r} there, then run there: mlflow gc"
            )
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri = os.environ.get(URI, "")  # may have a login
        if not uri or _address(uri) != location.address:
            uri = location.address
        client = _client(uri)
        if experiment := client.get_experiment_by_name(persona):
            for run in _runs(client, experiment.experiment_id):
                files: Any = get_artifact_repository(run.info.artifact_uri, tracking_uri=uri)
                files.delete_artifacts()
        return ""

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """Create a run."""
        from mlflow.entities import Param

        self._step = 0
        self._metrics = []
        tags = {"mlflow.source.name": "popinjay", "mlflow.source.type": "JOB", JOB: kind}
        self._run = self._client.create_run(self._experiment, run_name=job, tags=tags).info.run_id
        self._client.log_batch(
            self._run, params=[Param(key, str(value)) for key, value in config.items()]
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log metrics, those of several steps in one request."""
        from mlflow.entities import Metric

        self._step = step
        self._metrics += [
            Metric(name, value, round(time.time() * 1000), step) for name, value in numbers.items()
        ]
        if len(self._metrics) >= MAX_BATCH_METRICS or time.monotonic() - self._sent > BATCH_SECONDS:
            self._send()

    def _send(self) -> None:
        for start in range(0, len(self._metrics), MAX_BATCH_METRICS):
            self._client.log_batch(
                self._run, metrics=self._metrics[start : start + MAX_BATCH_METRICS]
            )
        self._metrics = []
        self._sent = time.monotonic()

    def sample(self, step: int, text: str) -> None:
        """Log a post as a file of the run."""
        self._client.log_text(self._run, text, f"samples/{step}.txt")

    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """Log the final metrics and the artifacts, and end the run."""
        self.log(self._step, {**numbers, **facts})
        self._send()
        for artifact in uses:
            self._link(artifact, "used")
        for artifact in makes:
            self._link(artifact, "made")
            for path in artifact.files:
                self._client.log_artifact(self._run, path, artifact_path=plain_name(artifact.name))
        self._client.set_terminated(self._run, "FINISHED" if done else "FAILED")

    def _link(self, artifact: Artifact, how: str) -> None:
        """Log that the run "used" or "made" an artifact."""
        from mlflow.entities import (
            Dataset,
            DatasetInput,
            InputTag,
            LoggedModelInput,
            LoggedModelOutput,
        )

        if artifact.type in MODELS:
            model = self._model(artifact)
            if how == "made":
                self._client.log_outputs(self._run, [LoggedModelOutput(model, self._step)])
            else:
                self._client.log_inputs(self._run, models=[LoggedModelInput(model)])
        else:
            dataset = Dataset(
                artifact.name, artifact.hash[:32], "popinjay", json.dumps(artifact.facts)
            )
            tags = [
                InputTag("mlflow.data.context", f"{artifact.type}, {how}"),
                InputTag("popinjay.version", f"v{artifact.version}"),
            ]
            self._client.log_inputs(self._run, datasets=[DatasetInput(dataset, tags)])

    def _model(self, artifact: Artifact) -> str:
        """Return the id of an artifact's logged model, which is created if there is none.

        Its files are not uploaded: `popinjay publish` is for that.
        """
        name = plain_name(artifact.name)
        for model in self._logged():
            if model.name == name and model.tags.get("hash") == artifact.hash:
                return str(model.model_id)
        tags = {**artifact.facts, "type": artifact.type}
        created = self._client.create_logged_model(
            self._experiment,
            name=name,
            source_run_id=self._run,
            tags=tags,
            model_type=artifact.type,
        )
        self._client.finalize_logged_model(created.model_id, "READY")
        return str(created.model_id)

    def _logged(self) -> Iterator[Any]:
        """Yield all logged models of the experiment."""
        token = None
        while True:
            page = self._client.search_logged_models([self._experiment], page_token=token)
            yield from page
            if not (token := page.token):
                return


def _runs(client: Any, experiment: str) -> Iterator[Any]:
    """Yield popinjay's runs of an experiment.

    That includes deleted runs, whose files exist until `mlflow gc`.
    """
    from mlflow.entities import ViewType

    token = None
    while True:
        page = client.search_runs([experiment], run_view_type=ViewType.ALL, page_token=token)
        yield from (run for run in page if JOB in run.data.tags)
        if not (token := page.token):
            return
