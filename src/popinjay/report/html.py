"""The page: `report.html`, a single file for a persona's maker and those they send it to.

The words are in `assets/report.html` (the document) and `assets/report-content.html` (what is in
it); the styles and the quiz in `assets/serve/report.css` and `report.js`. All of them end up in the
one file, which may load nothing: its Content-Security-Policy allows only these very styles and this
very script. The page of `popinjay serve` shows the content in a shadow root (see `report.js`).
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from popinjay import __version__
from popinjay.post import printable
from popinjay.report import charts, quiz, tables
from popinjay.report.charts import Side
from popinjay.report.people import people, plain_name
from popinjay.report.schema import Report
from popinjay.report.settings_chart import settings
from popinjay.text.unicode import without_direction_marks

if TYPE_CHECKING:
    from jinja2 import Environment, Template

POSTS = 10  # of the persona, that are shown unselected


@dataclass(frozen=True)
class Content:
    """What the page is about.

    Attributes:
        side: The persona: its name, its report, the rows of its `metrics.jsonl`, what it wrote.
        authors: The display names of its authors.
        posts: Posts of the persona that may be shown, the first ones unselected.
        real: The author's held-out posts. With None the page is to be shared: it has no text of the
            author's, and so no quiz.
        real_lengths: What `charts.length_counts` counted, to be drawn if `real` is None.
        against: Another report, to stand beside this one.
        seed: Decides which posts the quiz pairs.
    """

    side: Side
    authors: Sequence[str]
    posts: Sequence[str] = ()
    real: Sequence[str] | None = None
    real_lengths: Mapping[int, int] | None = None
    against: Side | None = None
    seed: int = 0


def render(content: Content) -> str:
    """Return the page as a document of its own."""
    given = _given(content)
    return _template("report.html").render(
        **given,
        content=Markup(_template("report-content.html").render(given)),  # noqa: S704 (escaped there)
    )


def fragment(content: Content) -> str:
    """Return what is on the page, for a shadow root of another page with the report's styles.

    It has no heading of the first level, no scripts that run, and takes its colours from the page.
    """
    return _template("report-content.html").render(_given(content))


def _given(content: Content) -> dict[str, Any]:
    """Return all that the templates name."""
    sides = [_safe(side) for side in (content.side, content.against) if side]
    real = content.real
    pairs = quiz.pairs(real or (), content.side.written, content.seed)
    lengths = content.real_lengths if real is None else charts.length_counts(real)
    return {
        "name": sides[0].name,
        "title": plain_name(" & ".join(content.authors)) or sides[0].name,
        "who": people(content.authors),
        "sides": sides,
        "posts": [shown_post(text) for text in content.posts[:POSTS]],
        "pairs": pairs,
        "pairs_json": quiz.as_json(pairs),
        "is_shared": real is None,
        "luck": quiz.more_than_luck(len(pairs)),
        "version": __version__,
        **charts.all_figures(sides, lengths),
        "calibration": settings(sides),
        **tables.all_tables(sides),
    }


def shown_post(text: str) -> str:
    """Return a post as a page can show it."""
    return without_direction_marks(printable(text)).strip()


def _safe(side: Side) -> Side:
    report = Report.from_json(_cleaned(side.report.to_json()))
    return replace(side, name=plain_name(side.name), report=report)


def _cleaned(found: Any) -> Any:
    """Return the same with every text free of direction marks and of what no file can hold."""
    if isinstance(found, str):
        return without_direction_marks(printable(found))
    if isinstance(found, Mapping):
        return {_cleaned(key): _cleaned(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_cleaned(value) for value in found]
    return found


def _asset(name: str) -> str:
    return files("popinjay").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return a text's hash as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _template(name: str) -> Template:
    """Return a template of `assets`; every text that it is given is escaped."""
    return _environment().from_string(_asset(name))


@functools.cache
def _environment() -> Environment:
    """Return what the templates share: the styles, the script, and the policy that allows them."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    styles = _asset("serve/report.css")
    script = _asset("serve/report.js") + "mountReport(document);\n"
    policy = (
        f"default-src 'none'; style-src {_hash(styles)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    environment.globals.update(
        styles=Markup(styles),  # noqa: S704 (our own, as are the next ones)
        script=Markup(script),  # noqa: S704
        policy=Markup(policy),  # noqa: S704
    )
    environment.filters.update(number=lambda value: f"{value:,}")
    return environment
