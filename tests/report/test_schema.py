"""The typed report: it reads what every version wrote, and writes the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from popinjay.metrics import suite
from popinjay.metrics.measure import AUTHOR, PERSONA, Compared, Format, Label, Measure, Metric
from popinjay.report import labels
from popinjay.report.charts import Side
from popinjay.report.html import Content, render
from popinjay.report.labels import shown
from popinjay.report.schema import Estimate, PostCounts, Report
from popinjay.report.terminal_table import closing_lines, report_table
from popinjay.report.verdict import notes, plain_verdict
from reports import metrics, report, written_posts

VERSION_0_1 = Path(__file__).with_name("report-0.1.json")  # its numbers are invented


def page(given: Report) -> str:
    return render(Content(Side("ada", given, metrics(), written_posts()), ["Ada"], real=["a post"]))


def lines(given: Report, width: int = 160, *, everything: bool = True) -> list[str]:
    from rich.console import Console

    console = Console(width=width)
    with console.capture() as capture:
        console.print(report_table("ada", given, width=width, everything=everything))
    return capture.get().splitlines()


def test_a_report_of_version_0_1_is_written_as_it_was_read() -> None:
    text = VERSION_0_1.read_text(encoding="utf-8")
    found = Report.load(VERSION_0_1)
    assert json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n" == text
    assert found.posts == PostCounts(1900, 212, 24310, 1000)
    assert found.sampling.trials[1].distance == 0.98
    assert found.bits_per_byte.persona["all"] == 1.834
    assert found.measure("copying").estimate(PERSONA, "run") == Estimate(0.012, 0.004, 0.02)
    assert found.measure("privacy").counts == {"in_training": 1, "let_out": 0}
    assert found.training is not None
    assert found.training.why == "it got no better"


@pytest.mark.parametrize("missing", [*json.loads(VERSION_0_1.read_text(encoding="utf-8")), None])
def test_every_part_may_be_missing(missing: str | None) -> None:
    known = json.loads(VERSION_0_1.read_text(encoding="utf-8"))
    rest = {} if missing is None else {key: known[key] for key in known if key != missing}
    found = Report.from_json(rest)
    assert found.to_json() == {"verdict": "", "notes": [], **rest}
    assert "Report of" in page(found)
    assert lines(found)
    assert isinstance(list(closing_lines("ada", found)), list)


@pytest.mark.parametrize("strange", [None, 3, "words", [], {}, {"persona": "words"}])
def test_a_part_of_another_form_counts_as_missing(strange: Any) -> None:
    for part in ("posts", "sampling", "bits_per_byte", "told_apart", "copying", "training"):
        found = Report.from_json({**report(), part: strange})
        assert "Report of" in page(found)
        assert lines(found)


def test_the_verdict_of_a_whole_report_does_not_depend_on_its_form() -> None:
    found = Report.from_json(report())
    assert plain_verdict(found).startswith("By style alone, a program can perhaps tell it from")
    assert [note[:40] for note in notes(found)] == [
        "It writes personal data that stood in th",
    ]


def test_numbers_are_named_by_their_paths() -> None:
    numbers = Report.from_json(report()).numbers()
    assert numbers["told_apart.persona.value"] == 0.583
    assert numbers["bits_per_byte.persona.all"] == 1.834
    assert numbers["variety.author.self_bleu"] == 0.187


def test_every_number_has_a_label_and_no_label_is_idle() -> None:
    found = Report.load(VERSION_0_1)
    later = {"non_words"}  # metrics that version 0.1 did not have
    for metric in suite.METRICS:
        measure = (Report.from_json(report()) if metric.name in later else found).measure(
            metric.name
        )
        keys = {key for numbers in measure.sources.values() for key in numbers}
        assert keys == {label.key for label in metric.labels}, metric.name


def shouting(given: Compared, seed: int) -> Measure:
    return Measure(
        {
            source: {"shouts": sum(text.isupper() for text in texts) / len(texts), "seed": seed}
            for source, texts in given.sources().items()
        }
    )


def test_a_metric_is_a_function_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Metric(
        "shouting",
        "Shouting",
        "share of posts in capitals",
        shouting,
        (Label("shouts", "In capitals", "share of posts", on_card=True),),
    )
    monkeypatch.setattr(suite, "METRICS", (row,))
    monkeypatch.setattr(labels, "_METRICS", {**labels._METRICS, "shouting": row})
    measures = suite.compare(
        Compared(["a"], ["A", "b"], {PERSONA: ["A", "B", "c"]}), 7, lambda what: None
    )
    found = Report(measures=measures)
    assert found.to_json()["shouting"] == {
        "what": "share of posts in capitals",
        PERSONA: {"shouts": 0.6667, "seed": 7},
        AUTHOR: {"shouts": 0.5, "seed": 7},
    }
    assert Report.from_json(found.to_json()) == Report.from_json({**found.to_json(), "notes": None})
    assert any("In capitals" in line and "67%" in line and "50%" in line for line in lines(found))
    text = page(found)
    for words in ("<h2>Shouting</h2>", "In capitals", "<td>67%</td>", "share of posts in capitals"):
        assert words in text


def test_a_metric_of_a_later_version_is_shown_by_its_name() -> None:
    found = Report.from_json({**report(), "rhyme_scheme": {PERSONA: 0.25, AUTHOR: 0.5}})
    assert any("Rhyme scheme" in line for line in lines(found))
    assert "<h2>Rhyme scheme</h2>" in page(found)


@pytest.mark.parametrize(
    ("form", "wide", "narrow"),
    [
        (Format.SHARE, "41% (3.6–46)", "41%"),
        (Format.DECIMAL, "0.41 (0.04–0.46)", "0.41"),
        (Format.BITS, "0.412 (0.036–0.462)", "0.412"),
        (Format.COUNT, "0 (0–0)", "0"),
    ],
)
def test_a_number_is_written_in_one_way(form: Format, wide: str, narrow: str) -> None:
    assert shown(Estimate(0.412, 0.036, 0.462), form) == wide
    assert shown(Estimate(0.412, 0.036, 0.462), form, interval=False) == narrow
    assert shown(Estimate(0.412, 0.412, 0.412), form) == narrow
    assert shown(None, form) == "–"


def test_the_old_form_of_a_measure_is_read() -> None:
    old: Mapping[str, Any] = {"samples": 100, "exact": 0.01, "held_out_exact": 0.0}
    measure = Report.from_json({"copying": old}).measure("copying")
    assert measure.counts == {"samples": 100}
    assert measure.get("exact") == Estimate(0.01, 0.01, 0.01)
    with pytest.raises(KeyError):
        measure.estimate(PERSONA, "run")


def test_ten_rows_in_plain_words_come_first() -> None:
    given = Report.from_json(report())
    for width in (80, 120):
        shown_lines = lines(given, width, everything=False)
        assert max(map(len, shown_lines)) <= width
        titles = [line.split("  ")[0].strip() for line in shown_lines[1:]]
        assert len(titles) == 10
        assert {"told from the author's posts", "copies eight words", "words that do not exist"} < {
            *titles
        }
    assert not any(word in " ".join(titles) for word in ("AUC", "BLEU", "bits"))
    assert "58%" in shown_lines[1]
    assert "(53–63)" not in shown_lines[1]  # intervals are statistics
    assert any("(53–63)" in line for line in lines(given))
    assert len(lines(given)) > 20


def test_a_number_that_could_not_be_measured_is_a_dash() -> None:
    told = report(non_words={"what": "There is no list."})
    [row] = [line for line in lines(Report.from_json(told), everything=False) if "exist" in line]
    assert row.split()[-4:] == ["–"] * 4
    assert "There is no list." in notes(Report.from_json(told))
    assert not [line for line in lines(Report.from_json(report(non_words=None))) if "exist" in line]


def test_columns_beside_two_personas_are_named() -> None:
    given = Report.from_json(report())
    said = list(closing_lines("ada", given, "other"))
    assert said[0] == "The author, the base model and the Markov chain are those of ada."
    assert "those of" not in " ".join(closing_lines("ada", given))
    assert said[-1] == "Every number: popinjay report ada --all"
    assert "--all" not in " ".join(closing_lines("ada", given, everything=True))
