"""Nothing takes more than its share of time for any text: four times as long, about four times the time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.clean import tidy
from popinjay.options import CollectOptions
from popinjay.pii.folding import fold
from popinjay.privacy import beginning, mask
from popinjay.sources import Access, html_text, x_archive
from popinjay.sources.bluesky_text import with_whole_links
from popinjay.sources.container import Container
from popinjay.sources.html_text import to_text
from popinjay.sources.x_archive import XArchive
from popinjay.sources.x_layout import root_of
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


def growth(function: Callable[[str], object], piece: str, length: int = SHORT) -> float:
    """How many times as long a text takes that is `LONGER` times as long; 0 where both take no time."""
    short = piece * (length // len(piece))
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


HTML = ["<a ", '<a "', "<!--", "<", "&", "&#", "<p>", "</p>", "<b>\n</b>\n", '<a href="x">', "<img alt='", "<br>\n", "https://x "]


@pytest.mark.parametrize("begun", ["", "x"])
def test_html_takes_time_in_proportion(begun: str) -> None:
    for piece in HTML:
        assert growth(lambda text: to_text(begun + text), piece) < MOST, piece


def test_blanks_that_only_lay_out_html_take_time_in_proportion() -> None:
    def gathered(text: str) -> str:
        reader = html_text._Reader()
        reader._out = ["x", text, "x"]
        return reader.text()

    assert gathered(html_text._SOFT * 3) == "x x"
    assert growth(gathered, html_text._SOFT, 10_000) < MOST


def test_addresses_in_posts_take_time_in_proportion() -> None:
    def shown(text: str) -> str:
        facet = {"index": {"byteStart": 0, "byteEnd": len(text)}, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"}]}
        return with_whole_links(text, [facet])

    for piece in ("a.", "a.a…", "a...", "-.", "a:1."):
        assert growth(shown, piece) < MOST, piece


def test_many_marks_in_one_post_take_time_in_proportion() -> None:
    def marked(text: str) -> str:
        link = [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example"}]
        return with_whole_links(text, [{"index": {"byteStart": n, "byteEnd": 2 * len(text) - 1}, "features": link} for n in range(1, 2 * len(text), 2)])

    assert growth(marked, "é", 16_000) < MOST


def archive(folder: Path, count: int, *, missing: bool) -> XArchive:
    """An archive with so many files of posts of one second, and as many long posts of it."""
    data = folder / f"{missing}{count}" / "data"
    data.mkdir(parents=True)
    first = 1_600_000_000_000_000_000
    files = [{"fileName": f"data/{'gone' if missing else 'tweets'}-part{n}.js", "globalName": "x", "count": "1"} for n in range(count)]
    manifest = {"userInfo": {"userName": "ada"}, "dataTypes": {"tweets": {"files": files}}}
    (data / "manifest.js").write_text(f"window.__THAR_CONFIG = {json.dumps(manifest)}", encoding="utf-8")
    tweets = [{"tweet": {"id_str": str(first + n), "full_text": "the gull waits", "created_at": ""}} for n in range(count)]
    notes = [{"noteTweet": {"noteTweetId": str(first + n), "core": {"text": f"the gull waits for {n}"}}} for n in range(count)]
    (data / "tweets.js").write_text(f"window.YTD.tweets.part0 = {json.dumps(tweets)}", encoding="utf-8")
    (data / "note-tweet.js").write_text(f"window.YTD.note_tweet.part0 = {json.dumps(notes)}", encoding="utf-8")
    return x_archive.read(str(data.parent), CollectOptions(), Access())


@pytest.mark.parametrize("missing", [True, False])
def test_archives_take_time_in_proportion(missing: bool, tmp_path: Path) -> None:
    def spent(count: int) -> float:
        reading = archive(tmp_path, count, missing=missing)
        start = time.process_time()
        assert len(list(reading.posts())) >= count
        assert len(reading.findings.notes) <= x_archive.MOST_NOTES + 3
        return time.process_time() - start

    spent(10)
    assert spent(4_000) < MOST * max(spent(1_000), 0.02)


def test_folders_beside_one_another_take_time_in_proportion() -> None:
    """Of a zip with many folders, each marked as an archive's."""

    class Names:
        def __init__(self, count: int) -> None:
            self.names = [f"{n}/data/manifest.js" for n in range(count)] + ["last/data/tweets.js", "last/data/manifest.js"]
            self.path = Path("many.zip")

    def spent(count: int) -> float:
        start = time.process_time()
        assert root_of(cast(Container, Names(count))) == "last/data/"
        return time.process_time() - start

    spent(10)
    assert spent(8_000) < MOST * max(spent(2_000), 0.01)
