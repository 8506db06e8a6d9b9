"""What all routes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popinjay.server.auth import Auth
from popinjay.server.jobs.job import Job
from popinjay.server.jobs.queue import Jobs
from popinjay.server.recent_outputs import RecentOutputs
from popinjay.server.uploads import Uploads
from popinjay.server.voices.model_pool import ModelPool


class AppState:
    """The home folder that is served, to whom, and what goes on in it. Raises PersonaBusy where another server is at work there."""

    def __init__(self, home: Path, guard: Auth) -> None:
        self.home = home
        self.auth = guard
        self.recent_outputs = RecentOutputs()
        self.jobs = Jobs(home)
        self.uploads = Uploads(home)
        self.uploads.sweep(self.jobs.needed_uploads(), cut_off=True)
        self.models = ModelPool(home)
        self.is_closing: Callable[[], bool] = lambda: (
            False
        )  # streams that never end by themselves ask it

    def close(self) -> list[Job]:
        """Let go of everything; the jobs that are at work, which go on."""
        self.models.close()
        return self.jobs.close()
