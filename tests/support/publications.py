"""What tests of publishing share: the names of files, and calls in short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from popinjay.events import Event
from popinjay.options import PublishOptions
from popinjay.publishing.destination import Published
from popinjay.publishing.publish import publish
from popinjay.store.run import Run

REPO = "ada/bird"
TO = f"hub:{REPO}"
MODEL = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
CARD = {"README.md", "images/avatar-ada_l.png", "images/pipeline.png"}
DATA = {"data/train.jsonl", "data/validation.jsonl", "data/held_out.jsonl"}
PICTURE = b"\x89PNG\r\n\x1a\n picture"


def send(
    run: Run, to: str = TO, listener: Callable[[Event], None] = lambda event: None, **options: Any
) -> Published:
    return publish(run, to, PublishOptions(**options), listener)


def say_whose(run: Run, whose: str | None) -> None:
    _ask_for_card(run, whose=whose)


def _ask_for_card(run: Run, **options: str | None) -> None:
    card = run.record.stages["card"]
    card = replace(card, options={**card.options, **options})
    given: dict[str, Any] = dict(options)
    asked = replace(run.record.asked, **given)
    run.save(run.record.updated(stages={**run.record.stages, "card": card}, asked=asked))


def change(run: Run, contact: str = "the lighthouse") -> None:
    """Change the text of the card, as another make would."""
    _ask_for_card(run, contact=contact)


def put_picture(run: Run) -> None:
    """Put a picture into the persona, as its card shows one."""
    run.file("card.png").write_bytes(PICTURE)
    entry = replace(run.record.stages["card"], source=run.picture_shown())
    run.save(run.record.updated(stages={**run.record.stages, "card": entry}))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
