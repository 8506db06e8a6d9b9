"""What all routes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popinjay.serving.guard import Guard
from popinjay.serving.job import Job
from popinjay.serving.jobs import Jobs
from popinjay.serving.said import Said
from popinjay.serving.speaking import Voices
from popinjay.serving.uploads import Uploads


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
