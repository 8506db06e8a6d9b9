"""Card: what the persona is, in words for people.

The words are in `assets/card.md`, the facts that they are about are gathered here.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from popinjay import __version__
from popinjay.events import Listener
from popinjay.metrics.measure import AUTHOR, BASE, MARKOV, PERSONA
from popinjay.metrics.suite import METRICS
from popinjay.models import bases
from popinjay.options import CardOptions
from popinjay.post import Author, one_line, printable, read_authors
from popinjay.report.labels import shown
from popinjay.report.saved import page_of
from popinjay.report.schema import Report
from popinjay.report.verdict import can_be_given
from popinjay.store.run import Run
from popinjay.store.stage_runner import StageContext
from popinjay.store.stage_table import PICTURE_FILE, STAGES
from popinjay.text.unicode import without_direction_marks
from popinjay.whose import WHOSE, Whose

if TYPE_CHECKING:
    from jinja2 import Template

# Files whose hashes the card shows.
VERSIONED = ("posts.jsonl", "clean.jsonl", "train.jsonl", "held_out.jsonl", "model")
COMPARED = (PERSONA, AUTHOR, BASE, MARKOV)  # sources in the order of the card's columns
MOST_MARKS = 6  # combining marks on a character: no script needs more, and many cover other text


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
        picture: A file beside the card, or an address; empty if there is none.
        datasets: Of the hub, if the posts were published too.
        base: The record beside the base's weights.
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
    datasets: Sequence[str] = ()
    base: Mapping[str, Any] = field(default_factory=dict)


def card(options: CardOptions, context: StageContext, listener: Listener) -> None:
    """Write `README.md`, and `report.html` beside it."""
    with context.open("README.md") as file:
        file.write(render(gather(context.run, options, context.need)))
    with context.open("report.html") as file:
        file.write(page_of(context.run, context.need))
    context.facts.update(
        summary="README.md says what it is and what it was made from, report.html how good it is"
    )


def gather(run: Run, options: CardOptions, find: Callable[[str], Path] | None = None) -> Facts:
    """Return the facts of a persona that was trained and measured.

    `find` says where its files are, by default in its folder.
    """
    find = find or run.file
    record = run.record
    cleaned, made = record.cleaned, record.hashes()
    authors = read_authors(find("authors.json"))
    counts = {row["author"]: row for row in cleaned.authors}
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
        picture=PICTURE_FILE if run.file(PICTURE_FILE).exists() else "",
        base=record.trained.base_record or bases.record(bases.row(record.trained.base)),
    )


def render(facts: Facts, *, model: str | None = None) -> str:
    """Return the card.

    `model` is what the code to copy names, such as `org/name` once it is published; by default it
    is the persona's folder.
    """
    whose = WHOSE.get(facts.whose or "")
    is_living = whose is None or whose.is_living
    people = [_person(author, is_living=is_living) for author in facts.authors]
    base = describe_base(facts)
    is_thin = facts.trained.get("keep") == "adapter"
    return _template().render(
        facts=facts,
        people=people,
        title=Markup(" &amp; ").join(plain(person["name"]) for person in people),
        further=list(
            dict.fromkeys(reason for counts in facts.counts for reason in counts["further"])
        ),
        base=base,
        license=base["license"],
        whose=whose,
        is_living=is_living,
        rights=whose.rights if whose else Whose.rights,
        stages=STAGES,
        links=[
            {
                "start": one.name,
                "end": two.name,
                "files": [name for name in one.makes if name in two.needs],
            }
            for one, two in pairwise(STAGES)
        ],
        model=model or f"{facts.name}/model",
        is_local=model is None,
        is_adapter=model is None and is_thin,  # a whole model is published
        is_thin=is_thin,
        is_evidence=can_be_given(facts.report),
        compared=_compared(facts.report),
        version=__version__,
    )


def _compared(report: Report) -> list[tuple[str, list[str]]]:
    """Return the rows of the table that compares the persona with its controls."""
    rows = []
    for metric in METRICS:
        measure = report.measure(metric.name)
        for label in metric.labels:
            if label.on_card:
                found = [measure.get(source, label.key) for source in COMPARED]
                cells = [shown(one, label.format) if one else "" for one in found]
                rows.append((f"{label.title}: {label.remark}", cells))
    return rows


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


# A reader's browser asks the host of every picture on a card, and an archive may name any host. So
# a card shows avatars from X's and Bluesky's own servers only.
_AVATAR = re.compile(
    r"https://(?:(?:pbs|abs)\.twimg\.com|cdn\.bsky\.app|(?:[a-z0-9-]+\.)+host\.bsky\.network)"
    r"/[^\s\\\"'<>]*"
)


def _person(author: Author, *, is_living: bool) -> dict[str, str]:
    """Return an author as the card shows them.

    A fictional or long-dead author has no account, though another person may have that name.
    """
    return {
        "name": title(author),
        "handle": author.handle,
        "url": author.url if is_living and author.url.startswith("https://") else "",
        "avatar": author.avatar if _AVATAR.fullmatch(author.avatar) else "",
    }


# what strangers typed


def title(author: Author) -> str:
    """Return an author's display name as a card can show it, or the handle if it is invisible."""
    name = tidy(author.name)
    is_visible = any(unicodedata.category(character)[0] in "LMNPS" for character in name)
    return isolate(name if is_visible else tidy(author.handle))


_NONCHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def tidy(text: str) -> str:
    """Return the text on one line, without what affects the text around it.

    That is direction overrides, towers of accents and control characters.
    """
    text = one_line(_NONCHARACTERS.sub("", without_direction_marks(printable(text))))
    kept = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    # A mark at the beginning would combine with whatever stands before the name.
    is_on_nothing = bool(kept) and unicodedata.category(kept[0])[0] == "M"
    return "◌" * is_on_nothing + "".join(kept)


def isolate(text: str) -> str:
    """Return the text, in Unicode's isolating marks if some of it runs from right to left.

    So the text around it keeps its order.
    """
    from_the_right = any(
        unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text
    )
    return f"\u2068{text}\u2069" if from_the_right else text


def plain(text: str) -> Markup:
    """Return the text escaped so that Markdown, tables and HTML show it as it is.

    ASCII punctuation becomes entities, except for commas and hyphens.
    """
    text = isolate(tidy(text))
    escaped = re.sub(r"[!-+./:-@\[-`{-~]", lambda found: f"&#{ord(found[0])};", text)
    return Markup(escaped)  # noqa: S704 (this is what makes it safe)


def in_quotes(text: str) -> Markup:
    """Return the text escaped for a quoted YAML or Python string."""
    return Markup(json.dumps(text, ensure_ascii=False)[1:-1])  # noqa: S704


def in_a_shell(text: str) -> Markup:
    """Return the text as one word of a command line."""
    return Markup(shlex.quote(text))  # noqa: S704


def number(value: float, form: str = ",") -> Markup:
    """Return a number as `format` writes it."""
    return Markup(format(value, form))  # noqa: S704


def address(text: str) -> Markup:
    """Return an address as the target of a link or picture."""
    quoted = quote(tidy(text), safe="/:?#@=%+,;~&")
    return Markup(quoted.replace("&", "&amp;"))  # noqa: S704


@functools.cache
def _template() -> Template:
    """Return `assets/card.md`, which escapes every text unless a filter says otherwise."""
    from jinja2 import Environment, StrictUndefined

    def finish(value: Any) -> Any:
        return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True,
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        in_quotes=in_quotes, in_a_shell=in_a_shell, address=address, as_is=Markup, number=number
    )
    return environment.from_string(
        files("popinjay").joinpath("assets/card.md").read_text(encoding="utf-8")
    )
