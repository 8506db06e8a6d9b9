"""Tests of the report's page: it loads nothing, shows its numbers, hides real posts if shared."""

from __future__ import annotations

import functools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from popinjay.report import charts, quiz
from popinjay.report.charts import Side, length_counts
from popinjay.report.html import fragment
from popinjay.report.people import plain_name
from popinjay.report.schema import Report
from popinjay.report.svg import ticks
from reports import content, estimate, metrics, page, real_posts, report, written_posts

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "</ScRiPt ><svg onload=alert(2)>",
    "<!--<script>",
    "]]><style>*{display:none}</style>",
    "'\" onclick=alert(3) x='",
    "\u202eevil\u202c \u2067deep",
    "line\u2028line\u2029end",
    "z" + "\u0341" * 300,
    "W" * 3000,
    "\ud83d half \x00 null",
    "{{ 7 * 7 }} {% raw %}",
)


class Elements(HTMLParser):
    """All elements of a page, and the text of its scripts by type."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    parser.close()
    return parser


def played(text: str) -> list[dict[str, Any]]:
    """Return the pairs of the page's quiz."""
    found: list[dict[str, Any]] = json.loads(
        next(script for kind, script in elements(text).scripts if kind == "application/json")
    )
    return found


def test_the_page_loads_nothing() -> None:
    text = page(against=Side("other", Report.from_json(report()), metrics(), written_posts(30)))
    found = elements(text).found
    assert not [
        tag
        for tag, _ in found
        if tag
        in (
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "audio",
            "video",
            "image",
            "use",
            "foreignobject",
        )
    ]
    for tag, attributes in found:
        assert not {"src", "href", "xlink:href", "srcset", "action", "style", "ping"} & set(
            attributes
        ), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(
        r"url\(|@import|https?://|fetch\(|XMLHttpRequest|sendBeacon|WebSocket", text
    )
    policy = next(
        attributes["content"]
        for _, attributes in found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_the_page_is_the_same_for_the_same_report() -> None:
    assert page() == page()
    assert page(seed=1) != page()


@functools.cache
def kinds_of_elements() -> set[str]:
    """Return the kinds of elements of a harmless page."""
    return {
        tag
        for tag, _ in elements(
            page(against=Side("other", Report.from_json(report()), metrics(), written_posts()))
        ).found
    }


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str) -> None:
    real = [f"{n} really {hostile}" for n in range(5)]
    written = [f"{n} made {hostile}" for n in range(5)]
    told = report(
        verdict=hostile, notes=[hostile], training={"why": hostile, "best_step": 1, "steps": 2}
    )
    told["told_apart"]["what"] = hostile
    told["bits_per_byte"]["persona"] = {"all": 1.0, hostile: 1.0, "other": 1.1}
    told["privacy"]["persona"][hostile] = 1
    text = page(
        report=told,
        name=hostile,
        authors=[hostile],
        real=real,
        written=written,
        against=Side(hostile, Report.from_json(told), metrics(), written),
    )
    text.encode()  # no half of a pair of surrogates
    read = elements(text)
    assert {tag for tag, _ in read.found} <= kinds_of_elements()
    assert len(read.scripts) == 2
    assert not [
        name for _, attributes in read.found for name in attributes if name.startswith("on")
    ]
    assert "\u202e" not in text
    shown = {pair["real"] for pair in played(text)}
    assert shown == {post.replace("\x00", "").replace("\ud83d", "\ufffd") for post in real} or all(
        post.endswith("…") for post in shown
    )
    assert "{{" not in hostile or "{{ 7 * 7 }}" in text


def test_json_in_a_script_cannot_end_the_script() -> None:
    text = quiz.as_json([quiz.Pair("</script><!--", "a\u2028b & c", True)])
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == [
        {"real": "</script><!--", "written": "a\u2028b & c", "realIsFirst": True}
    ]


def test_a_page_to_share_has_posts_of_the_persona_alone() -> None:
    real = real_posts()
    written = written_posts()
    counts = length_counts(real)
    text = page(real=None, real_lengths=counts)
    assert not [post for post in real if post in text or json.dumps(post)[1:-1] in text]
    assert "really" not in text.replace("really wrote", "")
    assert [post for post in written if post in text] == written[:10]
    assert text.index(written[0]) < text.index("By style alone, ") < text.index("made for sharing")
    assert 'id="pairs"' not in text
    assert 'id="game"' not in text
    assert "posts never seen in training" in text  # their lengths are shown: counts, no text
    assert "posts never seen in training" not in page(real=None)
    owners = page(real=real)
    assert [post for post in real if post in owners]  # so the test above can fail
    assert charts.lengths([Side("ada", Report(), (), written)], counts) == charts.lengths(
        [Side("ada", Report(), (), written)], length_counts(real)
    )


