"""Tests of the scripts that make the built-in base, on a few hundred invented lines."""

from __future__ import annotations

import hashlib
import json
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "pretraining"
HELD_OUT = ("number10gov", "rthon_johnkey", "queennoor")
TINY = (
    "--layers 1 --width 32 --heads 2 --positions 64 --block 32 --batch-tokens 256 --steps 12 "
    "--warmup 2 --precision fp32 --no-compiled"
).split()


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the scripts, with its modules importable."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return SCRIPTS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return token files of a small corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    documents = [
        f"The {n}th keeper of the lamp wrote in the book.\n"
        f"It was {'cold' if n % 2 else 'fair'}, and ship {n * 7} went by."
        for n in range(400)
    ]
    with lzma.open(folder / "general.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n\n".join(documents) + "\n")
    authors = (*HELD_OUT, "stephenharper", "pmoindia", "larsloekke")
    with lzma.open(folder / "posts.jsonl.xz", "wt", encoding="utf-8") as file:
        for author in authors:
            for n in range(60):
                file.write(
                    json.dumps(
                        {
                            "author": author,
                            "text": f"{author} greets\nguest {n} 🎉 https://t.co/{n}",
                        }
                    )
                    + "\n"
                )
            file.write(json.dumps({"author": author, "text": "https://t.co/nothing"}) + "\n")
    run("prepare.py", "--corpus", folder, "--out", folder / "tokens", "--vocabulary", 600)
    return folder / "tokens"


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny base, made in one run."""
    folder = tmp_path_factory.mktemp("whole")
    run("pretrain.py", "--data", prepared, "--out", folder, *TINY)
    return folder / "model"


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def decoded(prepared: Path, ids: np.ndarray) -> str:
    from tokenizers import Tokenizer

    return str(
        Tokenizer.from_file(str(prepared / "tokenizer.json")).decode(
            ids.tolist(), skip_special_tokens=False
        )
    )


def test_posts_lose_their_links_and_held_out_authors_are_not_learnt(prepared: Path) -> None:
    with (
        np.load(prepared / "posts.npz") as posts,
        np.load(prepared / "posts_validation.npz") as held_out,
    ):
        assert sorted(map(str, posts["names"])) == ["larsloekke", "pmoindia", "stephenharper"]
        assert sorted(map(str, held_out["names"])) == sorted(HELD_OUT)
        assert len(posts["author"]) == 3 * 60
        text = decoded(prepared, posts["tokens"])
    assert "http" not in text
    assert not any(name in text for name in HELD_OUT)
    assert text.startswith("<|endoftext|>larsloekke greets guest 0 🎉<|endoftext|>")


def test_the_sources_are_recorded(prepared: Path) -> None:
    facts = json.loads((prepared / "prepared.json").read_text())
    corpus = prepared.parent / "general.txt.xz"
    assert facts["corpus"]["general.txt.xz"] == hashlib.sha256(corpus.read_bytes()).hexdigest()
    assert facts["tokens"]["general"] == len(np.load(prepared / "general.npy"))
    assert facts["bytes"]["posts"] == sum(
        len(f"{name} greets guest {n} 🎉".encode())
        for name in ("stephenharper", "pmoindia", "larsloekke")
        for n in range(60)
    )


@pytest.mark.parametrize(
    "text",
    ["naïve café", "これはテスト", "العربية", "👩‍👩‍👧‍👦🏳️‍🌈", "a\tb\u200d\ufffd", "<|endoftext|>"],
)
def test_any_text_survives_the_tokenizer(prepared: Path, text: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(prepared / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_grouped_posts_of_a_block_have_one_author(scripts: Path, prepared: Path) -> None:
    from mixture import Posts

    posts = Posts(prepared / "posts.npz")
    rng = np.random.default_rng(0)
    names = ("stephenharper", "pmoindia", "larsloekke")

    def authors_in_a_block(grouped: bool) -> int:
        block = posts.block(200, grouped, rng)
        assert len(block) == 200
        assert block[0] == 0  # a whole post begins it
        return sum(f"{name} greets" in decoded(prepared, block) for name in names)

    assert [authors_in_a_block(True) for _ in range(5)] == [1] * 5
    assert max(authors_in_a_block(False) for _ in range(5)) > 1


def test_posts_get_more_weight_late_and_contexts_lengthen_last(
    scripts: Path, prepared: Path
) -> None:
    from mixture import Mixture
    from recipe import Recipe

    recipe = Recipe(
        steps=1000,
        warmup=100,
        batch_tokens=512,
        block=64,
        positions=256,
        posts_first=0.1,
        posts_last=0.6,
    )
    assert [recipe.rate_factor(step) for step in (0, 99, 100, 400, 700, 1000)] == pytest.approx(
        [0.01, 1, 1, 1, 0.5, 0]
    )
    assert [recipe.posts_share(step) for step in (0, 400, 700, 1000)] == pytest.approx(
        [0.1, 0.1, 0.35, 0.6]
    )
    mixture = Mixture(prepared, recipe)
    assert mixture.batch(0).shape == (8, 65)
    assert mixture.batch(recipe.longer_at).shape == (2, 257)
    assert (mixture.batch(7) == mixture.batch(7)).all()
    assert (mixture.batch(7) != mixture.batch(8)).any()


def test_untrained_positions_are_filled(scripts: Path) -> None:
    from pretrain import new_model, spread_positions
    from recipe import Recipe

    model = new_model(Recipe(layers=1, width=8, heads=1, positions=40), 300)
    table = model.transformer.wpe.weight.data
    first = table[:16].clone()
    spread_positions(model, 16)
    assert (table[:16] == first).all()
    assert (table[16:24] == first[8:]).all()
    assert (table[32:40] == first[8:]).all()


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    prepared: Path, whole: Path, tmp_path: Path
) -> None:
    run(
        "pretrain.py",
        "--data",
        prepared,
        "--out",
        tmp_path / "stopped",
        "--stop-at",
        5,
        "--checkpoint-every",
        5,
        *TINY,
    )
    assert not (tmp_path / "stopped" / "model").exists()
    run("pretrain.py", "--data", prepared, "--out", tmp_path / "stopped", *TINY)
    assert (whole / "model.safetensors").read_bytes() == (
        tmp_path / "stopped" / "model" / "model.safetensors"
    ).read_bytes()
    record = json.loads((whole / "base.json").read_text())
    assert (
        record["sha256"] == hashlib.sha256((whole / "model.safetensors").read_bytes()).hexdigest()
    )
    assert record["tokens_seen"] == 12 * 256
    assert record["held_out_bits_per_byte"]["posts"] > 0


def test_the_result_is_a_base_for_popinjay(whole: Path) -> None:
    from popinjay.inference.torch_decoder import TorchDecoder
    from popinjay.models.language_model import LanguageModel
    from popinjay.options import SayOptions
    from popinjay.sampling.generate import generate

    model = LanguageModel.load(whole)
    assert model.context == 64
    assert len(generate(TorchDecoder(model), SayOptions(n=2, max_tokens=8, seed=0))) == 2
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA" in card
    assert "$" not in card
