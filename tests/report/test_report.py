"""Tests of the report: numbers beside their controls, reproducible, with a verdict that follows."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import popinjay
from invented_author import Author
from popinjay.cli.main import main
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.metrics.measure import BASE, MARKOV, PERSONA, Compared
from popinjay.metrics.suite import compare
from popinjay.post import read_json, read_rows
from popinjay.report.schema import Report
from popinjay.report.verdict import notes, plain_verdict, short_verdict
from popinjay.store.run import REPORTS, Run

OPTIONS: dict[str, Any] = {"epochs": 0.5, "batch_tokens": 512, "samples": 30, "whose": "fictional"}
SOURCES = ("persona", "author", "base", "markov")


@pytest.fixture(scope="module")
def made(ada: Path, tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return popinjay.make(
        ada, home=tmp_path_factory.mktemp("made"), base=str(tiny_gpt2), **OPTIONS
    ).path


# contents


def test_every_number_has_its_controls(made: Path) -> None:
    report = read_json(made / "report.json")
    held_out = len(list(read_rows(made / "held_out.jsonl")))
    assert report["posts"] == {
        "train": 171,
        "held_out": held_out,
        "bytes": report["bits_per_byte"]["bytes"],
        "samples": 30,
    }
    for measure in ("told_apart", "taken_for"):
        assert all(
            report[measure][source]["low"]
            <= report[measure][source]["value"]
            <= report[measure][source]["high"]
            for source in SOURCES
        )
    for measure, keys in (
        ("copying", {"exact", "run", "near", "longest"}),
        ("names", {"handles", "of_base"}),
        ("habits", {"length", "punctuation", "capitals", "emoji", "hashtags", "mentions"}),
    ):
        assert all(set(report[measure][source]) == keys for source in SOURCES)
    assert all(0 <= report["variety"][source]["distinct_2"] <= 1 for source in SOURCES)
    assert report["told_apart"]["earlier"]["value"] > 0
    assert report["privacy"]["let_out"] == 0
    assert report["training"] == {
        key: report["training"][key] for key in ("why", "best_step", "steps")
    }
    assert report["verdict"] == plain_verdict(Report.from_json(report))
    assert report["notes"][1:] == list(notes(Report.from_json(report)))
    assert "It has read only" in report["notes"][0]  # half an epoch
    assert json.dumps(Report.from_json(report).to_json()) == json.dumps(report)  # their order too


def test_the_report_is_reproducible(made: Path, ada: Path, tiny_gpt2: Path, own_home: Path) -> None:
    again = popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS).path
    for name in ("report.json", "samples.jsonl", "report.html"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_a_missing_base_is_reported(run: Run, ada: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_gpt2, tmp_path / "base"))
    popinjay.make(ada, base=str(base), **OPTIONS)
    shutil.rmtree(base)
    events: list[Event] = []
    from popinjay.pipeline import measure

    report = measure(run, 20, events.append)
    assert report.bits_per_byte.base is None
    assert all(BASE not in measure.sources for measure in report.measures.values())
    assert any("could not be measured" in note for note in report.notes)
    assert report.to_json() == read_json(run.file("report.json"))
    assert any(
        event.what is EventKind.WARNING and "base model" in event.message for event in events
    )
    assert "not measured" in run.file("README.md").read_text(encoding="utf-8")
    assert run.file("report.html").exists()


# on known texts


def compared(
    training: list[str], author: list[str], written: list[str], seed: int = 0
) -> dict[str, Any]:
    given = Compared(training, author, {PERSONA: written, MARKOV: written[:50]})
    return Report(measures=compare(given, seed, lambda what: None)).to_json()


def test_a_copying_persona_is_detected_by_its_copies_alone() -> None:
    posts = Author("ada").posts(600)
    found = compared(posts[:400], posts[400:], posts[:200])
    assert found["copying"]["persona"]["exact"]["value"] == 1
    assert found["copying"]["persona"]["longest"]["value"] == 1
    assert found["copying"]["author"]["exact"]["high"] < 0.05
    # This does not change the verdict.
    assert found["told_apart"]["persona"]["low"] <= 0.5 <= found["told_apart"]["persona"]["high"]
    said = plain_verdict(Report.from_json(found))
    assert said.startswith("It copies more than the author does: more than 99 in 100 of its posts")
    assert "can't tell it from the author, but copies" in said


def test_shuffled_words_are_distinguished() -> None:
    posts = Author("babbage").posts(400)
    chance = random.Random(1)
    shuffled = [" ".join(chance.sample(post.split(), len(post.split()))) for post in posts[:200]]
    found = compared(posts[:200], posts[200:], shuffled)
    assert found["told_apart"]["persona"]["low"] > 0.6
    assert "tell it from the author: it was right" in plain_verdict(Report.from_json(found))


def test_other_seeds_stay_inside_the_intervals() -> None:
    posts = Author("ada").posts(300)
    other = Author("bob").posts(100)
    written = [*posts[:50], *other[:50]]
    one, two = (compared(posts[100:200], posts[200:], written, seed) for seed in (1, 2))
    for measure in ("told_apart", "taken_for", "habits", "copying"):
        for first, second in zip(estimates(one[measure]), estimates(two[measure]), strict=True):
            assert first["low"] <= second["value"] <= first["high"], (measure, first, second)


def estimates(found: Any) -> list[Mapping[str, float]]:
    if not isinstance(found, Mapping):
        return []
    return (
        [found] if "low" in found else [one for value in found.values() for one in estimates(value)]
    )


def test_few_posts_give_wide_intervals_and_a_remark() -> None:
    posts = Author("ada").posts(420)
    few = compared(posts[:180], posts[180:200], posts[200:220])
    many = compared(posts[:180], posts[180:300], posts[300:420])
    width = {
        name: found["told_apart"]["persona"]["high"] - found["told_apart"]["persona"]["low"]
        for name, found in (("few", few), ("many", many))
    }
    assert width["few"] > 0.25 > width["many"]
    said = notes(Report.from_json({**few, "posts": {"held_out": 20}}))
    assert any("Only 20 of the author's posts" in note for note in said)
    assert not any(
        "held out" in note for note in notes(Report.from_json({**many, "posts": {"held_out": 120}}))
    )


# verdict and notes


def numbers(
    persona: float, author: float = 0.5, earlier: float = 0.55, run: float = 0.0, own: float = 0.01
) -> dict[str, Any]:
    def near(value: float, by: float) -> dict[str, float]:
        return {"value": value, "low": max(0, value - by), "high": min(1, value + by)}

    told = {
        "persona": near(persona, 0.04),
        "author": near(author, 0.04),
        "earlier": near(earlier, 0.04),
    }
    return {
        "told_apart": told,
        "copying": {"persona": {"run": near(run, 0.005)}, "author": {"run": near(own, 0.005)}},
    }


@pytest.mark.parametrize(
    ("given", "said", "short"),
    [
        (
            {"persona": 0.33},
            "By style alone, a program can't tell it from Ada: it did no better than guessing.",
            "Style like the author's",
        ),
        (
            {"persona": 0.58},
            "can't tell it from Ada: it was right 58 times in 100; guessing is right 50 times.",
            "Style like the author's",
        ),
        (
            {"persona": 0.597},
            "a program can only seldom tell it from Ada: ",
            "Seldom told by style",
        ),
        (
            {"persona": 0.597, "earlier": 0.57},
            "can't tell it from Ada: ",
            "Style like the author's",
        ),
        ({"persona": 0.7}, "a program can sometimes tell it", "Sometimes told by style"),
        ({"persona": 0.8}, "a program can usually tell it", "Usually told by style"),
        (
            {"persona": 0.8},
            "it was right 80 times in 100; guessing is right 50 times.",
            "Usually told by style",
        ),
        ({"persona": 0.95}, "a program can nearly always tell it", "Nearly always told by style"),
        (
            {"persona": 0.9999},
            "it was right more than 99 times in 100",
            "Nearly always told by style",
        ),
        (
            {"persona": 0.97, "earlier": 0.96},
            "can't tell it from Ada any better than Ada's own posts from one another: it was right "
            "97 times in 100, and 96 when it had to tell Ada's set-aside posts from the others.",
            "Style like the author's",
        ),
        (
            {"persona": 0.97, "earlier": 0.8},
            "it was right 97 times in 100, and 80 when it had to tell Ada's set-aside posts",
            "Nearly always told by style",
        ),
        (
            {"persona": 0.66, "author": 0.65},
            "any better than Ada's own posts from one another: it was right 66 times in 100, and "
            "65 when it had to tell two halves of Ada's posts apart.",
            "Style like the author's",
        ),
        ({"persona": 0.7}, "None of its posts repeats eight words", "Sometimes told by style"),
        (
            {"persona": 0.7, "run": 0.004, "own": 0.1},
            "It repeats older posts less than Ada does.",
            "Sometimes told by style",
        ),
        (
            {"persona": 0.7, "run": 0.015},
            "It repeats older posts about as much as Ada does.",
            "Sometimes told by style",
        ),
        (
            {"persona": 0.7, "run": 0.15},
            "It copies more than Ada does: 15 in 100 of its posts repeat eight words in a row of "
            "one that it learnt, and 1 in 100 of Ada's own new ones.",
            "Sometimes told by style",
        ),
    ],
)
def test_the_verdict_follows_the_numbers(given: dict[str, float], said: str, short: str) -> None:
    report = Report.from_json({**numbers(**given), "authors": ["Ada ✨"]})
    assert said in plain_verdict(report)
    assert short_verdict(report) == short


def test_a_copy_machine_is_called_so_before_its_style() -> None:
    report = Report.from_json(numbers(0.5, run=0.9, own=0.0))
    assert plain_verdict(report) == (
        "It copies more than the author does: 90 in 100 of its posts repeat eight words in a row "
        "of one that it learnt, and none of the author's own new ones. By style alone, a program "
        "can't tell it from the author, but copies have their author's style."
    )
    assert short_verdict(report) == "Copies much of its source"


@pytest.mark.parametrize(
    ("persona", "author", "said", "short"),
    [
        (
            0.088,
            0.001,
            "Words that do not exist: 9 in 100 of its words; Ada: fewer than 1 in 100.",
            "Right style, invented words",
        ),
        (
            0.02,
            0.0,
            "Words that do not exist: 2 in 100 of its words; Ada: none.",
            "Style like the author's",
        ),
        (0.006, 0.004, "It makes up no more words than Ada.", "Style like the author's"),
    ],
)
def test_invented_words_are_said_beside_the_style(
    persona: float, author: float, said: str, short: str
) -> None:
    words = {"persona": persona, "author": author}
    report = Report.from_json({**numbers(0.55), "authors": ["Ada"], "non_words": words})
    assert plain_verdict(report).endswith(said)
    assert short_verdict(report) == short


def test_authors_are_named_by_their_display_names() -> None:
    def said(names: list[str], **rest: Any) -> str:
        given = numbers(0.7, run=0.01, own=0.01)
        return plain_verdict(Report.from_json({**given, "authors": names, **rest}))

    assert "tell it from Nell Marrow: " in said(["Nell Marrow 🍞"])
    assert "about as much as Nell and Brix do." in said(["Nell", "⚡️Brix⚡️"])
    assert "tell it from Ada, Bob and Cleo: " in said(["Ada", "Bob", "Cleo"])
    assert "about as much as the 4 authors do." in said(["Ada", "Bob", "Cleo", "Dan"])
    assert "tell it from 🍞: " in said(["🍞"])  # a name of nothing else stays as it is
    old = {"bits_per_byte": {"persona": {"all": 1.0, "ada": 1.0, "bob": 1.0}}}
    assert "about as much as the authors do." in said([], **old)
    assert "tell it from the author: " in said([])


@pytest.mark.parametrize(
    ("posts", "said"),
    [
        (
            {"held_out": 1, "samples": 1000},
            "Too few posts to judge: only 1 of the author's was held out to compare with, and it "
            "takes 20.",
        ),
        ({"held_out": 19, "samples": 1000}, "only 19 of the author's were held out"),
        (
            {"held_out": 200, "samples": 10},
            "only 10 were written to be measured, and it takes 20. --samples 1000 gives a verdict.",
        ),
    ],
)
def test_too_few_posts_are_no_evidence(posts: dict[str, int], said: str) -> None:
    """With one post on each side, any persona looks like its author."""
    found = {**numbers(0.5), "posts": posts}
    assert said in plain_verdict(Report.from_json(found))
    assert "By style" not in plain_verdict(Report.from_json(found))
    assert short_verdict(Report.from_json(found)) == "Too few posts to judge"
    rest = {"taken_for": {"same_language": 17, "others": 46}, "privacy": {"in_training": 0}}
    assert not any(
        "held out" in note or "chance" in note
        for note in notes(Report.from_json({**numbers(0.59), **rest, "posts": posts}))
        if posts["held_out"] < 20
    )
    enough = Report.from_json({**found, "posts": {"held_out": 20, "samples": 20}})
    assert plain_verdict(enough).startswith("By style alone, a program can't tell it")


def test_what_was_not_measured_is_not_judged() -> None:
    assert plain_verdict(Report()) == "It has not been measured yet."
    assert short_verdict(Report()) == ""
    copying = {"copying": numbers(0.5)["copying"]}
    assert "style" not in plain_verdict(Report.from_json(copying))


def told_within(value: float, low: float, **rest: Any) -> Report:
    """Return a report in which the persona's AUC has this lower end."""
    found = numbers(value, **rest)
    found["told_apart"]["persona"]["low"] = low
    others = {"taken_for": {"same_language": 17, "others": 46}, "privacy": {"in_training": 0}}
    return Report.from_json({**found, **others, "authors": ["Ada"]})


