"""The facts that a card is about, gathered from a persona's folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popinjay.model_card.images import avatar_files
from popinjay.model_card.samples import Excerpt, excerpt
from popinjay.models import bases
from popinjay.options import CardOptions
from popinjay.post import Author, read_authors
from popinjay.report.schema import Report
from popinjay.store.blend_member import BlendMember
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import Run
from popinjay.store.stage_table import IMAGES, PICTURE, PICTURE_FILE

# Files whose hashes the card shows.
VERSIONED = ("posts.jsonl", "clean.jsonl", "train.jsonl", "held_out.jsonl", "model")


@dataclass(frozen=True)
class Facts:
    """The facts of a card.

    Attributes:
        name: The persona.
        authors: Whose posts it learnt from.
        languages: Codes of the posts' languages.
        counts: What clean counted of each author, in the authors' order.
        is_masked: Whether personal data was masked.
        dataset: What the dataset stage recorded.
        trained: What the train stage recorded.
        report: What was measured.
        hashes: Of the files in `VERSIONED`.
        whose: A key of `whose.WHOSE`.
        contact: Whom to ask for removal.
        picture: The address of the picture, by default a file beside the card; empty for none.
        pictured: What the picture shows: its record.
        avatars: The file of each author's avatar, by handle.
        excerpt: Posts that the model wrote.
        datasets: Of the hub, if the posts were published too.
        base: The record beside the base's weights.
        page: The address of its web page, if that was published too.
        members: The models whose weights were added up, if it is a blend.
        still_known: What the model knows though it was forgotten, in words; empty for nothing.
    """

    name: str
    authors: Sequence[Author]
    languages: Sequence[str]
    counts: Sequence[Mapping[str, Any]]
    is_masked: bool
    dataset: Mapping[str, Any]
    trained: Mapping[str, Any]
    report: Report
    hashes: Mapping[str, str]
    whose: str | None = None
    contact: str | None = None
    picture: str = ""
    pictured: Mapping[str, Any] = field(default_factory=dict)
    avatars: Mapping[str, str] = field(default_factory=dict)
    excerpt: Excerpt = field(default_factory=Excerpt)
    datasets: Sequence[str] = ()
    base: Mapping[str, Any] = field(default_factory=dict)
    page: str = ""
    members: Sequence[BlendMember] = ()
    still_known: str = ""


def gather(
    run: Run,
    options: CardOptions,
    find: Callable[[str], Path] | None = None,
    images: Path | None = None,
) -> Facts:
    """Return the facts of a persona that was trained and measured.

    Args:
        run: The persona.
        options: What the card says of its authors.
        find: Says where its files are, by default in its folder.
        images: The folder of the card's images, by default that in its folder.
    """
    find = find or run.file
    record = run.record
    cleaned, made = record.cleaned, record.hashes()
    authors = read_authors(find("authors.json"))
    counts = {row["author"]: row for row in cleaned.authors}
    has_picture = run.file(PICTURE_FILE).exists()
    return Facts(
        name=run.name,
        authors=authors,
        languages=[code for code in cleaned.languages if re.fullmatch("[a-z]{2,3}", code)],
        counts=[counts[author.handle] for author in authors],
        is_masked=not record.stages["clean"].options["keep_personal_data"],
        dataset=record.facts("dataset"),
        trained=record.facts("train"),
        report=Report.load(find("report.json")),
        hashes={name: made[name] for name in VERSIONED},
        whose=options.whose,
        contact=options.contact,
        picture=PICTURE_FILE if has_picture else "",
        pictured=record.facts(PICTURE.name) if has_picture else {},
        avatars=avatar_files(images or run.file(IMAGES), authors),
        excerpt=excerpt(run, find("samples.jsonl"), find("train.jsonl")),
        base=record.trained.base_record or bases.record(bases.row(record.trained.base)),
        members=record.blend,
        still_known=Forgotten.of(run).still_known(run).in_words(),
    )


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LICENSE = re.compile(r"[a-z0-9.-]+")


def describe_base(facts: Facts) -> dict[str, Any]:
    """Describe the base model: its name, hub id and licence, and the file it was converted from.

    The row of the table of bases says what a base is, and the record beside its weights which of
    its files they were read from. A folder of the user's own has only the record, if any.
    """
    base, record = facts.trained["base"], facts.base
    hub_id = facts.trained["base_hub"] or _matching(_HUB_ID, record.get("hub_id"))
    return {
        "name": base if facts.trained["base_hub"] else Path(base).name,  # never a folder's path
        "hub_id": hub_id,
        "url": f"https://huggingface.co/{hub_id}" if hub_id else "",
        "is_built_in": base == bases.BUILT_IN,
        "license": bases.row(base).license or _matching(_LICENSE, record.get("license")),
        "quantization": str(record.get("quantization") or ""),
        "variant": str(record.get("variant") or ""),
        "source": str(record.get("source") or ""),
    }


def _matching(form: re.Pattern[str], value: object) -> str:
    """Return the value if it is a text of this form, otherwise nothing."""
    return value if isinstance(value, str) and form.fullmatch(value) else ""