def test_the_game_is_first_and_the_numbers_are_folded() -> None:
    text = page()
    places = [
        text.index(part)
        for part in (
            "Which one is real?",
            "By style alone, ",
            "Its first 10 posts, unselected",
            '<dl class="tiles">',
            '<details class="numbers">',
            "Can a classifier tell?",
            "How this was measured",
        )
    ]
    assert places == sorted(places)
    assert "Its first" not in page(posts=[])
    assert "<h1><bdi>Ada Lovelace</bdi></h1>" in text


def test_a_fragment_has_the_content_alone() -> None:
    whole, part = page(), fragment(content())
    assert part in whole
    assert "<h1" not in part
    assert "<style" not in part
    assert [kind for kind, _ in elements(part).scripts] == ["application/json"]


def test_counts_of_lengths_survive_json() -> None:
    counts = json.loads(json.dumps(length_counts(real_posts())))
    assert page(real=None, real_lengths=counts) == page(
        real=None, real_lengths=length_counts(real_posts())
    )


def test_the_numbers_are_shown_with_their_intervals_and_controls() -> None:
    text = page()
    told = report()
    assert "a program can perhaps tell it from Ada Lovelace: it was right 58 times in 100" in text
    assert told["notes"][0] in text
    for shown in (
        "58% (53–63)",
        "52% (47–57)",
        "55% (50–60)",
        "94% (92–96)",
        "74% (70–78)",
        "41% (36–46)",
        "1.2% (0.4–2.0)",
        "2.4% (2.0–2.8)",
        "39% (36–42)",
    ):
        assert f">{shown}<" in text
    for cell in ("0.5830", "0.5330", "0.6330", "1.834", "2.291"):
        assert f"<td>{cell}</td>" in text
    for words in (
        "50%: a coin toss",
        "2.5%: guessing",
        "step 240 is kept",
        "no longer getting",
        "39 other people",
        "arXiv 1610.06545",
        "<b>3</b> phone numbers",
        "Others’ names",
        "A handle the author never used",
        "Words that do not exist",
    ):
        assert words in text
    for own in (
        "told_apart",
        "taken_for",
        "copying",
        "bits_per_byte",
        "variety",
        "names",
        "privacy",
    ):
        assert told[own]["what"] in text


def test_every_plot_has_a_name_and_a_table() -> None:
    text = page()
    plots = re.findall(r'<svg class="plot" role="img"[^>]*aria-labelledby="(\S+) (\S+)"', text)
    assert len(plots) == 2 + 4 + 1 + 1 + 1 + 6
    for title, about in plots:
        assert re.search(rf'<title id="{title}">[^<]+</title><desc id="{about}">[^<]+</desc>', text)
    assert text.count("These numbers as a table") == len(plots)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def tried(temperature: float, top_p: float, distance: float) -> dict[str, float]:
    rest = {"told_apart": 0.9, "distinct_2": 0.7, "length": 0.1, "new_words": 0.2, "copied": 0.02}
    return {"temperature": temperature, "top_p": top_p, "distance": distance, **rest}


def test_the_choice_of_settings_is_plotted() -> None:
    trials = [
        tried(0.7, 0.95, 0.41),
        tried(0.8, 0.9, 0.2222),
        tried(0.8, 0.95, 0.31),
        tried(0.9, 0.95, 0.52),
    ]
    author = {"distinct_2": 0.72, "new_words": 0.1, "copied": 0.05}
    sampling = {
        "temperature": 0.8,
        "top_p": 0.9,
        "max_tokens": 160,
        "seed": 0,
        "trials": trials,
        "author": author,
    }
    text = page(report=report(sampling=sampling))
    assert "Chosen: temperature 0.8 with top-p 0.9, of 4 settings" in text
    assert "The author: 72% different word pairs" in text
    assert "0.222" in text
    assert "How daring it is by default" not in page()
    alone = {**sampling, "trials": trials[:1], "author": {}}
    assert "How daring it is by default" not in page(report=report(sampling=alone))


