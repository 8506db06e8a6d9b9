"""Tests of generation: right probabilities, reproducible posts, and only what filters accept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from parrot import Parrot
from popinjay.errors import OptionError
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.events import Finished, Missing, Piece, PostEvent, Restart
from popinjay.sampling.filters import OutputFilters, Reason
from popinjay.sampling.generate import PostStream, generate, stream, stream_events
from popinjay.sampling.prompt import prefill
from popinjay.sampling.request import MAX_ATTEMPTS, MIN_TOKENS, Tally
from speaking_persona import POST


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama", "tiny_gemma"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return LanguageModel.load(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def decoder(model: LanguageModel) -> TorchDecoder:
    return TorchDecoder(model)


def texts(
    decoder: TorchDecoder, prompt: str = "", rules: OutputFilters | None = None, **options: Any
) -> list[str]:
    return [
        said.text
        for said in generate(decoder, SayOptions(**{"max_tokens": 20, **options}), prompt, rules)
    ]


def parroted(
    *posts: str, known: Sequence[str] = (), n: int = 1, prompt: str = "", **options: Any
) -> tuple[list[str], Tally]:
    """Return the posts of a parrot of these texts, under the filters of a model of `known`."""
    tally = Tally()
    said = generate(
        Parrot(*posts), SayOptions(n=n, seed=0, **options), prompt, OutputFilters.of(known), tally
    )
    return [one.text.replace("^", "", 1) for one in said], tally


OTHER = "A lamp went out before anybody could say a word about it."


def test_the_same_seed_gives_the_same_posts(decoder: TorchDecoder) -> None:
    assert texts(decoder, n=4, seed=1) == texts(decoder, n=4, seed=1) != texts(decoder, n=4, seed=2)


def test_the_number_of_posts_does_not_change_the_first_ones(decoder: TorchDecoder) -> None:
    assert texts(decoder, n=8, seed=5)[:3] == texts(decoder, n=3, seed=5)


def test_posts_from_an_index_on_are_those_of_the_whole(decoder: TorchDecoder) -> None:
    options = SayOptions(n=8, seed=5, max_tokens=20)
    every = [said.text for said in stream(decoder, options)]
    assert [said.text for said in stream(decoder, options, start=3)] == every[3:]
    assert list(stream(decoder, options, start=8)) == []


def test_nor_does_it_if_sequences_are_rejected(
    decoder: TorchDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = texts(decoder, n=9, seed=5)
    rules = OutputFilters.of(free[1:3])
    tally = Tally()
    all_nine = [
        said.text
        for said in generate(decoder, SayOptions(n=9, seed=5, max_tokens=20), "", rules, tally)
    ]
    assert tally.redrawn[Reason.COPIED] >= 2
    assert not set(all_nine) & set(free[1:3])
    assert texts(decoder, "", rules, n=3, seed=5) == all_nine[:3]
    monkeypatch.setattr("popinjay.sampling.generate.MAX_BATCH_ROWS", 2)
    assert texts(decoder, "", rules, n=9, seed=5) == all_nine


def test_without_a_seed_posts_differ(decoder: TorchDecoder) -> None:
    assert texts(decoder, n=2) != texts(decoder, n=2)


@pytest.mark.parametrize(
    "prompt",
    [
        "the lamp  is ",
        "the la",
        "riv",
        "w",
        "the river \U0001f600",
        "the \U0001f468\u200d",
        "é",
        "the the",
        "夜の川",
        "1.5",
    ],
)
def test_posts_begin_with_the_prompt_and_are_one_line(decoder: TorchDecoder, prompt: str) -> None:
    for text in texts(decoder, prompt, n=20, seed=0):
        assert text.startswith(" ".join(prompt.split()))
        assert "\n" not in text
        assert not any(ord(character) < 32 for character in text)


def test_a_blank_at_the_end_of_a_prompt_completes_the_word(decoder: TorchDecoder) -> None:
    assert all(
        text.startswith("the riv ")
        for text in texts(decoder, "the riv ", n=20, seed=0)
        if text != "the riv"
    )
    assert not all(text.startswith("the riv ") for text in texts(decoder, "the riv", n=20, seed=0))


def test_healed_tokens_have_the_probabilities_of_the_model(
    decoder: TorchDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare with the sum over the vocabulary: P(tokens kept) x P(token that covers the rest)."""
    from popinjay.sampling.prompt import prefill

    monkeypatch.setattr("popinjay.sampling.prompt.WHOLE_IN_PARTS", 2)  # not a word

    beginning = prefill(decoder, "the numb", 10)
    spelled = decoder.pieces()
    assert spelled is not None
    word = b"".join(spelled[token] for token in beginning.healed_tokens)
    assert word == b" numb"
    assert len(beginning.healed_tokens) == 3
    expected = {}
    for kept in range(len(beginning.healed_tokens)):
        ids = torch.tensor([[*beginning.tokens, *beginning.healed_tokens[:kept]]])
        with torch.inference_mode():
            chances = decoder.model.model(input_ids=ids).logits[0].log_softmax(-1)
        before = sum(
            chances[len(beginning.tokens) - 1 + place, token].item()
            for place, token in enumerate(beginning.healed_tokens[:kept])
        )
        for token, piece in enumerate(spelled):
            cover = (*beginning.healed_tokens[:kept], token)
            if (
                b"".join(spelled[t] for t in cover).startswith(word)
                and not b"".join(spelled[t] for t in cover[:-1]).startswith(word)
                and piece
            ):
                expected[cover] = before + chances[-1, token].item()
    assert expected.keys() == set(beginning.continuations)
    assert [expected[cover] for cover in beginning.continuations] == pytest.approx(
        beginning.logits.tolist(), abs=1e-4
    )


