"""Nothing takes more than its share of time for any text: four times as long, about four times the time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.options import CollectOptions
from popinjay.sources import Access
from popinjay.sources.bluesky.facets import with_whole_links
from popinjay.sources.files.container import Container
from popinjay.sources.x import archive as x_archive
from popinjay.sources.x.layout import root_of
from popinjay.stages.clean import tidy
from popinjay.text import html_text
from popinjay.text.html_text import to_text
from popinjay.text.masking import mask, unfinished_start
from popinjay.text.pii.folding import fold
from popinjay.text.words import words
from timing import grows_less_than, takes_less_than

SHORT = 2_000  # characters
LONGER = 4  # times
MOST = 2.2 * LONGER  # what is quadratic takes LONGER ** 2
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


def in_proportion(function: Callable[[str], object], piece: str, length: int = SHORT) -> bool:
    """Whether a text that is `LONGER` times as long takes about as many times as long."""
    short = piece * (length // len(piece))
    return grows_less_than(MOST, lambda: function(short), lambda: function(short * LONGER))


pieces = st.lists(st.sampled_from([*PIECES, " ", "1", "a"]), min_size=1, max_size=4).map("".join)
FUNCTIONS = (mask, unfinished_start, words, tidy, fold)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("end", ["", " "])
def test_each_text_takes_time_in_proportion(function: Callable[[str], object], end: str) -> None:
    for piece in PIECES:
        assert in_proportion(function, piece + end), piece


def test_what_is_quadratic_is_noticed() -> None:
    def quadratic(text: str) -> int:
        return sum(1 for _ in text for _ in text)

    assert not in_proportion(quadratic, "a", 1_000)


@settings(deadline=None, max_examples=20)
@given(pieces)
def test_any_text_takes_time_in_proportion(piece: str) -> None:
    assert in_proportion(mask, piece)


def test_a_megabyte_of_beginnings_of_keys_is_soon_read() -> None:
    """It took minutes where each beginning was followed to the end of the text."""
    text = "-----BEGIN PRIVATE KEY----- -eyJaaaaaaaaaaaa " * 22_000
    masked, counts = mask(text)
    assert counts["key"] >= 1
    assert len(masked) < len(text)
    assert takes_less_than(lambda: mask(text), 20)


HTML = [
    "<a ",
    '<a "',
    "<!--",
    "<",
    "&",
    "&#",
    "<p>",
    "</p>",
    "<b>\n</b>\n",
    '<a href="x">',
    "<img alt='",
    "<br>\n",
    "https://x ",
]


@pytest.mark.parametrize("begun", ["", "x"])
def test_html_takes_time_in_proportion(begun: str) -> None:
    for piece in HTML:
        assert in_proportion(lambda text: to_text(begun + text), piece), piece


def test_blanks_that_only_lay_out_html_take_time_in_proportion() -> None:
    def gathered(text: str) -> str:
        reader = html_text._TextExtractor()
        reader._out = ["x", text, "x"]
        return reader.text()

    assert gathered(html_text._SOFT * 3) == "x x"
    assert in_proportion(gathered, html_text._SOFT, 10_000)


def test_addresses_in_posts_take_time_in_proportion() -> None:
    def shown(text: str) -> str:
        facet = {
            "index": {"byteStart": 0, "byteEnd": len(text)},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"}],
        }
        return with_whole_links(text, [facet])

    for piece in ("a.", "a.a…", "a...", "-.", "a:1."):
        assert in_proportion(shown, piece), piece


def test_many_marks_in_one_post_take_time_in_proportion() -> None:
    def marked(text: str) -> str:
        link = [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"}]
        return with_whole_links(
            text,
            [
                {"index": {"byteStart": n, "byteEnd": 2 * len(text) - 1}, "features": link}
                for n in range(1, 2 * len(text), 2)
            ],
        )

    assert in_proportion(marked, "é", 16_000)


def archive(folder: Path, count: int, *, missing: bool) -> Path:
    """The folder of an archive with so many files of posts of one second, and as many long posts of it."""
    data = folder / f"{missing}{count}" / "data"
    data.mkdir(parents=True)
    first = 1_600_000_000_000_000_000
    files = [
        {
            "fileName": f"data/{'gone' if missing else 'tweets'}-part{n}.js",
            "globalName": "x",
            "count": "1",
        }
        for n in range(count)
    ]
    manifest = {"userInfo": {"userName": "ada"}, "dataTypes": {"tweets": {"files": files}}}
    (data / "manifest.js").write_text(
        f"window.__THAR_CONFIG = {json.dumps(manifest)}", encoding="utf-8"
    )
    tweets = [
        {"tweet": {"id_str": str(first + n), "full_text": "the gull waits", "created_at": ""}}
        for n in range(count)
    ]
    notes = [
        {"noteTweet": {"noteTweetId": str(first + n), "core": {"text": f"the gull waits for {n}"}}}
        for n in range(count)
    ]
    (data / "tweets.js").write_text(
        f"window.YTD.tweets.part0 = {json.dumps(tweets)}", encoding="utf-8"
    )
    (data / "note-tweet.js").write_text(
        f"window.YTD.note_tweet.part0 = {json.dumps(notes)}", encoding="utf-8"
    )
    return data.parent


@pytest.mark.parametrize("missing", [True, False])
def test_archives_take_time_in_proportion(missing: bool, tmp_path: Path) -> None:
    def read(folder: Path, count: int) -> None:
        reading = x_archive.read(str(folder), CollectOptions(), Access())
        assert len(list(reading.posts())) >= count
        assert len(reading.findings.notes) <= x_archive.MAX_NOTES + 3

    short = archive(tmp_path, 1_000, missing=missing)
    longer = archive(tmp_path, 4_000, missing=missing)
    assert grows_less_than(
        MOST, lambda: read(short, 1_000), lambda: read(longer, 4_000), least=0.02
    )


def test_folders_beside_one_another_take_time_in_proportion() -> None:
    """Of a zip with many folders, each marked as an archive's."""

    class Names:
        def __init__(self, count: int) -> None:
            self.names = [f"{n}/data/manifest.js" for n in range(count)] + [
                "last/data/tweets.js",
                "last/data/manifest.js",
            ]
            self.path = Path("many.zip")

    def find(names: Names) -> None:
        assert root_of(cast(Container, names)) == "last/data/"

    few, many = Names(2_000), Names(8_000)
    assert grows_less_than(MOST, lambda: find(few), lambda: find(many), least=0.01)
