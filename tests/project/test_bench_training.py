"""Tests of `make bench-train`: its reference is HuggingTweets' recipe, its figures are right."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from popinjay.models.language_model import LanguageModel

BENCH = Path(__file__).parents[2] / "bench"
END = 0


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)


def some_posts(count: int) -> list[list[int]]:
    rng = random.Random(0)
    return [
        [number + 1, *rng.choices(range(1, 250), k=rng.randint(2, 60))] for number in range(count)
    ]


def parted(ids: list[int]) -> list[tuple[int, ...]]:
    """Return the parts between separators."""
    found: list[list[int]] = [[]]
    for i in ids:
        if i == END:
            found.append([])
        else:
            found[-1].append(i)
    assert not found[0]
    assert not found[-1]
    return [tuple(post) for post in found[1:-1]]


def test_every_epoch_has_every_post_once_in_an_order_of_its_own() -> None:
    from training.recipe import mixture

    posts = some_posts(50)
    found = parted(mixture(posts, END))
    assert len(found) == 4 * 50
    epochs = [found[start : start + 50] for start in range(0, 200, 50)]
    assert all(Counter(epoch) == Counter(map(tuple, posts)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert mixture(posts, END) == mixture(posts, END)
    assert mixture(posts, END, seed=1) != mixture(posts, END)


def test_blocks_follow_one_another_and_mix_posts() -> None:
    from training.recipe import blocks, mixture

    ids = mixture(some_posts(100), END)
    found = [block["input_ids"] for block in blocks(ids)]
    assert {len(block) for block in found} == {1024}
    assert list(chain.from_iterable(found)) == ids[: len(ids) // 1024 * 1024]
    assert all(block.count(END) > 10 for block in found)
    assert blocks(ids[:1023]) == []


def test_trainer_makes_one_pass_with_a_bare_cosine_and_trains_all_weights_with_their_dropout(
    tiny_gpt2: Path, tmp_path: Path
) -> None:
    from transformers import TrainerCallback

    from training import recipe

    model: Any = LanguageModel.load(tiny_gpt2).model
    before = [p.detach().clone() for p in model.parameters()]
    seen: list[tuple[float, bool, float]] = []

    class Look(TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            dropout = next(
                module for module in model.modules() if isinstance(module, torch.nn.Dropout)
            )
            rate = kwargs["lr_scheduler"].get_last_lr()[0]
            seen.append((rate, dropout.training, dropout.p))
            assert type(kwargs["optimizer"].optimizer) is torch.optim.AdamW

    examples = recipe.blocks(recipe.mixture(some_posts(30), END), size=64)
    recipe.trainer(model, examples, recipe.arguments(tmp_path), [Look()]).train()
    assert [rate for rate, _, _ in seen] == pytest.approx(
        [
            1.372e-4 * (1 + math.cos(math.pi * step / len(examples))) / 2
            for step in range(len(examples))
        ]
    )
    assert {(is_training, share) for _, is_training, share in seen} == {(True, 0.1)}
    assert all((p != old).any() for p, old in zip(model.parameters(), before, strict=True))


def test_executed_products_are_counted(tiny_gpt2: Path) -> None:
    from training.children import matrix_counter

    model = LanguageModel.load(tiny_gpt2).model  # two layers of width 32
    tokens = 3 * 40
    width = 32
    rows = model.config.vocab_size
    with matrix_counter() as counter:
        model(
            input_ids=torch.ones(3, 40, dtype=torch.long), use_cache=False
        ).logits.sum().backward()
    # Forward and both ways back.
    products = 3 * 2 * tokens * (2 * 12 * width * width + width * rows)
    # A forward pass of two products a layer, a backward one of five.
    attention = 2 * 3.5 * 4 * tokens * 40 * width
    assert counter.get_total_flops() == products + attention


def test_copying_counts_whole_posts_and_what_repeats_eight_words() -> None:
    from training.quality import copying

    training = ["one two three four five six seven eight nine ten", "Hello, dear friend!"]
    said = [
        "hello dear friend",
        "Well: TWO three four five six seven eight nine.",
        "two three four five six seven eight and nine",
        "nothing like it",
    ]
    assert copying(said, training) == {"copies": 1 / 4, "runs": 2 / 4}
    assert copying([], training) == {"copies": 0, "runs": 0}


def test_the_time_to_the_first_equal_loss_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from training import quality
    from training.texts import Posts

    theirs = {"seconds": 80.0, "processor": 150.0, "held-out": 1.5, "copies": 0.0, "runs": 0.0}
    looks = [
        {"seconds": seconds, "processor": 2 * seconds, "score": score}
        for seconds, score in ((0.0, 2.0), (10.0, 1.5), (20.0, 1.4))
    ]
    monkeypatch.setattr(
        quality,
        "in_subprocess",
        lambda work, *more: (
            {"looks": looks, "held-out": 1.4} if work is quality.by_ours else dict(theirs),
            1.0,
        ),
    )
    posts = Posts(["a b c"], ["d"], ["e"])
    found = quality.compare(posts, 10, tmp_path, [0.5])
    assert (found["seconds until as good"], found["epochs until as good"]) == (10.0, 0.5)
    assert found["times less"] == 8.0
    assert found["times less by processor time"] == 7.5
    assert found["recipe"]["is kept"] is False
    assert quality.compare(posts, 10, tmp_path, [0.5])["recipe"]["is kept"] is True
    assert quality.compare(posts, 10, tmp_path, [0.5], rate=1e-3)["recipe"]["is kept"] is False
    theirs["held-out"] = 1.3
    never = quality.compare(posts, 11, tmp_path, [0.5])
    assert never["seconds until as good"] is None
    assert quality.means({"a": found, "b": never})["times less"] is None


def run_gpu_bench(*arguments: str) -> str:
    """Run the script as a user would, and return its output."""
    command = [sys.executable, str(BENCH / "gpu.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_gpu_the_bench_says_so_in_one_sentence() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    said = run_gpu_bench()
    assert said == "Nothing was measured: torch finds no GPU with CUDA on this machine.\n"


def test_the_bench_for_a_gpu_works_on_a_processor(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    asked = ("--device", "cpu", "--quick", "--epochs", "1")
    said = run_gpu_bench(*asked, "--out", str(out))
    assert said.count("| ours |") == said.count("| Trainer's best |") == 1
    told = json.loads(out.read_text())
    assert told["peak"] > 0
    assert list(told["models"]) == ["gpt2"]
    found = told["models"]["gpt2"]
    assert list(found) == ["Trainer's best", "ours"]
    for one in found.values():
        assert one["tokens"] > 500
        assert one["seconds"] > 0
        computed = one["tokens_a_second"] * one["flops_a_token"] / told["peak"]
        assert one["share of peak"] == pytest.approx(computed)
        assert 0 < one["share of peak"] < 1


def test_smollm2_is_trained_too_if_its_folder_is_given(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu
    from training import peers
    from training.whole import Whole

    jobs: list[Any] = []
    answers = {gpu.describe: ("a device", 1e12), peers.save_gpt2: None}
    monkeypatch.setattr(gpu, "in_subprocess", lambda work, *more: (answers[work], 1.0))
    made = Whole(2.0, 100, 50.0, 1e9, "any")

    def measure(job: Any, args: Any) -> dict[str, Whole]:
        jobs.append(job)
        return {"ours": made}

    monkeypatch.setattr(gpu, "measure", measure)
    monkeypatch.setattr("sys.argv", ["gpu.py", "--smollm2", str(tiny_llama)])
    told = gpu.run(gpu.parse())
    assert [(job.name, job.device, job.precision) for job in jobs] == [
        ("smollm2", "cuda", "bf16"),
        ("gpt2", "cuda", "bf16"),
    ]
    assert jobs[0].folder == tiny_llama
    assert {len(job.texts) for job in jobs} == {1676}
    assert told["models"]["smollm2"]["ours"]["share of peak"] == 50.0 * 1e9 / 1e12


def test_first_steps_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    from training import whole

    clock = iter([0.0, 10.0, 20.0, 21.0, 23.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    steps = whole.Steps("cpu")
    for tokens in (7, 7, 7, 60, 60):
        steps.step(tokens)
    assert steps.tokens_a_second() == 120 / 3


@pytest.mark.slow
def test_peers_take_turns_and_report_their_peak() -> None:
    from training import peers, speed

    shape = {"n_layer": 1, "n_embd": 32, "n_head": 2}
    found = speed.measure(
        peers.Task(["the number sings near the lamp"] * 400, None, "cpu", shape), seconds=0, steps=1
    )
    assert found["pairs"] == speed.LEAST_PAIRS
    assert list(found["peers"]) == [
        "recipe",
        "recipe, dropout 0",
        "recipe, peft LoRA",
        "ours",
        *([speed.HALF] if len(found["peers"]) > 4 else []),
    ]
    assert found["peers"]["recipe"]["x recipe"] == 1
    assert all(
        0.1 < one["peak GB"] < 8 and one["tokens a second"] > 0 and one["share of ceiling"] > 0
        for one in found["peers"].values()
    )
    assert (
        found["peers"]["recipe, peft LoRA"]["GFLOP a token"]
        < found["peers"]["recipe"]["GFLOP a token"]
    )
