"""The settings of a persona's bot: kept in its queue, checked, and read into a schedule."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from popinjay import options
from popinjay.bots.schedule import DAY, HOUR, MOST_PER_DAY, Quiet, Schedule
from popinjay.errors import OptionError
from popinjay.options import BotOptions
from popinjay.store.post_queue import Queue

LONGEST = timedelta(days=30)  # between two posts
_UNITS = {"m": timedelta(minutes=1), "h": HOUR, "d": DAY}
_TIME = re.compile(r"(?:\d{1,5}[mhd])+")
_QUIET = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")
_ZONES = "/zoneinfo/"


def kept(queue: Queue) -> BotOptions:
    """Return the settings that the queue keeps, with defaults for the others."""
    known = {field.name for field in fields(BotOptions)}
    found = {name: value for name, value in queue.settings().items() if name in known}
    built: BotOptions = options.build(found, BotOptions)[0]
    return built


def keep(queue: Queue, given: Mapping[str, Any]) -> BotOptions:
    """Keep settings by name, and return all of them. Raises OptionError, and then keeps none."""
    before = {field.name: getattr(kept(queue), field.name) for field in fields(BotOptions)}
    chosen: BotOptions = options.build({**before, **given}, BotOptions)[0]
    schedule_of(queue.run.name, chosen)
    if chosen.auto and chosen.per_day is None:
        raise OptionError(
            "auto needs a daily limit: nobody looks at these posts before they are public.",
            "Add --per-day 2, for example.",
            ["auto"],
            page_hint="Say how many there may be in a day.",
        )
    for name, value in given.items():
        queue.set_setting(name, value)
    return chosen


def schedule_of(name: str, chosen: BotOptions) -> Schedule:
    """Return the schedule that the settings describe. Raises OptionError if one is wrong."""
    every = _duration("every", chosen.every)
    if not HOUR <= every <= LONGEST:
        raise OptionError(
            f"every can't be {chosen.every!r}.", "It takes 1h to 30d: one post an hour.", ["every"]
        )
    return Schedule(
        name=name,
        every=every,
        zone=_zone(chosen.time_zone),
        quiet=_quiet(chosen.quiet_hours),
        jitter=_duration("jitter", chosen.jitter),
        per_day=chosen.per_day or MOST_PER_DAY,
    )


def _duration(name: str, text: str) -> timedelta:
    words = text.replace(" ", "").lower()
    if not _TIME.fullmatch(words) or len(words) > 12:
        raise OptionError(f"{name} can't be {text!r}.", "Give a time: 90m, 6h or 1d.", [name])
    parts = re.findall(r"(\d+)([mhd])", words)
    return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())


def _quiet(text: str) -> Quiet | None:
    if text.strip().lower() in ("", "none"):
        return None
    found = _QUIET.fullmatch(text.strip())
    try:
        if not found:
            raise ValueError
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]) % 24, int(found[4]))
    except ValueError as error:
        raise OptionError(
            f"quiet_hours can't be {text!r}.",
            "Give two times of day, such as 23:00-07:00, or none.",
            ["quiet_hours"],
        ) from error
    return Quiet(begin, end) if begin != end else None


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    wanted = name.strip() or local_zone()
    try:
        return ZoneInfo(wanted)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _unknown_zone(wanted) from error
    except KeyError as error:
        if wanted == "UTC":  # a system without a database of time zones
            return UTC
        raise _unknown_zone(wanted) from error


def _unknown_zone(name: str) -> OptionError:
    return OptionError(
        f"time_zone can't be {name!r}: no such time zone is known here.",
        "Give a name such as Europe/Berlin, America/New_York or UTC.",
        ["time_zone"],
    )


def local_zone() -> str:
    """Return the name of this machine's time zone; UTC if it has none that can be found."""
    from zoneinfo import available_timezones

    named = os.environ.get("TZ", "").lstrip(":")
    link = os.path.realpath("/etc/localtime").partition(_ZONES)[2]
    for found in (named, link, _first_line(Path("/etc/timezone"))):
        if found in available_timezones():
            return found
    return "UTC"


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""
