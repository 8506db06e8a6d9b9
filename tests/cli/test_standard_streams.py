"""Tests of closed and full standard streams: no traceback, no wrong file, no failed stage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from popinjay import standard_streams

POSIX = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
COMMAND = f"{sys.executable} -m popinjay.cli.main"


def shell(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, "POPINJAY_HOME": str(home)},
    )


@POSIX
@pytest.mark.parametrize("line", ["status >&-", "status <&- >&- 2>&-", "sources >&- 2>&-"])
def test_a_closed_stream_is_ignored(line: str, own_home: Path) -> None:
    done = shell(f"{COMMAND} {line}", own_home)
    assert (done.returncode, done.stderr) == (0, "")


@POSIX
def test_missing_standard_input_is_reported(own_home: Path) -> None:
    done = shell(f"{COMMAND} inspect - <&-", own_home)
    assert done.returncode == 2
    assert done.stderr.startswith("popinjay: ")


@POSIX
@pytest.mark.parametrize("line", ["sources >/dev/full", "status --json >/dev/full"])
def test_a_full_disk_behind_standard_output_is_reported(line: str, own_home: Path) -> None:
    done = shell(f"{COMMAND} {line}", own_home)
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[0]
        == "popinjay: Standard output can't be written: No space left on device."
    )


@POSIX
def test_a_failure_that_cannot_be_printed_sets_the_status(own_home: Path) -> None:
    assert shell(f"{COMMAND} status nobody 2>/dev/full", own_home).returncode == 2
    assert shell(f"{COMMAND} status 2>/dev/full", own_home).returncode == 0


PROGRAM = """
import os, sys
from pathlib import Path
from popinjay.cli import main, progress
from popinjay.events import Event, EventKind
from popinjay.store.run import Run
from popinjay.store.stage_runner import writing
from popinjay.store.stage_table import stage_named

def work(args):
    run = Run(Path(sys.argv[1]))
    with (
        run.locked(),
        progress.listening(as_json=sys.argv[2] == "json") as listener,
        writing(run, stage_named("clean"), {}) as context,
    ):
        for place in range(2000):
            listener(Event("clean", EventKind.NOTE, f"note {place}"))
        for name in context.stage.makes:
            context.path(name).write_text("")

class Parser:
    def parse_known_args(self, given):
        import argparse
        return argparse.Namespace(run=work, parser=argparse.ArgumentParser("popinjay")), []

main.parser = Parser
Path(sys.argv[1]).mkdir()
(Path(sys.argv[1]) / "posts.jsonl").write_text("")
sys.exit(main.main([]))
"""


@POSIX
@pytest.mark.parametrize(
    ("said", "where", "code", "recorded"),
    [
        ("json", ">/dev/full", 2, False),
        ("json", "| head -n 1", 0, False),
        ("plain", "2>/dev/full", 0, True),
        ("plain", "2>&1 | head -n 1", 0, True),
    ],
)
def test_no_stage_fails_because_output_is_closed(
    tmp_path: Path, said: str, where: str, code: int, recorded: bool
) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    done = shell(f"{sys.executable} {file} {tmp_path / 'ada'} {said} {where}", tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    record = tmp_path / "ada" / "run.toml"
    assert record.exists() is recorded
    assert not recorded or 'state = "done"' in record.read_text()


@POSIX
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    program = (
        "import os, sys; from popinjay.standard_streams import open_closed_streams; "
        "open_closed_streams(); "
        f"file = open({str(tmp_path / 'posts')!r}, 'w'); os.write(1, b'said'); "
        "os._exit(file.fileno() <= 2)"
    )
    assert shell(f'{sys.executable} -c "{program}" <&- >&- 2>&-', tmp_path).returncode == 0
    assert (tmp_path / "posts").read_text() == ""


def test_open_streams_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.stdin, sys.stdout, sys.stderr)
    standard_streams.open_closed_streams()
    assert (sys.stdin, sys.stdout, sys.stderr) == before
