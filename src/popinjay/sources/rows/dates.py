"""Parse dates in the formats of tools that save posts.

Every format has its own pattern, and what matches none is not a date: a wrong date is worse than
none, since the newest posts are held out for evaluation. A date without a zone counts as UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

from popinjay.post import posted_at

_MAX_LENGTH = 80  # characters
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,:]\d{1,9})?)?)?"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?)?"
)
_ZONE = (
    r"(?:\s?(?P<zone>z|(?:utc|gmt)?\s?[+-]\d{1,2}:?(?:\d{2})?|[a-z]{1,5}|\([a-z]+\))"
    r"(?:\s?\([a-z ]+\))?)?"  # -0700 (PDT)
)
_TIME = rf"(?:{_CLOCK}{_ZONE})"
_AFTER = r"(?:\s*(?:[·•|,]|\bat\b|-|–|\bum\b)\s*|t|\s+)"  # between a date and its time

_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 2021-09-25 12:33:11 JST, 2021/09/25T12:33Z, 2021.9.25
        rf"{_YEAR}(?P<mark>[-/.])(?P<month_number>\d{{1,2}})(?P=mark){_DAY}(?:{_AFTER}{_TIME})?",
        # Mon Apr 06 22:19:45 PDT 2009, Sat Feb 18 12:33:11 +0000 2023
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}\s+{_TIME}\s+{_YEAR}",
        # Tue, 05 Jan 2021 10:00:00 +0000; 5 January 2021 at 10:00; 25-Apr-2023
        rf"{_WEEKDAY}{_DAY}\.?[\s-]+{_MONTH},?[\s-]+{_YEAR}(?:{_AFTER}{_TIME})?",
        # Apr 25, 2023 · 5:42 PM UTC; April 25 2023
        # Mon Apr 06 2020 22:19:45 GMT+0200 (Central European Summer Time)
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}(?:{_AFTER}{_TIME})?",
        # 5:42 PM · Apr 25, 2023; 10:00 - 5 Jan 2021
        rf"{_TIME}\s*[·•,|–-]\s*{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_TIME}\s*[·•,|–-]\s*{_DAY}\.?\s+{_MONTH},?\s+{_YEAR}",
    )
)
# 10/13/2017 19:58 or 13.10.2017: which number is the month has to be determined
_NUMBERS = re.compile(
    rf"{_WEEKDAY}(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second_number>\d{{1,2}})(?P=mark)"
    rf"(?P<year>\d{{4}}|\d{{2}})(?:{_AFTER}{_TIME})?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?P<month_number>\d\d)(?P<day>\d\d)"
    r"(?:t?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?P<half>)(?P<zone>z)?)?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"[-+]?\d{9,19}(?:\.\d+)?|\d(?:\.\d+)?e\+?(?:09|9|12|15|18)", re.IGNORECASE)
_EPOCH_SCALES = (1, 10**3, 10**6, 10**9)  # seconds, milliseconds, microseconds, nanoseconds

# Hours ahead of UTC. Ambiguous names are left out (IST, CST in China).
_ZONES = {
    "utc": 0, "gmt": 0, "z": 0, "ut": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2,
    "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "sast": 2, "wat": 1, "cat": 2, "eat": 3,
    "pkt": 5, "wib": 7, "ict": 7, "hkt": 8, "sgt": 8, "awst": 8, "jst": 9, "kst": 9, "aest": 10,
    "aedt": 11, "acst": 9.5, "acdt": 10.5, "nzst": 12, "nzdt": 13, "brt": -3, "art": -3, "est": -5,
    "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9,
    "akdt": -8, "hst": -10, "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3,
}  # fmt: skip


class Order(Enum):
    """Which of the numbers in 1/2/2020 is the month."""

    MONTH_FIRST = "month first"
    DAY_FIRST = "day first"
    UNKNOWN = "not told"  # no date shows it
    MIXED = "either"  # some dates allow only one order, some only the other


@dataclass
class OrderFinder:
    """Determines which number of a table's dates is the month, as far as they show it."""

    _first: int = 0
    _second: int = 0
    _halves: bool = False  # AM and PM: where they are used, the month comes first
    example: str = ""

    def add(self, value: Any) -> bool:
        """Take a date into account; return whether its order matters."""
        found = _NUMBERS.fullmatch(_plain(value))
        if not found:
            return False
        self._first = max(self._first, int(found["first"]))
        self._second = max(self._second, int(found["second_number"]))
        self._halves = self._halves or bool(found["half"])
        self.example = self.example or found[0]
        return True

    @property
    def order(self) -> Order:
        """The order that all dates so far allow."""
        if self._first > 12 and self._second > 12:
            return Order.MIXED
        if self._first > 12:
            return Order.DAY_FIRST
        return Order.MONTH_FIRST if self._second > 12 or self._halves else Order.UNKNOWN


