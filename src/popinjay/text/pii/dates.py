"""Digits that only look like a phone number: dates, times, scores, lottery numbers, counts."""

from __future__ import annotations

import re
from itertools import pairwise

_YEAR = r"(?:1[89]|20|21)\d\d"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = (
    rf"{_DAY}(?P<a>[./ -]){_MONTH}(?P=a){_YEAR}"  # 01.02.2023
    rf"|{_MONTH}(?P<b>[./ -]){_DAY}(?P=b){_YEAR}"  # 02/28/2023
    rf"|{_YEAR}(?P<c>[./ -]){_MONTH}(?P=c){_DAY}"  # 2023-02-01
    rf"|{_DAY}(?P<d>[./-]){_MONTH}(?P=d)\d\d"  # 01.02.23
    rf"|{_MONTH}(?P<e>[./-]){_DAY}(?P=e)\d\d"  # 02/28/23
)
_TIME = r"(?:[01]?\d|2[0-4])[.:h][0-5]\d(?:[.:][0-5]\d)?"
_DATE_OR_TIME = re.compile(rf"(?<![\d.:/-])(?:{_DATE}|{_TIME})(?![.:/-]?\d)")
_SCORE = re.compile(r"(?<![\d.:/-])\d{1,2}+[-:]\d{1,2}+(?![.:/-]?\d)(?! \d\d \d\d(?: \d\d)?(?!\d))")
_SEPARATORS = re.compile(r"[^\d]+")


def hide_dates(text: str) -> str:
    """Replace dates, times and scores by letters, so that they are not taken for phone numbers.

    `06-12 34 56 78` is not a score but a phone number.
    """
    return _SCORE.sub(_letters, _DATE_OR_TIME.sub(_letters, text))


def _letters(found: re.Match[str]) -> str:
    return "x" * len(found[0])


def is_a_row(digits: str) -> bool:
    """Return whether digits ascend or descend by one (`123456789`), or are all the same."""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    return len(steps) == 1 and steps <= {0, 1, 9}


def are_drawn(text: str) -> bool:
    """Return whether numbers ascend and are below 50, as those of a lottery."""
    numbers = [int(part) for part in _SEPARATORS.split(text) if part]
    return (
        len(numbers) >= 5
        and numbers[-1] < 50
        and all(before < after for before, after in pairwise(numbers))
    )


def is_round(digits: str) -> bool:
    """Return whether a number ends in so many zeros that it must be a count."""
    return digits.endswith("0000")
