"""Tests of what is printed for cron and systemd: the right times, and commands quoted right."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from popinjay.bots.schedule import Quiet, Schedule
from popinjay.bots.timers import Timers, command_words, timers

NIGHT = Quiet(time(23), time(7))
SIX_HOURS = Schedule("ada", timedelta(hours=6), ZoneInfo("Europe/Berlin"), NIGHT)
WORDS = ["/opt/my tools/popinjay", "post", 'ada of 5% $kent\'s "isle"', "--next"]


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")


def cron_times(made: Timers) -> str:
    return " ".join(made.cron.split()[:5])


def calendar(made: Timers) -> list[str]:
    lines = made.timer.splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith("OnCalendar=")]


def test_the_slots_of_a_day() -> None:
    made = timers(SIX_HOURS, WORDS)
    assert cron_times(made) == "0 7,13,19 * * *"
    assert calendar(made) == ["*-*-* 07,13,19:00:00 Europe/Berlin"]


def test_minutes_and_slots_that_differ_in_them() -> None:
    half_past = replace(SIX_HOURS, quiet=Quiet(time(23), time(7, 30)))
    assert cron_times(timers(half_past, WORDS)) == "30 7,13,19 * * *"
    often = replace(half_past, every=timedelta(minutes=90), quiet=Quiet(time(12), time(8)))
    assert cron_times(timers(often, WORDS)) == "0 * * * *"
    assert calendar(timers(often, WORDS)) == [
        "*-*-* 08:00:00 Europe/Berlin",
        "*-*-* 09:30:00 Europe/Berlin",
        "*-*-* 11:00:00 Europe/Berlin",
    ]


def test_slots_that_are_different_every_day_are_looked_for_each_hour() -> None:
    made = timers(replace(SIX_HOURS, every=timedelta(hours=5)), WORDS)
    assert cron_times(made) == "0 * * * *"
    assert calendar(made) == ["hourly"]


def test_cron_goes_by_the_machines_clock_and_systemd_by_any() -> None:
    made = timers(replace(SIX_HOURS, zone=ZoneInfo("Asia/Tokyo")), WORDS)
    assert cron_times(made) == "0 * * * *"
    assert calendar(made) == ["*-*-* 07,13,19:00:00 Asia/Tokyo"]


def test_slots_missed_are_not_made_up_for() -> None:
    assert "Persistent=false" in timers(SIX_HOURS, WORDS).timer


def test_a_shell_reads_the_command_as_it_was(tmp_path: Path) -> None:
    """As cron does: up to a percent sign without a backslash, then with sh."""
    seen = tmp_path / "seen"
    program = tmp_path / "my tools" / "popinjay"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(seen))}\n')
    program.chmod(0o755)
    made = timers(replace(SIX_HOURS, jitter=timedelta(seconds=1)), [str(program), *WORDS[1:]])
    line = made.cron.split(maxsplit=5)[5]
    command = line.replace("\\%", "\0")
    assert "%" not in command
    subprocess.run(["sh", "-c", command.replace("\0", "%")], check=True)
    assert seen.read_text().splitlines() == WORDS[1:]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    program = tmp_path / "my tools" / "popinjay"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    schedule = replace(SIX_HOURS, name="ada of 5% kent", jitter=timedelta(minutes=20))
    made = timers(schedule, [str(program), *WORDS[1:]])
    assert made.unit == "popinjay-ada-of-5--kent"
    files = [tmp_path / f"{made.unit}.{ending}" for ending in ("service", "timer")]
    for file, text in zip(files, (made.service, made.timer), strict=True):
        file.write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in said.stderr.splitlines() if made.unit in line]
    assert ours == []


def test_special_characters_in_a_unit() -> None:
    (line,) = [
        line for line in timers(SIX_HOURS, WORDS).service.splitlines() if "ExecStart" in line
    ]
    assert line == (
        'ExecStart="/opt/my tools/popinjay" post "ada of 5%% $$kent\'s \\"isle\\"" --next'
    )


def test_the_command_has_an_absolute_path_and_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    words = command_words("ada", tmp_path / ".popinjay" / "ada", None)
    assert Path(words[0]).is_absolute()
    assert words[-4:] == ["post", "ada", "--next", "--if-due"]
    elsewhere = command_words("ada", tmp_path / "other" / "ada", "bsky:ada.example")
    assert elsewhere[-4:] == ["--home", str(tmp_path / "other"), "--to", "bsky:ada.example"]
    local = command_words("ada", tmp_path / ".popinjay" / "ada", None, allow_local=True)
    assert local[-1] == "--allow-local"
