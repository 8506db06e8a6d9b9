"""Copying: what counts as repeating a text, and what does not."""

from __future__ import annotations

from popinjay.copying import Copies

POST = "The river sings at night, and nobody in this town has ever heard it."


def test_a_text_is_whole_whatever_its_case_and_punctuation() -> None:
    copies = Copies([POST, "Short one!"])
    assert copies.is_whole("the river sings at night and nobody in this town has ever heard it")
    assert copies.is_whole("short ONE")
    assert not copies.is_whole("The river sings at night")


def test_eight_words_in_a_row_are_copied_and_seven_are_how_people_talk() -> None:
    copies = Copies([POST])
    assert copies.is_copied("I say: nobody in this town has ever heard it, do they?")
    assert not copies.is_copied("I say: nobody in this town has ever seen it")
    assert not copies.is_copied("at night the river sings")


def test_runs_do_not_reach_from_one_text_into_the_next() -> None:
    copies = Copies(["one two three four five", "six seven eight nine ten"])
    assert not copies.is_copied("one two three four five six seven eight nine ten")


def test_the_share_of_nothing_is_nothing() -> None:
    assert Copies([]).share([]) == 0
    assert Copies([POST]).share([POST, "something else"]) == 0.5
