"""Tests of leaks of personal data: counted by kind, and recognized if they were in the posts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from popinjay.metrics.pii_leaks import PiiLeaks, pii_leaks
from popinjay.text.masking import Found, find, mask, masks

KEY = "AKIAIOSFODNN7EXAMPLE"
NOTHING = {"key": 0, "email": 0, "iban": 0, "card": 0, "ip": 0, "phone": 0}
CARD = "4111 1111 1111 1111"
PHONE = "+44 20 7946 0958"
EMAIL = "ada@example.com"


def test_each_kind_is_counted() -> None:
    texts = [
        f"write to {EMAIL} or call {PHONE}",
        f"pay with {CARD}",
        f"my key {KEY} and {EMAIL}",
        "nothing here in 2009-2010, @ada",
    ]
    assert pii_leaks(texts, []) == PiiLeaks(
        {"key": 1, "email": 2, "iban": 0, "card": 1, "ip": 0, "phone": 1}, in_training=0, masks=0
    )
    assert pii_leaks(texts, []).total == 5


def test_no_findings_count_zero_and_read_no_posts() -> None:
    def posts() -> Iterator[str]:
        pytest.fail("read for nothing")
        yield ""

    assert pii_leaks(["a gull", "1,000,000,000 people"], posts()) == PiiLeaks(NOTHING, 0, 0)


@pytest.mark.parametrize(
    ("said", "learnt"),
    [
        (f"mail {EMAIL}", "It was ADA@Example.com then"),
        (f"call {PHONE} now", "call +442079460958 never"),
        (f"pay with {CARD}.", "pay with 4111-1111-1111-1111"),
        (f"use {KEY}", f"it is {KEY}, psst"),
    ],
)
def test_data_from_training_is_recognized_in_any_format(said: str, learnt: str) -> None:
    assert pii_leaks([said, said], ["a gull", learnt]).in_training == 2
    assert pii_leaks([said], ["a gull"]).in_training == 0


def test_similar_data_is_not_from_training() -> None:
    assert (
        pii_leaks(
            [f"mail {EMAIL}", f"use {KEY}"], ["mail bda@example.com", "use AKIAIOSFODNN7EXAMPLF"]
        ).in_training
        == 0
    )


def test_masks_are_counted_separately() -> None:
    found = pii_leaks(["write to [email] or [Phone]", "[card"], ["write to [email]"])
    assert found == PiiLeaks(NOTHING, 0, masks=3)
    assert masks("[emails] and [keyboard]") == 0


def test_findings_are_what_masking_replaces() -> None:
    text = f"{PHONE}, {EMAIL}, {CARD}, {KEY}, 555-010-0199"
    assert find(text) == [
        Found("key", KEY),
        Found("email", EMAIL),
        Found("card", CARD),
        Found("phone", PHONE),
        Found("phone", "555-010-0199"),
    ]
    assert mask(text) == (
        "[phone], [email], [card], [key], [phone]",
        {"key": 1, "email": 1, "card": 1, "phone": 2},
    )
