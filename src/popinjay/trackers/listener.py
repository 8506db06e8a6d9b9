"""The listener that reports the events of a persona's stages to trackers.

They get jobs, with their settings, metrics, and the artifacts of the lineage.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from popinjay.errors import without_credentials
from popinjay.events import Event, EventKind, Listener
from popinjay.report.schema import Report
from popinjay.store import lineage
from popinjay.store.record import ArtifactVersion
from popinjay.store.run import Run
from popinjay.trackers import Artifact, find, folder_beside, ledger
from popinjay.trackers.client import TrackerClient

CLOSE_SECONDS = 20.0  # for all trackers together, if the make succeeded
SHORT_CLOSE_SECONDS = 5.0  # for all trackers together, if it failed or was stopped
VERSIONS = ("popinjay", "torch", "transformers", "tokenizers")
TRACKED_FACTS = (  # of stages
    "train",
    "validation",
    "held_out",
    "near_duplicates_removed",
    "parameters",
    "best_step",
)
MEASURES = (  # numbers of the report that trackers are told
    "bits_per_byte.persona.all",
    "bits_per_byte.base.all",
    "told_apart.persona.value",
    "told_apart.author.value",
    "copying.persona.exact.value",
    "copying.persona.run.value",
    "copying.author.exact.value",
    "copying.author.run.value",
)
JOB_OF = {stages[-1]: job for job, stages in lineage.JOBS.items()}  # by its last stage


class TrackingListener:
    """A listener that passes events on, and reports them to trackers, whose errors it handles."""

    def __init__(
        self, run: Run, trackers: Sequence[str], with_posts: bool, listener: Listener
    ) -> None:
        self._run = run
        self._names = trackers
        self._with_posts = with_posts
        self._listener = listener
        self._clients: list[TrackerClient] = []
        self._warned: set[str] = set()
        self._job = ""  # in progress
        self._step = 0

    def __call__(self, event: Event) -> None:
        """Pass an event on, then report it to the trackers."""
        self._listener(event)
        try:
            self._follow(event)
        except Exception as error:  # must not cost the persona
            self._warn("tracking", f"{type(error).__name__}: {error}")
            self._names = ()
            self._clients = []
        self._warn_of_problems()

    def _follow(self, event: Event) -> None:
        if event.what is EventKind.SETTINGS:
            self._start(JOB_OF[event.stage], {**event.words, **event.numbers})
        elif event.what is EventKind.METRICS:
            self._step = int(event.done or 0)
            self._send("log", step=self._step, numbers=dict(event.numbers))
        elif event.what is EventKind.SAMPLE and self._with_posts and self._job:
            self._send("sample", step=self._step, text=event.message)
        elif event.what is EventKind.DONE and event.stage in JOB_OF:
            if not self._job:
                self._start(JOB_OF[event.stage], {})
            self._finish(done=True)

    def _start(self, job: str, settings: Mapping[str, Any]) -> None:
        """Start a job. The first one starts the trackers' processes."""
        if not self._clients:
            if self._with_posts:
                ledger.note(self._run, self._names)
            self._clients = [
                TrackerClient(name, self._run.name, folder_beside(self._run.path))
                for name in self._names
            ]
        options = {
            f"{stage}.{key}": value
            for stage in lineage.JOBS[job]
            for key, value in (self._run.record.options(stage) or {}).items()
            if stage != "train"  # see its settings; and its base may be a path
        }
        versions = {f"version.{name}": version(name) for name in VERSIONS}
        whose = self._run.asked.whose
        self._job = job
        self._step = 0
        self._send(
            "start",
            job=lineage.job_name(self._run.name, job),
            kind=job,
            config={**options, **settings, **versions, **({"whose": whose} if whose else {})},
        )

    def _finish(self, *, done: bool) -> None:
        """Finish the job in progress, with its metrics and artifacts if it is done."""
        job = self._job
        self._job = ""
        uses: list[Artifact] = []
        makes: list[Artifact] = []
        numbers: dict[str, float] = {}
        facts: dict[str, Any] = {}
        if done:
            now = lineage.current(self._run.name, self._run.record)
            kinds = {kind.job: kind for kind in lineage.KINDS}
            uses = [self._artifact(key, now[key]) for key in kinds[job].uses if key in now]
            makes = [self._artifact(kinds[job].key, now[kinds[job].key])]
            stage = self._run.record.stages[lineage.JOBS[job][-1]]
            numbers = {key: stage.facts[key] for key in TRACKED_FACTS if key in stage.facts} | (
                self._measures() if job == "evaluate" else {}
            )
            facts = {"seconds": stage.seconds}
        self._send(
            "finish",
            done=done,
            numbers=numbers,
            facts=facts,
            uses=[asdict(artifact) for artifact in uses],
            makes=[asdict(artifact) for artifact in makes],
        )

    def _artifact(self, key: str, made: ArtifactVersion) -> Artifact:
        """Return an artifact for trackers.

        It has files only if texts may be tracked, and never the model's: `publish` is for that.
        """
        kind = next(kind for kind in lineage.KINDS if kind.key == key)
        files = (
            tuple(str(self._run.file(name)) for name in kind.files if name != "model")
            if self._with_posts
            else ()
        )
        return Artifact(made.name, made.type, made.version, made.hash, files)

    def _measures(self) -> dict[str, float]:
        """Return the report's most important numbers by their paths."""
        numbers = Report.load(self._run.file("report.json")).numbers()
        return {path: numbers[path] for path in MEASURES if path in numbers}

    def close(self, *, done: bool) -> None:
        """Let the trackers finish, for a limited time."""
        if self._job:
            self._finish(done=False)
        deadline = time.monotonic() + (CLOSE_SECONDS if done else SHORT_CLOSE_SECONDS)
        for client in self._clients:  # all of them first: one may use up the time
            client.finish()
        for client in self._clients:
            client.close(deadline)
        self._warn_of_problems()
        if done:
            self._advise()

    def _advise(self) -> None:
        """Pass on the trackers' advice."""
        for client in self._clients:
            advice = ""
            with contextlib.suppress(Exception):  # a plug-in may raise anything
                kind = find(client.tracker)
                advice = kind.advice(kind.location(self._run.name, folder_beside(self._run.path)))
            if advice and client.problem is None:
                self._listener(Event("track", EventKind.NOTE, f"{client.tracker}: {advice}"))

    def _send(self, verb: str, **message: Any) -> None:
        for client in self._clients:
            client.send(verb, **message)

    def _warn_of_problems(self) -> None:
        for client in self._clients:
            if client.problem:
                self._warn(client.tracker, client.problem)

    def _warn(self, tracker: str, problem: str) -> None:
        """Warn once that nothing more is sent to a tracker."""
        if tracker not in self._warned:
            self._warned.add(tracker)
            problem = without_credentials(problem)  # in an address that a library quotes
            text = (
                f"Nothing more is sent to {tracker}: {problem}. "
                "The persona is made anyway, and metrics.jsonl has all metrics."
            )
            self._listener(Event("track", EventKind.WARNING, text))


@contextmanager
def tracking(
    run: Run, trackers: Sequence[str], with_posts: bool, listener: Listener
) -> Iterator[Listener]:
    """Yield a listener that passes events on to `listener`, and reports them to the trackers."""
    if not trackers:
        yield listener
        return
    tracked = TrackingListener(run, trackers, with_posts, listener)
    try:
        yield tracked
    except BaseException:
        tracked.close(done=False)
        raise
    tracked.close(done=True)
