"""Posts that somebody kept of what a persona said. No stage makes `kept.jsonl`, so no making removes it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from popinjay.disk import storage_errors
from popinjay.errors import PersonaError
from popinjay.journal import finish
from popinjay.run import RECORD, Run

FILE = "kept.jsonl"


def keep(run: Run, row: Mapping[str, Any]) -> None:
    """Add a line, whole or not at all.

    Raises PersonaError where the persona is gone, PersonaBusy where another process is changing it, StorageError where the disk refuses.
    """
    if not run.file(RECORD).is_file():
        raise PersonaError(f"{run.name!r} is not there any more.", "It was removed meanwhile.")
    with run.locked():
        finish(run)
        path = run.file(FILE)
        with storage_errors(str(path)), path.open("a+b", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
            if before:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":  # somebody's editor left the last line open
                    line = b"\n" + line
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, "half a line is none")
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(before)
                raise
