"""Tests of dials: exact shares, hazards and odds, and no effect unless they are turned."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest

from bigrams import END, Bigrams
from popinjay.errors import OptionError
from popinjay.inference.byte_level import Pieces
from popinjay.options import DIALS, SayOptions
from popinjay.sampling.dials import Dials
from popinjay.sampling.events import Finished
from popinjay.sampling.filters import Reason
from popinjay.sampling.generate import generate, stream_events
from popinjay.sampling.request import Tally
from popinjay.sampling.token_classes import CLASSES
from popinjay.text.emoji import count_emoji

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = {" la": 0.6, " tum": 0.27, END: 0.1, " 🙂": 0.02, " #sun": 0.005}
PLAIN = {" la": 0.7, " tum": 0.295, END: 0.005}  # a writer of long posts without any signs


def writer(chances: Mapping[str, float] = WORDS) -> Bigrams:
    """Return a decoder whose next token never depends on those before."""
    return Bigrams(dict.fromkeys(chances, chances))


def texts(decoder: Bigrams, *, tally: Any = None, **options: Any) -> list[str]:
    given = {"n": 40, "seed": 3, "temperature": 1.0, "top_p": 1.0, **options}
    return [post.text for post in generate(decoder, SayOptions(**given), tally=tally)]


def test_a_dial_that_is_not_turned_changes_nothing() -> None:
    usual = SayOptions()
    assert not Dials.are_turned(usual)
    neutral = {name: getattr(usual, name) for name in DIALS}
    assert texts(writer(), **neutral) == texts(writer())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.name)
def test_just_the_share_of_posts_that_was_asked_for_has_it(kind: Any) -> None:
    found = [
        [kind.count(text) > 0 for text in texts(writer(), **{kind.name: share})] for share in SHARES
    ]
    shares = [mean(row) for row in found]
    assert shares == pytest.approx(SHARES, abs=0.03)
    assert (shares[0], shares[-1]) == (0, 1)
    for fewer, more in pairwise(found):
        assert all(after for before, after in zip(fewer, more, strict=True) if before)


def test_it_comes_where_the_post_would_have_ended() -> None:
    # The writer's own signs are so rare that without a dial there are none in most posts.
    rare = {**PLAIN, END: 0.2, " 🙂": 1e-6}
    posts = texts(writer(rare), emoji=1.0)
    assert all(count_emoji(post) == 1 for post in posts)
    assert 10 <= mean(len(post.split()) for post in posts) <= 25


def test_several_dials_can_be_turned_at_once() -> None:
    posts = texts(writer(), emoji=0.5, hashtags=1.0)
    assert sum("🙂" in post for post in posts) == pytest.approx(20, abs=1)
    assert all("#sun" in post for post in posts)


def test_the_number_of_posts_does_not_change_the_first_ones() -> None:
    assert texts(writer(), n=40, emoji=0.5)[:5] == texts(writer(), n=5, emoji=0.5)


def test_pieces_are_those_of_the_posts() -> None:
    options = SayOptions(n=4, seed=3, emoji=0.5, hashtags=1.0, length=0.5)
    posts = generate(writer(), options)
    events = stream_events(writer(), options)
    assert [one.post for one in events if isinstance(one, Finished)] == posts


def test_what_the_prompt_has_is_neither_ruled_out_nor_added_again() -> None:
    for share in (0.0, 1.0):
        given = SayOptions(n=10, seed=3, hashtags=share)
        posts = generate(writer({**WORDS, "#sun": 1e-9, " #sun": 1e-9}), given, "#sun")
        assert all(post.text.count("#sun") == 1 for post in posts)


def test_a_draft_against_a_dial_is_generated_again() -> None:
    tally = Tally()
    # "la#" begins no hashtag by itself, but with "sun" behind it makes one behind a blank.
    odd = {**WORDS, "la #tum": 0.02}
    posts = texts(writer(odd), tally=tally, hashtags=0.0)
    assert not any("#" in post for post in posts)
    assert tally.redrawn[Reason.AGAINST_DIAL] > 5
    assert not tally.missing


def test_no_token_no_dial() -> None:
    with pytest.raises(OptionError, match="no tokens for emoji"):
        texts(writer(PLAIN), emoji=0.5)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_length_divides_the_chance_of_the_end(factor: float) -> None:
    ends = {" la": 0.98, END: 0.02}
    usual, changed = (
        mean(len(text.split()) for text in texts(writer(ends), n=400, max_tokens=1_500, **given))
        for given in ({}, {"length": factor})
    )
    least = 10  # tokens, before which no post ends
    assert (changed - least) / (usual - least) == pytest.approx(factor, rel=0.2)


def test_tokens_that_begin_an_emoji_are_found_by_their_bytes() -> None:
    shown = ["a", "😀", " 😀", "“", "❤", " ✓", "é"]
    pieces = Pieces([*(text.encode() for text in shown), b" \xf0\x9f", b"\xf0\x9f\x98", b"\xe2"])
    emoji = CLASSES[0]
    bare, blank = emoji.begins(pieces)
    assert sorted(bare) == [1, 4, 8]
    assert sorted(blank) == [2, 7]


def test_tokens_that_begin_a_hashtag_are_not_those_of_markdown() -> None:
    pieces = Pieces([b"#", b" #sun", b"##", b" ##", b"a#"])
    assert CLASSES[1].begins(pieces) == ([0], [1])
