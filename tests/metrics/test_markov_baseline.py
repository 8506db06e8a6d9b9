"""Tests of the Markov baseline: it is markovify, seeded, and leaves global random state alone."""

from __future__ import annotations

import random

import markovify
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.metrics.markov_baseline import MarkovChain, _kind
from popinjay.metrics.memorization import Memorization
from popinjay.text.words import pieces


def posts(count: int, seed: int = 3) -> list[str]:
    """Return posts of few different words, so that each word has many successors."""
    drawn = random.Random(seed)
    return [
        " ".join(
            drawn.choices(
                'the gull pier lamp sings waits at night "to (me) nobody.'.split(),
                k=drawn.randint(4, 16),
            )
        )
        for _ in range(count)
    ]


def japanese(count: int) -> list[str]:
    drawn = random.Random(3)
    return [
        "".join(drawn.choices("猫が海を見て、山は雨の日に歌う。", k=drawn.randint(8, 40)))
        for _ in range(count)
    ]


def test_it_generates_what_markovify_generates() -> None:
    learnt = posts(300)
    plain = markovify.NewlineText("\n".join(learnt), state_size=2, well_formed=False)
    random.seed(7)
    asked = [plain.make_short_sentence(max(map(len, learnt))) for _ in range(60)]
    assert MarkovChain(learnt, 7).say(40) == [said for said in asked if said is not None][:40]


def test_the_seed_determines_the_posts() -> None:
    chain = MarkovChain(posts(300), 7)
    assert chain.say(30) == chain.say(30) == MarkovChain(posts(300), 7).say(30)
    assert chain.say(10) == chain.say(30)[:10]
    assert chain.say(30) != MarkovChain(posts(300), 8).say(30)


def test_the_global_random_state_is_restored() -> None:
    random.seed(11)
    expected = [random.random() for _ in range(3)]
    random.seed(11)
    first = random.random()
    MarkovChain(posts(100), 7).say(20)
    assert [first, random.random(), random.random()] == expected


def test_each_word_follows_the_two_before_it_as_in_some_post() -> None:
    learnt = posts(200)
    triples = {
        tuple(one[begin : begin + 3])
        for post in learnt
        for one in [["", "", *post.split(), "."]]
        for begin in range(len(one) - 2)
    }
    said = MarkovChain(learnt, 1).say(50)
    assert len(said) == 50
    assert {
        tuple(one[begin : begin + 3])
        for post in said
        for one in [["", "", *post.split(), "."]]
        for begin in range(len(one) - 2)
    } <= triples
    assert not set(said) & set(learnt)


@pytest.mark.parametrize("unspaced", [False, True])
def test_repetitions_are_found_as_by_markovify(unspaced: bool) -> None:
    learnt = japanese(60) + posts(5) if unspaced else posts(60)
    text = _kind(unspaced)("\n".join(learnt), state_size=2, well_formed=False)
    verdicts = []
    drawn = random.Random(1)
    for _ in range(400):
        whole = text.word_split(text.rejoined_text)
        begin = drawn.randrange(len(whole) - 40)
        said = whole[begin : begin + drawn.randint(1, 20)] + drawn.choices(
            whole, k=drawn.randint(0, 12)
        )
        said[0] = said[0][drawn.randint(0, 1) :] or said[0]  # parts of words are found too
        ratio, most = drawn.choice([(0.7, 15), (0.5, 30), (0.3, 6), (1.0, 50)])
        verdicts.append(text.test_sentence_output(said, ratio, most))
        assert verdicts[-1] == markovify.NewlineText.test_sentence_output(
            text, said, ratio, most
        ), said
    assert 50 < sum(verdicts) < 350


def test_a_script_without_blanks_is_cut_into_characters_and_joined_again() -> None:
    learnt = japanese(300)
    said = MarkovChain(learnt, 1).say(100)
    assert len(said) == 100
    assert not any(" " in post for post in said)
    assert not set(said) & set(learnt)
    assert max(Memorization(learnt).longest(said)) < 1
    held = {post[begin : begin + 5] for post in learnt for begin in range(len(post) - 4)}
    assert {
        post[begin : begin + 5] for post in said for begin in range(len(post) - 4)
    } <= held  # four characters of state, and the next


def test_blanks_in_a_script_without_them_stay() -> None:
    learnt = [f"{one} abc {other}" for one in japanese(100) for other in ("猫だ", "雨か")]
    assert any(" abc " in post for post in MarkovChain(learnt, 1).say(50))


@settings(deadline=None)
@given(st.text(st.sampled_from("ab 猫が、🦜\n")))
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(len(piece.strip()) == 1 for piece in pieces(text) if "猫" in piece)


def test_none_is_longer_than_the_longest_post() -> None:
    learnt = posts(200)
    assert max(map(len, MarkovChain(learnt, 1).say(200))) <= max(map(len, learnt))


@pytest.mark.parametrize("learnt", [[], ["", " "], ["one post alone, and nothing else"], ["a\nb"]])
def test_posts_it_cannot_make_are_left_out(learnt: list[str]) -> None:
    assert MarkovChain(learnt, 1).say(5) == []
