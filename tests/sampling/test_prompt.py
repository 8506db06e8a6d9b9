"""Tests of prompts: whole words stay, and fragments of words are healed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from bigrams import END, Bigrams
from popinjay.inference.byte_level import Pieces, goes_on_with_word
from popinjay.options import SayOptions
from popinjay.sampling.events import Finished, Piece
from popinjay.sampling.generate import generate, stream_events
from popinjay.sampling.prompt import prefill
from popinjay.server.voices.generation_worker import PromptCache
from popinjay.text.words import is_inside_word

REST = {".": {END: 1.0}, " is": {" is": 0.5, ".": 0.5}, "'s": {" is": 1.0}}
TALK = Bigrams(
    {
        END: {"my": 0.5, "the": 0.5},
        "my": {" cat": 0.3, " category": 0.7},
        "the": {" astronaut": 0.6, " astronomer": 0.4, " dog": 0.001},
        " cat": {"ad": 0.4, "é": 0.1, "9": 0.1, " is": 0.3, "'s": 0.1},
        " category": {" is": 1.0},
        " as": {"tron": 1.0},
        "tron": {"aut": 0.01, " is": 0.99},
        "ad": {" is": 1.0},
        "é": {" is": 1.0},
        "9": {" is": 1.0},
        "aut": {" is": 1.0},
        " astronaut": {" is": 1.0},
        " astronomer": {" is": 1.0},
        " dog": {" is": 1.0},
        **REST,
    }
)


def texts(prompt: str, decoder: Bigrams = TALK, n: int = 60) -> list[str]:
    options = SayOptions(n=n, seed=0, max_tokens=14, top_p=1.0)
    return [said.text for said in generate(decoder, options, prompt)]


def test_a_whole_word_stays_even_if_the_model_would_continue_it() -> None:
    said = texts("my cat")
    assert all(text.startswith(("my cat is", "my cat's")) for text in said)
    assert any(text.startswith("my cat's") for text in said)


def test_a_fragment_is_healed_even_if_its_tokens_are_words() -> None:
    said = texts("the astron")
    assert {text.split()[1] for text in said} == {"astronaut", "astronomer"}


def test_a_rare_fragment_of_one_token_is_healed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prefill(TALK, "my cat", 5).continuations == []
    monkeypatch.setattr("popinjay.sampling.prompt.WHOLE", 0.5)  # more than the chance of "my cat"
    assert {TALK.tokens[cover[-1]] for cover in prefill(TALK, "my cat", 5).continuations} == {
        " cat",
        " category",
    }


def test_a_word_of_several_tokens_needs_a_higher_probability() -> None:
    """Nine of a hundred texts that go on behind the first part would end the word there."""

    def talk(ends: float) -> Bigrams:
        chances = {END: {"so": 1.0}, "so": {" sa": 1.0}, " sa": {"il": 1.0}}
        rest = {"il": {" is": ends, "or": 1 - ends}, "or": {" is": 1.0}}
        return Bigrams({**chances, **rest, **REST})

    assert prefill(talk(0.2), "so sail", 5).continuations
    assert not prefill(talk(0.3), "so sail", 5).continuations


def test_only_tokens_with_logits_count() -> None:
    """Some models have fewer rows than their tokenizer has tokens, and others more."""
    decoder = Bigrams({END: {"a": 1.0}, "a": {" is": 1.0}, **REST})
    decoder.pieces().append(b"more")
    beginning = prefill(decoder, "a", 5)
    assert not beginning.continuations
    assert np.isfinite(beginning.logits).any()


def test_without_word_separators_the_word_may_continue() -> None:
    decoder = Bigrams({END: {"a": 1.0}, "a": {"a": 0.5, END: 0.5}})
    assert texts("a", decoder, 2)[0].startswith("aa")


@pytest.mark.parametrize("prompt", ["夜", "my 夜"])
def test_scripts_without_blanks_have_no_whole_words(prompt: str) -> None:
    chances = {"my": {" ": 1.0}, " ": {"夜": 0.5, "夜中": 0.5}}
    night = {"夜": {"空": 0.5, "。": 0.5}, "夜中": {"。": 1.0}, "空": {"。": 1.0}, "。": {END: 1.0}}
    decoder = Bigrams({**chances, **night, END: {"夜": 0.5, "夜中": 0.5, "my": 0.1}})
    said = texts(prompt, decoder)
    assert all(text.startswith(prompt) for text in said)
    assert {text[len(prompt)] for text in said} == {"空", "。", "中"}


def test_a_word_ends_before_a_script_without_blanks() -> None:
    decoder = Bigrams({END: {"cat": 1.0}, "cat": {"が": 1.0}, "が": {END: 1.0}})
    assert {text[:4] for text in texts("cat", decoder, 5)} == {"catが"}


def test_all_interfaces_prefill_the_prompt_alike() -> None:
    options = SayOptions(n=5, seed=3, max_tokens=14)
    for place, post in enumerate(generate(TALK, options, "my cat")):
        *shown, end = stream_events(TALK, options, "my cat", places=[place])
        assert "".join(event.text for event in shown if isinstance(event, Piece)) == post.text
        assert end == Finished(place, post)
    served = PromptCache().prefill(TALK, "my cat", 10)
    assert served.tokens == prefill(TALK, "my cat", 10).tokens == [0, *TALK.encode("my cat")]


STARTS = {"my": 0.6, "the": 0.3, "gerald": 0.086, "ous": 0.009, "ing": 0.005}
TOKENS = ["ing", " my", " the", "my", "the", "gerald", "ous", " is", " ing"]  # most frequent first
RIGHT = Bigrams({**{token: {" is": 1.0} for token in TOKENS}, END: STARTS})


def test_a_post_without_a_prompt_begins_with_no_end_of_a_word() -> None:
    """What the author often begins with may be one: "gerald" has no token with a space."""
    found = Counter(text.split()[0] for text in texts("", RIGHT, 600))
    assert set(found) == {"my", "the", "gerald"}
    kept = {text: STARTS[text] / 0.986 for text in found}  # in the same proportions
    assert chisquare([found[text] for text in kept], [600 * kept[text] for text in kept])[1] > 1e-3


def test_only_ends_of_words_are_ruled_out_at_the_start() -> None:
    raw = RIGHT.prefill([0])
    logits = prefill(RIGHT, "", 5).logits
    ruled_out = {RIGHT.tokens[token] for token in np.flatnonzero(np.isneginf(logits))}
    assert ruled_out == {"ous", "ing"}  # "gerald" is what the author often begins with
    kept = np.isfinite(logits)
    assert kept.sum() == len(TOKENS) - 1  # END is one of them
    assert np.array_equal(logits[kept], raw[kept])
    assert np.isfinite(raw).all()  # the decoder's own row is unchanged


def test_a_prompt_may_be_followed_by_the_end_of_a_word() -> None:
    decoder = Bigrams(
        {**{token: {"ing": 0.001, " is": 0.999} for token in [*TOKENS, "."]}, END: STARTS}
    )
    said = prefill(decoder, "the.", 5)
    covers = {decoder.tokens[cover[-1]] for cover in said.continuations}
    assert covers == {"."}  # which is sampled, and then what follows it
    drafted = texts("the is.", decoder, 300)
    assert all(text.startswith("the is.") for text in drafted)
    assert not all(text.startswith("the is. is") for text in drafted)


def test_a_model_of_nothing_but_ends_of_words_may_begin_with_them() -> None:
    many = {f"end{number:03}": 0.005 for number in range(200)}
    decoder = Bigrams({END: many, **{token: {END: 1.0} for token in many}})
    assert np.isfinite(prefill(decoder, "", 5).logits[1:]).all()


@pytest.mark.parametrize("character", "aÉ9_ñжע가\u0301")
def test_what_is_part_of_a_word(character: str) -> None:
    assert is_inside_word(character)
    assert goes_on_with_word(character.encode())


@pytest.mark.parametrize("character", " .'’-#@😀夜が\u200d")
def test_what_is_not_part_of_a_word(character: str) -> None:
    assert not is_inside_word(character)
    assert not goes_on_with_word(character.encode())


def test_tokens_shorter_than_a_character() -> None:
    assert goes_on_with_word("é".encode()[:1])
    assert goes_on_with_word("é".encode()[1:])  # can't follow a whole character at all
    assert not goes_on_with_word("😀".encode()[:2])
    assert not goes_on_with_word("’".encode()[:2])


def test_which_tokens_are_ends_of_words_and_of_characters() -> None:
    spaced = [b" the", b" im", " été".encode(), "夜".encode()]
    words = [b"the", b"im", "été".encode(), b"t", b"ing", b"URES", "ément".encode(), b"ing,"]
    others = ["夜中".encode(), "😀".encode(), b"9th", b"#", b"_", "é".encode()[:1]]
    found = Pieces([b"", *spaced, *words, "é".encode()[1:], *others, *[b"#"] * 40, b" ing"])
    ends = [found[token] for token in found.fragments]
    assert ends == [b"ing", b"URES", "ément".encode(), b"ing,", "é".encode()[1:]]


def test_tokens_inside_words() -> None:
    found = Pieces([b"", b"ad", b" ad", b"'s", "é".encode(), b"9", "夜".encode(), b"_"])
    assert found.inside_words == [1, 4, 5, 7]
