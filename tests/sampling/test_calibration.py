"""Tests of calibration: temperature and top-p are those that come nearest to the author."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parrot import Parrot
from popinjay.errors import BaseModelError
from popinjay.inference.byte_level import Pieces
from popinjay.models.sampling_defaults import PLAIN, read_sampling
from popinjay.options import Sampling, SayOptions
from popinjay.sampling import calibration
from popinjay.sampling.calibration import LEAST_POSTS, WRITTEN, calibrate
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.generate import stream
from popinjay.sampling.scripts import foreign_tokens, script
from popinjay.text.verbatim_index import VerbatimIndex

SUBJECTS = [
    "the kettle",
    "a lamp",
    "our ferry",
    "the moss",
    "my neighbour",
    "the tin whistle",
    "a quiet tram",
    "the orchard",
]
VERBS = [
    "waits for",
    "forgets",
    "repairs",
    "sings about",
    "hides",
    "borrows",
    "admires",
    "measures",
]
ENDS = [
    "the rain",
    "an old map",
    "seven buttons",
    "nobody at all",
    "the long weekend",
    "its own shadow",
    "a crate of pears",
]


def authored(count: int, seed: int) -> list[str]:
    """Return posts of one author."""
    draw = random.Random(seed)
    return [
        f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(ENDS)} and "
        f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(ENDS)}"
        for _ in range(count)
    ]


def garbled(count: int) -> list[str]:
    """Return posts of words that do not exist, far too long."""
    draw = random.Random(1)
    return [
        " ".join("".join(draw.choice("qxzjkv") for _ in range(6)) for _ in range(30))
        for _ in range(count)
    ]


@pytest.fixture
def posts() -> tuple[list[str], list[str]]:
    """Return validation and training posts."""
    return authored(120, 1), authored(400, 2)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, posts: tuple[list[str], list[str]]) -> list[Sampling]:
    """Return the settings that were tried on a stand-in for a model.

    It copies below temperature 0.7, writes like its author at 0.8 and top-p 0.9, and garbles
    otherwise.
    """
    tried: list[Sampling] = []

    def write(decoder: Any, options: SayOptions) -> Iterator[GeneratedPost]:
        assert options.temperature is not None
        assert options.top_p is not None
        tried.append(Sampling(options.temperature, options.top_p))
        like = authored(options.n, 3)
        if options.temperature < 0.75:
            like = posts[1]
        elif options.temperature > 0.85:
            like = garbled(options.n)
        elif options.top_p != 0.9:
            like = [*garbled(options.n)[:20], *like[20:]]
        return iter(GeneratedPost(text, 10, True) for text in like[: options.n])

    monkeypatch.setattr(calibration, "stream", write)
    return tried


def test_the_nearest_setting_that_does_not_copy_is_chosen(
    asked: list[Sampling], posts: tuple[list[str], list[str]]
) -> None:
    validation, training = posts
    told: list[tuple[int, int]] = []
    found = calibrate(
        Parrot("x"),
        validation,
        training,
        VerbatimIndex(training),
        0,
        lambda *so_far: told.append(so_far),
    )
    assert found.sampling == Sampling(0.8, 0.9)
    assert len(set(asked)) == len(asked) == len(found.trials)
    assert told[-1] == (len(asked), len(asked))
    by_setting = {(trial.temperature, trial.top_p): trial for trial in found.trials}
    assert by_setting[0.7, 0.95].copied == 1.0
    assert by_setting[1.0, 0.95].new_words == 1.0
    assert (
        by_setting[0.8, 0.9].distance
        < by_setting[0.8, 0.95].distance
        < by_setting[1.0, 0.95].distance
    )


def test_if_all_settings_copy_the_least_copying_one_is_chosen(
    monkeypatch: pytest.MonkeyPatch, posts: tuple[list[str], list[str]]
) -> None:
    validation, training = posts

    def write(decoder: Any, options: SayOptions) -> Iterator[GeneratedPost]:
        own = training[:50] if options.temperature == 0.9 else training
        return iter(GeneratedPost(text, 10, True) for text in [*own, *garbled(50)][: options.n])

    monkeypatch.setattr(calibration, "stream", write)
    assert (
        calibrate(
            Parrot("x"), validation, training, VerbatimIndex(training), 0
        ).sampling.temperature
        == 0.9
    )


@pytest.mark.parametrize(("seconds", "tried"), [(0.0, 1), (4.0, 4), (100.0, 9)])
def test_a_budget_ends_the_trials(
    asked: list[Sampling],
    posts: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    tried: int,
) -> None:
    """Each setting takes a second."""
    validation, training = posts
    monkeypatch.setattr("popinjay.sampling.calibration.time.monotonic", lambda: float(len(asked)))
    found = calibrate(
        Parrot("x"), validation, training, VerbatimIndex(training), 0, seconds=seconds
    )
    assert len(asked) == len(found.trials) == tried
    assert found.sampling in asked


def test_few_posts_are_not_calibrated(asked: list[Sampling]) -> None:
    few = authored(LEAST_POSTS - 1, 5)
    found = calibrate(Parrot("x"), few[:20], few[20:], VerbatimIndex(few[20:]), 0)
    assert found.sampling == PLAIN
    assert not asked


def test_the_record_lists_the_trials(
    asked: list[Sampling], posts: tuple[list[str], list[str]]
) -> None:
    validation, training = posts
    row = calibrate(Parrot("x"), validation, training, VerbatimIndex(training), 0).to_json()
    assert (row["temperature"], row["top_p"]) == (0.8, 0.9)
    assert set(row["trials"][0]) >= {
        "temperature",
        "top_p",
        "told_apart",
        "distinct_2",
        "copied",
        "distance",
    }
    assert set(row["author"]) == {"distinct_2", "new_words", "copied"}
    assert len(validation) >= WRITTEN


# defaults


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{}", PLAIN),
        ('{"temperature": 0.8}', Sampling(0.8, 0.95)),
        ('{"temperature": 0.8, "top_p": 0.9, "top_k": 0}', Sampling(0.8, 0.9)),
    ],
)
def test_a_models_own_settings_are_its_defaults(
    tmp_path: Path, content: str, expected: Sampling
) -> None:
    (tmp_path / "generation_config.json").write_text(content)
    assert read_sampling(tmp_path) == expected


def test_a_folder_without_settings_has_the_general_defaults(tmp_path: Path) -> None:
    assert read_sampling(tmp_path) == PLAIN


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"temperature": "hot"}', '{"temperature": -1}', '{"top_p": 0}', '{"top_p": null}'],
)
def test_invalid_settings_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(BaseModelError, match=r"generation_config\.json"):
        read_sampling(tmp_path)


def test_options_override_the_defaults() -> None:
    asked = SayOptions(temperature=0.3).with_defaults(Sampling(0.8, 0.9))
    assert (asked.temperature, asked.top_p) == (0.3, 0.9)


def test_the_decoders_defaults_are_used(tiny_gpt2: Path, tmp_path: Path) -> None:
    import shutil

    from popinjay.inference.open_decoder import open_decoder

    folder = shutil.copytree(tiny_gpt2, tmp_path / "model")
    config = {
        "eos_token_id": 0,
        "bos_token_id": 0,
        "do_sample": True,
        "temperature": 0.01,
        "top_p": 0.5,
    }
    (folder / "generation_config.json").write_text(json.dumps(config))
    decoder = open_decoder(folder)
    said = [post.text for post in stream(decoder, SayOptions(n=5, seed=1, max_tokens=20))]
    cold = [
        post.text
        for post in stream(
            decoder, SayOptions(n=5, seed=1, max_tokens=20, temperature=0.01, top_p=0.5)
        )
    ]
    warm = [
        post.text
        for post in stream(
            decoder, SayOptions(n=5, seed=1, max_tokens=20, temperature=1.5, top_p=1.0)
        )
    ]
    assert said == cold != warm


# scripts


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("a", "LATIN"),
        ("ß", "LATIN"),
        ("ж", "CYRILLIC"),
        ("語", "CJK"),
        ("ひ", "HIRAGANA"),
        ("7", ""),
        ("🦜", ""),
        ("—", ""),
        ("€", ""),
    ],
)
def test_only_letters_have_a_script(character: str, expected: str) -> None:
    assert script(character) == expected


def foreign(texts: list[str], *pieces: bytes) -> list[bytes]:
    return [pieces[token] for token in foreign_tokens(Pieces(pieces), texts)]


def test_tokens_of_other_scripts_are_foreign_even_if_incomplete() -> None:
    cyrillic = "жук".encode()
    kanji = "語".encode()
    emoji = "🦜".encode()
    latin = "é".encode()
    pieces = [
        b"",
        b" cat",
        "café".encode(),
        " €5 — 🦜".encode(),
        cyrillic,
        cyrillic[:1],
        b" " + cyrillic[:3],
        kanji,
        kanji[:1],
        kanji[:2],
    ]
    pieces += [latin, latin[:1], emoji[:1], emoji[:2], kanji[1:], b"\xff"]
    assert foreign(["plain words"], *pieces) == [
        cyrillic,
        cyrillic[:1],
        b" " + cyrillic[:3],
        kanji,
        kanji[:1],
        kanji[:2],
    ]
    assert foreign(["plain words, слова"], *pieces) == [kanji, kanji[:1], kanji[:2]]
    assert foreign(["日本語とカタカナ"], cyrillic, kanji, kanji[:2]) == [cyrillic]