def iso_time(value: Any, order: Order = Order.UNKNOWN) -> str | None:
    """Return a time as ISO 8601 in UTC; None if it is invalid, or impossible for a post.

    Seconds, milliseconds, microseconds and nanoseconds since 1970 are distinguished by their size.
    If the order is unknown, dates with dots are read day first and others month first.
    """
    text = _plain(value)
    if not text or len(text) > _MAX_LENGTH:
        return None
    try:
        moment = _moment(text, order)
        if moment is None:
            return None
        return posted_at(moment)
    except (ValueError, OverflowError, OSError):
        return None


def _plain(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).strip("'\" ")


def _moment(text: str, order: Order) -> datetime | None:
    if text[:4].isdecimal() and text[4:5] == "-":  # a fast path for the usual case
        try:
            return datetime.fromisoformat(text.removesuffix(" UTC").replace(" +0", "+0"))
        except ValueError:
            pass
    if compact := _COMPACT.fullmatch(text):
        return _of_fields(compact, int(compact["month_number"]), int(compact["day"]))
    if _EPOCH.fullmatch(text):
        return _since_1970(text)
    for form in _FORMS:
        if found := form.fullmatch(text):
            fields = found.groupdict()
            month = fields.get("month_number") or _MONTHS[fields["month"][:3].lower()]
            return _of_fields(found, int(month), int(found["day"]))
    if found := _NUMBERS.fullmatch(text):
        return _of_numbers(found, order)
    return None


def _of_numbers(found: re.Match[str], order: Order) -> datetime | None:
    first, second = int(found["first"]), int(found["second_number"])
    if order is Order.MIXED:
        return None
    if order is Order.UNKNOWN and not found["half"]:
        order = Order.DAY_FIRST if found["mark"] == "." or first > 12 else Order.MONTH_FIRST
    month, day = (second, first) if order is Order.DAY_FIRST else (first, second)
    return _of_fields(found, month, day)


def _of_fields(found: re.Match[str], month: int, day: int) -> datetime | None:
    """Return the time in a match. Raises ValueError for a day or hour that does not exist."""
    year = int(found["year"])
    year += 2000 if year < 100 else 0
    hour = int(found["hour"] or 0)
    half = (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    minute = int(found["minute"] or 0)
    second = min(59, int(found["second"] or 0))
    moment = datetime(year, month, day, hour, minute, second)
    zone = (found["zone"] or "").strip("() ").lower()
    if not zone:
        return moment
    offset = _offset(zone)
    return None if offset is None else moment.replace(tzinfo=timezone(offset))


def _offset(zone: str) -> timedelta | None:
    """Return how far a zone is ahead of UTC; None if it is unknown."""
    if zone in _ZONES:
        return timedelta(hours=_ZONES[zone])
    number = re.fullmatch(r"(?:utc|gmt)?\s?([+-])(\d{1,2}):?(\d{2})?", zone)
    if not number:
        return None
    offset = timedelta(hours=int(number[2]), minutes=int(number[3] or 0))
    return -offset if number[1] == "-" else offset


def _since_1970(text: str) -> datetime | None:
    """Return the time of an epoch value, whose unit is told by its size."""
    value = float(text)
    for scale in _EPOCH_SCALES:
        seconds = value / scale
        if 6e8 <= seconds < 5e9:  # 1989 to 2128
            return datetime.fromtimestamp(seconds, UTC)
    return None
