"""Tests of names that are not the author's: what counts as one, and how often they occur."""

from __future__ import annotations

import pytest

from popinjay.metrics.names import UnknownNames, capitalised

LEARNT = ["Walked with @ada along the Seine again.", "no bread today, says old merkel"]
BASE = ["I met Angela Merkel and Macron in Brussels today.", "The seine is low. Today is fine."]


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["We met Ada Lovelace in Turin."], {"ada", "lovelace", "turin"}),
        (["Ada came. Then we met! “Carl” stayed"], set()),
        (["Note: Bread is good – Soup is not | Salad"], set()),
        (["i like May", "it may be"], set()),
        (["the UN, a PhD and iPhones, said X"], set()),
        (["thanks @Ada and #Berlin"], set()),
        (["мы видели Анну в Москве"], {"анну", "москве"}),
        (["我们见到了安娜"], set()),
        ([], set()),
    ],
)
def test_what_counts_as_a_name(texts: list[str], names: set[str]) -> None:
    assert capitalised(texts) == names


def test_shares_of_posts_with_other_names() -> None:
    strangers = UnknownNames(LEARNT, BASE)
    texts = ["Hi @ada, Macron is late", "hi @zoe", "merkel walks the Seine", "today it rains"]
    found = strangers.measure(texts)
    assert found["handles"].value == 0.25  # @zoe
    assert found["of_base"].value == 0.25  # Macron: the author has written of Merkel
    assert found["of_base"].low < 0.25 < found["of_base"].high
    assert strangers.measure(["MACRON again"])["of_base"].value == 1


def test_no_posts_give_no_measure() -> None:
    found = UnknownNames([], []).measure(["Hi @ada"])
    assert (found["handles"].value, found["of_base"].value) == (1, 0)
    assert UnknownNames(LEARNT, BASE).measure([])["handles"].value == 0
