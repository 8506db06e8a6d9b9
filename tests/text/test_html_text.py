"""Tests of HTML as the fediverse's servers write it, and of malformed HTML."""

from __future__ import annotations

import pytest

from popinjay.text.html_text import MAX_HTML, to_text
from timing import takes_less_than

LINK = (
    '<a href="https://www.example.org/a/long/address" target="_blank" rel="nofollow noopener" '
    'translate="no"><span class="invisible">https://www.</span>'
    '<span class="ellipsis">example.org/a/long</span><span class="invisible">/address</span></a>'
)
MENTION = (
    '<span class="h-card" translate="no"><a href="https://other.example/@bob" '
    'class="u-url mention">@<span>bob</span></a></span>'
)
TAG = (
    '<a href="https://social.example/tags/tide" class="mention hashtag" rel="tag">'
    "#<span>tide</span></a>"
)
QUOTED = f'<p class="quote-inline">RE: {LINK}</p>'


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p>", "one"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<p>one<br />two<br>three</p>", "one\ntwo\nthree"),
        ("<p>one<br /><br />two</p>", "one\n\ntwo"),
        ("<p>one<br></p><p></p><p>two</p>", "one\n\ntwo"),
        ("<p>one</p>\n  <p>two\n three</p>\n", "one\n\ntwo three"),
        ("<p>two  blanks,<br />  a beginning</p>", "two  blanks,\n  a beginning"),
        ("no tags at all", "no tags at all"),
        ("", ""),
        (f"<p>see {LINK}, now</p>", "see https://www.example.org/a/long/address, now"),
        ('<p><a href="https://example.org">my page</a></p>', "my page"),
        (f"<p>{MENTION} and {MENTION}: {TAG}</p>", "@bob and @bob: #tide"),
        ("<p>:blobcat: so</p>", ":blobcat: so"),
        (
            '<p>so <img class="custom-emoji" alt=":blobcat:" src="x"> <img src="cat.jpg" '
            'alt="a cat">it is</p>',
            "so :blobcat: it is",
        ),
        (
            "<p>&lt;b&gt; &amp;amp; &quot;q&quot; &#39;a&#39; &#x1F9EE; &nbsp;x</p>",
            "<b> &amp; \"q\" 'a' 🧮 \xa0x",
        ),
        (f"{QUOTED}<p>so true</p>", "so true"),
        ("<blockquote><p>said</p></blockquote><p>yes</p>", "said\n\nyes"),
        (
            "<p>to do:</p><ul><li>one</li><li>two</li></ul><p>done</p>",
            "to do:\n\n- one\n- two\n\ndone",
        ),
        ("<pre><code>a\n  b</code></pre>", "a\n  b"),
        ("<p><strong>a</strong>b<em>c</em></p>", "abc"),
    ],
)
def test_html_of_servers(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<script>alert('<p>x</p>')</script>b<style>p {}</style></p>", "ab"),
        ("<p>a<script>never closed", "a"),
        ('<p>a<span class="invisible">hidden</span>b</p>', "ab"),
        ('<a href="https://x.example"><span class="invisible">hidden</span>word</a>', "word"),
        ("<p>a<!-- <p>hidden</p> -->b<!doctype x><?php x ?><![CDATA[y]]>c</p>", "abc"),
        ("<p>a<!-- never closed <p>b</p>", "a"),
        ("a < b <3 <- & c &unknown; d", "a < b <3 <- & c &unknown; d"),
        ("<p>a<p>b</div></b></p>c", "a\n\nb\n\nc"),
        ('<p title="a > b">a</p>', "a"),
        ("a\x00b\ud800c", "ab\ufffdc"),
        ("<<!---->b>a</b>", "<b>a"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    ],
)
def test_malformed_html(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<a ",
        "<",
        "</",
        "<a x='",
        '<a "',
        "<![",
        "<?",
        "&",
        "<script>",
        "<p>",
        "</p>",
        "<a>",
        "<br>",
        "<pre>\n",
        "<a = = =>",
        "\n ",
    ],
)
def test_long_and_broken_html_takes_linear_time(unit: str) -> None:
    html = unit * (60_000 // len(unit))
    # The parser alone takes half a minute over some.
    assert takes_less_than(lambda: to_text(html), 3)


def test_very_long_html_is_truncated() -> None:
    assert len(to_text("a" * (MAX_HTML + 10))) == MAX_HTML
