"""What all routes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popinjay.server.auth import Guard
from popinjay.server.jobs.job import Job
from popinjay.server.jobs.queue import Jobs
from popinjay.server.recent_outputs import Said
from popinjay.server.uploads import Uploads
from popinjay.server.voices.model_pool import Voices


class Place:
    """The home folder that is served, to whom, and what goes on in it. Raises PersonaBusy where another server is at work there."""

    def __init__(self, home: Path, guard: Guard) -> None:
        self.home = home
        self.guard = guard
        self.said = Said()
        self.jobs = Jobs(home)
        self.uploads = Uploads(home)
        self.uploads.sweep(self.jobs.needed_uploads(), cut_off=True)
        self.voices = Voices(home)
        self.is_closing: Callable[[], bool] = lambda: False  # streams that never end by themselves ask it

    def close(self) -> list[Job]:
        """Let go of everything; the jobs that are at work, which go on."""
        self.voices.close()
        return self.jobs.close()
