"""Tests of the ranking of posts for a picture."""

from __future__ import annotations

import pytest

from popinjay.sampling.ranking import Candidate, Habits, ranked, score, without_likeness

POSTS = [
    f"The oven {n} sings near the gull while {n * 37} people wait for bread #baking 🍞"
    for n in range(40)
]
HABITS = Habits.of(POSTS)


def made_up(text: str) -> int:
    return text.split().count("catadrops")


def points(text: str, *, finished: bool = True) -> float:
    return score(Candidate("My dream is", text, finished), HABITS, made_up)


GOOD = "a small bakery beside the harbour where gulls pay for their rolls. #baking"


@pytest.mark.parametrize(
    "worse",
    [
        "a small bakery beside the catadrops where gulls pay for their rolls. #baking",
        "a small bakery beside the harbour where gulls pay for their rolls and #baking the",
        "a small bakery beside the harbour where gulls pay for their rolls.",  # no hashtag
        "bread. #baking",
        "a small bakery beside the harbour where gulls pay for their rolls #baking:",
        "the oven sings near the gull while people wait for bread #baking.",  # said so often
        "a bakery and a bakery and a bakery and a bakery and a bakery. #baking",
        GOOD + " It goes on, and on, and nobody knows why it still does not stop there, does it?"
        " Perhaps a longer story wants to be told by somebody with patience.",
    ],
)
def test_what_makes_a_post_worse(worse: str) -> None:
    assert points(GOOD) > points(worse)


def test_an_unfinished_post_is_worse() -> None:
    assert points(GOOD) - points(GOOD, finished=False) == pytest.approx(1)


def test_emoji_count_only_if_the_author_uses_them() -> None:
    plain = Habits.of([f"The harbour has {n} boats and nothing else to look at" for n in range(40)])
    post = Candidate("", "a small bakery beside the harbour 🎉")
    without = Candidate("", "a small bakery beside the harbour.")
    assert score(post, HABITS, made_up) > score(without, HABITS, made_up)
    assert score(post, plain, made_up) == pytest.approx(score(without, plain, made_up))


def test_a_ranking_has_every_post_once_and_equals_stay_in_order() -> None:
    texts = ["catadrops catadrops", GOOD, "bread.", GOOD]
    order = ranked([Candidate("", text) for text in texts], HABITS, made_up)
    assert order[:2] == [1, 3]
    assert sorted(order) == [0, 1, 2, 3]


def test_posts_that_say_the_same_are_not_shown_together() -> None:
    texts = [GOOD, GOOD.replace("rolls", "bread"), "an oven of my own that never burns anything."]
    posts = [Candidate("", text) for text in texts]
    assert without_likeness(posts, [1, 0, 2]) == [1, 2]


def test_an_author_without_posts_has_no_habits() -> None:
    none = Habits.of([])
    assert not none.has_emoji
    assert score(Candidate("", GOOD), none, made_up) > 0