def test_logits_are_those_of_transformers(decoder: TorchDecoder) -> None:
    prompt = [decoder.eos_token, *decoder.encode("the river hums")]
    rows = [decoder.encode(" near the lamp")[:4], decoder.encode(" while people wait")[:4]]
    decoder.prefill(prompt)
    decoder.add(3)
    decoder.filter([0, 2])
    for place in range(3):
        found = decoder.step([row[place] for row in rows])
        with torch.inference_mode():
            expected = decoder.model.model(
                input_ids=torch.tensor([prompt + row[: place + 1] for row in rows])
            ).logits[:, -1]
        assert np.abs(found - expected.numpy()).max() < 1e-4
    decoder.filter([1])
    with torch.inference_mode():
        expected = decoder.model.model(input_ids=torch.tensor([prompt + rows[1]])).logits[:, -1]
    assert np.abs(decoder.step(rows[1][3:4]) - expected.numpy()).max() < 1e-4


def ruled_out_at_start(decoder: TorchDecoder) -> list[int]:
    """Return the tokens that a post without a prompt can't begin with."""
    found: list[int] = np.flatnonzero(np.isneginf(prefill(decoder, "", 10).logits)).tolist()
    assert found
    return found


def test_greedy_equals_transformers(decoder: TorchDecoder) -> None:
    settings = {
        "max_new_tokens": 15,
        "min_new_tokens": 10,
        "pad_token_id": decoder.eos_token,
        "suppress_tokens": decoder.suppressed_tokens or None,
        "begin_suppress_tokens": ruled_out_at_start(decoder),
    }
    expected = decoder.model.model.generate(
        torch.tensor([[decoder.bos_token]]), do_sample=False, **settings
    )
    ours = generate(decoder, SayOptions(n=1, temperature=0, max_tokens=15))[0]
    assert ours.text == one_line(
        decoder.decode(expected[0].tolist()).rstrip("\ufffd").lstrip().split("\n")[0]
    )


