"""The state that all routes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popinjay.server.auth import Auth
from popinjay.server.jobs.job import Job
from popinjay.server.jobs.queue import JobQueue
from popinjay.server.recent_outputs import RecentOutputs
from popinjay.server.uploads import Uploads
from popinjay.server.voices.model_pool import ModelPool


class AppState:
    """The served home folder, its authentication, its jobs, uploads and loaded models.

    Raises PersonaBusy if another server serves that folder.
    """

    def __init__(self, home: Path, auth: Auth) -> None:
        self.home = home
        self.auth = auth
        self.recent_outputs = RecentOutputs()
        self.jobs = JobQueue(home)
        self.uploads = Uploads(home)
        self.uploads.sweep(self.jobs.needed_uploads(), remove_partial=True)
        self.models = ModelPool(home)
        # Polled by streams that would otherwise never end.
        self.is_closing: Callable[[], bool] = lambda: False

    def close(self) -> list[Job]:
        """Release everything, and return the jobs that are still running; they go on."""
        self.models.close()
        return self.jobs.close()
