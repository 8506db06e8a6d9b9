"""Tests of the batch scheduler: a request gets what it would get alone, and none starves."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parrot import Logits, Parrot
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.sampling.events import Piece
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import MAX_BATCH_ROWS, generate, stream_events
from popinjay.sampling.request import GenerationRequest
from popinjay.sampling.scheduler import BatchScheduler

PROMPTS = ["", "the riv", "the number ", "é", "people wait and", "夜の川"]


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def options(number: int) -> SayOptions:
    return SayOptions(
        n=1 + (number % 5 == 0),
        seed=number,
        max_tokens=6 + number % 10,
        temperature=(0.7, 1.0, 0.0)[number % 3],
        top_k=(0, 40)[number % 2],
    )


def ready(
    decoder: Any,
    number: int,
    prompt: str | None = None,
    rules: OutputFilters | None = None,
    **more: Any,
) -> GenerationRequest:
    chosen = options(number)
    return GenerationRequest(
        decoder,
        chosen,
        PROMPTS[number % len(PROMPTS)] if prompt is None else prompt,
        rules,
        None,
        range(chosen.n),
        **more,
    )


def texts(writing: GenerationRequest) -> list[str]:
    return [said.text for _, said in sorted(writing.done.items()) if said]


def write_all(scheduler: BatchScheduler, writings: list[GenerationRequest]) -> None:
    for _ in range(10_000):
        if all(len(writing.done) == options_n(writing) or writing.failure for writing in writings):
            return
        scheduler.step()
    raise AssertionError("it never ends")


def options_n(writing: GenerationRequest) -> int:
    return writing._options.n


def written_alone(decoder: Any, writing: GenerationRequest) -> GenerationRequest:
    scheduler = BatchScheduler(decoder, MAX_BATCH_ROWS)
    scheduler.add(writing)
    write_all(scheduler, [writing])
    return writing


@pytest.mark.parametrize(
    ("exact", "at_once"), [(False, 7), pytest.param(True, MAX_BATCH_ROWS, marks=pytest.mark.slow)]
)
def test_posts_are_the_same_alone_and_among_fifty_requests(
    folder: Path, exact: bool, at_once: int
) -> None:
    decoder = OnnxDecoder(folder, exact=exact)
    rules = OutputFilters()
    alone = [
        texts(written_alone(decoder, ready(decoder, number, rules=rules, broken_off=True)))
        for number in range(50)
    ]
    scheduler = BatchScheduler(decoder, at_once)
    chance = random.Random(0)
    writings = [ready(decoder, number, rules=rules, broken_off=True) for number in range(50)]
    given_up = [ready(decoder, number, rules=rules) for number in range(60, 70)]
    for waiting in chance.sample(
        [*writings, *given_up], 60
    ):  # they come and go while others are generated
        scheduler.add(waiting)
        for _ in range(chance.randrange(4)):
            scheduler.step()
        if chance.random() < 0.3:
            scheduler.remove(chance.choice(given_up))
    for writing in given_up:
        scheduler.remove(writing)
    write_all(scheduler, writings)
    assert [texts(writing) for writing in writings] == alone
    assert sum(map(len, alone)) > 40


def test_prefilling_a_clone_leaves_rows_unchanged(folder: Path) -> None:
    def logits(disturbed: bool) -> Any:
        decoder = OnnxDecoder(folder)
        decoder.prefill([0, 5, 6])
        decoder.add(3)
        found = []
        for token in range(20, 26):
            if disturbed:
                apart = decoder.clone()
                apart.prefill([0, 9, 8, 7])
                apart.add(2)
                apart.step([1, 2])
                decoder.add(1, apart.prefix)
            found.append(
                decoder.step([token, token + 1, token + 2, *([3] if disturbed else [])])[:3].copy()
            )
            decoder.filter([0, 1, 2])
        return np.stack(found)

    assert np.array_equal(logits(False), logits(True))


@pytest.mark.parametrize("prompt", ["the riv", ""])
def test_rows_of_a_prompt_that_was_prefilled_earlier(folder: Path, prompt: str) -> None:
    decoder = OnnxDecoder(folder)
    alone = generate(decoder, SayOptions(n=3, seed=1, max_tokens=12), prompt)
    writing = GenerationRequest(
        decoder, SayOptions(n=3, seed=1, max_tokens=12), prompt, None, None, range(3)
    )
    generate(decoder, SayOptions(n=3, seed=2, max_tokens=12), "people")
    written_alone(decoder, writing)
    assert [said for _, said in sorted(writing.done.items())] == alone


# fairness

LONG = "This one takes a good deal longer to come to its end than the others do."
SHORT = "A short one it is."


def parroted(parrot: Parrot, n: int) -> GenerationRequest:
    return GenerationRequest(parrot, SayOptions(n=n, seed=0), "", None, None, range(n))


def test_a_late_request_gets_the_next_free_row() -> None:
    parrot = Parrot(SHORT)
    scheduler = BatchScheduler(parrot, 4)
    greedy = parroted(parrot, 100)
    modest = parroted(parrot, 2)
    scheduler.add(greedy)
    scheduler.step()
    assert len(greedy.sequences) == 4
    scheduler.add(modest)
    while len(modest.done) < 2:
        scheduler.step()
    assert len(greedy.done) <= 8
    assert parrot.most == 4


def test_rows_are_reserved_for_coming_requests() -> None:
    parrot = Parrot(SHORT)
    scheduler = BatchScheduler(parrot, 10)
    first, second, third = (parroted(parrot, 19) for _ in range(3))
    scheduler.add(first)
    scheduler.step(reserved_rows=7)
    assert len(first.sequences) == 3
    scheduler.add(second)
    scheduler.step(reserved_rows=100)
    assert (len(first.sequences), len(second.sequences)) == (3, 1)
    scheduler.step()
    # Two are reserved for new requests.
    assert (len(first.sequences), len(second.sequences)) == (
        4,
        4,
    )
    scheduler.add(third)
    scheduler.step()
    assert (len(first.sequences), len(second.sequences), len(third.sequences)) == (4, 4, 1)


def test_rows_are_shared_if_more_are_requested_than_exist() -> None:
    parrot = Parrot(SHORT)
    scheduler = BatchScheduler(parrot, 3)
    writings = [parroted(parrot, 4) for _ in range(5)]
    for writing in writings:
        scheduler.add(writing)
    spread = 0
    while any(len(writing.done) < 4 for writing in writings):
        scheduler.step()
        counts = [len(writing.done) for writing in writings]
        spread = max(spread, max(counts) - min(counts))
    assert spread == 1


def test_a_large_request_is_not_starved_by_small_ones() -> None:
    parrot = Parrot(SHORT)
    scheduler = BatchScheduler(parrot, 64)
    small = parroted(parrot, 500)
    large = parroted(parrot, 3)
    small.rows, large.rows = 10, 1
    scheduler.add(small)
    scheduler.step()
    assert len(small.sequences) == 10
    scheduler.add(large)
    while len(large.done) < 3:
        scheduler.step()
        assert len(large.sequences) <= 1
        assert not (large.sequences and small.sequences)
    assert len(small.done) <= 40


def test_the_failure_of_a_request_affects_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    parrot = Parrot(SHORT)
    scheduler = BatchScheduler(parrot, 64)
    writings = [parroted(parrot, 3) for _ in range(4)]

    def fail(*_: Any) -> None:
        raise RuntimeError("its own")

    monkeypatch.setattr(writings[0], "advance", fail)
    monkeypatch.setattr(writings[1], "start_sequence", fail)
    monkeypatch.setattr(writings[2], "complete", fail)
    for writing in writings:
        scheduler.add(writing)
    write_all(scheduler, writings)
    assert [str(writing.failure) for writing in writings] == ["its own"] * 3 + ["None"]
    assert len(writings[3].done) == 3
    with pytest.raises(RuntimeError, match="its own"):
        alone = Parrot(SHORT)
        monkeypatch.setattr(alone, "step", fail)
        generate(alone, SayOptions(n=1))


def test_a_cancelled_request_frees_its_rows() -> None:
    parrot = Parrot(LONG)
    scheduler = BatchScheduler(parrot, 4)
    gone = parroted(parrot, 4)
    other = parroted(parrot, 4)
    scheduler.add(gone)
    scheduler.add(other)
    scheduler.step()
    scheduler.remove(gone)
    assert len(parrot.rows) == 2
    scheduler.step()
    assert len(other.sequences) == 4
    scheduler.remove(other)
    assert scheduler.is_idle
    assert not parrot.rows


def test_without_joining_rows_requests_take_turns(tiny_gpt2: Path) -> None:
    decoder = TorchDecoder(LanguageModel.load(tiny_gpt2))
    alone = [
        [said.text for said in generate(decoder, options(number), PROMPTS[number % 3])]
        for number in range(6)
    ]
    scheduler = BatchScheduler(decoder, MAX_BATCH_ROWS)
    writings = [ready(decoder, number, PROMPTS[number % 3]) for number in range(6)]
    for writing in writings:
        scheduler.add(writing)
    while any(len(writing.done) < options_n(writing) for writing in writings):
        scheduler.step()
        assert sum(bool(writing.sequences) for writing in writings) <= 1
    assert [texts(writing) for writing in writings] == alone


# stop texts


def stopped(post: str, *stops: str, rules: OutputFilters | None = None) -> str:
    parrot = Parrot(post)
    writing = GenerationRequest(parrot, SayOptions(n=1, seed=0), "", rules, None, [0], stops=stops)
    scheduler = BatchScheduler(parrot, 1)
    scheduler.add(writing)
    shown = ""
    while 0 not in writing.done:
        scheduler.step()
        for sequence in writing.sequences:
            assert sequence.partial_text().startswith(shown)
            shown = sequence.partial_text()
    said = writing.done[0]
    assert said is not None
    assert said.text.startswith(shown.strip())
    assert said.finished
    return said.text.removeprefix("^")


def test_a_post_ends_before_a_stop_text() -> None:
    assert stopped("One, two, three, four.", "three") == "One, two,"
    assert stopped("One, two, three, four.", "four", "o, th") == "One, tw"
    assert stopped("One, two, three, four.", "five", "thrice") == "One, two, three, four."
    assert stopped("aab aaab.", "aaab") == "aab"


class BlankFirst(Parrot):
    """A parrot whose posts begin with a blank."""

    def _only(self, character: str) -> Logits:
        return super()._only(" " if character == "^" else character)


def test_the_text_before_a_stop_is_filtered_too() -> None:
    known = OutputFilters.of(["One, two, buckle my shoe"])
    parrot = BlankFirst("One, two, buckle my shoe STOP", "Another one, that is nobody's STOP")
    writing = GenerationRequest(
        parrot, SayOptions(n=1, seed=0), "", known, None, [0], stops=["STOP"]
    )
    assert texts(written_alone(parrot, writing)) == ["Another one, that is nobody's"]


def test_truncated_posts_are_accepted_on_request() -> None:
    for broken_off, tries in ((True, 1), (False, 16)):
        parrot = Parrot("this never comes to any end at all")
        writing = GenerationRequest(
            parrot,
            SayOptions(n=1, max_tokens=20, seed=0),
            "",
            OutputFilters(),
            None,
            [0],
            broken_off=broken_off,
        )
        said = written_alone(parrot, writing).done[0]
        assert said is not None
        assert (said.text, said.finished) == ("^this never comes to", False)
        assert parrot._sequences == tries


def test_pieces_and_posts_of_a_tiny_model_agree(folder: Path) -> None:
    decoder = OnnxDecoder(folder)
    for place in range(3):
        chosen = SayOptions(n=3, seed=4, max_tokens=15)
        events = stream_events(decoder, chosen, "the", places=[place])
        assert (
            "".join(event.text for event in events if isinstance(event, Piece))
            == generate(decoder, chosen, "the")[place].text
        )
