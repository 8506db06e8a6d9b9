"""Tests of authorship attribution, with the packaged candidate authors and with invented ones."""

from __future__ import annotations

import io
import json
import lzma
import random
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from popinjay.metrics.attribution import (
    ASSET,
    BUCKETS,
    CHARACTERS,
    LEAST_OTHERS,
    CandidateAuthors,
    buckets,
    language,
    log_likelihoods,
    thinned,
    totals,
    with_edges,
)

MOST_BYTES = 500_000
# The buckets of "the", edges and all.
KNOWN = [
    [25443, 16247, 5912, 2103, 25443],
    [27056, 1856, 5374, 174],
    [13435, 20895, 8813],
]
PLACES = "harbour kitchen station garden market bridge chapel office library orchard".split()
THINGS = "lantern kettle ledger bicycle umbrella violin parcel ladder compass teapot".split()
STYLES = (
    "oh!! the {} in the {}... again?? #{}",
    "We are pleased to announce that the {} of the {} has been renewed. Item {}.",
    "saw a {} by the {} today, and it were grand, {} times over",
)


def posts(style: int, count: int, seed: int = 0) -> list[str]:
    """Return posts of an invented author: the same content as the others', in another style."""
    rng = random.Random(1000 * style + seed)
    return [
        STYLES[style].format(rng.choice(THINGS), rng.choice(PLACES), rng.randrange(100))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def candidates() -> CandidateAuthors:
    return CandidateAuthors.load()


def test_the_asset_is_small_and_holds_no_text() -> None:
    packed = files("popinjay").joinpath(ASSET)
    assert len(packed.read_bytes()) <= MOST_BYTES
    with np.load(io.BytesIO(lzma.decompress(packed.read_bytes())), allow_pickle=False) as stored:
        assert sorted(stored) == ["counts", "languages", "names"]
        assert stored["counts"].dtype == np.uint16
        assert stored["counts"].shape == (BUCKETS, len(stored["names"]))
        # An account's name.
        assert all(
            name.replace("_", "").isalnum() and len(name) <= 15 for name in stored["names"].tolist()
        )
        assert all(code.isalpha() and len(code) <= 3 for code in stored["languages"].tolist())


def test_all_authors_of_the_asset_have_the_same_amount_of_text(
    candidates: CandidateAuthors,
) -> None:
    amounts = candidates.counts.sum(axis=1) / 3
    assert (
        (amounts >= CHARACTERS) & (amounts <= 1.05 * CHARACTERS)
    ).all()  # one edge a post besides the characters


def test_only_english_and_spanish_have_enough_candidates(
    candidates: CandidateAuthors,
) -> None:
    enough = {
        code for code in candidates.languages if candidates.languages.count(code) >= LEAST_OTHERS
    }
    assert candidates.others == len(candidates.names) == 46
    assert enough == {"en", "es"}
    assert candidates.same_language(posts(1, 50)) == candidates.languages.count("en") >= 16
    assert candidates.same_language(["今日はとても良い天気ですね。散歩に行きましょう。"] * 5) == 0
    assert candidates.same_language([]) == 0


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_an_author_is_attributed_to_themselves_and_others_are_not(
    candidates: CandidateAuthors, style: int
) -> None:
    author = posts(style, 900)
    assert candidates.attributed_share(author, posts(style, 100, seed=1)).low > 0.9
    rivals = [
        text for other in range(len(STYLES)) if other != style for text in posts(other, 50, seed=1)
    ]
    everybody = CandidateAuthors.load(
        extra={
            f"style {other}": posts(other, 900) for other in range(len(STYLES)) if other != style
        }
    )
    assert everybody.others == candidates.others + 2
    assert everybody.attributed_share(author, rivals).high < 0.1


def test_texts_of_an_unknown_author_are_not_attributed(candidates: CandidateAuthors) -> None:
    spanish = [
        "Hoy inauguramos una nueva escuela para los niños de nuestra provincia.",
        "Gracias a todos por su apoyo, seguimos trabajando.",
    ] * 10
    assert candidates.attributed_share(posts(0, 900), spanish).value == 0


def test_a_name_can_be_left_out_or_replaced(candidates: CandidateAuthors) -> None:
    assert candidates.less(["QueenNoor", "nobody"]).others == 45
    assert CandidateAuthors.load(without=["queennoor"]).others == 45
    stood_in = CandidateAuthors.load(extra={"queennoor": posts(0, 1500)})
    assert stood_in.others == 46
    assert (stood_in.counts[-1] == totals(posts(0, 1500))).all()
    # Another persona of the author's own.
    assert CandidateAuthors.load(extra={"author": posts(0, 1500)}, without=["author"]).others == 46


def test_candidates_with_too_little_text_are_left_out(candidates: CandidateAuthors) -> None:
    assert CandidateAuthors.load(extra={"brief": posts(0, 20)}).others == candidates.others


def test_results_are_reproducible(candidates: CandidateAuthors) -> None:
    author = posts(2, 900)
    texts = posts(2, 50, seed=1) + posts(0, 50, seed=1)
    assert candidates.attributed_share(author, texts) == CandidateAuthors.load().attributed_share(
        author, texts
    )


def test_more_posts_of_the_author_attribute_no_more_to_them(candidates: CandidateAuthors) -> None:
    texts = (
        posts(2, 100, seed=1)
        + [
            "The Prime Minister met with the President today "
            "and discussed trade between our countries."
        ]
        * 100
    )
    shares = [
        candidates.attributed_share(posts(2, count), texts).value for count in (60, 700, 5000)
    ]
    assert all(abs(share - 0.5) < 0.03 for share in shares)


def test_all_candidates_are_cut_to_the_smallest_amount() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(3, (4, BUCKETS)) * np.array([[1], [4], [10], [2]])
    alike = thinned(counts)
    assert (alike[0] == counts[0]).all()
    assert (alike <= counts).all()
    assert np.allclose(alike.sum(axis=1), counts[0].sum(), rtol=0.02)


@pytest.mark.parametrize("author", [[], [""], ["Hm."], ["今日は"]])
def test_a_tiny_author_gives_a_defined_result(
    candidates: CandidateAuthors, author: list[str]
) -> None:
    found = candidates.attributed_share(author, ["A cup of tea.", "", "\ud83d", "a\0b", "👩‍👩‍👧‍👦"])
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_an_author_without_text_gives_no_result(candidates: CandidateAuthors) -> None:
    assert candidates.attributed_share([], ["A cup of tea.", "And another."]).value == 0


def test_no_texts_give_no_result(candidates: CandidateAuthors) -> None:
    assert candidates.attributed_share(posts(0, 50), []) == (0.0, 0.0, 1.0)


def test_the_score_of_a_text_is_independent_of_others() -> None:
    table = np.stack([totals(posts(style, 300)) for style in range(2)]).T.astype(float)
    amount = table.sum(axis=0) / 3
    texts = [*posts(0, 3, seed=1), "x", *posts(1, 3, seed=1)]
    together = log_likelihoods(table, amount, texts)
    assert np.allclose(
        together, np.concatenate([log_likelihoods(table, amount, [text]) for text in texts])
    )
    assert (together[:3, 0] > together[:3, 1]).all()
    assert (together[4:, 1] > together[4:, 0]).all()


def test_no_n_gram_spans_two_texts() -> None:
    apart = totals(["abc"]) + totals(["xyz"])
    together = totals(["abc", "xyz"])
    assert together.sum() == apart.sum() - 1  # the edge between them is one
    assert (np.maximum(together - apart, 0) == 0).all()


def test_n_grams_hash_to_the_buckets_of_the_asset(
    candidates: CandidateAuthors,
) -> None:
    characters = with_edges(["the"])
    assert [buckets(characters, length).tolist() for length in (1, 2, 3)] == KNOWN
    english = [place for place, code in enumerate(candidates.languages) if code == "en"]
    the = KNOWN[2][1]
    assert candidates.counts[english, the].min() > 5 * np.median(
        candidates.counts[english].mean(axis=1)
    )


def test_the_language_is_that_of_most_posts() -> None:
    assert (
        language(
            ["Good morning, everybody, and welcome to the show."] * 3
            + ["Guten Morgen und herzlich willkommen."]
        )
        == "en"
    )
    assert language([]) == ""


def test_the_candidates_are_in_order(candidates: CandidateAuthors) -> None:
    assert all(one < other for one, other in pairwise(candidates.names))


def test_the_script_counts_authors_with_enough_text(tmp_path: Path) -> None:
    rng = random.Random(3)
    with lzma.open(tmp_path / "posts.jsonl.xz", "wt", encoding="utf-8") as file:
        for author, count in (("wordy", 500), ("brief", 20)):
            for _ in range(count):
                text = " ".join("".join(rng.choices("abdeilmnorstu", k=7)) for _ in range(15))
                file.write(
                    json.dumps({"author": author, "text": f"{text} https://t.co/{rng.random()}"})
                    + "\n"
                )
    script = Path(__file__).parents[2] / "pretraining" / "authors.py"
    command = [sys.executable, script, "--corpus", tmp_path, "--out", tmp_path / "authors"]
    for _ in range(2):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with np.load(io.BytesIO(lzma.decompress((tmp_path / "authors").read_bytes()))) as stored:
        assert stored["names"].tolist() == ["wordy"]
        assert CHARACTERS <= stored["counts"].sum() / 3 <= 1.05 * CHARACTERS
        slash = buckets(with_edges(["/"]), 1)[1]
        assert stored["counts"][slash, 0] < 50  # links are cleaned away
