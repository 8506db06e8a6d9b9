"""Nothing takes more than its share of time for any text: four times as long, about four times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.clean import tidy
from popinjay.pii.folding import fold
from popinjay.privacy import beginning, mask
from popinjay.words import words

SHORT = 2_000  # characters
LONGER = 4  # times
MOST = 2.2 * LONGER  # what is quadratic takes LONGER ** 2
NOTHING = 0.002  # seconds: too short to be measured against
PIECES = """
-----BEGIN PRIVATE KEY-----
-----BEGIN RSA
-eyJ
eyJaaaaaaaaaa.
sk-
sk-a
AKIA
AAAAAAAAAAAAAAAAAAAA
A1a
5K
@
a@
@a.
a.a
ada@example.
(at)
dot
[at]a
01
1
4111
4111-
(0
+1
1-
1.
0171/
12:
2001:
a:b
::
DE89
DE
token=
secret
key is
call
call me
order no
\u200b
\u00ad
１
a'a
’
ﾊﾟ
é
http
http:a
""".split("\n")[1:-1]


def seconds(function: Callable[[str], object], text: str) -> float:
    """The processor's time, the less of two."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        function(text)
        spent.append(time.process_time() - start)
    return min(spent)


def growth(function: Callable[[str], object], piece: str) -> float:
    """How many times as long a text takes that is `LONGER` times as long; 0 where both take no time."""
    short = piece * (SHORT // len(piece))
    longer = seconds(function, short * LONGER)
    return longer / max(seconds(function, short), NOTHING)


pieces = st.lists(st.sampled_from([*PIECES, " ", "1", "a"]), min_size=1, max_size=4).map("".join)
FUNCTIONS = (mask, beginning, words, tidy, fold)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("end", ["", " "])
def test_each_text_takes_time_in_proportion(function: Callable[[str], object], end: str) -> None:
    for piece in PIECES:
        assert growth(function, piece + end) < MOST, piece


@settings(deadline=None, max_examples=20)
@given(pieces)
def test_any_text_takes_time_in_proportion(piece: str) -> None:
    assert growth(mask, piece) < MOST


def test_a_megabyte_of_beginnings_of_keys_is_soon_read() -> None:
    """It took minutes where each beginning was followed to the end of the text."""
    text = "-----BEGIN PRIVATE KEY----- -eyJaaaaaaaaaaaa " * 22_000
    start = time.process_time()
    masked, counts = mask(text)
    assert counts["key"] >= 1
    assert len(masked) < len(text)
    assert time.process_time() - start < 20
