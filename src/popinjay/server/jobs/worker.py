"""What runs in a job's own process: `python -m popinjay.server.jobs.worker JOB HOME LOCK`, begun by `process.py`.

Standard output is the job's `events.jsonl`: the same lines as those of `popinjay make --json`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from popinjay.errors import PopinjayError, SpecError, without_credentials
from popinjay.events import Listener
from popinjay.interrupts import persistent_interrupts
from popinjay.memory import memory_errors
from popinjay.post import one_line, printable
from popinjay.server.accounts import check_account
from popinjay.server.jobs.job import PID, PROBLEMS, UPLOADS, End, Job
from popinjay.standard_streams import print_event
from popinjay.store.files import atomic_write


def main(folder: Path, home: Path, lock: int) -> None:
    """Do the job of a folder, and write down how it ended."""
    os.set_inheritable(
        lock, False
    )  # what is started from here may outlive it, and is not to seem to be it
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # also where whoever began it ignores Ctrl-C
    atomic_write(folder / PID, str(os.getpid()))
    end = _end_of(folder, home)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end.write(folder)


def _end_of(folder: Path, home: Path) -> End:
    try:
        job = Job.read(folder)
        assert job is not None, f"{folder} holds no job"
        with memory_errors(), persistent_interrupts(print_event) as listener:
            work = _inspect if job.doing == "inspect" else _make
            return End("done", result=work(job, home, listener))
    except PopinjayError as error:
        return End("failed", printable(one_line(error.message)), printable(one_line(error.hint)))
    except KeyboardInterrupt:
        return End("stopped")
    except Exception as error:
        traceback.print_exc()
        return End(
            "failed",
            printable(
                one_line(
                    without_credentials(f"Something unforeseen: {type(error).__name__}: {error}")
                )
            ),
            f"The whole of it stands in {folder / PROBLEMS}.",
        )


def _specs(job: Job, home: Path) -> list[str]:
    """What to read: the upload, and accounts."""
    if job.upload is not None:
        file = home / UPLOADS / job.upload / job.specs[0]
        if not file.is_file():
            raise SpecError("The file that was sent is not there any more.", "Send it once more.")
        return [str(file)]
    for spec in job.specs:
        check_account(spec)
    return job.specs


def _make(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.pipeline import make

    return {
        "persona": make(
            *_specs(job, home), name=job.name, home_folder=home, listener=listener, **job.options
        ).name
    }


def _inspect(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.pipeline import inspect

    return {
        "authors": [
            found.to_json()
            for found in inspect(*_specs(job, home), listener=listener, **job.options)
        ]
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
