"""Tests of the posts on a card: the first that may be shown, and none that may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from popinjay.model_card.samples import SHOWN, excerpt, first_shown
from popinjay.sampling.filters import OutputFilters
from popinjay.store.run import Run

LEARNT = [
    f"the boat {n} crosses the fjord with {n * 37} people and {n * 13} dogs" for n in range(9)
]


def row(text: str, *, finished: bool = True) -> dict[str, Any]:
    return {"text": text, "finished": finished}


def test_the_first_ten_are_shown_in_their_order() -> None:
    written = [f"a new post about the lamp, number {number}." for number in range(20)]
    found = first_shown(map(row, written), OutputFilters.of(LEARNT))
    assert (list(found.posts), found.left_out) == (written[:SHOWN], 0)


def test_copies_and_personal_data_are_left_out_and_counted() -> None:
    filters = OutputFilters.of([*LEARNT, "thanks @babbage"])
    written = [
        LEARNT[3],
        "so it is: the boat 4 crosses the fjord with 148 people and 52 cats",
        "write to ada@example.org about it",
        "ask @babbage, not @a_stranger,\n about the lamp",
        "and then the lamp",
    ]
    found = first_shown([*map(row, written), row("", finished=True)], filters)
    assert found.posts == ("ask @babbage, not @…, about the lamp", "and then the lamp")
    assert found.left_out == 4


def test_an_unfinished_post_is_shown_too() -> None:
    found = first_shown([row("the lamp and the", finished=False)], OutputFilters.of(LEARNT))
    assert found.posts == ("the lamp and the",)


def test_the_files_of_a_persona_are_read(tmp_path: Path) -> None:
    samples, train = tmp_path / "samples.jsonl", tmp_path / "train.jsonl"
    samples.write_text("".join(json.dumps(row(text)) + "\n" for text in [LEARNT[0], "the lamp"]))
    train.write_text("".join(json.dumps({"text": text}) + "\n" for text in LEARNT))
    found = excerpt(Run(tmp_path), samples, train)
    assert (found.posts, found.left_out) == (("the lamp",), 1)
