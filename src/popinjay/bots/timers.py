"""Lines for cron and units for systemd that post the next draft at the times of a schedule.

They name each slot of a day where the slots are the same every day, and otherwise every hour: a
call without a free slot posts nothing. A call comes late by a part of the jitter, at random.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

from popinjay import settings
from popinjay.bots.bot_settings import local_zone
from popinjay.bots.schedule import DAY, Schedule

_SYSTEMD_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})


@dataclass(frozen=True)
class Timers:
    """What to copy into the files of cron or systemd."""

    cron: str  # a line
    service: str  # a unit
    timer: str  # a unit
    unit: str  # the name of both, without its ending


def timers(schedule: Schedule, words: Sequence[str]) -> Timers:
    """Return the line and the units that run a command, given as words, by a schedule."""
    times = _times(schedule)
    unit = f"popinjay-{_plain(schedule.name)}"
    what = f"Post what {_in_unit(schedule.name)} may post next"
    command = " ".join(_in_systemd(word) for word in words)
    service = (
        f"[Unit]\nDescription={what}\nWants=network-online.target\nAfter=network-online.target\n\n"
        f"[Service]\nType=oneshot\nExecStart={command}\nTimeoutStartSec=30min\n"
    )
    delay = int(schedule.jitter.total_seconds())
    random = f"RandomizedDelaySec={delay}s\n" if delay else ""
    timer = (
        f"[Unit]\nDescription={what}, at its times\n\n"
        f"[Timer]\nOnCalendar={_on_calendar(times, schedule.zone)}\n{random}"
        # A slot that has passed while the machine was off is not made up for
        "AccuracySec=1min\nPersistent=false\n\n[Install]\nWantedBy=timers.target\n"
    )
    return Timers(_cron(schedule, times, words), service, timer, unit)


def command_words(
    name: str, folder: Path, account: str | None, *, allow_local: bool = False
) -> list[str]:
    """Return the command that posts the next draft, with the absolute path of popinjay.

    A slot without anything to post is no failure then. A persona outside the home folder that a
    timer would look in is named by its folder.
    """
    found = Path(sys.argv[0])
    if found.name != "popinjay" or not found.is_file():
        found = Path(sys.executable).with_name("popinjay")
    program = [str(found.absolute())] if found.is_file() else _as_module()
    words = [*program, "post", name, "--next", "--if-due"]
    usual = settings.home_folder() or Path.home() / ".popinjay"  # a timer has no POPINJAY_HOME
    if folder.parent != usual.resolve():
        words += ["--home", str(folder.parent)]
    if account:
        words += ["--to", account]
    return words + (["--allow-local"] if allow_local else [])


def _as_module() -> list[str]:
    if which := shutil.which("popinjay"):
        return [which]
    return [sys.executable, "-m", "popinjay"]


def _times(schedule: Schedule) -> list[time]:
    """Return when slots begin, if that is the same every day; otherwise nothing."""
    if DAY % schedule.every:
        return []
    begin = schedule.quiet.end if schedule.quiet else time()
    first = datetime.combine(datetime(2001, 1, 1), begin)
    found = [(first + n * schedule.every).time() for n in range(DAY // schedule.every)]
    return sorted(at for at in found if schedule.quiet is None or not schedule.quiet.includes(at))


def _cron(schedule: Schedule, times: Sequence[time], words: Sequence[str]) -> str:
    """Return a line for `crontab -e`. Cron reads times on the machine's own clock."""
    is_local = getattr(schedule.zone, "key", "UTC") == local_zone()
    minutes = {at.minute for at in times}
    if times and is_local and len(minutes) == 1:
        when = f"{minutes.pop()} {','.join(str(at.hour) for at in times)} * * *"
    else:
        when = "0 * * * *"
    # A percent sign is a line's end for cron, in quotes too
    command = shlex.join(words).replace("%", "\\%")
    delay = int(min(schedule.jitter, timedelta(minutes=50)).total_seconds())
    if not delay:
        return f"{when} {command}"
    random = f"sleep $(awk 'BEGIN {{ srand(); print int({delay} * rand()) }}')"
    return f"{when} {random}; {command}"


def _on_calendar(times: Sequence[time], zone: tzinfo) -> str:
    named = getattr(zone, "key", "UTC") if zone is not UTC else "UTC"
    if not times:
        return "hourly"
    if len({at.minute for at in times}) == 1:
        hours = ",".join(f"{at.hour:02}" for at in times)
        return f"*-*-* {hours}:{times[0].minute:02}:00 {named}"
    lines = [f"*-*-* {at:%H:%M}:00 {named}" for at in times]
    return "\nOnCalendar=".join(lines)


def _in_systemd(word: str) -> str:
    """Return a word of ExecStart, in quotes where systemd needs them."""
    escaped = word.translate(_SYSTEMD_SPECIAL)
    plain = all(c.isalnum() or c in "/._-:@=+,%" for c in word)
    return escaped if plain and word else f'"{escaped}"'


def _in_unit(text: str) -> str:
    return " ".join(text.split()).replace("%", "%%")


def _plain(name: str) -> str:
    """Return a name that a unit's file can have."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    return kept.strip("-.") or "bot"
