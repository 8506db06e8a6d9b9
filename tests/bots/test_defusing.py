"""@names and #tags are inert: judged by what servers take for a mention or a tag."""

from __future__ import annotations

import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from popinjay.bots.defusing import defused, display_text, is_live
from popinjay.store.post_queue import Draft, DraftState

# How servers find mentions and tags, as their documentation and behaviour say (2026).
MASTODON_MENTION = regex.compile(r"(?<![=/\p{L}\p{M}\p{Nd}\p{Pc}])@[a-z0-9_]+", regex.IGNORECASE)
MASTODON_TAG = regex.compile(r"(?<![=/)\p{L}\p{M}\p{Nd}])[#＃]([\p{L}\p{M}\p{Nd}\p{Pc}·・\u200c]+)")
OLD_MASTODON_TAG = regex.compile(r"(?:^|[^/)\w])#([\p{L}\p{M}\p{Nd}\p{Pc}·]+)", regex.ASCII)
BLUESKY_MENTION = re.compile(r"(?:^|\s|\()@[a-zA-Z0-9.-]*[a-zA-Z0-9]")
BLUESKY_TAG = re.compile(r"(?:^|\s)[#＃](?!\ufe0f)([^\s\u00ad\u2060\u200a-\u200d\u20e2]+)")
SNAC_MENTION = re.compile(r"(?<![A-Za-z0-9_])@[A-Za-z0-9_]+")  # it looks inside words too


def found_by_servers(text: str) -> list[str]:
    """Return what some server takes for a mention or a tag, outside of words."""
    found = [match[0] for match in MASTODON_MENTION.finditer(text)]
    found += [match[0] for match in BLUESKY_MENTION.finditer(text)]
    found += [
        match[0]
        for match in SNAC_MENTION.finditer(text)
        if unicodedata.category(text[: match.start()][-1:] or " ")[0] not in "LN"
    ]
    for pattern in (MASTODON_TAG, OLD_MASTODON_TAG):
        found += [
            match[0]
            for match in pattern.finditer(text)
            if any(letter.isalpha() or letter in "_·・\u200c" for letter in match[1])
        ]
    found += [match[0] for match in BLUESKY_TAG.finditer(text) if any(map(str.isalpha, match[1]))]
    return found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("thanks @ada!", "thanks ada!"),
        ("@ada @bob i agree", "ada bob i agree"),
        ("thanks @ada@social.example.", "thanks ada."),
        ("@ada.bsky.social says so", "ada.bsky.social says so"),
        ("(@ada)", "(ada)"),
        ("RT @ada: no", "RT ada: no"),
        ("dinner @7pm", "dinner 7pm"),
        ("＠ada ﹫bob", "ada bob"),
        ("@émile und @жук", "émile und жук"),
        ("@\u200bada #\u2060tag", "ada tag"),
        ("happy #monday", "happy monday"),
        ("#日本語 日本#タグ ＃タグ", "日本語 日本タグ タグ"),
        ("#1st ##two #_ #·", "1st two _ ·"),
        ("#🎉", "🎉"),
        ("@ada#tag a@#b", "ada#tag ab"),
    ],
)
def test_signs_are_dropped_and_words_stay(text: str, shown: str) -> None:
    assert is_live(text)
    assert defused(text) == shown
    assert not is_live(shown)
    assert found_by_servers(shown) == []


@pytest.mark.parametrize("text", ["@ada", "a @ada@b.example", "#tag", "x #日本", "＃タグ", "@a#b"])
def test_the_servers_of_these_tests_find_something(text: str) -> None:
    assert found_by_servers(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "# @ the pub",
        "we're #1, not #2!",
        "C# and F#m",
        "write to me@example.com",
        "https://social.example/@ada#bio and http://a.example?q=@b&c=#d",
        "#️⃣ and @…",
        "5 @ $2, x @$y",
        "u/ada and r/tea",
        "no signs at all — none.",
    ],
)
def test_what_is_no_mention_and_no_tag_is_left_alone(text: str) -> None:
    assert not is_live(text)
    assert defused(text) == text


@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("@@@##＃﹟＠﹫ab1_.-/=)(é日·\u200b\u200c\u2060\ufe0f\u20e3 \n🎉½²"),
            st.characters(codec="utf-8"),
        ),
        max_size=24,
    )
)
def test_no_server_finds_anything_in_any_text(text: str) -> None:
    shown = defused(text)
    assert defused(shown) == shown
    assert len(shown) <= len(text)
    if "http" not in text:
        assert found_by_servers(shown) == []


def test_mentions_are_kept_if_asked_for() -> None:
    draft = Draft(1, "@ada #tea", DraftState.DRAFT, {}, "")
    assert display_text(draft) == "ada tea"
    assert display_text(draft, mentions=True) == "@ada #tea"
