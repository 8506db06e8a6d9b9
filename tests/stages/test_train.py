"""Tests of training: correct, reproducible, and safe against kills."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import popinjay
from popinjay.errors import BaseModelError, OptionError, TrainingError
from popinjay.events import Event, EventKind
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.options import TrainOptions
from popinjay.stages.train import settle
from popinjay.store.files import content_hash
from popinjay.training.checkpoints import (
    CHECKPOINT_SECONDS,
    CHECKPOINT_SHARE,
    MAX_CHECKPOINT_SECONDS,
    Checkpoints,
    TrainingState,
)

OPTIONS: dict[str, Any] = {"epochs": 3.0, "learning_rate": 0.01, "batch_tokens": 256, "samples": 10}


@pytest.fixture(scope="module")
def tiny(tiny_gpt2: Path) -> LanguageModel:
    return LanguageModel.load(tiny_gpt2)


def test_defaults_come_from_the_base_and_many_posts_get_fewer_epochs() -> None:
    base = bases.Base("b", "b", "", epochs=6.0, max_tokens=1e6)
    assert settle(TrainOptions(), base, 100_000, width=8, device="cpu").epochs == 6.0
    assert settle(TrainOptions(), base, 500_000, width=8, device="cpu").epochs == 2.0
    assert settle(TrainOptions(epochs=5.0), base, 500_000, width=8, device="cpu").epochs == 5.0
    assert (
        settle(TrainOptions(tune="lora"), base, 100_000, width=8, device="cpu").learning_rate
        == base.lora_rate
    )


def test_an_end_token_in_a_post_is_plain_text(tiny: LanguageModel) -> None:
    assert tiny.eos_token not in tiny.encode(["before <|endoftext|> after"])[0]


def test_bits_are_those_of_the_model_in_any_batch(tiny: LanguageModel) -> None:
    texts = ["the lamp sings", "a river hums near people while people wait", "é 🎈"]
    together = tiny.bits(texts)
    for text, bits in zip(texts, together, strict=True):
        ids = torch.tensor([[tiny.eos_token, *tiny.encode([text])[0]]])
        with torch.no_grad():
            chances = tiny.model.double()(ids).logits.log_softmax(-1)
        tiny.model.float()
        expected = -sum(
            chances[0, i, ids[0, i + 1]].item() for i in range(ids.shape[1] - 1)
        ) / math.log(2)
        assert bits == pytest.approx(expected, rel=1e-5)


def test_posts_before_a_text_are_context_and_not_scored(tiny: LanguageModel) -> None:
    before = ["the river hums", "a lamp"]
    text = "people wait"
    ids = [
        tiny.eos_token,
        *tiny.encode([before[0]])[0],
        tiny.eos_token,
        *tiny.encode([before[1]])[0],
        tiny.eos_token,
    ]
    scored = tiny.encode([text])[0]
    with torch.no_grad():
        chances = tiny.model(torch.tensor([[*ids, *scored]])).logits.log_softmax(-1)[0]
    expected = -sum(
        chances[len(ids) - 1 + i, token].item() for i, token in enumerate(scored)
    ) / math.log(2)
    behind, alone = tiny.bits([text, text], [before, []])
    assert behind == pytest.approx(expected, rel=1e-4)
    assert alone == pytest.approx(tiny.bits([text])[0], rel=1e-5)
    assert abs(behind - alone) > 1e-3


def test_the_oldest_posts_of_a_context_are_dropped_first(tiny: LanguageModel) -> None:
    text, near = "people wait near the lamp", "the river hums"
    far = "the number sings " * 80
    assert len(tiny.encode([far])[0]) > tiny.context
    assert tiny.bits([text], [[far, near]]) == pytest.approx(tiny.bits([text], [[near]]), rel=1e-5)


def test_bits_per_byte_counts_bytes_not_characters() -> None:
    assert bits_per_byte([8.0, 8.0], ["é", "ab"]) == 4.0


@pytest.mark.parametrize("base", ["tiny_gpt2", "tiny_llama"])
def test_every_family_of_models_learns(
    base: str, ada: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    # So short a training would end before its second sample.
    monkeypatch.setattr("popinjay.training.samples.SampleSchedule.is_due", lambda _: True)
    persona = popinjay.make(
        ada, base=str(request.getfixturevalue(base)), listener=events.append, **OPTIONS
    )
    bits = persona.report["bits_per_byte"]
    assert bits["persona"]["all"] < bits["base"]["all"] - 1
    assert any(
        {"loss", "tokens_per_second", "seconds_left", "validation_bits_per_byte"}
        <= set(event.numbers)
        for event in events
        if event.stage == "train" and event.what is EventKind.PROGRESS
    )
    samples = [event.done for event in events if event.what is EventKind.SAMPLE]
    assert samples[0] == 0  # before it has learnt anything
    assert len(samples) > 1
    rows = [json.loads(line) for line in (persona.path / "metrics.jsonl").read_text().splitlines()]
    watched = {
        row["step"]: row["validation_bits_per_byte"]
        for row in rows
        if "validation_bits_per_byte" in row
    }
    facts = persona.run.record.facts("train")
    assert (
        watched[facts["best_step"]]
        == min(watched.values())
        == pytest.approx(facts["validation_bits_per_byte"], abs=1e-4)
    )
    assert not (persona.path / ".train").exists()


def test_the_best_step_is_kept(ada: Path, tiny_gpt2: Path) -> None:
    persona = popinjay.make(
        ada, base=str(tiny_gpt2), **{**OPTIONS, "epochs": 20.0, "learning_rate": 0.05}
    )
    watched = [
        json.loads(line)["text"]
        for line in (persona.path / "validation.jsonl").read_text().splitlines()
    ]
    now = bits_per_byte(persona.model.bits(watched), watched)
    assert now == pytest.approx(
        persona.run.record.facts("train")["validation_bits_per_byte"], abs=1e-3
    )


KILLED = """
import os, signal, sys
sys.modules["skia"] = None  # as if the extra were not installed: the picture would take longest
from popinjay.training.checkpoints import Checkpoints
from popinjay.pipeline import make
Checkpoints.due = lambda self: True
def listener(event):
    if event.stage == "train" and event.what == "progress" and event.done == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    if event.stage == "train" and event.what == "note":
        print(event.message)
