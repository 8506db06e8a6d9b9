"""Tests of words that do not exist: what counts as one, in which languages, and how often."""

from __future__ import annotations

import random

import pytest

from popinjay.metrics.measure import AUTHOR, BASE, PERSONA, Compared
from popinjay.metrics.non_words import Counted, Lexicon, non_words, spelled_words

LEARNT = ["the nightbake is on again, says gerald", "Caféwagen sind toll"]


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return Lexicon(["en"], LEARNT)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my cat, isn’t he: GREAT!", ["my", "cat", "isn't", "he", "GREAT"]),
        ("@ada #nightbake https://t.co/aBc www.a.org/x page.com/b [email] end", ["end"]),
        ("in 1969, 3rd w00t re-elect", ["in", "re", "elect"]),
        ("so\u00adlar 𝓅𝓊𝓃𝓀", ["solar", "punk"]),
        ("今日は tea", ["tea"]),
        ("", []),
    ],
)
def test_words_are_letters_alone(text: str, found: list[str]) -> None:
    assert spelled_words(text) == found


@pytest.mark.parametrize(
    ("word", "exists"),
    [
        ("bishop", True),
        ("catadrops", False),
        ("enundencer", False),
        ("nightbake", True),  # the author's own
        ("Enundencer", True),  # a capital: it may be a name
        ("xqz", True),  # too short to be judged
        ("sooooo", True),
        ("yessssss", True),
        ("don't", True),
        ("baker's", True),
        ("enundencer's", False),
        ("catдог", False),  # two scripts in one word
    ],
)
def test_what_exists(english: Lexicon, word: str, exists: bool) -> None:
    assert english.exists(word) is exists


def test_a_language_may_be_listed_under_another_code() -> None:
    norwegian = Lexicon(["no"], [])
    assert norwegian.exists("statsbudsjett")
    assert not norwegian.exists("statsbudsjengt")
    assert norwegian.can_judge("Regjeringen har i dag lagt frem forslaget til statsbudsjett")


def test_texts_in_other_languages_are_left_out(english: Lexicon) -> None:
    welsh = "Mae'r tywydd yn braf heddiw ac mae pawb yn hapus iawn yn y pentref"
    spanish = "Un abrazo fuerte, amigos: están cubiertos y merecen tranquilidad"
    made_up = "gerald is in the enundencer, the bishop's catadrops"
    assert english.count([welsh, spanish]) == Counted(0, 0)
    assert english.count([made_up]) == Counted(8, 2)
    assert english.count(["кошка спит"]) == Counted(0, 0)  # a script of no list of the author's
    assert english.count([]) == Counted(0, 0)


WORDS = (
    "the baker walked home through quiet streets because every window glowed and nobody wanted "
    "another morning without bread while gerald slept under the warm oven near his small garden"
).split()


def english_posts(count: int, seed: int) -> list[str]:
    """Return posts of English words that make no sense."""
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=10)) for _ in range(count)]


def test_made_up_words_raise_the_share() -> None:
    learnt, held_out = english_posts(100, 1), english_posts(50, 2)
    broken = [post.replace("street", "streetlowd") for post in english_posts(50, 3)]
    found = non_words(Compared(learnt, held_out, {PERSONA: broken, BASE: learnt[:50]}), 0)
    share = sum(post.count("streetlowd") for post in broken) / 500
    assert found.estimate(AUTHOR).value == found.estimate(BASE).value == 0
    assert found.estimate(PERSONA).value == pytest.approx(share)
    assert found.estimate(PERSONA).low > 0


def test_a_language_without_a_list_cannot_be_measured() -> None:
    japanese = ["今日はいい天気ですね。", "お茶を飲みました。", "明日は雨が降るでしょう。"] * 20
    found = non_words(Compared(japanese, japanese, {PERSONA: japanese}), 0)
    assert found.sources == {}
    assert found.what == (
        "Words that do not exist could not be counted: there is no list of the words of the "
        "author's language (ja)."
    )
    coined = [post.replace("ou", "uqo") for post in english_posts(80, 4)]
    learnt = english_posts(80, 5)
    assert "lacks too many" in non_words(Compared(learnt, coined, {PERSONA: coined}), 0).what
    few = ["the bishop sleeps"]
    assert "fewer than 100 words" in non_words(Compared(few, few, {PERSONA: few}), 0).what
