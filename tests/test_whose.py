"""What is allowed with the words of several people."""

from __future__ import annotations

import pytest

from popinjay.whose import WHOSE, strictest


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["self", "permission"], "permission"),
        (["fictional", "public-domain"], "public-domain"),
        (["self", "public-figure", "permission"], "public-figure"),
        (["self", None], None),
        (["self", "of a later version"], None),
        ([], None),
    ],
)
def test_the_strictest_answer_holds(answers: list[str | None], expected: str | None) -> None:
    assert strictest(answers) == expected


def test_every_answer_has_its_place() -> None:
    for name in WHOSE:
        assert strictest([name]) == name
        private_only = not WHOSE[name].may_be_public
        assert (strictest([name, "permission"]) == "permission") != private_only
