"""The job's process: `python -m popinjay.server.jobs.worker JOB HOME LOCK`, run by `process.py`.

Its standard output is the job's `events.jsonl`, in the format of `popinjay make --json`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from popinjay import options, settings
from popinjay.errors import PopinjayError, SpecError, without_credentials
from popinjay.events import Listener
from popinjay.interrupts import persistent_interrupts
from popinjay.memory import memory_errors
from popinjay.post import one_line, printable
from popinjay.server.accounts import check_account
from popinjay.server.jobs.job import PID, PROBLEMS, UPLOADS, Job, Outcome
from popinjay.standard_streams import print_event
from popinjay.store.files import atomic_write


def main(folder: Path, home: Path, lock: int) -> None:
    """Run the job of a folder, and write its outcome.

    `lock` is the descriptor of the job's lock, held until this process ends.
    """
    # A subprocess may outlive this process; it must not hold the lock.
    os.set_inheritable(lock, False)
    # Also if the server was started with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    atomic_write(folder / PID, str(os.getpid()))
    outcome = _run(folder, home)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outcome.write(folder)


def _run(folder: Path, home: Path) -> Outcome:
    try:
        job = Job.read(folder)
        assert job is not None, f"{folder} holds no job"
        with memory_errors(), persistent_interrupts(print_event) as listener:
            work = _inspect if job.doing == "inspect" else _make
            return Outcome("done", result=work(job, home, listener))
    except PopinjayError as error:
        return Outcome(
            "failed", printable(one_line(error.message)), printable(one_line(error.hint))
        )
    except KeyboardInterrupt:
        return Outcome("stopped")
    except Exception as error:
        traceback.print_exc()
        reason = without_credentials(f"{type(error).__name__}: {error}")
        return Outcome(
            "failed",
            printable(one_line(f"An unexpected error occurred: {reason}")),
            f"See {folder / PROBLEMS} for the details.",
        )


def _specs(job: Job, home: Path) -> list[str]:
    """Return what to read: the path of the upload, or the accounts."""
    if job.upload is not None:
        file = home / UPLOADS / job.upload / job.specs[0]
        if not file.is_file():
            raise SpecError("The uploaded file is no longer there.", "Upload it again.")
        return [str(file)]
    for spec in job.specs:
        check_account(spec)
    return job.specs


def _make(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.pipeline import make

    persona = make(
        *_specs(job, home),
        name=job.name,
        home_folder=home,
        listener=listener,
        preferences=_preferences(),
        **job.options,
    )
    return {"persona": persona.name}


def _preferences() -> dict[str, Any]:
    """Return the user's defaults of what `make` is not told, as on the command line."""
    of_make = options.declared(*options.MakeOptions.PARTS.values())
    return settings.defaults_of("make", (field.name for field, _ in of_make))


def _inspect(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.pipeline import inspect

    authors = inspect(*_specs(job, home), listener=listener, **job.options)
    return {"authors": [author.to_json() for author in authors]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
