"""Numbers about this server in Prometheus' form: requests, posts, jobs and loaded models.

No number names a persona or contains a word of one: routes are counted by their templates, such as
`/api/personas/{name}/say`.
"""

from __future__ import annotations

import time
from collections import Counter as CounterOf
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from popinjay import __version__

if TYPE_CHECKING:
    from popinjay.server.state import AppState

OTHER_ROUTE = "other"  # an unknown path, or a request that was refused before it was looked up
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
JOB_STATES = ("queued", "running", "done", "failed", "stopped")
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)  # the bounds of the histogram
NO_RESPONSE = 499  # the client closed the connection


class Monitoring:
    """The numbers of one server."""

    def __init__(self, state: AppState) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "popinjay_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "popinjay_request_seconds",
            "Time from a request to the end of its response, streams included.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(_OfState(state))
        ProcessCollector(registry=self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request whose response has ended."""
        method = method if method in METHODS else OTHER_ROUTE
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._registry)


class _OfState(Collector):
    """What is read from the server's state when it is asked for."""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers."""
        models = self._state.models
        yield InfoMetricFamily("popinjay", "The version.", {"version": __version__})
        yield CounterMetricFamily(
            "popinjay_posts_written", "Posts that personas wrote.", models.written.posts
        )
        yield CounterMetricFamily(
            "popinjay_tokens_written", "Tokens of these posts.", models.written.tokens
        )
        yield GaugeMetricFamily(
            "popinjay_open_generations", "Requests for posts that are open.", models.open_requests
        )
        yield GaugeMetricFamily(
            "popinjay_models_loaded", "Personas whose model is loaded.", len(models.names)
        )
        yield GaugeMetricFamily(
            "popinjay_models_bytes", "Memory of the loaded models.", models.loaded_bytes
        )
        jobs = GaugeMetricFamily("popinjay_jobs", "Jobs by state.", labels=("state",))
        counts = CounterOf(job.state for job in self._state.jobs.all())
        for name in JOB_STATES:
            jobs.add_metric((name,), counts[name])
        yield jobs


class MonitoringMiddleware:
    """Count every request, also those that are refused."""

    def __init__(self, app: ASGIApp, monitoring: Monitoring) -> None:
        self._app = app
        self._monitoring = monitoring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when its response has ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = NO_RESPONSE

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            route = getattr(scope.get("route"), "path", OTHER_ROUTE)
            self._monitoring.count(scope["method"], route, status, time.monotonic() - started)
