"""Find the id of a row's post, if it has a reliable one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.post import printable
from popinjay.sources.rows.keys import is_nothing, unwrapped

# Texts before numbers: JavaScript, jq and spreadsheets round the numbers of X.
KEYS = (
    "idstr", "tweetidstr", "statusidstr", "postidstr", "id", "tweetid", "statusid", "postid",
    "restid", "noteid", "commentid", "messageid", "uri", "pk", "uuid", "guid",
)  # fmt: skip
_ROUNDED = re.compile(r"[+-]?\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)  # 1.23457E+18
_WHOLE = re.compile(r"(\d+)\.0+")  # 7.0, as pandas writes integers if some rows have none
_MAX_LENGTH = 500  # characters, as it may be a URL


def id_in(row: Mapping[str, Any]) -> str:
    """Return the id in a row of folded keys (`keys.folded`), empty if there is no reliable one.

    0 is an id. A number that was rounded by a spreadsheet (`1.23457E+18`) or a program is not.
    """
    return next((found for key in KEYS if key in row and (found := id_from(row[key]))), "")


def id_from(value: Any) -> str:
    """Return a value as an id, empty if it is not a reliable one."""
    value = unwrapped(value)
    if is_nothing(value) or isinstance(value, dict | list | bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and 0 <= value < 2**53 else ""
    text = printable(str(value)).strip().strip("'\"`")  # a quote keeps spreadsheets from rounding
    if _ROUNDED.fullmatch(text) or not 0 < len(text) <= _MAX_LENGTH or text.startswith("-"):
        return ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole and len(whole[1]) <= 15 else text
