"""Tests of a list of posts that are paid for: none is bought twice, and no gap is left."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from popinjay.errors import NetworkError
from popinjay.post import Post
from popinjay.sources.network.mirror import Mirror, Page, Pages


@dataclass
class Shop:
    """An account's posts, newest first, with a count of how often each was handed out.

    At most `wanted` are handed out before the list ends.
    """

    ids: list[int]
    wanted: int
    size: int = 7
    sold: list[int] = field(default_factory=list)
    cut: int | None = None  # pages until the connection breaks

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        return self._pages("", self.wanted, cursor, etag)

    def resume_after(self, newest: str, count: int) -> Pages:
        return partial(self._pages, newest, self.wanted if newest else self.wanted - count)

    def _pages(self, newest: str, most: int, cursor: str | None, etag: str) -> Iterator[Page]:
        while most > 0:
            if self.cut is not None:
                self.cut -= 1
                if self.cut < 0:
                    raise NetworkError("The connection broke.")
            there = sorted(
                (id for id in self.ids if int(newest or 0) < id < int(cursor or 10**9)),
                reverse=True,
            )
            page = there[: min(self.size, most)]
            self.sold += page
            most -= len(page)
            cursor = str(page[-1]) if len(there) > len(page) else None
            yield Page(tuple(Post(str(id), "ada", f"post {id}") for id in page), cursor)
            if cursor is None:
                return


def nothing(author: str, id: str) -> bool:
    return False


def update(mirror: Mirror, shop: Shop) -> list[int]:
    mirror.update(shop, nothing, lambda count: None)
    return [int(post.id) for post in mirror.posts()]


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "posts", 1)


def test_an_update_buys_new_posts_only(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 41)), 100)
    assert update(mirror, shop) == shop.ids
    shop.ids += [41, 42]
    assert update(mirror, shop) == shop.ids
    assert update(mirror, shop) == shop.ids
    assert sorted(shop.sold) == shop.ids


def test_skipped_posts_are_not_bought_again(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 41)), 100)
    for _ in range(2):
        mirror.update(shop, lambda author, id: int(id) > 30, lambda count: None)
    assert sorted(shop.sold) == shop.ids
    assert len(list(mirror.posts())) == 30


def test_a_higher_limit_continues_below(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 101)), 20)
    assert update(mirror, shop) == list(range(81, 101))
    assert update(mirror, shop) == list(range(81, 101))
    shop.ids += [101, 102]
    shop.wanted = 50
    assert update(mirror, shop) == list(range(53, 103))
    shop.wanted = 1000
    assert update(mirror, shop) == shop.ids
    assert sorted(shop.sold) == shop.ids


def test_a_lower_limit_drops_nothing(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 101)), 50)
    update(mirror, shop)
    shop.wanted = 10
    assert update(mirror, shop) == list(range(51, 101))
    assert len(shop.sold) == 50


def test_a_gap_between_new_and_known_is_filled_the_next_time(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 31)), 30)
    update(mirror, shop)
    shop.ids += range(31, 91)
    assert update(mirror, shop) == [*range(1, 31), *range(61, 91)]
    shop.ids += [91]
    assert update(mirror, shop) == shop.ids
    assert sorted(shop.sold) == shop.ids


def test_reading_again_keeps_older_posts(mirror: Mirror) -> None:
    shop = Shop(list(range(1, 101)), 60)
    update(mirror, shop)
    shop.ids.remove(95)
    shop.wanted = 20
    assert mirror.reread(shop, nothing, lambda count: None) == 1
    assert [int(post.id) for post in mirror.posts()] == [*range(41, 95), *range(96, 101)]
    shop.wanted = 1000
    assert update(mirror, shop) == shop.ids
    assert len(shop.sold) == 60 + 20 + 40


def test_no_series_of_interruptions_causes_gaps_or_double_purchases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No power fails here, and it takes most of the time.
    monkeypatch.setattr(os, "fsync", lambda file: None)
    chance = random.Random(8)
    for number in range(25):
        mirror = Mirror(tmp_path / str(number), 1)
        shop = Shop(list(range(1, chance.randint(2, 80))), 1, chance.randint(1, 9))
        for _ in range(chance.randint(1, 8)):
            shop.wanted = chance.choice([1, 5, 13, 40])
            shop.cut = chance.choice([None, 0, 1, 2, 3])
            try:
                mirror.update(shop, nothing, lambda count: None)
            except NetworkError:
                mirror = Mirror(mirror.folder, 1)  # another process goes on
            if chance.random() < 0.6:
                shop.ids += range(len(shop.ids) + 1, len(shop.ids) + chance.randint(1, 30))
        shop.wanted = 1000
        shop.cut = None
        for _ in range(3):
            there = update(mirror, shop)
        assert there == shop.ids, number
        assert sorted(shop.sold) == shop.ids, number
