"""A checkpoint restores what was saved, also one written before the state's fields were renamed."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from popinjay.training.checkpoints import CHECKPOINT, FORMER_FIELDS, Checkpoints, TrainingState

STATE = TrainingState(
    step=2,
    tokens=90,
    best_step=1,
    best=2.5,
    validations_since_best=3,
    memorizing=True,
    seconds=4.5,
    budget=60.0,
    start=1.5,
    first=3.0,
    last=2.75,
    validation_count=16,
    overhead=0.5,
)


def trained(value: float) -> tuple[dict[str, torch.nn.Parameter], dict[str, torch.optim.Optimizer]]:
    """Return a weight that an optimizer has moments of, by name."""
    weight = torch.nn.Parameter(torch.full((2, 3), value))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {"layer": weight}, {"layer": optimizer}


def saved(folder: Path) -> dict[str, torch.nn.Parameter]:
    """Save a checkpoint and a line of metrics for each of three steps; return the weights."""
    checkpoints = Checkpoints(folder, "key")
    rows = (json.dumps({"step": step}) + "\n" for step in (1, 2, 3))
    checkpoints.metrics.write_text("".join(rows))
    weights, optimizers = trained(1.0)
    checkpoints.save(weights, optimizers, STATE)
    return weights


def test_a_checkpoint_restores_weights_moments_state_and_metrics(tmp_path: Path) -> None:
    expected = saved(tmp_path)
    weights, optimizers = trained(5.0)
    checkpoints = Checkpoints(tmp_path, "key")
    assert checkpoints.restore(weights, optimizers) == STATE
    assert torch.equal(weights["layer"], expected["layer"])
    assert optimizers["layer"].state[weights["layer"]]["step"] == STATE.step
    assert checkpoints.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_checkpoint_with_the_former_names_of_fields_is_restored(tmp_path: Path) -> None:
    saved(tmp_path)
    former_names = {new: former for former, new in FORMER_FIELDS.items()}
    assert former_names.keys() <= {field.name for field in fields(TrainingState)}
    assert set(FORMER_FIELDS) == {"looks_since_best", "recites", "watched", "asides"}
    state = {former_names.get(name, name): value for name, value in asdict(STATE).items()}
    file = tmp_path / CHECKPOINT
    tensors = load_file(file)
    save_file(tensors, file, metadata={"key": "key", "standing": json.dumps(state)})
    with safe_open(file, framework="pt") as written:
        assert "looks_since_best" in written.metadata()["standing"]
    assert Checkpoints(tmp_path, "key").restore(*trained(5.0)) == STATE


def test_a_checkpoint_of_another_training_is_discarded(tmp_path: Path) -> None:
    saved(tmp_path)
    assert Checkpoints(tmp_path, "another").restore(*trained(5.0)) == TrainingState()
    assert not list(tmp_path.iterdir())