def test_a_difference_that_may_be_chance_is_never_called_certain() -> None:
    """One sentence says so: a note that it may be chance would contradict "nearly always"."""
    perhaps = told_within(0.93, 0.74, earlier=0.75)
    assert plain_verdict(perhaps).startswith(
        "By style alone, a program can perhaps tell it from Ada: it was right 93 times in 100, and "
        "75 when it had to tell Ada's set-aside posts from the others; the difference may be "
        "chance, and more held-out posts would tell."
    )
    assert short_verdict(perhaps) == "Perhaps told by style"
    certain = told_within(0.93, 0.76, earlier=0.75)
    assert "can nearly always tell it" in plain_verdict(certain)
    assert "chance" not in plain_verdict(certain)
    alike = told_within(0.56, 0.5)  # no more often than it should
    assert "chance" not in plain_verdict(alike)
    assert not any("chance" in note for one in (perhaps, certain, alike) for note in notes(one))


def test_a_copy_machine_whose_style_may_differ_by_chance() -> None:
    report = told_within(0.8, 0.5, run=0.9, own=0.0)
    assert "By style alone, a program can perhaps tell it from Ada." in plain_verdict(report)


# the command


def test_the_table_and_the_page(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    before = run.file("report.json").stat().st_mtime_ns
    assert main(["report", "ada_l"]) == 0
    first = capsys.readouterr().out
    assert "copies eight words" in first
    assert "self-BLEU" not in first
    assert main(["report", "ada_l", "--all"]) == 0
    said = capsys.readouterr().out
    report = read_json(run.file("report.json"))
    assert said.startswith(report["verdict"][:40])
    for label in (
        "Bits per byte",
        "Told apart",
        "Taken for the author",
        "Repeats eight words",
        "A handle the author never used",
        "self-BLEU",
        "Punctuation",
        str(run.file("report.html")),
    ):
        assert label in said
    assert f"{report['bits_per_byte']['persona']['all']:.3f}" in said
    assert run.file("report.json").stat().st_mtime_ns == before  # nothing was measured again


def test_json_and_another_number_of_posts(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "ada_l", "--samples", "20", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == read_json(run.file("report.json"))
    assert told["report"]["posts"]["samples"] == 20
    assert told["against"] is None
    assert Path(told["page"]) == run.file("report.html")
    assert main(["report", "ada_l", "--json"]) == 0
    # As it was measured last.
    assert json.loads(capsys.readouterr().out)["report"]["posts"]["samples"] == 20


def test_two_trainings_and_two_personas(
    run: Run, ada: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "ada_l", "--against", "previous"]) == 2
    assert "no report from before" in capsys.readouterr().err
    before = read_json(run.file("report.json"))
    popinjay.make(ada, base=str(tiny_gpt2), **{**OPTIONS, "epochs": 1.0})
    popinjay.make(ada, name="other", base=str(tiny_gpt2), **{**OPTIONS, "seed": 5})
    for other, name in (("previous", "ada_l before"), ("other", "other")):
        assert main(["report", "ada_l", "--against", other, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["against"]["name"] == name
        assert name in Path(told["page"]).read_text(encoding="utf-8")
        assert (told["against"]["report"] == before) == (other == "previous")
    assert main(["report", "ada_l", "--against", "other"]) == 0
    assert "other: " in capsys.readouterr().out
    assert main(["report", "ada_l", "--against", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_a_page_to_share_holds_no_post_of_the_authors(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    real = [row["text"] for row in read_rows(run.file("held_out.jsonl"))]
    assert any(text in run.file("report.html").read_text(encoding="utf-8") for text in real)
    assert main(["report", "ada_l", "--to-share"]) == 0
    assert "report-to-share.html" in capsys.readouterr().out.replace("\n", "")
    shared = run.file("report-to-share.html").read_text(encoding="utf-8")
    assert not any(text in shared for text in real)


def test_a_persona_without_a_model_gets_a_hint(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_home / "half").mkdir()
    (own_home / "half" / "run.toml").write_text("")
    assert main(["report", "half"]) == 2
    assert "has not learnt to speak yet" in capsys.readouterr().err
    assert main(["report", "nobody"]) == 2


def test_forgetting_removes_the_reports(run: Run) -> None:
    for name in REPORTS:
        run.file(name).write_text("@ada_l")
    forget(run, ids=[next(read_rows(run.file("posts.jsonl")))["id"]])
    assert not any(run.file(name).exists() for name in (*REPORTS, "report.html", "report.json"))
