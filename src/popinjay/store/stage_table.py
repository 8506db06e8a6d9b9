"""The stages of making a persona: which files each needs and makes."""

from __future__ import annotations

from dataclasses import dataclass

PICTURE_FILE = "card.png"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of making a persona.

    `version` is raised when the same input would now give another result.
    """

    name: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    doing: str
    version: int = 1


STAGES = (
    Stage("collect", (), ("posts.jsonl", "authors.json", "avatars"), "reading posts", version=2),
    Stage("clean", ("posts.jsonl",), ("clean.jsonl", "dropped.jsonl"), "sorting out posts"),
    Stage(
        "dataset",
        ("clean.jsonl",),
        ("train.jsonl", "validation.jsonl", "held_out.jsonl"),
        "setting posts aside to measure with",
    ),
    Stage(
        "train",
        ("train.jsonl", "validation.jsonl"),
        ("model", "metrics.jsonl"),
        "learning the voice",
        version=3,
    ),
    Stage(
        "evaluate",
        ("authors.json", "model", "train.jsonl", "held_out.jsonl"),
        ("report.json", "samples.jsonl"),
        "measuring",
        version=4,
    ),
    Stage(
        "card",
        (
            "authors.json",
            "clean.jsonl",
            "dropped.jsonl",
            "held_out.jsonl",
            "metrics.jsonl",
            "report.json",
            "samples.jsonl",
        ),
        ("README.md", "report.html"),
        "writing the card and the report",
        version=5,
    ),
)


# Not in STAGES: a persona is complete without a picture, and the user may choose another any time.
PICTURE = Stage(
    "picture", ("authors.json", "avatars", "samples.jsonl"), (PICTURE_FILE,), "drawing the picture"
)


def stage_named(name: str) -> Stage:
    """Return the row of STAGES with this name."""
    return next(stage for stage in STAGES if stage.name == name)
