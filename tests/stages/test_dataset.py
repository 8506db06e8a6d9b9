"""Tests of the dataset: what the model sees, and what it never sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from popinjay.errors import TooLittleText
from popinjay.options import DatasetOptions
from popinjay.post import Post
from popinjay.stages.dataset import (
    Earlier,
    Split,
    balance,
    check_enough,
    extend,
    shares,
    split,
)


def posts(count: int, *, dated: bool = True, author: str = "ada") -> list[Post]:
    return [
        Post(
            str(n),
            author,
            f"post {n} about thing {n * 7} and thing {n * 13}",
            created_at=f"2024-01-01T{n // 60:02d}:{n % 60:02d}:00Z" if dated else None,
        )
        for n in range(count)
    ]


def ids(found: list[Post]) -> set[str]:
    return {post.id for post in found}


def test_the_newest_tenth_is_held_out() -> None:
    parts = split(list(reversed(posts(200))), DatasetOptions())
    assert ids(parts.held_out) == {str(n) for n in range(180, 200)}


def test_without_dates_the_split_is_random_and_reproducible() -> None:
    one, two = (split(posts(200, dated=False), DatasetOptions(seed=3)) for _ in range(2))
    other = split(posts(200, dated=False), DatasetOptions(seed=4))
    assert ids(one.held_out) == ids(two.held_out) != ids(other.held_out)
    assert len(one.held_out) == 20


def test_a_few_posts_without_a_time_count_as_older() -> None:
    own = posts(200)
    undated = {"3", "150", "199"}
    own = [replace(post, created_at=None) if post.id in undated else post for post in own]
    parts = split(own, DatasetOptions())
    assert ids(parts.held_out) == {str(n) for n in range(179, 199)}


def test_too_few_posts_are_reported() -> None:
    alike = [
        Post(str(n), "ada", "the same words over and over again " + str(n) * 2) for n in range(3)
    ]
    for own in (posts(2), [replace(post, text="all the same words again") for post in alike]):
        with pytest.raises(TooLittleText, match="Nothing is left to learn from"):
            check_enough("ada", split(own, DatasetOptions()))
    check_enough("ada", split(posts(3), DatasetOptions()))


def test_each_post_is_in_exactly_one_split() -> None:
    parts = split(posts(300), DatasetOptions())
    together = [post.id for post in parts.train + parts.validation + parts.held_out]
    assert sorted(together, key=int) == [str(n) for n in range(300)]
    assert parts.removed == 0


def test_near_duplicates_of_held_out_posts_are_left_out_of_training() -> None:
    own = posts(200)
    words = " ".join(f"word{n}" for n in range(20))
    own[5] = Post("5", "ada", words + " first", created_at=own[5].created_at)
    own[199] = Post("199", "ada", words + " second", created_at=own[199].created_at)
    parts = split(own, DatasetOptions())
    assert "5" not in ids(parts.train)
    assert "199" in ids(parts.held_out)


def test_smaller_authors_are_repeated_up_to_the_largest() -> None:
    large, small = posts(100), posts(30, author="bob")
    balanced = list(balance({"ada": large, "bob": small}))
    sizes = Counter[str]()
    for post in balanced:
        sizes[post.author] += len(post.text)
    longest = max(len(post.text) for post in small)
    assert sizes["ada"] - longest <= sizes["bob"] <= sizes["ada"]
    assert ids([post for post in balanced if post.author == "bob"]) == ids(small)


def test_shares_follow_the_weights_and_leave_no_post_out() -> None:
    assert shares({"ada": 100, "bob": 100}, {}) == {"ada": 100, "bob": 100}
    assert shares({"ada": 100, "bob": 300}, {}) == {"ada": 300, "bob": 300}
    assert shares({"ada": 100, "bob": 100}, {"ada": 2, "bob": 1}) == {"ada": 200, "bob": 100}
    assert shares({"ada": 400, "bob": 100}, {"ada": 2, "bob": 1}) == {"ada": 400, "bob": 200}
    assert shares({"ada": 100, "bob": 100}, {"ada": 0.5, "bob": 1}) == {"ada": 100, "bob": 200}


def earlier(parts: Split, is_learnt: Callable[[str], bool] = lambda text: False) -> Earlier:
    return Earlier(parts.train, parts.validation, parts.held_out, is_learnt)


@pytest.mark.parametrize("dated", [True, False])
def test_an_update_leaves_known_posts_where_they_were(dated: bool) -> None:
    before = split(posts(200, dated=dated), DatasetOptions())
    after = extend(earlier(before), posts(240, dated=dated)[::-1], DatasetOptions())
    assert after.train[: len(before.train)] == before.train
    assert after.validation[: len(before.validation)] == before.validation
    assert after.held_out[: len(before.held_out)] == before.held_out
    assert len(after.held_out) == 24
    assert len(after.validation) == round(216 * 0.05)
    whole = [*after.train, *after.validation, *after.held_out]
    assert len(whole) == len(ids(whole)) == 240
    if dated:
        assert ids(after.held_out[20:]) == {"236", "237", "238", "239"}


def test_posts_are_known_by_text_if_their_ids_are_places_in_a_file() -> None:
    before = split(posts(200, dated=False), DatasetOptions())
    moved = [replace(post, id=str(int(post.id) + 9)) for post in posts(200, dated=False)]
    after = extend(earlier(before), moved, DatasetOptions())
    assert [post.text for post in after.train] == [post.text for post in before.train]
    assert after.added == 0


def test_an_edited_post_stays_in_its_part() -> None:
    own = [replace(post, id=f"9000000{post.id:>03}") for post in posts(200)]
    before = split(own, DatasetOptions())
    held = before.held_out[0].id
    edited = [replace(post, text="all of it is new") if post.id == held else post for post in own]
    after = extend(earlier(before), edited, DatasetOptions())
    assert after.held_out[0].text == "all of it is new"
    assert not after.added


def test_what_was_learnt_is_never_held_out() -> None:
    before = split(posts(200), DatasetOptions())
    learnt = {post.text for post in posts(240)[220:]}
    alike = replace(before.train[0], id="999", created_at="2025-01-01T00:00:00Z")
    alike = replace(alike, text=f"{alike.text} and thing {int(alike.id) * 0}".replace("and", "AND"))
    new = [*posts(240), alike]
    after = extend(earlier(before, learnt.__contains__), new, DatasetOptions())
    assert not {post.text for post in after.held_out + after.validation} & learnt
    assert len(after.held_out) > len(before.held_out)


def test_a_single_new_post_is_learnt() -> None:
    before = split(posts(200), DatasetOptions())
    after = extend(earlier(before), posts(201), DatasetOptions())
    assert ids(after.train) - ids(before.train) == {"200"}


def test_what_is_gone_is_in_no_part() -> None:
    before = split(posts(200), DatasetOptions())
    after = extend(earlier(before), posts(200)[50:], DatasetOptions())
    assert ids(after.train) == ids(before.train) - {str(n) for n in range(50)}
    assert after.held_out == before.held_out