def test_the_saved_settings_sample_like_ours(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare our first tokens with those of transformers' `generate` by the folder's settings.

    By the chi-square test of two samples.
    """
    model.set_generation_config(
        do_sample=True, temperature=1.0, top_p=0.95, min_new_tokens=MIN_TOKENS, max_new_tokens=160
    )
    model.save(tmp_path)
    settings = GenerationConfig.from_pretrained(tmp_path)
    settings.max_new_tokens, settings.min_new_tokens = 2, 2
    count = 4_000
    tokenizer = TorchDecoder(model)
    settings.begin_suppress_tokens = ruled_out_at_start(tokenizer)
    torch.manual_seed(0)
    theirs = model.model.generate(torch.full((count, 1), model.bos_token), settings)[:, 1].tolist()
    ours: list[int] = []

    def decode(tokens: Sequence[int]) -> str:
        ours.extend(tokens[1:2])
        return "x" * len(tokens)

    monkeypatch.setattr(tokenizer, "decode", decode)
    generate(tokenizer, SayOptions(n=count, seed=1, max_tokens=2))
    assert len(ours) == count
    first, second = np.bincount(theirs, minlength=400), np.bincount(ours, minlength=400)
    there = first + second > 10
    statistic = ((first - second)[there] ** 2 / (first + second)[there]).sum()
    freedom = there.sum()
    assert freedom > 100
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)


def test_a_prompt_that_fills_the_context_is_refused(decoder: TorchDecoder) -> None:
    with pytest.raises(OptionError, match="tokens long"):
        texts(decoder, "the river hums " * 100)


def test_an_end_token_in_a_prompt_is_plain_text(decoder: TorchDecoder) -> None:
    assert all("<|endoftext|>" in text for text in texts(decoder, "a <|endoftext|> b", n=2, seed=0))


@pytest.mark.parametrize("prompt", ["", "the riv"])
def test_posts_respect_the_token_limit(decoder: TorchDecoder, prompt: str) -> None:
    assert all(
        said.tokens <= 5
        for said in generate(decoder, SayOptions(n=5, max_tokens=5, seed=0), prompt)
    )


def test_a_model_can_be_loaded_from_its_folder(tiny_gpt2: Path) -> None:
    assert LanguageModel.load(tiny_gpt2).parameters < 100_000


# filters


def test_a_copy_is_rejected_and_counted() -> None:
    said, tally = parroted("I say nobody in this town has ever heard it, no.", OTHER, known=[POST])
    assert said == [OTHER]
    assert tally.redrawn == {Reason.COPIED: 1}
    said, tally = parroted(
        "I say nobody in this town has ever heard it, no.", OTHER, known=[POST], allow_copies=True
    )
    assert said == ["I say nobody in this town has ever heard it, no."]


def test_a_sequence_is_dropped_as_soon_as_its_eighth_word_is_whole() -> None:
    parrot = Parrot(POST, OTHER)
    generate(
        parrot,
        SayOptions(n=1, seed=0),
        "",
        OutputFilters.of(["river sings at night and nobody in this town"]),
    )
    assert parrot.first_rows.count(POST) == len("The river sings at night, and nobody in this ")


def test_personal_data_and_masks_are_never_generated() -> None:
    said, tally = parroted(
        "Write to ada@example.org today, please.",
        "Write to [email] today, please.",
        "Call 020 7946 0958 now.",
        OTHER,
    )
    assert said == [OTHER]
    assert tally.redrawn == {Reason.PERSONAL: 3}


def test_long_posts_end_at_a_sentence_or_are_rejected() -> None:
    long = "This goes on and on. " * 3 + "And on"
    said, tally = parroted(long, max_chars=50)
    assert (said, tally.redrawn) == (["This goes on and on. This goes on and on."], {})
    said, tally = parroted(
        "Short. " + "and so it goes on for ever and ever " * 3,
        "Another one that fits.",
        max_chars=50,
    )
    assert (said, tally.redrawn) == (["Another one that fits."], {Reason.LONG: 1})


def test_few_characters_need_no_ten_tokens() -> None:
    said, tally = parroted("Yes.", max_chars=16)
    assert (said, tally.redrawn) == (["Yes."], {})
    (post,) = generate(Parrot("Yes."), SayOptions(n=1, max_chars=16, max_tokens=20, seed=0))
    assert post.tokens == MIN_TOKENS  # by the model, without filters


def test_a_truncated_post_is_the_last_resort() -> None:
    said, tally = parroted("this never comes to any end at all", "Done, and done.", max_tokens=20)
    assert (said, tally.redrawn) == (["Done, and done."], {Reason.UNFINISHED: 1})
    (only,) = generate(
        Parrot("this never comes to any end at all"),
        SayOptions(n=1, max_tokens=20, seed=0),
        "",
        OutputFilters(),
    )
    assert (only.text, only.finished) == ("^this never comes to", False)


def test_generation_ends_if_every_sequence_is_rejected() -> None:
    said, tally = parroted(POST, known=[POST], n=3)
    assert said == []
    assert (tally.missing, tally.redrawn[Reason.COPIED]) == (3, 3 * (MAX_ATTEMPTS - 1))


def test_a_prompt_that_quotes_a_post_is_allowed() -> None:
    quoted = "nobody in this town has ever heard it"
    said, tally = parroted(" but the two of us, for years.", known=[POST], prompt=quoted)
    assert (said, tally.redrawn) == ([quoted + " but the two of us, for years."], {})
    said, tally = parroted(
        " heard it, they say here.",
        " seen it, they say here.",
        known=[POST],
        prompt="and nobody in this town has ever",
    )
    assert (said, tally.redrawn) == (
        ["and nobody in this town has ever seen it, they say here."],
        {Reason.COPIED: 1},
    )
    said, tally = parroted(
        " it was, and gone it is.", known=[POST], prompt="ask ada@example.org what"
    )
    assert said == ["ask ada@example.org what it was, and gone it is."]


def test_a_prompt_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(OptionError, match="31 characters long; posts are 31"):
        parroted("x", prompt="p" * 31, max_chars=31)


def test_posts_are_yielded_early_and_in_order_and_free_slots_are_reused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("popinjay.sampling.generate.MAX_BATCH_ROWS", 2)
    parrot = Parrot(
        "A short one it is.",
        "This one takes a good deal longer to come to its end.",
        "B short one it is.",
        "C short one it is.",
    )
    said = stream(parrot, SayOptions(n=4, seed=0))
    assert next(said).text == "^A short one it is."
    assert len(parrot.rows) == 1  # its slot is free, and nothing was done for others first
    assert [one.text[1:3] for one in said] == ["Th", "B ", "C "]
    assert parrot.most == 2


# piece by piece


def drafts(events: Iterator[PostEvent]) -> list[list[str]]:
    """The pieces of each draft of one post; the last draft is the post. Holds the events' order."""
    found: list[list[str]] = [[]]
    *shown, last = events
    for event in shown:
        assert isinstance(event, Piece | Restart)
        assert event.index == last.index
        if isinstance(event, Restart):
            found.append([])
        else:
            found[-1].append(event.text)
    if isinstance(last, Finished):
        assert "".join(found[-1]) == last.post.text
    else:
        assert isinstance(last, Missing)
        assert not found[-1]
    return found


@pytest.mark.parametrize("prompt", ["", "the riv", "the \U0001f600"])
def test_pieces_are_the_first_post(decoder: TorchDecoder, prompt: str) -> None:
    count = 0
    for seed in range(5):
        options = SayOptions(seed=seed, max_tokens=20)
        # Half a character would have had to be taken back with a Restart.
        (pieces,) = drafts(stream_events(decoder, options, prompt, places=[0]))
        assert "".join(pieces) == generate(decoder, options, prompt)[0].text
        count += len(pieces)
    assert count > 15


def test_pieces_are_the_post_at_any_index(decoder: TorchDecoder) -> None:
    options = SayOptions(seed=3, max_tokens=20, n=4)
    tally, again = Tally(), Tally()
    posts = [said.text for said in generate(decoder, options, "the", OutputFilters(), tally)]
    assert [
        "".join(drafts(stream_events(decoder, options, "the", OutputFilters(), again, [place]))[-1])
        for place in range(4)
    ] == posts
    assert again == tally


def test_a_post_stream_gives_the_same_posts_whole_and_in_events(decoder: TorchDecoder) -> None:
    options = SayOptions(seed=3, max_tokens=20, n=4)
    tally = Tally()
    posts = generate(decoder, options, "the", OutputFilters(), tally)
    whole = PostStream(decoder, options, "the", OutputFilters())
    assert list(whole) == posts
    assert whole.tally == tally
    written = PostStream(decoder, options, "the", OutputFilters())
    events = list(written.events())
    assert [event.post for event in events if isinstance(event, Finished)] == posts
    assert [event.index for event in events] == sorted(event.index for event in events)
    assert written.tally == tally


def test_pieces_show_no_eighth_word_and_nothing_personal() -> None:
    parrot = Parrot(
        "We know nobody in this town has ever heard it.",
        "Mail ada@example.org at once.",
        "Call 020 7946 0958 now.",
        OTHER,
    )
    rules = OutputFilters.of([POST])
    found = drafts(stream_events(parrot, SayOptions(n=1, seed=0), "", rules))
    assert ["".join(pieces) for pieces in found] == [
        "^We know nobody in this town has ever heard",
        "^Mail",
        "^Call",
        "^" + OTHER,
    ]


def test_a_missing_post_leaves_nothing_shown() -> None:
    rules = OutputFilters.of([POST])
    *_, end = stream_events(Parrot(POST), SayOptions(n=1, seed=0), "", rules)
    assert end == Missing(0)
    assert drafts(stream_events(Parrot(POST), SayOptions(n=1, seed=0), "", rules))[-1] == []
