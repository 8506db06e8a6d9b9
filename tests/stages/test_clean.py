"""Tests of cleaning: which posts are kept, and how their text looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.errors import TooLittleText
from popinjay.options import CleanOptions, CollectOptions
from popinjay.post import Kind, Post, is_repost_text, one_line, unescape
from popinjay.stages.clean import (
    FEW_CHARACTERS,
    LEAST_CHARACTERS,
    LEAST_POSTS,
    MANY_CHARACTERS,
    Amount,
    Counts,
    amount_of,
    check_enough,
    interesting_words,
    language_of,
    sort_out,
    tidy,
    verdict_on,
)
from popinjay.stages.collect import open_specs, posts_of
from popinjay.text.masking import mask
from popinjay.text.pii.cards import passes_luhn


def post(text: str, kind: Kind = Kind.POST, **more: Any) -> Post:
    return Post(id="1", author="ada", text=text, kind=kind, **more)


def reasons(*posts: Post, **options: Any) -> list[str]:
    return [reason for _, reason in sort_out("ada", posts, CleanOptions(**options)).dropped]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("see https://t.co/abc here", "see here"),
        ("https://t.co/abc", ""),
        ("two\n\nlines  and   blanks", "two lines and blanks"),
        ("新しい動画https://t.co/AbC123です", "新しい動画です"),
        ("cut link https://t.co/ab…", "cut link"),
        ("http://a.example/x?y=1&z=2 end", "end"),
        ("naïve café 👩‍👩‍👧 مرحبا שלום", "naïve café 👩‍👩‍👧 مرحبا שלום"),
        ("broken http:// bit.ly/2abCD3f link", "broken link"),
        ("scraped https:// www. example.com/watch?v=1 …", "scraped"),
        ("SHOUTED HTTPS://EXAMPLE.COM/ABC", "SHOUTED"),
        ("bare bit.ly/abc and www.example.org too", "bare and too"),
        ("cut youtube.com/watch?v=ab…and on", "cut and on"),
        ("gluedpic.twitter.com/AbC12 and pic.x.com/Ab", "glued and"),
        ("he/she and/or 24/7, Node.js or amazon.com", "he/she and/or 24/7, Node.js or amazon.com"),
        ("ada@mail.example.com/home stays", "ada@mail.example.com/home stays"),
    ],
)
def test_links_are_removed_and_posts_are_one_line(before: str, after: str) -> None:
    assert tidy(before) == after


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one two three", 3),
        ("@ada one two #three", 2),
        ("mail me@x now", 2),
        ("", 0),
        ("a.http://x b", 1),
    ],
)
def test_links_mentions_and_hashtags_are_not_interesting(text: str, count: int) -> None:
    assert interesting_words(text) == count
    assert interesting_words(text, as_huggingtweets=True) == count


def test_scripts_without_blanks_are_not_short() -> None:
    text = "今日は天気がいいですね"
    assert interesting_words(text) >= 3
    assert interesting_words(text, as_huggingtweets=True) == 1
    assert reasons(post(text)) == []
    assert reasons(post(text), rules="huggingtweets") == ["short"]


def test_reposts_are_counted_before_short_posts() -> None:
    assert reasons(post("RT @x: hi", Kind.REPOST), post("hi"), post("this one is kept")) == [
        "repost",
        "short",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "RT @bob his words",
        "RT: @bob his words",
        "rt @bob: his words",
        "RT@bob: his words",
        "RT @bob@example.social his words",
        "MT @bob: his words",
        "[RT] @bob his words",
        "RT “@bob: his words”",
        '"@bob: all his words"',
        "“@bob: all his words”",
        "Retweeting @bob: his words",
        "♻ @bob: his words",
    ],
)
def test_manual_retweets_are_reposts(text: str) -> None:
    assert is_repost_text(text)
    assert reasons(post(text, Kind.REPOST)) == ["repost"]
    assert "repost" not in reasons(post(text, Kind.REPOST), rules="huggingtweets")


@pytest.mark.parametrize(
    "text",
    [
        "RT if you agree with @bob",
        "Nice one RT @bob: his words",
        "“@bob: his words” so true",
        "what a day (via @bob)",
        "art @bob would like",
        "Retweeted @bob again today",
        "@bob RT this please",
        '"@bob" is a fine name',
        "MT is my home state",
    ],
)
def test_own_words_are_no_repost(text: str) -> None:
    assert not is_repost_text(text)


MACHINES = [
    "I just earned the 'Newbie' badge on @untappd! https://t.co/x",
    "I'm at The Pier (12 Sea St, Bern) https://t.co/x",
    "I liked a @YouTube video https://t.co/x The Lamp Song",
    "Just posted a photo @ The Old Pier https://t.co/x",
    "I posted 4 photos on Facebook in the album Sea",
    "3 people followed me and one person unfollowed me // automatically checked by https://t.co/x",
    "How I did on Twitter this week: 5 New Followers, 3 Mentions",
    "Just completed a 5.02 km run with @runkeeper. https://t.co/x",
    "I walked 10,000 steps with #fitbit!",
    "The Ada Daily is out! https://t.co/x Stories via @bob",
    "I'm listening to The Lamp Song on Spotify",
    "Wordle 234 4/6 ⬛⬛🟨",
    "J'aime une vidéo @YouTube : La Lampe https://t.co/x",
]
PEOPLE = [
    "I just unlocked the door for you all",
    "I just earned my first scout badge and I am so proud",
    "I just completed the hardest week of my life",
    "I'm at home (in bed) with a cold",
    "I'm at my desk @ nine every day",
    "Just posted a photo of my goat, go and look",
    "I liked a YouTube video about cats so much I cried",
    "I ran 5 km with Anna! She won",
    "My week on Twitter has been awful",
    "100 followers! Thank you all so much, via carrier pigeon",
    "The latest episode is out! https://t.co/x",
    "Today I lost three followers and found a coin",
    "I entered the kitchen and forgot why https://t.co/x",
]


@pytest.mark.parametrize("text", MACHINES)
def test_posts_of_apps_are_recognized(text: str) -> None:
    assert reasons(post(text)) == ["machine-made"]


@pytest.mark.parametrize("text", PEOPLE)
def test_ordinary_posts_are_kept(text: str) -> None:
    assert reasons(post(text)) == []


def test_posts_of_apps_are_dropped() -> None:
    own = [
        post("I just unlocked the door for you all"),
        post('I just unlocked the "Owl" badge in Fit! https://x.example'),
        post("I'm at home with a cold"),
    ]
    assert reasons(*own) == ["machine-made"]
    assert reasons(*own, rules="huggingtweets") == []


def test_the_same_words_are_kept_once() -> None:
    text = "the quick brown fox jumps over the lazy dog by the river bank tonight"
    result = sort_out(
        "ada",
        [
            post(text),
            post(text.upper() + "!"),
            post(text + " again"),
            post("and now for something else"),
        ],
        CleanOptions(),
    )
    assert [text for _, text in result.kept] == [text, "and now for something else"]
    assert result.counts.further == {"duplicate": 1, "near-duplicate": 1}


def test_replies_are_dropped_on_request_only() -> None:
    reply = post("@babbage what a fine engine", Kind.REPLY)
    assert reasons(reply) == []
    assert reasons(reply, drop_replies=True) == ["reply"]


def test_other_languages_are_dropped_on_request_only() -> None:
    own = [
        post("what a fine engine this is", lang="en"),
        post("quelle belle machine que voilà", lang="fr"),
    ]
    assert reasons(*own) == []
    assert reasons(*own, lang="en") == ["other language"]
    assert reasons(*own, lang="en, fr") == []
    assert reasons(*own, lang="English") == ["other language"]
    assert reasons(post("what a fine engine this is", lang="English"), lang="en") == []


def test_a_post_without_a_language_is_identified() -> None:
    text = "Quelle belle journée pour se promener dans le parc avec les enfants"
    assert language_of(post(text), text) == "fr"


def test_truncated_posts_are_dropped() -> None:
    assert reasons(post("the president said that the…", truncated=True)) == ["cut short"]


def test_punctuation_alone_is_empty() -> None:
    assert reasons(post("— — — —"), post("🎉 🎊 🥳")) == ["empty"]


@given(
    st.lists(st.builds(post, st.text(max_size=60), st.sampled_from(Kind)), max_size=30),
    st.sampled_from(["popinjay", "huggingtweets"]),
)
def test_the_counts_always_add_up(posts: list[Post], rules: str) -> None:
    result = sort_out("ada", posts, CleanOptions(rules=rules))
    counts = result.counts
    assert counts.downloaded == len(posts)
    assert counts.downloaded - counts.reposts - counts.short == counts.kept
    assert counts.used == len(result.kept)
    assert len(result.kept) + len(result.dropped) == len(posts)
    if rules == "huggingtweets":
        assert counts.used == counts.kept


@given(st.text(max_size=200))
def test_no_text_breaks_the_cleaning(text: str) -> None:
    assert "\n" not in one_line(tidy(text))
    assert one_line(one_line(text)) == one_line(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("&amp;lt;", "&lt;"),
        ("a &amp; b &lt;3", "a & b <3"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("?a=1&copy=2", "?a=1&copy=2"),
    ],
)
def test_entities_are_unescaped_once(before: str, after: str) -> None:
    assert unescape(before) == after


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ada.l+x@mail.example.com now", "write to [email] now"),
        ("@ada@example.social said so", "@ada@example.social said so"),
        ("call +44 20 7946 0958 today", "call [phone] today"),
        ("call (555) 010-0199 today", "call [phone] today"),
        ("ring 020 7946 0958.", "ring [phone]."),
        ("card 4111 1111 1111 1111 ok", "card [card] ok"),
        ("key AKIAIOSFODNN7EXAMPLE here", "key [key] here"),
        ("token ghp_" + "a1" * 20, "token [key]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert mask(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    [
        "in 2009-2010 and 2011",
        "1,000,000,000 people",
        "£12 345 678 900",
        "at 10:30 on 2014-08-14",
        "room 101, 3.14159265358",
        "1234 5678 9012 3456 is no card",
    ],
)
def test_ordinary_numbers_are_kept(text: str) -> None:
    assert mask(text) == (text, {})


def test_card_numbers_are_recognized_by_luhns_digit() -> None:
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")


def test_masking_can_be_switched_off() -> None:
    result = sort_out(
        "ada", [post("write to ada@example.com about it")], CleanOptions(keep_personal_data=True)
    )
    assert result.kept[0][1] == "write to ada@example.com about it"


def test_too_little_text_is_refused_with_the_amount() -> None:
    with pytest.raises(
        TooLittleText, match="ada: too little text: 120 characters in 3 posts"
    ) as caught:
        check_enough(Counts("ada", downloaded=10, reposts=7, characters=120))
    assert "7 of 10 posts were reposts" in caught.value.hint


@pytest.mark.parametrize("used", [1, 2])
def test_too_few_posts_are_refused_whatever_their_length(used: int) -> None:
    posts = "1 post" if used == 1 else "2 posts"
    with pytest.raises(TooLittleText, match=f"in {posts}. At least 3 are needed") as caught:
        check_enough(Counts("ada", downloaded=used, characters=7_000))
    assert caught.value.hint == "If these are many posts in one, put each on a line of its own."


def test_identical_posts_are_refused_with_the_reason() -> None:
    text = "the quick brown fox jumps over the lazy dog by the river bank tonight"
    counts = sort_out("ada", [post(text) for _ in range(100)], CleanOptions()).counts
    with pytest.raises(TooLittleText) as caught:
        check_enough(counts)
    assert caught.value.hint.startswith("99 of 100 posts say the same as another")


def test_little_is_warned_about() -> None:
    assert "ada: little text: 39,999 characters in 100 posts." in (
        check_enough(Counts("ada", downloaded=100, characters=FEW_CHARACTERS - 1)) or ""
    )
    assert check_enough(Counts("ada", downloaded=100, characters=FEW_CHARACTERS)) is None


@pytest.mark.parametrize(
    ("characters", "posts", "amount"),
    [
        (LEAST_CHARACTERS - 1, 100, Amount.TOO_LITTLE),
        (LEAST_CHARACTERS, LEAST_POSTS - 1, Amount.TOO_LITTLE),
        (LEAST_CHARACTERS, LEAST_POSTS, Amount.LITTLE),
        (FEW_CHARACTERS, 100, Amount.ENOUGH),
        (MANY_CHARACTERS, 100, Amount.PLENTY),
    ],
)
def test_every_amount_has_a_verdict_with_its_numbers(
    characters: int, posts: int, amount: Amount
) -> None:
    counts = Counts("ada", downloaded=posts, characters=characters)
    assert amount_of(counts) is amount
    verdict = verdict_on(counts)
    assert f"{characters:,} characters in {posts:,} posts" in verdict.message
    assert bool(verdict.hint) is (amount is Amount.TOO_LITTLE)


@pytest.mark.parametrize(
    ("name", "downloaded", "reposts"),
    [
        ("wl_barackobama", 3206, 351),
        ("wl_cfkargentina", 3225, 505),
        ("pepys", 14252, 0),
        ("ja_dayukoume", 4406, 1),
        ("wl_obamawhitehouse", 3217, 1297),
    ],
)
def test_real_authors_add_up(shared: Path, name: str, downloaded: int, reposts: int) -> None:
    reading = open_specs(
        [str(shared / "personas" / f"{name}.jsonl.gz")], CollectOptions()
    ).readings[0]
    counts = sort_out(name, posts_of(reading), CleanOptions()).counts
    assert (counts.downloaded, counts.reposts) == (downloaded, reposts)
    assert counts.kept == downloaded - reposts - counts.short


def test_a_text_longer_than_any_post_is_left_out_and_counted() -> None:
    usual = "The ferry left without the mayor and nobody minded at all"
    book = "a very long line of words without an end " * 3_000
    found = sort_out("ada", [post(usual), post(book)], CleanOptions())
    assert [text for _, text in found.kept] == [usual]
    assert found.counts.further == {"too long": 1}
    assert (
        sort_out("ada", [post(usual), post(book)], CleanOptions(rules="huggingtweets")).counts.used
        == 2
    )