make(
    sys.argv[1], name=sys.argv[3], base=sys.argv[2], listener=listener,
    epochs=3.0, learning_rate=0.01, batch_tokens=256, samples=10,
)
"""


def test_a_killed_training_ends_as_an_uninterrupted_one(
    ada: Path, tiny_gpt2: Path, own_home: Path
) -> None:
    def run(name: str, kill_at: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", KILLED, str(ada), str(tiny_gpt2), name, str(kill_at)],
            capture_output=True,
            text=True,
        )

    assert run("whole", -1).returncode == 0
    assert run("killed", 7).returncode == -signal.SIGKILL
    assert not (own_home / "killed" / "model").exists()
    assert run("killed", 20).returncode == -signal.SIGKILL
    last = run("killed", -1)
    assert last.returncode == 0, last.stderr
    assert "Resuming from step 19" in last.stdout
    for name in ("model", "metrics.jsonl", "samples.jsonl"):
        assert content_hash(own_home / "killed" / name) == content_hash(
            own_home / "whole" / name
        ), name


def test_slow_checkpoints_are_rarer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, seconds = [0.0], [2.0]  # the time, and how long a file takes
    monkeypatch.setattr("popinjay.training.checkpoints.time.monotonic", lambda: now[0])

    def write(tensors: object, path: Path, **_: object) -> None:
        path.write_bytes(b"")
        now[0] += seconds[0]

    monkeypatch.setattr("safetensors.torch.save_file", write)
    checkpoints = Checkpoints(tmp_path, "key")

    def pause() -> float:
        """Return the seconds until the next checkpoint."""
        start = now[0]
        while not checkpoints.due():
            now[0] += 1
        checkpoints.save({}, {}, TrainingState())
        return now[0] - seconds[0] - start

    seconds[0] = 0.01
    assert pause() == pytest.approx(CHECKPOINT_SECONDS, abs=1)
    seconds[0] = 2.0
    pause()
    assert pause() == pytest.approx(2 / CHECKPOINT_SHARE, abs=1)
    checkpoints.keep_best({})  # counts as well
    assert pause() == pytest.approx(4 / CHECKPOINT_SHARE, abs=4)
    seconds[0] = 500.0
    pause()
    assert pause() == pytest.approx(MAX_CHECKPOINT_SECONDS, abs=2)  # not never


def test_the_first_slow_checkpoint_waits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("popinjay.training.checkpoints.time.monotonic", lambda: now[0])

    def write(tensors: object, path: Path, **_: object) -> None:
        path.write_bytes(b"")
        now[0] += 2.0

    monkeypatch.setattr("safetensors.torch.save_file", write)
    checkpoints = Checkpoints(tmp_path, "key")
    checkpoints.keep_best({})
    now[0] = 100.0
    assert not checkpoints.due()
    now[0] = 201.0
    assert checkpoints.due()


def test_a_checkpoint_of_other_options_is_ignored(
    ada: Path, tiny_gpt2: Path, own_home: Path
) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED, str(ada), str(tiny_gpt2), "ada", "7"], capture_output=True
    )
    events: list[Event] = []
    popinjay.make(
        ada,
        name="ada",
        base=str(tiny_gpt2),
        listener=events.append,
        **{**OPTIONS, "learning_rate": 0.02},
    )
    assert not any("Going on" in event.message for event in events)


def test_the_result_is_a_standard_transformers_model(ada: Path, tiny_gpt2: Path) -> None:
    from transformers import GenerationConfig, pipeline

    persona = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    files = {path.name for path in (persona.path / "model").iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    } <= files
    settings = GenerationConfig.from_pretrained(persona.path / "model")
    # Of a context of 128.
    assert (
        settings.do_sample,
        settings.top_p,
        settings.temperature,
        settings.min_new_tokens,
        settings.max_new_tokens,
    ) == (
        True,
        0.95,
        1.0,
        10,
        64,
    )
    assert "local" not in (persona.path / "model" / "tokenizer_config.json").read_text()
    said = pipeline("text-generation", model=str(persona.path / "model"))(
        "My dream is", max_new_tokens=20
    )
    assert said[0]["generated_text"].startswith("My dream is")


def test_only_safetensors_are_loaded(tmp_path: Path, tiny_gpt2: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_gpt2 / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"code could hide here")
    with pytest.raises(BaseModelError, match="no weights in safetensors"):
        bases.choose(str(tmp_path))


def test_the_duration_of_the_whole_is_announced_before_the_start(
    ada: Path, tiny_gpt2: Path
) -> None:
    events: list[Event] = []
    popinjay.make(ada, base=str(tiny_gpt2), listener=events.append, **OPTIONS)
    said = [
        place
        for place, event in enumerate(events)
        if re.match(r"It will take .* in all", event.message)
    ]
    first = next(place for place, event in enumerate(events) if event.phase == "learn")
    assert len(said) == 1
    assert said[0] < first
    assert events[said[0]].numbers["make_seconds_left"] > 0
    shares = [event.numbers["make_share"] for event in events if "make_share" in event.numbers]
    assert shares == sorted(shares)
    assert {event.stage for event in events if "make_share" in event.numbers} >= {
        "train",
        "evaluate",
        "card",
    }


def test_samples_change_nothing_of_the_training(
    ada: Path, tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for is_due in (True, False):
        monkeypatch.setattr(
            "popinjay.training.samples.SampleSchedule.is_due", lambda _, due=is_due: due
        )
        events: list[Event] = []
        persona = popinjay.make(
            ada,
            base=str(tiny_gpt2),
            home=tmp_path / str(is_due),
            listener=events.append,
            **OPTIONS,
        )
        count = sum(event.what is EventKind.SAMPLE for event in events)
        assert count > 1 if is_due else count == 1
        files = ("metrics.jsonl", "model/model.safetensors", "samples.jsonl")
        made.append([(persona.path / name).read_bytes() for name in files])
    assert made[0] == made[1]


def test_a_budget_ends_a_training(
    ada: Path, tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.training.trainer.PATIENCE", 10**6)
    # A fast machine memorizes them.
    monkeypatch.setattr("popinjay.training.trainer.max_memorized_share", lambda *_: 1.0)
    persona = popinjay.make(ada, base=str(tiny_gpt2), **{**OPTIONS, "epochs": 1000.0}, budget="4s")
    facts = persona.run.record.facts("train")
    assert (facts["budget"], facts["stopped"]) == (4.0, "time was up")
    plenty = popinjay.make(ada, name="plenty", base=str(tiny_gpt2), **OPTIONS, budget="1h")
    assert plenty.run.record.facts("train")["stopped"] == "all was learnt"


@pytest.mark.parametrize("budget", ["soon", "0s", "5", "-1m"])
def test_an_invalid_budget_is_refused(budget: str) -> None:
    with pytest.raises(OptionError, match="budget can't be"):
        TrainOptions(budget=budget)


@pytest.mark.parametrize("tune", ["top", "lora"])
def test_a_killed_training_ends_as_an_uninterrupted_one_in_every_mode(
    tune: str, ada: Path, tiny_gpt2: Path, own_home: Path
) -> None:
    program = KILLED.replace("samples=10", f"samples=10, tune={tune!r}")

    def run(name: str, kill_at: int) -> int:
        return subprocess.run(
            [sys.executable, "-c", program, str(ada), str(tiny_gpt2), name, str(kill_at)],
            capture_output=True,
        ).returncode

    assert run("whole", -1) == 0
    assert run("killed", 13) == -signal.SIGKILL
    assert run("killed", -1) == 0
    for name in ("model", "metrics.jsonl"):
        assert content_hash(own_home / "killed" / name) == content_hash(
            own_home / "whole" / name
        ), name


def test_a_diverged_training_leaves_the_previous_model(
    ada: Path, tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persona = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    before = content_hash(persona.path / "model")
    monkeypatch.setattr(
        "popinjay.training.train_step.TrainStep.loss",
        lambda self, batch: torch.tensor(math.nan, requires_grad=True),
    )
    with pytest.raises(TrainingError, match="no longer a number"):
        popinjay.make(ada, base=str(tiny_gpt2), **{**OPTIONS, "seed": 5})
    assert content_hash(persona.path / "model") == before
