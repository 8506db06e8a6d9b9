"""What is published of a model: the files that transformers needs, the card and its images.

Posts are published only if the user asks for it, and then only as the model saw them: cleaned, and
with personal data masked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from popinjay.model_card.facts import gather
from popinjay.model_card.render import render
from popinjay.models.language_model import write_whole
from popinjay.models.model_files import is_thin
from popinjay.options import CardOptions, build
from popinjay.publishing.destination import File
from popinjay.store.files import storage_errors
from popinjay.store.run import Run
from popinjay.store.stage_table import IMAGES, PICTURE_FILE

WHOLE = ".whole-model.partial"  # in a persona's folder, while a thin one is published

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
TERMS_FILES = ("GEMMA_TERMS.html", "NOTICE.md")  # what has to accompany a model made from Gemma
PASSED_ON = (*TERMS_FILES, "LICENSE*", "NOTICE*", "*TERMS*.html")  # beside any model's weights
CARD = "README.md"
DATA, DATA_FILES = "data", ("train.jsonl", "validation.jsonl", "held_out.jsonl")
OURS = (
    *MODEL_FILES,
    *TERMS_FILES,
    CARD,
    PICTURE_FILE,
    f"{IMAGES}/*",
    *(f"{DATA}/{name}" for name in DATA_FILES),
)


@contextmanager
def whole_model(run: Run) -> Iterator[Path]:
    """Yield the folder of a persona's model, as transformers loads it.

    An adapter is merged into its base model for this. A bare adapter would be wrong on the hub: the
    weights that the hub has of a base are not always those that it was trained on, which may have
    been rounded and converted from another file.
    """
    folder, partial = run.folder("model"), run.file(WHOLE)
    if not is_thin(folder):
        yield folder
        return
    try:
        with storage_errors(f"the whole model of {run.name!r}"):
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            write_whole(folder, partial)
            for path in folder.iterdir():
                if any(fnmatchcase(path.name, form) for form in PASSED_ON):
                    shutil.copyfile(path, partial / path.name)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def model_files(
    run: Run, folder: Path, card: str, *, with_picture: bool, with_posts: bool
) -> list[File]:
    """Return every file that is published of a model, the small ones first.

    Args:
        run: The persona.
        folder: Holds its model.
        card: The card's text.
        with_picture: Whether there is a picture.
        with_posts: Whether the posts are published too.
    """
    pictures = [File(PICTURE_FILE, run.file(PICTURE_FILE))] if with_picture else []
    images = [File(f"{IMAGES}/{path.name}", path) for path in run.file(IMAGES).iterdir()]
    models = [
        File(path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if any(fnmatchcase(path.name, form) for form in (*MODEL_FILES, *PASSED_ON))
    ]
    data = [File(f"{DATA}/{name}", run.file(name)) for name in DATA_FILES] if with_posts else []
    rest = sorted([*images, *models, *data], key=lambda file: (file.size, file.name))
    return [File(CARD, card.encode()), *pictures, *rest]


def is_ours(name: str) -> bool:
    """Return whether publishing ever writes a file of this name."""
    return any(fnmatchcase(name, form) and name.count("/") == form.count("/") for form in OURS)


def card_for(run: Run, model: str, picture: str, page: str = "") -> str:
    """Return the persona's card with these names for its model, its picture and its web page."""
    (options,) = build(run.record.stages["card"].options, CardOptions)
    return render(replace(gather(run, options), picture=picture, page=page), model=model)
