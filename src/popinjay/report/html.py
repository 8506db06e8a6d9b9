"""The page: `report.html`, a single file for a persona's maker and those they send it to.

The words are in `assets/report.html`, the styles in `report.css`, the quiz in `report.js`. All
three end up in the one file, which may load nothing: its Content-Security-Policy allows only these
very styles and this very script.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from popinjay import __version__
from popinjay.post import printable
from popinjay.report import charts, quiz, tables
from popinjay.report.charts import Side
from popinjay.report.people import plain_name
from popinjay.report.schema import Report
from popinjay.report.settings_chart import settings
from popinjay.text.unicode import without_direction_marks

if TYPE_CHECKING:
    from jinja2 import Template


def render(
    report: Report,
    metrics: Sequence[Mapping[str, Any]],
    *,
    name: str,
    people: str,
    written: Sequence[str],
    real: Sequence[str] | None,
    real_lengths: Mapping[int, int] | None = None,
    against: Side | None = None,
    seed: int = 0,
) -> str:
    """Return the page of a persona.

    Args:
        report: What was measured.
        metrics: The rows of the training's `metrics.jsonl`.
        name: The persona.
        people: The names of its authors.
        written: The posts that it wrote to be measured.
        real: The author's held-out posts. With None no text at all is on the page, neither the
            author's nor the persona's.
        real_lengths: What `charts.length_counts` counted, to be drawn if `real` is None.
        against: Another report, to stand beside this one.
        seed: Decides which posts the quiz pairs.
    """
    sides = [_safe(side) for side in (Side(name, report, metrics, written), against) if side]
    pairs = quiz.pairs(real or (), written, seed)
    lengths = real_lengths if real is None else charts.length_counts(real)
    return _template().render(
        name=sides[0].name,
        people=plain_name(people),
        sides=sides,
        pairs=pairs,
        pairs_json=quiz.as_json(pairs),
        is_shared=real is None,
        luck=quiz.more_than_luck(len(pairs)),
        version=__version__,
        **charts.all_figures(sides, lengths),
        calibration=settings(sides),
        **tables.all_tables(sides),
    )


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
def _template() -> Template:
    """Return `assets/report.html` with its styles and script; every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    styles = _asset("report.css")
    script = _asset("report.js")
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
    return environment.from_string(_asset("report.html"))
