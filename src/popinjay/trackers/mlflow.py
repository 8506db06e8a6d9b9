"""MLflow: the server that `MLFLOW_TRACKING_URI` names."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from popinjay.errors import OptionError
from popinjay.trackers import Artifact, Tracker, plain_name

URI = "MLFLOW_TRACKING_URI"
AT_ONCE = 500  # numbers in one request; the server takes 1,000
SECONDS = 1.0  # between requests
MODELS = ("pretrained-model", "finetuned-model")  # logged models in MLflow; everything else is a dataset


class MLflow(Tracker):
    """An experiment a persona, a run a job. Raw posts and datasets are MLflow's dataset inputs, models its logged models."""

    HELP = f"the MLflow server that {URI} names"
    MODULE: ClassVar[str] = "mlflow"

    def __init__(self, persona: str, folder: Path) -> None:
        super().__init__(persona, folder)
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        from mlflow import MlflowClient

        self._client = MlflowClient(os.environ[URI])
        found = self._client.get_experiment_by_name(persona)
        self._experiment = found.experiment_id if found else self._client.create_experiment(persona)
        self._run = ""
        self._step = 0
        self._waiting: list[Any] = []
        self._sent = time.monotonic()

    @classmethod
    def check(cls) -> None:
        """Raises OptionError where it is not installed, or no server is named."""
        super().check()
        if not os.environ.get(URI):
            raise OptionError("MLflow needs the address of its server.", f"Start one with: mlflow server; then set {URI}=http://127.0.0.1:5000")

    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """A new run."""
        from mlflow.entities import Param

        self._step, self._waiting = 0, []
        tags = {"mlflow.source.name": "popinjay", "mlflow.source.type": "JOB", "popinjay.job": kind}
        self._run = self._client.create_run(self._experiment, run_name=job, tags=tags).info.run_id
        self._client.log_batch(self._run, params=[Param(key, str(value)) for key, value in config.items()])

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers at a step, some steps in one request."""
        from mlflow.entities import Metric

        self._step = step
        self._waiting += [Metric(name, value, round(time.time() * 1000), step) for name, value in numbers.items()]
        if len(self._waiting) >= AT_ONCE or time.monotonic() - self._sent > SECONDS:
            self._send()

    def _send(self) -> None:
        for start in range(0, len(self._waiting), AT_ONCE):
            self._client.log_batch(self._run, metrics=self._waiting[start : start + AT_ONCE])
        self._waiting, self._sent = [], time.monotonic()

    def sample(self, step: int, text: str) -> None:
        """A file of the run."""
        self._client.log_text(self._run, text, f"samples/{step}.txt")

    def finish(self, done: bool, numbers: Mapping[str, float], facts: Mapping[str, Any], uses: Sequence[Artifact], makes: Sequence[Artifact]) -> None:
        """The summary and the versions."""
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
        """Say that the run used or made a version."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

        if artifact.type in MODELS:
            model = self._model(artifact)
            if how == "made":
                self._client.log_outputs(self._run, [LoggedModelOutput(model, self._step)])
            else:
                self._client.log_inputs(self._run, models=[LoggedModelInput(model)])
        else:
            dataset = Dataset(artifact.name, artifact.hash[:32], "popinjay", json.dumps(artifact.facts))
            tags = [InputTag("mlflow.data.context", f"{artifact.type}, {how}"), InputTag("popinjay.version", f"v{artifact.version}")]
            self._client.log_inputs(self._run, datasets=[DatasetInput(dataset, tags)])

    def _model(self, artifact: Artifact) -> str:
        """The id of the logged model of this version, made where there is none. Its files stay here: `popinjay publish` is what shares them."""
        name = plain_name(artifact.name)
        for model in self._logged():
            if model.name == name and model.tags.get("hash") == artifact.hash:
                return str(model.model_id)
        tags = {**artifact.facts, "type": artifact.type}
        made = self._client.create_logged_model(self._experiment, name=name, source_run_id=self._run, tags=tags, model_type=artifact.type)
        self._client.finalize_logged_model(made.model_id, "READY")
        return str(made.model_id)

    def _logged(self) -> Iterator[Any]:
        """Every logged model of the experiment."""
        token = None
        while True:
            page = self._client.search_logged_models([self._experiment], page_token=token)
            yield from page
            if not (token := page.token):
                return
