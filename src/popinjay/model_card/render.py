"""The words of a card: the template `assets/card.md`, filled with facts."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from popinjay import __version__, project_links
from popinjay.metrics.each_author import EACH_AUTHOR
from popinjay.metrics.measure import AUTHOR, BASE, MARKOV, PERSONA
from popinjay.metrics.suite import METRICS
from popinjay.model_card.facts import Facts, describe_base
from popinjay.model_card.images import PIPELINE
from popinjay.model_card.names import isolate, tidy, title
from popinjay.post import Author
from popinjay.report import labels
from popinjay.report.labels import shown
from popinjay.report.schema import Report
from popinjay.report.verdict import can_be_given, plain_verdict
from popinjay.store.stage_table import IMAGES, PICTURE_FILE, stages_in_words
from popinjay.text import markdown_escape
from popinjay.text.masking import mask
from popinjay.whose import MAY_BE_PUBLIC, WHOSE, Whose

if TYPE_CHECKING:
    from jinja2 import Template

COMPARED = (PERSONA, AUTHOR, BASE, MARKOV)  # sources in the order of the card's columns
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def render(facts: Facts, *, model: str | None = None) -> str:
    """Return the card.

    `model` is what the code to copy names, such as `org/name` once it is published; by default it
    is the persona's folder.
    """
    whose = WHOSE.get(facts.whose or "")
    is_living = whose is None or whose.is_living
    people = [_person(author, facts, is_living=is_living) for author in facts.authors]
    base = describe_base(facts)
    is_thin = facts.trained.get("keep") == "adapter"
    names = [person["name"] for person in people]
    return _template().render(
        facts=facts,
        people=people,
        title=_joined(names, in_markdown),
        title_in_html=_joined(names, in_html),
        further=list(
            dict.fromkeys(reason for counts in facts.counts for reason in counts["further"])
        ),
        base=base,
        license=base["license"],
        whose=whose,
        statements={name: answer.statement for name, answer in WHOSE.items()},
        is_living=is_living,
        rights=whose.rights if whose else Whose.rights,
        alt_text=alt_text(facts),
        picture_file=PICTURE_FILE,
        pipeline=f"{IMAGES}/{PIPELINE}",
        pipeline_in_words=stages_in_words(),
        homepage=project_links.HOMEPAGE,
        install=project_links.install_command(),
        shows_posts=model is None or facts.whose in MAY_BE_PUBLIC,
        count_in_words=_NUMBERS[len(facts.excerpt.posts)],
        model=model or f"{facts.name}/model",
        is_local=model is None,
        is_adapter=model is None and is_thin,  # a whole model is published
        is_thin=is_thin,
        is_evidence=can_be_given(facts.report),
        verdict=plain_verdict(facts.report),
        compared=_compared(facts.report),
        version=__version__,
    )


def alt_text(facts: Facts) -> str:
    """Return what the picture shows in words."""
    texts = [mask(str(text))[0] for text in facts.pictured.get("texts", ())]
    if not texts:
        return "What it wrote to a prompt, as a picture"
    prompt = str(facts.pictured.get("prompt", ""))
    before = f"what it wrote to “{prompt}”" if prompt else "what it wrote"
    return f"A picture of {before}: " + " / ".join(texts)


def _joined(names: Sequence[str], escape: Callable[[str], Markup]) -> Markup:
    """Return names as one title."""
    return Markup(" & ").join(escape(name) for name in names)


def _compared(report: Report) -> list[tuple[str, list[str]]]:
    """Return the rows of the table that compares the persona with its controls."""
    rows = []
    for name in [*(metric.name for metric in METRICS), *EACH_AUTHOR]:
        measure = report.measure(name)
        for label in labels.rows(name, measure):
            if label.on_card:
                found = [measure.get(source, label.key) for source in COMPARED]
                if any(found):  # what could not be measured has no row
                    cells = [shown(one, label.format) if one else "" for one in found]
                    rows.append((": ".join(filter(None, (label.title, label.remark))), cells))
    return rows


def _person(author: Author, facts: Facts, *, is_living: bool) -> dict[str, str]:
    """Return an author as the card shows them.

    A fictional or long-dead author has no account, though another person may have that name.
    """
    avatar = facts.avatars.get(author.handle, "")
    return {
        "name": title(author),
        "handle": author.handle,
        "url": author.url if is_living and author.url.startswith("https://") else "",
        "avatar": f"{IMAGES}/{avatar}" if avatar else "",
    }


# filters of the template: every text is escaped for the place where it stands


def in_markdown(text: str) -> Markup:
    """Return the text escaped to stand within a line of Markdown, which is the default."""
    return Markup(markdown_escape.in_markdown(_shown(text)))  # noqa: S704 (what makes it safe)


def on_a_line(text: str) -> Markup:
    """Return the text escaped to begin a line of Markdown or an item of a list."""
    return Markup(markdown_escape.on_a_line(_shown(text)))  # noqa: S704


def in_a_cell(text: str) -> Markup:
    """Return the text escaped for a cell of a table."""
    return Markup(markdown_escape.in_a_cell(_shown(text)))  # noqa: S704


def in_link_text(text: str) -> Markup:
    """Return the text escaped for the text of a link, or of a picture's description."""
    return Markup(markdown_escape.in_link_text(_shown(text)))  # noqa: S704


def in_html(text: str) -> Markup:
    """Return the text escaped for the content of an element of HTML."""
    return Markup(markdown_escape.in_html(_shown(text)))  # noqa: S704


def in_attribute(text: str) -> Markup:
    """Return the text escaped for an attribute of an element of HTML."""
    return Markup(markdown_escape.in_attribute(_shown(text)))  # noqa: S704


def _shown(text: str) -> str:
    """Return the text as a card can show it: tidy, on one line, and isolated if need be."""
    return isolate(tidy(text))


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
        is_plain = isinstance(value, str) and not isinstance(value, Markup)
        return in_markdown(value) if is_plain else value

    environment = Environment(
        autoescape=True,
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        on_a_line=on_a_line,
        in_a_cell=in_a_cell,
        in_link_text=in_link_text,
        in_html=in_html,
        in_attribute=in_attribute,
        in_quotes=in_quotes,
        in_a_shell=in_a_shell,
        address=address,
        as_is=Markup,
        number=number,
    )
    return environment.from_string(
        files("popinjay").joinpath("assets/card.md").read_text(encoding="utf-8")
    )
