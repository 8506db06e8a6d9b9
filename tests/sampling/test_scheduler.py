"""Many writings at one decoder: each gets what it would get alone, and none waits for ever."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parrot import Parrot
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.sampling.filters import Rules
from popinjay.sampling.generate import AT_ONCE, Writing, generate, pieces
from popinjay.sampling.scheduler import Desk

PROMPTS = ["", "the riv", "the number ", "é", "people wait and", "夜の川"]


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def options(number: int) -> SayOptions:
    return SayOptions(n=1 + (number % 5 == 0), seed=number, max_tokens=6 + number % 10, temperature=(0.7, 1.0, 0.0)[number % 3], top_k=(0, 40)[number % 2])


def ready(decoder: Any, number: int, prompt: str | None = None, rules: Rules | None = None, **more: Any) -> Writing:
    chosen = options(number)
    return Writing(decoder, chosen, PROMPTS[number % len(PROMPTS)] if prompt is None else prompt, rules, None, range(chosen.n), **more)


def texts(writing: Writing) -> list[str]:
    return [said.text for _, said in sorted(writing.done.items()) if said]


def write_all(desk: Desk, writings: list[Writing]) -> None:
    for _ in range(10_000):
        if all(len(writing.done) == options_n(writing) or writing.failure for writing in writings):
            return
        desk.go_on()
    raise AssertionError("it never ends")


def options_n(writing: Writing) -> int:
    return writing._options.n


def written_alone(decoder: Any, writing: Writing) -> Writing:
    desk = Desk(decoder, AT_ONCE)
    desk.join(writing)
    write_all(desk, [writing])
    return writing


@pytest.mark.parametrize(("exact", "at_once"), [(False, 7), pytest.param(True, AT_ONCE, marks=pytest.mark.slow)])
def test_posts_are_the_same_alone_and_in_a_crowd_of_fifty(folder: Path, exact: bool, at_once: int) -> None:
    decoder, rules = OnnxDecoder(folder, exact=exact), Rules()
    alone = [texts(written_alone(decoder, ready(decoder, number, rules=rules, broken_off=True))) for number in range(50)]
    desk, chance = Desk(decoder, at_once), random.Random(0)
    writings = [ready(decoder, number, rules=rules, broken_off=True) for number in range(50)]
    given_up = [ready(decoder, number, rules=rules) for number in range(60, 70)]
    for waiting in chance.sample([*writings, *given_up], 60):  # they come and go while others are on their way
        desk.join(waiting)
        for _ in range(chance.randrange(4)):
            desk.go_on()
        if chance.random() < 0.3:
            desk.leave(chance.choice(given_up))
    for writing in given_up:
        desk.leave(writing)
    write_all(desk, writings)
    assert [texts(writing) for writing in writings] == alone
    assert sum(map(len, alone)) > 40


def test_reading_apart_leaves_rows_as_they_are(folder: Path) -> None:
    def logits(disturbed: bool) -> Any:
        decoder = OnnxDecoder(folder)
        decoder.read([0, 5, 6])
        decoder.add(3)
        found = []
        for token in range(20, 26):
            if disturbed:
                apart = decoder.apart()
                apart.read([0, 9, 8, 7])
                apart.add(2)
                apart.step([1, 2])
                decoder.add(1, apart.prefix)
            found.append(decoder.step([token, token + 1, token + 2, *([3] if disturbed else [])])[:3].copy())
            decoder.keep([0, 1, 2])
        return np.stack(found)

    assert np.array_equal(logits(False), logits(True))


@pytest.mark.parametrize("prompt", ["the riv", ""])
def test_rows_behind_a_prompt_that_was_read_earlier(folder: Path, prompt: str) -> None:
    decoder = OnnxDecoder(folder)
    alone = generate(decoder, SayOptions(n=3, seed=1, max_tokens=12), prompt)
    writing = Writing(decoder, SayOptions(n=3, seed=1, max_tokens=12), prompt, None, None, range(3))
    generate(decoder, SayOptions(n=3, seed=2, max_tokens=12), "people")
    written_alone(decoder, writing)
    assert [said for _, said in sorted(writing.done.items())] == alone


# whose turn it is

LONG, SHORT = "This one takes a good deal longer to come to its end than the others do.", "A short one it is."


def parroted(parrot: Parrot, n: int) -> Writing:
    return Writing(parrot, SayOptions(n=n, seed=0), "", None, None, range(n))


def test_whoever_comes_late_gets_the_next_row_that_is_free() -> None:
    parrot = Parrot(SHORT)
    desk, greedy, modest = Desk(parrot, 4), parroted(parrot, 100), parroted(parrot, 2)
    desk.join(greedy)
    desk.go_on()
    assert len(greedy.drafts) == 4
    desk.join(modest)
    while len(modest.done) < 2:
        desk.go_on()
    assert len(greedy.done) <= 8
    assert parrot.most == 4


def test_rows_are_kept_for_those_who_are_about_to_join() -> None:
    parrot = Parrot(SHORT)
    desk, first, second, third = Desk(parrot, 10), *(parroted(parrot, 19) for _ in range(3))
    desk.join(first)
    desk.go_on(coming=7)
    assert len(first.drafts) == 3
    desk.join(second)
    desk.go_on(coming=100)
    assert (len(first.drafts), len(second.drafts)) == (3, 1)
    desk.go_on()
    assert (len(first.drafts), len(second.drafts)) == (4, 4)  # two are for whoever comes
    desk.join(third)
    desk.go_on()
    assert (len(first.drafts), len(second.drafts), len(third.drafts)) == (4, 4, 1)


def test_rows_go_round_where_more_are_wanted_than_there_are() -> None:
    parrot = Parrot(SHORT)
    desk, writings = Desk(parrot, 3), [parroted(parrot, 4) for _ in range(5)]
    for writing in writings:
        desk.join(writing)
    spread = 0
    while any(len(writing.done) < 4 for writing in writings):
        desk.go_on()
        counts = [len(writing.done) for writing in writings]
        spread = max(spread, max(counts) - min(counts))
    assert spread == 1


def test_a_large_draft_is_not_passed_by_by_small_ones() -> None:
    parrot = Parrot(SHORT)
    desk, small, large = Desk(parrot, 64), parroted(parrot, 500), parroted(parrot, 3)
    small.rows, large.rows = 10, 1
    desk.join(small)
    desk.go_on()
    assert len(small.drafts) == 10
    desk.join(large)
    while len(large.done) < 3:
        desk.go_on()
        assert len(large.drafts) <= 1
        assert not (large.drafts and small.drafts)
    assert len(small.done) <= 40


def test_what_goes_wrong_with_one_is_its_own() -> None:
    parrot = Parrot(SHORT)
    desk, writings = Desk(parrot, 64), [parroted(parrot, 3) for _ in range(4)]

    def fail(*_: Any) -> None:
        raise RuntimeError("its own")

    writings[0].go_on = fail  # type: ignore[method-assign]
    writings[1].begin_next = fail  # type: ignore[method-assign, assignment]
    writings[2].settle = fail  # type: ignore[method-assign]
    for writing in writings:
        desk.join(writing)
    write_all(desk, writings)
    assert [str(writing.failure) for writing in writings] == ["its own"] * 3 + ["None"]
    assert len(writings[3].done) == 3
    with pytest.raises(RuntimeError, match="its own"):
        alone = Parrot(SHORT)
        alone.step = fail  # type: ignore[method-assign, assignment]
        generate(alone, SayOptions(n=1))


def test_whoever_leaves_frees_its_rows() -> None:
    parrot = Parrot(LONG)
    desk, gone, other = Desk(parrot, 4), parroted(parrot, 4), parroted(parrot, 4)
    desk.join(gone)
    desk.join(other)
    desk.go_on()
    desk.leave(gone)
    assert len(parrot.rows) == 2
    desk.go_on()
    assert len(other.drafts) == 4
    desk.leave(other)
    assert desk.is_idle
    assert not parrot.rows


def test_where_rows_cannot_join_writings_take_turns(tiny_gpt2: Path) -> None:
    decoder = TorchDecoder(LanguageModel.load(tiny_gpt2))
    alone = [[said.text for said in generate(decoder, options(number), PROMPTS[number % 3])] for number in range(6)]
    desk, writings = Desk(decoder, AT_ONCE), [ready(decoder, number, PROMPTS[number % 3]) for number in range(6)]
    for writing in writings:
        desk.join(writing)
    while any(len(writing.done) < options_n(writing) for writing in writings):
        desk.go_on()
        assert sum(bool(writing.drafts) for writing in writings) <= 1
    assert [texts(writing) for writing in writings] == alone


# texts to stop at


def stopped(post: str, *stops: str, rules: Rules | None = None) -> str:
    parrot = Parrot(post)
    writing = Writing(parrot, SayOptions(n=1, seed=0), "", rules, None, [0], stops=stops)
    desk = Desk(parrot, 1)
    desk.join(writing)
    shown = ""
    while 0 not in writing.done:
        desk.go_on()
        for draft in writing.drafts:
            assert draft.so_far().startswith(shown)
            shown = draft.so_far()
    said = writing.done[0]
    assert said is not None
    assert said.text.startswith(shown.strip())
    assert said.finished
    return said.text.removeprefix("^")


def test_a_post_ends_before_a_text_to_stop_at() -> None:
    assert stopped("One, two, three, four.", "three") == "One, two,"
    assert stopped("One, two, three, four.", "four", "o, th") == "One, tw"
    assert stopped("One, two, three, four.", "five", "thrice") == "One, two, three, four."
    assert stopped("aab aaab.", "aaab") == "aab"


def test_what_is_left_before_a_stop_is_judged_too() -> None:
    known = Rules.of(["One, two, buckle my shoe"])
    parrot = Parrot("One, two, buckle my shoe STOP", "Another one, that is nobody's STOP")
    parrot._only = lambda character: Parrot._only(parrot, " " if character == "^" else character)  # type: ignore[method-assign]
    writing = Writing(parrot, SayOptions(n=1, seed=0), "", known, None, [0], stops=["STOP"])
    assert texts(written_alone(parrot, writing)) == ["Another one, that is nobody's"]


def test_what_its_tokens_run_out_for_may_leave_where_that_is_asked() -> None:
    for broken_off, tries in ((True, 1), (False, 16)):
        parrot = Parrot("this never comes to any end at all")
        writing = Writing(parrot, SayOptions(n=1, max_tokens=20, seed=0), "", Rules(), None, [0], broken_off=broken_off)
        said = written_alone(parrot, writing).done[0]
        assert said is not None
        assert (said.text, said.finished) == ("^this never comes to", False)
        assert parrot._drafts == tries


def test_pieces_and_posts_of_a_tiny_model_still_agree(folder: Path) -> None:
    decoder = OnnxDecoder(folder)
    for place in range(3):
        chosen = SayOptions(n=3, seed=4, max_tokens=15)
        assert "".join(pieces(decoder, chosen, "the", None, None, place)) == generate(decoder, chosen, "the")[place].text
