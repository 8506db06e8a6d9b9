"""The stages of making a persona: which files each needs and makes."""

from __future__ import annotations

from dataclasses import dataclass

PICTURE_FILE = "card.png"
IMAGES = "images"  # of the card


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
            "avatars",
            "clean.jsonl",
            "dropped.jsonl",
            "held_out.jsonl",
            "metrics.jsonl",
            "report.json",
            "samples.jsonl",
            "train.jsonl",
        ),
        ("README.md", IMAGES, "report.html"),
        "writing the model card and the report",
        version=6,
    ),
)


# Not in STAGES: a persona is complete without a picture, and the user may choose another any time.
PICTURE = Stage(
    "picture",
    ("authors.json", "avatars", "samples.jsonl", "train.jsonl"),
    (PICTURE_FILE,),
    "drawing the picture",
    version=2,
)


def stages_in_words() -> str:
    """Return what the stages do and write, for those who can't see the picture of them."""
    rows = [f"{stage.name} ({stage.doing}) writes {', '.join(stage.makes)}" for stage in STAGES]
    return f"Posts and a base model become a persona in {len(STAGES)} stages: {'; '.join(rows)}."


def stage_named(name: str) -> Stage:
    """Return the row of STAGES with this name."""
    return next(stage for stage in STAGES if stage.name == name)


# The files that hold posts, and those of them that a model learns from
POSTS = tuple(
    name
    for stage in ("collect", "clean", "dataset")
    for name in stage_named(stage).makes
    if name.endswith(".jsonl")
)
LEARNT = stage_named("train").needs
