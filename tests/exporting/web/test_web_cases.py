"""The page's JavaScript does what the Python does: one table of cases for both."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copyfile, copytree
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from chromium import chromium, needs_chromium
from popinjay.inference.byte_level import Pieces
from popinjay.inference.tokenizer import Tokenizer
from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.filters import OutputFilters, settled
from popinjay.sampling.prompt import PrefilledPrompt, prefill, tidy
from popinjay.sampling.sampler import Sampler, SamplingParams
from popinjay.sampling.sequence import SequenceKey, TokenSequence
from popinjay.text import masking
from popinjay.text.handles import HandleWatch, find_handles, names_in
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import continues_word, whole_sentences, words
from speaking_persona import BASE
from static_host import LOOPBACK, static_host

HERE = Path(__file__).parent
CASES: dict[str, Any] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))


class Listed:
    """A random generator that returns listed numbers."""

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = iter(numbers)

    def random(self) -> float:
        return next(self._numbers)


class Starting:
    """A decoder that knows what begins a post, and no more."""

    bos_token = eos_token = 0
    context = 100
    prefix = None

    def __init__(self, pieces: Pieces, logits: Sequence[float], suppressed: Sequence[int]) -> None:
        self._pieces = pieces
        self._logits = np.array(logits, np.float32)
        self.suppressed_tokens = suppressed

    def pieces(self) -> Pieces:
        return self._pieces

    def clone(self) -> Starting:
        return self

    def encode(self, text: str) -> list[int]:
        return []

    def decode(self, tokens: Sequence[int]) -> str:
        return ""

    def prefill(self, prompt: Sequence[int]) -> NDArray[np.float32]:
        return self._logits


@pytest.fixture(scope="module")
def index() -> VerbatimIndex:
    """The index of the table."""
    marked = VerbatimIndex.from_bytes(bytes.fromhex(CASES["copies"]["marked"]))
    return VerbatimIndex.from_bytes(bytes.fromhex(CASES["copies"]["index"]), marked)


def test_words_and_personal_data_in_python() -> None:
    assert CASES["words"] == [[text, words(text)] for text, _ in CASES["words"]]
    assert CASES["one_line"] == [[text, one_line(text)] for text, _ in CASES["one_line"]]
    assert CASES["tidy"] == [[text, tidy(text)] for text, _ in CASES["tidy"]]
    assert CASES["settled"] == [[text, settled(text)] for text, _ in CASES["settled"]]
    for text, names in CASES["handles"]:
        assert [handle.name for handle in find_handles(text)] == names
        assert set(names) <= set(names_in(text))
    for text, found, reveals in CASES["personal"]:
        matches = masking.find_matches(text)
        assert [[one.sort, text[one.begin : one.end]] for one in matches] == found
        assert masking.reveals(text) == reveals
    for text, rest in CASES["unfinished"]:
        assert text[masking.unfinished_start(text) :] == rest
    for text, most, cut in CASES["sentences"]:
        assert whole_sentences(text, most) == cut
    for text, length, continues in CASES["may_end_in_word"]:
        assert continues_word(text, length) == continues


def test_copies_and_verdicts_in_python(index: VerbatimIndex) -> None:
    copies = CASES["copies"]
    for text, typed, copied in copies["texts"]:
        assert index.is_copied(text, typed) == copied
    for text, copied in copies["ends"]:
        assert index.ends_copied(text) == copied
    for name, known in copies["handles"]:
        assert index.has_handle(name) == known
    for typed, pieces, added, end in CASES["grown"]:
        matcher = index.follow(typed)
        assert [matcher.add(piece) for piece in pieces] == added
        assert matcher.end() == end
    for typed, pieces, added in CASES["handle_watch"]:
        watch = HandleWatch(index.has_handle, typed)
        assert [watch.add(piece) for piece in pieces] == added
    filters = OutputFilters(lambda: index)
    for text, finished, prompt, most, expected in CASES["verdicts"]:
        assert list(filters.judge(text, finished, prompt, SayOptions(max_chars=most))) == expected
    for text, typed, masked in CASES["masked"]:
        assert filters._masked(text, typed) == masked


def test_tokens_in_python() -> None:
    given = CASES["sampler"]
    for params, quantiles, token in given["cases"]:
        sampler = Sampler(SamplingParams(**params), given["suppressed"])
        logits = np.array(given["logits"], np.float32)
        sampler.load_logits(logits, given["seen"], given["banned"])
        assert sampler.sample(Listed(quantiles)) == token  # type: ignore[arg-type]
    tokenizer = Tokenizer(BASE)
    for text, tokens, decoded in CASES["tokens"]:
        assert (tokenizer.encode(text), tokenizer.decode(tokens)) == (tokens, decoded)
    pieces = tokenizer.pieces
    assert pieces is not None
    for tokens, texts in CASES["detokenized"]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        assert [decoder.decode(pieces[token]) for token in tokens] == texts


def test_starts_in_python() -> None:
    for spelled, fragments in CASES["fragments"]:
        assert Pieces(map(bytes.fromhex, spelled)).fragments == fragments
    pieces = Tokenizer(BASE).pieces
    assert pieces is not None
    found = pieces.fragments
    assert [len(found), sum(found), found[-5:]] == CASES["fragments_of_base"]
    for spelled, logits, suppressed, allowed in CASES["starts"]:
        decoder: Any = Starting(Pieces(map(bytes.fromhex, spelled)), logits, suppressed)
        assert np.flatnonzero(np.isfinite(prefill(decoder, "", 1).logits)).tolist() == allowed


def test_drafts_in_python() -> None:
    tokenizer = Tokenizer(BASE)
    decoder = SimpleNamespace(eos_token=0, pieces=lambda: tokenizer.pieces, decode=tokenizer.decode)
    for text, read, healed, tokens, most, expected in CASES["sequences"]:
        nothing = np.zeros(0, np.float32)
        prompt = PrefilledPrompt([0, *read], healed, [], nothing, text, nothing)
        draft = TokenSequence(SequenceKey(1, 0, 0), cast("Any", decoder), prompt, 1, most, None)
        for token in tokens:
            if not draft.over:
                draft._append(token)
        found = [draft.count, draft.finished, draft.over, draft.partial_text(), draft.text()]
        assert found == expected


@needs_chromium
def test_the_same_in_javascript(tmp_path: Path) -> None:
    with as_file(files("popinjay").joinpath("assets/web")) as assets:
        copytree(assets, tmp_path / "web")
    copyfile(HERE / "cases.js", tmp_path / "cases.js")
    copyfile(BASE / "tokenizer.json", tmp_path / "tokenizer.json")
    (tmp_path / "index.html").write_text("<!doctype html><title>Cases</title>", encoding="utf-8")
    with static_host(tmp_path) as host, chromium(LOOPBACK) as browser:
        page = browser.new_page()
        page.goto(host.address)
        found = page.evaluate(
            """async (cases) => {
                const { answers } = await import("/cases.js");
                const file = await (await fetch("/tokenizer.json")).json();
                return answers(cases, "/web/", file);
            }""",
            CASES,
        )
    for name, rows in CASES.items():
        assert found[name] == rows, name
