"""What a row calls its post: an id, if it has one that can tell it from others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.post import printable
from popinjay.sources.rows.keys import bare, is_nothing

# Exact before rounded: JavaScript, jq and spreadsheets round the numbers that X gives.
KEYS = (
    "idstr", "tweetidstr", "statusidstr", "postidstr", "id", "tweetid", "statusid", "postid",
    "restid", "noteid", "commentid", "messageid", "uri", "pk", "uuid", "guid",
)  # fmt: skip
_ROUNDED = re.compile(r"[+-]?\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)  # 1.23457E+18
_WHOLE = re.compile(r"(\d+)\.0+")  # 7.0: a number that some rows lacked, as pandas writes it
_MOST = 500  # characters; an address may be one


def id_in(row: Mapping[str, Any]) -> str:
    """Return the id in a row of folded keys (`row_keys.folded`), empty if there is none to rely on.

    0 is an id. A number rounded by a spreadsheet (`1.23457E+18`) or by a program is none.
    """
    return next((found for key in KEYS if key in row and (found := id_from(row[key]))), "")


def id_from(value: Any) -> str:
    """Return a value as an id, empty if it is none to rely on."""
    value = bare(value)
    if is_nothing(value) or isinstance(value, dict | list | bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and 0 <= value < 2**53 else ""
    text = printable(str(value)).strip().strip("'\"`")  # a quote keeps spreadsheets from rounding
    if _ROUNDED.fullmatch(text) or not 0 < len(text) <= _MOST or text.startswith("-"):
        return ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole and len(whole[1]) <= 15 else text