def test_two_reports_stand_side_by_side() -> None:
    other = report()
    other["told_apart"] = {**other["told_apart"], "persona": estimate(0.661)}
    text = page(against=Side("ada-2", Report.from_json(other), metrics(260), written_posts(40)))
    assert ">58% (53–63)<" in text
    assert ">66% (61–71)<" in text
    assert "a program can sometimes tell it" in text
    assert "The persona · \u2068ada-2\u2069" in text
    assert "ada-2: 66%" in text
    assert text.count('<circle class="dot persona second"') > 10


def test_missing_measures_are_left_out() -> None:
    gone = ("taken_for", "habits", "variety", "names", "privacy", "non_words")
    told = report(notes=[], **dict.fromkeys(gone))
    told["bits_per_byte"]["base"] = None
    for part in ("told_apart", "copying"):
        told[part] = {
            name: value for name, value in told[part].items() if name not in ("base", "markov")
        }
    text = page(report=told, metrics=[])
    assert "Taken for the author" not in text
    assert "Base model<" not in text
    assert 'aria-label="Notes"' not in text
    assert "Others’ names" not in text
    assert "58% (53–63)" in text
    bare = page(report={}, metrics=[], written=[], real=[])
    assert "It has not been measured yet." in bare
    assert "no posts to play with" in bare
    assert "<svg" not in bare


def test_an_old_report_can_be_compared() -> None:
    old = {
        "bits_per_byte": {"base": {"all": 2.0}, "persona": {"all": 1.9}},
        "copying": {"samples": 100, "exact": 0.01, "held_out_exact": 0.0},
    }
    assert "1.900" in page(against=Side("old", Report.from_json(old)))


def test_quiz_pairs_have_similar_lengths_and_random_order() -> None:
    found = quiz.pairs(real_posts(60), written_posts(400), seed=3)
    assert len(found) == quiz.PAIRS
    assert len({pair.real for pair in found}) == len({pair.written for pair in found}) == quiz.PAIRS
    assert max(abs(len(pair.real) - len(pair.written)) for pair in found) <= 10
    assert 4 <= sum(pair.real_is_first for pair in found) <= 16
    assert found == quiz.pairs(real_posts(60), written_posts(400), seed=3)
    assert found != quiz.pairs(real_posts(60), written_posts(400), seed=4)


def test_quiz_pairs_leave_out_shared_and_empty_posts() -> None:
    found = quiz.pairs(
        ["Good morning!", "", "  ", "only I", "!!"],
        ["good  morning", "only it", "another one"],
        seed=0,
    )
    assert [pair.real for pair in found] == ["only I"]
    assert quiz.pairs(["a", "b", "c"], ["d"], seed=0) != []
    assert len(quiz.pairs(real_posts(7), written_posts(), seed=0)) == 7
    assert quiz.pairs([], written_posts(), seed=0) == []


def test_short_pairs_come_first() -> None:
    lengths = [120, 700, 90, 300, 60, 250]
    real = [f"{'r' * length} {number}" for number, length in enumerate(lengths)]
    written = [f"{'w' * length} {number}" for number, length in enumerate(lengths)]
    longest = [max(map(len, pair[:2])) for pair in quiz.pairs(real, written, seed=0)]
    assert [length > quiz.SHORT for length in longest] == [False] * 4 + [True] * 2


def test_long_posts_are_cut_to_the_same_length() -> None:
    [pair] = quiz.pairs(["word " * 300], ["other " * 300], seed=0)
    assert len(pair.real) <= quiz.LONGEST + 1
    assert pair.real.endswith("word…")
    assert pair.written.endswith("other…")


@pytest.mark.parametrize(("count", "least"), [(20, 15), (10, 9), (5, 5), (4, 5), (1, 2)])
def test_scores_beyond_chance(count: int, least: int) -> None:
    assert quiz.more_than_luck(count) == least


def test_names_are_one_short_line() -> None:
    assert plain_name("a\nb\u202e c") == "a b c"
    assert len(plain_name("x" * 500)) == 80


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1.0]),
        (0.4, 1, [0.4, 0.6, 0.8, 1.0]),
        (0, 320, [0, 100, 200, 300]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == wanted


def test_all_lengths_are_counted() -> None:
    figure = charts.lengths(
        [Side("ada", Report(), (), ["x" * n for n in (3, 12, 15, 290, 5000)])], {0: 1, 10: 3}
    )
    assert figure
    assert sum(float(row[1][:-1]) for row in figure.rows) == pytest.approx(100)
    assert [row[2] for row in figure.rows if row[2] != "0%"] in (["100%"], ["25%", "75%"])
