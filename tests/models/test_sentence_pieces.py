"""Tests of SentencePiece tokenizers with ▁ and byte fallback: pieces, prompts and streams."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from popinjay.inference.byte_level import byte_pieces
from popinjay.inference.decoder import Decoder
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.sampling.events import Finished, Piece
from popinjay.sampling.generate import generate, stream_events
from popinjay.sampling.prompt import prefill

BYTE = 4  # the number of <0x00>


@pytest.fixture(scope="module", params=["onnx", "torch"])
def decoder(request: pytest.FixtureRequest, tiny_gemma: Path) -> Decoder:
    if request.param == "onnx":
        return OnnxDecoder(tiny_gemma, exact=True)
    return TorchDecoder(LanguageModel.load(tiny_gemma))


def test_pieces_are_the_bytes_of_a_text(decoder: Decoder) -> None:
    found = decoder.pieces()
    assert found is not None
    assert found[BYTE + 0xAB] == b"\xab"
    tokens = decoder.encode(" the river")
    assert [found[token] for token in tokens][:2] == [b" the", b" riv"]
    assert all(found[token] == b"" for token in range(4))


@pytest.mark.parametrize(
    "text", ["naïve 🦜🏽 日本", "a\n\nb", "  two  blanks ", "<0x41> <bos>", "▁"]
)
def test_texts_survive_encoding_and_decoding(decoder: Decoder, text: str) -> None:
    tokens = decoder.encode(text)
    shown = text.replace("▁", " ")  # which such a tokenizer can't distinguish
    assert decoder.decode(tokens) == shown
    found = decoder.pieces()
    assert found is not None
    assert b"".join(found[token] for token in tokens) == shown.encode()


def test_an_incomplete_character_affects_no_other(decoder: Decoder) -> None:
    tokens = [BYTE + byte for byte in "日本".encode()[:-1]]
    assert decoder.decode(tokens) == "日\ufffd"


def test_a_prompt_may_end_in_the_middle_of_a_word(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.sampling.prompt.WHOLE", 2)  # no word is whole
    beginning = prefill(decoder, "the the", 5)
    assert beginning.tokens == [decoder.bos_token, *decoder.encode("the")]
    found = decoder.pieces()
    assert found is not None
    assert beginning.healed_tokens == decoder.encode(" the")
    assert all(found[cover[-1]].startswith(b" the") for cover in beginning.continuations)


@pytest.mark.parametrize("prompt", ["", "naïve ", "日"])
def test_streams_never_split_a_character_and_end_as_the_post(decoder: Decoder, prompt: str) -> None:
    options = SayOptions(n=3, seed=5, max_tokens=40)
    posts = generate(decoder, options, prompt)
    for place, post in enumerate(posts):
        *shown, end = stream_events(decoder, options, prompt, places=[place])
        assert "".join(event.text for event in shown if isinstance(event, Piece)) == post.text
        assert end == Finished(place, post)


def test_tokenizers_that_strip_blanks_have_no_pieces() -> None:
    """So do the tokenizers of Llama 2, whose first blank is not part of the text."""
    from tokenizers import decoders

    raw = models.sentence_pieces().backend_tokenizer
    assert byte_pieces(raw) is not None
    raw.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    assert byte_pieces(raw) is None
    raw.decoder = decoders.Sequence(
        [decoders.Replace("_", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    assert byte_pieces(raw) is None
