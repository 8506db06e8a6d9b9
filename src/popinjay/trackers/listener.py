"""What trackers are told: the events of a persona's stages, as jobs with settings, numbers and versions of the lineage."""

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

FAREWELL_SECONDS = 20.0  # for all trackers together, once everything is made
SHORT_FAREWELL_SECONDS = 5.0  # the same, where it was stopped or failed
VERSIONS = ("popinjay", "torch", "transformers", "tokenizers")
COUNTED = (
    "train",
    "validation",
    "held_out",
    "near_duplicates_removed",
    "parameters",
    "best_step",
)  # facts of stages that trackers are told
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
JOB_OF = {
    stages[-1]: job for job, stages in lineage.JOBS.items()
}  # a job is told when its last stage is done


class TrackingListener:
    """A listener that passes events on and tells trackers what they mean. Never raises on their account."""

    def __init__(
        self, run: Run, trackers: Sequence[str], with_posts: bool, listener: Listener
    ) -> None:
        self._run, self._names, self._with_posts, self._listener = (
            run,
            trackers,
            with_posts,
            listener,
        )
        self._links: list[TrackerClient] = []
        self._told: set[str] = set()
        self._job = ""  # the one at work
        self._step = 0

    def __call__(self, event: Event) -> None:
        """Pass an event on, then tell the trackers."""
        self._listener(event)
        try:
            self._follow(event)
        except Exception as error:  # a persona is not lost because it could not be told
            self._warn("tracking", f"{type(error).__name__}: {error}")
            self._names, self._links = (), []
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
        """A job begins. Nobody needs a process before that: where everything is fresh, none is started."""
        if not self._links:
            if self._with_posts:
                ledger.note(self._run, self._names)
            self._links = [
                TrackerClient(name, self._run.name, folder_beside(self._run.path))
                for name in self._names
            ]
        options = {
            f"{stage}.{key}": value
            for stage in lineage.JOBS[job]
            for key, value in (self._run.record.options(stage) or {}).items()
            if stage
            != "train"  # what a training settled on is in its settings, and its base may be a path
        }
        versions = {f"version.{name}": version(name) for name in VERSIONS}
        whose = self._run.asked.whose
        self._job, self._step = job, 0
        self._send(
            "start",
            job=lineage.job_name(self._run.name, job),
            kind=job,
            config={**options, **settings, **versions, **({"whose": whose} if whose else {})},
        )

    def _finish(self, *, done: bool) -> None:
        """A job has ended."""
        job, self._job = self._job, ""
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
            numbers = {key: stage.facts[key] for key in COUNTED if key in stage.facts} | (
                self._measures() if job == "evaluate" else {}
            )
            facts = {"seconds": stage.seconds}
        self._send(
            "finish",
            done=done,
            numbers=numbers,
            facts=facts,
            uses=[asdict(one) for one in uses],
            makes=[asdict(one) for one in makes],
        )

    def _artifact(self, key: str, made: ArtifactVersion) -> Artifact:
        """An artifact as trackers are told of it; its files only where texts may be told, and the model's never (`publish` is for that)."""
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
        """Let the trackers finish, but not for long."""
        if self._job:
            self._finish(done=False)
        until = time.monotonic() + (FAREWELL_SECONDS if done else SHORT_FAREWELL_SECONDS)
        for link in self._links:
            link.say_goodbye()  # to all of them first: one that hangs must not use up the others' time
        for link in self._links:
            link.close(until)
        self._warn_of_problems()
        if done:
            self._advise()

    def _advise(self) -> None:
        """Say what may be done with what was told."""
        for link in self._links:
            advice = ""
            with contextlib.suppress(Exception):  # a tracker may be anybody's
                kind = find(link.tracker)
                advice = kind.advice(kind.location(self._run.name, folder_beside(self._run.path)))
            if advice and link.problem is None:
                self._listener(Event("track", EventKind.NOTE, f"{link.tracker}: {advice}"))

    def _send(self, verb: str, **message: Any) -> None:
        for link in self._links:
            link.send(verb, **message)

    def _warn_of_problems(self) -> None:
        for link in self._links:
            if link.problem:
                self._warn(link.tracker, link.problem)

    def _warn(self, tracker: str, problem: str) -> None:
        """Say once that a tracker is no longer told."""
        if tracker not in self._told:
            self._told.add(tracker)
            problem = without_credentials(problem)  # of an address that a tracker's library quotes
            text = f"{tracker} is not told any more: {problem}. The persona is made all the same, and metrics.jsonl has what was missed."
            self._listener(Event("track", EventKind.WARNING, text))


@contextmanager
def tracking(
    run: Run, trackers: Sequence[str], with_posts: bool, listener: Listener
) -> Iterator[Listener]:
    """A listener that passes everything on to `listener` and tells the trackers of it."""
    if not trackers:
        yield listener
        return
    watcher = TrackingListener(run, trackers, with_posts, listener)
    try:
        yield watcher
    except BaseException:
        watcher.close(done=False)
        raise
    watcher.close(done=True)
