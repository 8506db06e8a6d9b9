"""Tests of `import popinjay` as scripts and notebooks use it."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import runpy
import subprocess
import sys
import time
import traceback
import typing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay import keywords, notebook
from popinjay.errors import OptionError, PersonaError, SpecError
from popinjay.events import Event, EventKind
from popinjay.flags import with_keywords
from popinjay.options import MakeOptions, SayOptions, declared
from popinjay.post import Post
from popinjay.store.kept import keep
from pseudo_terminal import Terminal

OPTIONS: dict[str, Any] = {"epochs": 0.1, "batch_tokens": 512, "samples": 10, "whose": "fictional"}
ROOT = Path(__file__).parents[1]


def lines(count: int = 200) -> list[str]:
    return [
        f"Number {n} counts {n * 37} engines and {n * 13} gulls near the old river"
        for n in range(1, count + 1)
    ]


@pytest.fixture(scope="module")
def made(tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> popinjay.Persona:
    """Return a persona of posts in memory, made once."""
    home = tmp_path_factory.mktemp("made")
    return popinjay.make(lines(), name="ada", home=home, base=str(tiny_gpt2), **OPTIONS)


# the module


def test_tab_completion_knows_what_is_there() -> None:
    assert {"make", "load", "inspect", "personas", "Persona", "PopinjayError"} <= set(dir(popinjay))
    assert all(getattr(popinjay, name) for name in dir(popinjay))
    with pytest.raises(AttributeError):
        popinjay.nosuch  # noqa: B018


def test_import_is_quick_and_loads_next_to_nothing() -> None:
    program = (
        "import sys, popinjay; print(sum(name.startswith('popinjay') for name in sys.modules))"
    )
    started = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert time.perf_counter() - started < 10  # a bare interpreter on a busy machine
    assert found.stdout.strip() == "1", found.stderr


def test_the_keywords_are_those_of_the_options() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["keywords"]()
    assert Path(keywords.__file__).read_text(encoding="utf-8") == made, "run: make docs"
    hints = typing.get_type_hints(keywords.MakeKeywords)
    assert set(hints) == {field.name for field, _ in declared(*MakeOptions.PARTS.values())}
    assert hints["budget"] == str | None
    assert typing.get_args(hints["device"]) == ("auto", "cpu", "cuda", "mps")


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (popinjay.make, tuple(MakeOptions.PARTS.values())),
        (popinjay.Persona.say, (SayOptions,)),
        (popinjay.Persona.stream, (SayOptions,)),
    ],
)
def test_help_lists_every_option(function: Any, kinds: tuple[type, ...]) -> None:
    shown = pydoc.plain(pydoc.render_doc(function))
    for field, _ in declared(*kinds):
        assert f"  {field.name}: " in shown
    assert "Options:" in shown


def test_errors_name_the_keyword_and_show_the_hint() -> None:
    with pytest.raises(OptionError, match=r"^top_p can't be 2\.") as refused:
        SayOptions(top_p=2)
    shown = "".join(traceback.format_exception(refused.value))
    assert "It takes a number, from 0.01 to 1." in shown
    with pytest.raises(OptionError, match="seed takes a whole number, not '3'"):
        popinjay.make("nosuch.zip", seed="3")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="budget can't be 'soon'"):
        popinjay.make("nosuch.zip", budget="soon")
    with pytest.raises(OptionError, match="There is no option 'bugdet'") as refused:
        popinjay.make("nosuch.zip", bugdet="5m")  # type: ignore[call-arg]
    assert refused.value.hint == "Did you mean 'budget'?"
    with pytest.raises(OptionError, match="text_column takes a text, not a list"):
        popinjay.make("nosuch.zip", text_column=lines())  # type: ignore[arg-type]


def test_the_command_line_shows_the_same_errors_with_flags(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from popinjay.cli.main import main

    assert main(["make", "x", "--tune", "full", "--keep", "adapter"]) == 2
    said = capsys.readouterr().err
    assert "--keep adapter needs an adapter, and --tune full trains none." in said
    assert "Add --tune lora." in said


# making


def test_posts_in_memory_become_a_persona(made: popinjay.Persona) -> None:
    assert made.name == "ada"
    assert [post.text for post in made.posts()] == lines()
    assert {post.author for post in made.posts()} == {"ada"}
    assert made.run.record.asked.specs == ("memory",)
    assert "memory" in (made.path / "run.toml").read_text(encoding="utf-8")


def test_the_same_posts_are_not_learnt_again(made: popinjay.Persona, tiny_gpt2: Path) -> None:
    events: list[Event] = []
    again = popinjay.make(
        iter(lines()), name="ada", home=made.path.parent, base=str(tiny_gpt2),
        listener=events.append, **OPTIONS,
    )  # fmt: skip
    assert isinstance(again, popinjay.Persona)
    assert not any("--" in event.message for event in events)
    fresh = [event.stage for event in events if event.what is EventKind.FRESH]
    assert {"collect", "clean", "dataset", "train"} <= set(fresh)


def test_other_posts_do_not_replace_it_unasked(made: popinjay.Persona, tiny_gpt2: Path) -> None:
    others = [f"Quite another post {n}, of lamps and of {n * 7} moths" for n in range(200)]
    with pytest.raises(PersonaError, match="There is a persona 'ada' already"):
        popinjay.make(others, name="ada", home=made.path.parent, base=str(tiny_gpt2), **OPTIONS)


def test_without_its_posts_it_says_what_to_give(made: popinjay.Persona) -> None:
    with pytest.raises(PersonaError, match="'ada' was made of posts in memory") as refused:
        popinjay.make(name="ada", home=made.path.parent)
    assert refused.value.hint == "Give them again: popinjay.make(posts, name='ada')"
    with pytest.raises(SpecError, match="Nothing to read"):
        popinjay.make(name="nobody", home=made.path.parent)


def test_posts_in_memory_need_a_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not say whose posts these are") as refused:
        popinjay.make(lines(), home=tmp_path)
    assert refused.value.hint == "Give the persona a name: name=..."
    assert refused.value.__notes__ == [refused.value.hint]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Add --tune lora.", "Add tune='lora'."),
        ("Fetch it with --yes, or --base builtin.", "Fetch it with yes=True, or base='builtin'."),
        (
            "another --name, or add --replace to delete",
            "another name=, or add replace=True to delete",
        ),
        ("Allow more with --budget 5m", "Allow more with budget='5m'"),
        ("Name it with --text-column.", "Name it with text_column=."),
        ("Raise --epochs 3, or --no-deps", "Raise epochs=3, or --no-deps"),
        ("Then: popinjay bases get a --accept b", "Then: popinjay bases get a --accept b"),
    ],
)
def test_flags_become_keywords_in_messages(text: str, shown: str) -> None:
    kinds = {field.name: kind for field, kind in declared(*MakeOptions.PARTS.values())}
    assert with_keywords(text, {**kinds, "name": str}) == shown


def test_inspect_takes_what_make_takes() -> None:
    (found,) = popinjay.inspect([*lines(), *lines(5)])
    assert found.source == "list in memory"
    assert found.to_json()["used"] == 200
    (found,) = popinjay.inspect({"id": list(range(200)), "body": lines()}, text_column="body")
    assert found.to_json()["used"] == 200


# what a persona offers


def test_posts_of_a_persona_make_another(made: popinjay.Persona) -> None:
    (found,) = popinjay.inspect(made.posts())
    assert found.author.handle == "ada"
    assert isinstance(made.posts()[0], Post)


def test_samples_report_and_kept(made: popinjay.Persona) -> None:
    with (made.path / "samples.jsonl").open(encoding="utf-8") as file:
        assert made.samples() == [json.loads(line)["text"] for line in file]
    assert made.report["posts"]["samples"] == len(made.samples())
    assert made.kept() == []
    keep(made.run, {"text": "A parrot.", "prompt": "A", "seed": 3})
    with (made.path / "kept.jsonl").open("a", encoding="utf-8") as file:
        file.write("not a line of JSON\n")
    (row,) = made.kept()
    assert datetime.fromisoformat(row.pop("time")).utcoffset() == timedelta()
    assert row == {"text": "A parrot.", "prompt": "A", "seed": 3}


def test_say_and_stream_take_the_same_keywords(made: popinjay.Persona) -> None:
    said = made.say("Number", n=3, seed=1, max_tokens=20, allow_copies=True)
    stream = made.stream("Number", n=3, seed=1, max_tokens=20, allow_copies=True)
    assert [post.text for post in stream] == said
    options = SayOptions(n=3, seed=1, max_tokens=20, allow_copies=True)
    assert [post.text for post in made.stream("Number", options)] == said
    with pytest.raises(OptionError, match="given twice"):
        made.stream("Number", options, n=3)
    with pytest.raises(OptionError, match="There is no option 'temprature'"):
        made.say(temprature=1)  # type: ignore[call-arg]


def test_frames(made: popinjay.Persona) -> None:
    pandas = pytest.importorskip("pandas")
    frame = made.to_pandas()
    assert list(frame["text"]) == lines()
    assert len(made.to_pandas("samples")) == len(made.samples())
    report = made.to_pandas("report")
    assert {"metric", "number", "persona", "author", "base"} <= set(report.columns)
    assert len(report) > 5
    dated = [
        {"text": text, "created_at": f"2021-03-{n % 28 + 1:02}"} for n, text in enumerate(lines())
    ]
    assert popinjay.inspect(pandas.DataFrame(dated))[0].to_json()["first"].startswith("2021-03-01")
    with pytest.raises(OptionError, match="There are no rows 'words'"):
        made.to_pandas("words")  # type: ignore[arg-type]


def test_without_pandas_a_frame_is_refused(
    made: popinjay.Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(OptionError, match="needs pandas") as refused:
        made.to_pandas()
    assert refused.value.hint == "pip install pandas"


def test_personas_are_listed_renamed_and_removed(made: popinjay.Persona, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(made.path, tmp_path / "ada")
    (listed,) = popinjay.personas(home=str(tmp_path))
    assert (listed.name, listed.state, listed.posts) == ("ada", "ready", 200)
    bird = popinjay.load("ada", home=tmp_path)
    before = bird.say("Number", n=2, seed=1, allow_copies=True)
    bird.rename("bird")
    assert (bird.name, bird.path) == ("bird", tmp_path / "bird")
    assert popinjay.load(tmp_path / "bird").say("Number", n=2, seed=1, allow_copies=True) == before
    assert bird.say("Number", n=2, seed=1, allow_copies=True) == before
    bird.remove()
    assert popinjay.personas(tmp_path) == []
    with pytest.raises(PersonaError, match="There is no persona 'bird'"):
        popinjay.load("bird", tmp_path)


def test_a_persona_without_posts_or_a_report_says_so(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "run.toml").touch()
    ada = popinjay.load("ada", home=tmp_path)
    for look in (ada.posts, ada.samples, ada.to_pandas, lambda: ada.report, ada.say):
        with pytest.raises(PersonaError, match="'ada' has n") as refused:
            look()
        assert refused.value.hint


# progress


def test_no_progress_without_a_terminal(
    made: popinjay.Persona, tiny_gpt2: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {"name": "ada", "home": made.path.parent, "base": str(tiny_gpt2)}
    popinjay.make(lines(), **given, **OPTIONS)
    assert capfd.readouterr() == ("", "")
    popinjay.make(lines(), **given, progress=True, **OPTIONS)
    assert "collect" in capfd.readouterr().err


def test_a_terminal_shows_progress_unless_told_not_to(tmp_path: Path, own_home: Path) -> None:
    program = (
        "import popinjay, sys\n"
        "try:\n"
        "    popinjay.make([f'Post number {n} of the river' for n in range(50)], name='ada',"
        " base='/nosuch', progress=None if sys.argv[1:] else False)\n"
        "except popinjay.PopinjayError as error:\n"
        "    print('refused')\n"
    )
    for arguments, shown in ((["yes"], True), ([], False)):
        with Terminal(["-c", program, *arguments], os.environ) as terminal:
            assert terminal.end() == 0
            said = terminal.raw.strip()
        assert said.endswith("refused")
        assert (said != "refused") is shown, said


class Handle:
    """What IPython's `display` returns."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def update(self, shown: Any) -> None:
        self.shown.append((repr(shown), shown._repr_html_()))


def test_a_notebook_shows_one_output_that_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    handle = Handle()
    monkeypatch.setattr(display, "display", lambda shown, display_id: handle)
    with notebook.Progress() as listen:
        listen(Event("train", EventKind.START, "learning <the> voice"))
        listen(Event("train", EventKind.PROGRESS, "", 5, 20, "steps", numbers={"seconds_left": 40}))
        listen(Event("train", EventKind.SAMPLE, "A <b>parrot</b>."))
        listen(Event("train", EventKind.METRICS, "", 5))
        text, html = handle.shown[-1]
        assert "train" in text
        assert "25%" in text
        assert "40 s left" in text
        assert '<progress value="0.250">' in html
        assert "&lt;the&gt;" in html
        assert "A &lt;b&gt;parrot&lt;/b&gt;." in html
        listen(Event("train", EventKind.DONE, "20 steps"))
    text, html = handle.shown[-1]
    assert text == "✔ train     20 steps"
    assert "<progress" not in html


def test_the_signature_shows_the_keywords() -> None:
    assert "**keywords: 'Unpack[MakeKeywords]'" in str(inspect.signature(popinjay.make))
    assert "Unpack[SayKeywords]" in str(inspect.signature(popinjay.Persona.say))
