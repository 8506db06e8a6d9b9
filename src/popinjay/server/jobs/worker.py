"""The job's process: `python -m popinjay.server.jobs.worker JOB HOME LOCK`, run by `process.py`.

Its standard output is the job's `events.jsonl`, in the format of `popinjay make --json`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from popinjay import options, settings
from popinjay.errors import PopinjayError, SpecError, without_credentials
from popinjay.events import Event, Listener
from popinjay.interrupts import persistent_interrupts
from popinjay.memory import memory_errors
from popinjay.post import one_line, printable
from popinjay.server.accounts import check_account
from popinjay.server.jobs.job import PID, PROBLEMS, UPLOADS, Job, Outcome
from popinjay.standard_streams import print_event
from popinjay.store.files import atomic_write
from popinjay.store.job_events import EXPORT, FOLDER


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
    uploaded: Path | None = None
    try:
        job = Job.read(folder)
        assert job is not None, f"{folder} holds no job"
        uploaded = _upload(job, home)
        with memory_errors(), persistent_interrupts(_page_events(uploaded)) as listener:
            return Outcome("done", result=_WORK[job.doing](job, home, listener))
    except PopinjayError as error:
        message, hint = (
            printable(one_line(_as_named(text, uploaded)))
            for text in (error.message, error.page_hint)
        )
        return Outcome("failed", message, hint)
    except KeyboardInterrupt:
        return Outcome("stopped")
    except Exception as error:
        traceback.print_exc()
        reason = without_credentials(f"{type(error).__name__}: {error}")
        return Outcome(
            "failed",
            printable(one_line(f"An unexpected error occurred: {reason}")),
            f"The details are in {PROBLEMS} in the folder of this job, {folder.name}.",
        )


def _page_events(uploaded: Path | None) -> Listener:
    """Return a listener that prints events as the page shows them.

    They name no command, and an uploaded file as the user named it.
    """

    def tell(event: Event) -> None:
        message = _as_named(event.page_message or event.message, uploaded)
        print_event(replace(event, message=message, page_message=""))

    return tell


def _as_named(text: str, uploaded: Path | None) -> str:
    """Return a text with the name of the uploaded file in place of its path on this machine."""
    return text if uploaded is None else text.replace(str(uploaded), uploaded.name)


def _upload(job: Job, home: Path) -> Path | None:
    """Return the path of the upload that a job reads; None if it reads none."""
    return None if job.upload is None else home / UPLOADS / job.upload / job.specs[0]


def _specs(job: Job, home: Path) -> list[str]:
    """Return what to read: the path of the upload, or the accounts."""
    if (file := _upload(job, home)) is not None:
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
        home=home,
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


def _retrain(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.pipeline import relearn
    from popinjay.store.run import Run

    assert job.name is not None
    persona = relearn(Run(home / job.name), listener, changed=job.options)
    return {"persona": persona.name}


def _export(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.exporting.export import export
    from popinjay.store.run import Run

    assert job.name is not None
    kind, quant = job.options["to"], job.options["quant"]
    place = home / FOLDER / job.id / EXPORT / f"{job.name}-{kind}"
    chosen = options.ExportOptions(quant=quant, force=True)
    exported = export(Run(home / job.name), kind, place, chosen, listener)
    return {
        "persona": exported.persona,
        "kind": kind,
        "quant": exported.quant or None,
        "folder": exported.folder.name if exported.folder else None,
        "bytes": sum(size for _, size in exported.files),
        # It is loaded elsewhere: the paths are those below where it is unpacked.
        "loaded_by": exported.loaded_by.replace(f"{place.parent}{os.sep}", "./"),
    }


def _update(job: Job, home: Path, listener: Listener) -> dict[str, Any]:
    from popinjay.store.run import Run
    from popinjay.updating import update

    assert job.name is not None
    return update(Run(home / job.name), *_specs(job, home), listener=listener).to_json()


_WORK = {
    "inspect": _inspect,
    "make": _make,
    "retrain": _retrain,
    "update": _update,
    "export": _export,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
