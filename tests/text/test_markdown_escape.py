"""Tests of escaping: rendered, a text is what it was, and an ordinary one is not changed at all."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from popinjay.post import one_line, printable
from popinjay.text.markdown_escape import (
    in_a_cell,
    in_attribute,
    in_html,
    in_link_text,
    in_markdown,
    on_a_line,
)

NASTY = [
    "<script>alert(1)</script>",
    "[x](y)",
    "![x](http://evil.test/y.png)",
    "[x]: y",
    "[^1]",
    "[ ] done",
    "|",
    "\\|",
    "\\\\|",
    "a | b",
    "`code`",
    "```",
    "~~~",
    "~~gone~~",
    "# heading",
    "#hashtag",
    "@ada@social.example",
    "1. one",
    "12) twelve",
    "- item",
    "+ item",
    "* item",
    "---",
    "- - -",
    "***",
    "___",
    "===",
    "> quoted",
    "*a*",
    "**b**",
    "_c_",
    "__d__",
    "snake_case_name",
    "a*b*c",
    "&amp;",
    "&#124;",
    "&copy",
    "AT&T",
    "<!--",
    "-->",
    "<b",
    "</p>",
    "<http://evil.test>",
    "http://evil.test",
    "www.evil.test",
    "\\",
    "\\*",
    "a\\",
    "$x$",
    "$$",
    "2 * 3 * 4",
    "1 < 2 > 0",
    "{{ 1 }}",
    "שלום *עולם*",
    "\u2068مرحبا\u2069 | _",
    "日本語_の_",
    "👩‍🚀*",
]
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=5).map("".join)
SHOWN = TEXTS.map(lambda text: one_line(printable(text)))
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Parsed(HTMLParser):
    """HTML as a browser reads it: tags, and the text within them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("instruction")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("declaration")


def within_a_line(text: str) -> Parsed:
    return Parsed(RENDERER.render(f"Before {in_markdown(text)} after."))


def in_a_list(text: str) -> Parsed:
    return Parsed(RENDERER.render(f"1. {on_a_line(text)}\n2. next\n"))


def in_a_table(text: str) -> Parsed:
    return Parsed(RENDERER.render(f"| a | b |\n| --- | --- |\n| {in_a_cell(text)} | {'next'} |\n"))


def in_a_link(text: str) -> Parsed:
    return Parsed(RENDERER.render(f"See [{in_link_text(text)}](https://popinjay.test) there."))


def in_a_block(text: str) -> Parsed:
    return Parsed(RENDERER.render(f"<div>\n<p>{in_html(text)}</p>\n</div>\n"))


PLACES: list[tuple[Callable[[str], Parsed], list[str], str]] = [
    (within_a_line, ["p"], "Before {} after.\n"),
    (in_a_list, ["ol", "li", "li"], "\n{}\nnext\n\n"),
    (
        in_a_table,
        ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"],
        "\n\n\na\nb\n\n\n\n\n{}\nnext\n\n\n\n",
    ),
    (in_a_link, ["p", "a"], "See {} there.\n"),
    (in_a_block, ["div", "p"], "\n{}\n\n"),
]


@pytest.mark.parametrize(("place", "tags", "around"), PLACES, ids=lambda one: str(one)[:20])
@settings(max_examples=400, deadline=None)
@given(text=SHOWN.filter(bool))
@example(text="".join(NASTY).strip())
def test_a_text_is_shown_as_it_is(
    place: Callable[[str], Parsed], tags: list[str], around: str, text: str
) -> None:
    page = place(text)
    assert page.tags == tags
    assert page.text == around.format(text)


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(("place", "tags", "around"), PLACES, ids=lambda one: str(one)[:20])
def test_each_nasty_text_is_shown_as_it_is(
    place: Callable[[str], Parsed], tags: list[str], around: str, text: str
) -> None:
    page = place(text)
    assert (page.tags, page.text) == (tags, around.format(text))


@given(SHOWN)
@example("".join(NASTY))
def test_an_attribute_ends_where_it_ends(text: str) -> None:
    page = Parsed(f'<img alt="{in_attribute(text)}" width="9">')
    assert page.attributes == {"alt": text, "width": "9"}


@pytest.mark.parametrize(
    "text",
    [
        "It's 5 < 6, isn't it? Yes: I'm at 50% of my goal, \"more\" or less!",
        "Tom & Jerry (1940); rock'n'roll — AT&T, R&D, #hashtag @snake_case_name",
        "Costs $5. Call it a/b, a=b, a+b, or 2 * 3 = 6; see {this} [or that] ~ ok",
        "Мечта — это всё. 夢です。حلمي هو 🎉",
        "-5 degrees, +3 tomorrow. 3.5 is no list",
    ],
)
def test_an_ordinary_sentence_is_not_touched(text: str) -> None:
    for escape in (in_markdown, on_a_line, in_a_cell):
        assert escape(text) == text


def test_no_plain_address_becomes_a_link() -> None:
    # As GitHub and the hub make links of them; one with a backslash in it is none.
    assert in_markdown("see www.evil.test or http://evil.test") == (
        "see www\\.evil.test or http\\://evil.test"
    )
