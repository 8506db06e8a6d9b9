"""Tests of texts that tools escaped once too often, and of texts that only look so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.text.escapes import as_typed

SAID = "the gull’s café 😂"


@pytest.mark.parametrize(
    "written",
    [
        str(SAID.encode()),
        r"the gull\u2019s caf\u00e9 \ud83d\ude02",
        r"the gull\u2019s caf\u00e9 \U0001F602",
        "the gull<U+2019>s caf<U+00E9> <U+0001F602>",
        "the gull<U+2019>s café <ed><a0><bd><ed><b8><82>",
        r"the gull\xe2\x80\x99s caf\xc3\xa9 \xf0\x9f\x98\x82",
        "the gull&#8217;s caf&eacute; 😂",
        "the gull&amp;#8217;s café 😂",
        "the gullâ€™s cafÃ© ðŸ˜‚",
        f"<|startoftext|>{SAID}<|endoftext|>",
        SAID,
    ],
)
def test_escaped_texts_are_restored(written: str) -> None:
    assert as_typed(written) == SAID


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Q&amp;amp;A", "Q&A"),
        ("I &amp;lt;3 it", "I <3 it"),
        ("&amp;quot;so&amp;quot;", '"so"'),
        ("a &amp;nbsp;b", "a \xa0b"),
    ],
)
def test_entities_that_nobody_types_are_unescaped_twice(written: str, meant: str) -> None:
    assert as_typed(written) == meant


@pytest.mark.parametrize(
    "typed",
    [
        r"in C:\users\new",
        r"\o/ \o/",
        "b'day party",
        "b'tis so",
        "I <3 U+1F602",
        "Ã is a letter",
        "«à»",
        "AT&T",
        "x < y > z",
        r"\u20 is short",
        "b'a' or b'b'",
    ],
)
def test_texts_that_only_look_escaped_are_kept(typed: str) -> None:
    assert as_typed(typed) == typed


def test_a_text_that_is_html_as_a_whole_is_read_as_such() -> None:
    html = (
        '<p>the gull &amp; I &lt;3 <a href="https://s.example/a">https://s.example/a</a></p>'
        "<p>and<br/>on</p>"
    )
    assert as_typed(html) == "the gull & I <3 https://s.example/a\n\nand\non"
    assert as_typed('<div class="text">\n<p>the gull</p>\n</div>\n') == "the gull"


@pytest.mark.parametrize(
    "typed", ["close your <p> with </p>!", "<p>a gull", "<b>so</b>", "a < b </p>", "<3 <p></p>"]
)
def test_typed_tags_are_kept(typed: str) -> None:
    assert as_typed(typed) == typed


@given(st.text(st.sampled_from("b'\"\\xu0aéÃâ€&;#<U+>"), max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    as_typed(text).encode()
