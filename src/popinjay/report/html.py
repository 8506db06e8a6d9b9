"""The page: `report.html`, one file with everything in it, for whoever made a persona and for whoever they send it to.

The words are in `assets/report.html`, the looks in `report.css`, the game in `report.js`; all three end up in the one file, which may
load nothing: its policy lets only these very styles and this very script run.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from popinjay import __version__
from popinjay.post import one_line, printable
from popinjay.report import charts, quiz, tables
from popinjay.report.charts import Side
from popinjay.report.settings_chart import settings

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_NAME = 80  # characters
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def render(
    report: Mapping[str, Any],
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
    """The page of a persona by its name, which writes like `people`, perhaps beside another.

    With `real=None` no text is in it, neither the author's nor the persona's; what `figures.length_counts` counted may be given instead.
    """
    sides = [_safe(side) for side in (Side(name, report, metrics, written), against) if side]
    pairs = quiz.pairs(real or (), written, seed)
    return _template().render(
        name=sides[0].name,
        people=plain(people),
        sides=sides,
        pairs=pairs,
        pairs_json=quiz.as_json(pairs),
        is_shared=real is None,
        luck=quiz.more_than_luck(len(pairs)),
        version=__version__,
        **charts.of(sides, real_lengths if real is None else charts.length_counts(real)),
        calibration=settings(sides),
        **tables.of(sides),
    )


def plain(text: str) -> str:
    """A name on one line, at a length that a heading bears, without what turns the direction of its neighbours."""
    text = one_line(_DIRECTIONS.sub("", printable(text)))
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _safe(side: Side) -> Side:
    return Side(plain(side.name), _cleaned(side.report), side.metrics, side.written)


def _cleaned(found: Any) -> Any:
    """The same with every text in it free of what no file can hold and of what turns directions."""
    if isinstance(found, str):
        return _DIRECTIONS.sub("", printable(found))
    if isinstance(found, Mapping):
        return {_cleaned(key): _cleaned(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_cleaned(value) for value in found]
    return found


def _asset(name: str) -> str:
    return files("popinjay").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """A text as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _template() -> Template:
    """`assets/report.html` with its styles and script; every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    styles, script = _asset("report.css"), _asset("report.js")
    environment.globals.update(
        styles=Markup(styles),  # noqa: S704 (our own, as are the next ones)
        script=Markup(script),  # noqa: S704
        policy=Markup(
            f"default-src 'none'; style-src {_hash(styles)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
        ),  # noqa: S704
    )
    environment.filters.update(
        percent=charts.percent, in_percent=charts.in_percent, number=lambda value: f"{value:,}"
    )
    return environment.from_string(_asset("report.html"))
