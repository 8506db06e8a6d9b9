"""Tests of the interactive session of `popinjay say NAME`, and of what scripts get instead."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import popinjay
from personas import json_lines
from popinjay.cli.main import main
from popinjay.cli.repl import Batch
from popinjay.cli.repl_keys import KEYS, Action, parse
from popinjay.errors import PersonaBusy, PersonaError, StorageError
from popinjay.options import SayOptions
from popinjay.store.kept import keep
from popinjay.store.run import Run

if TYPE_CHECKING:
    from pseudo_terminal import Terminal

SHORT = ["--max-tokens", "12"]
SLOW = """
import sys, time
from popinjay import persona
from popinjay.cli.main import main
real = persona.Persona.stream
def stream(self, prompt, options):
    for count, said in enumerate(real(self, prompt, options)):
        time.sleep(600 if count == 3 else 0)
        yield said
persona.Persona.stream = stream
sys.exit(main())
"""


@pytest.fixture(scope="module")
def persona(ada: Path, tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a persona, made once."""
    made = popinjay.make(
        ada,
        home=tmp_path_factory.mktemp("made"),
        base=str(tiny_gpt2),
        whose="fictional",
        epochs=0.1,
        batch_tokens=512,
        samples=10,
        track="none",
    )
    return made.path


@pytest.fixture
def kept(persona: Path) -> Path:
    """Return the path of its file of kept posts, which does not exist yet."""
    file = persona / "kept.jsonl"
    file.unlink(missing_ok=True)
    return file


def environment(**more: str) -> dict[str, str]:
    """Return an environment for processes without anything of the terminal of the tests."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TMUX", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "INPUTRC")
    }
    return {
        **ours,
        "PYTHONPATH": str(Path(popinjay.__file__).parents[1]),
        "TERM": "xterm-256color",
        "PYTHONUTF8": "1",
        **more,
    }


def terminal(arguments: Sequence[str], *, columns: int = 80, **more: str) -> Terminal:
    pytest.importorskip("pty", reason="needs a pseudo-terminal")
    from pseudo_terminal import Terminal

    return Terminal(arguments, environment(**more), columns=columns)


def say(persona: Path, *arguments: str) -> list[str]:
    return ["-m", "popinjay.cli.main", "say", str(persona), *arguments]


def said(persona: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["say", str(persona), *SHORT, *arguments]) == 0
    return capsys.readouterr()


# the session


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("", (Action.SAMPLE, "")),
        ("   ", (Action.SAMPLE, "")),
        ("My dream is ", (Action.SAMPLE, "My dream is ")),
        (" r", (Action.SAMPLE, "r")),
        (" 3", (Action.SAMPLE, "3")),
        ("\t?", (Action.SAMPLE, "?")),
        ("red", (Action.SAMPLE, "red")),
        ("1984", (Action.SAMPLE, "1984")),
        ("s 3 times", (Action.SAMPLE, "s 3 times")),
        ("+-", (Action.SAMPLE, "+-")),
        ("r", (Action.REPEAT, "")),
        ("++", (Action.TEMPERATURE, "++")),
        ("-", (Action.TEMPERATURE, "-")),
        ("10", (Action.COPY, "10")),
        ("3 ", (Action.COPY, "3")),
        ("s", (Action.SAVE, "")),
        ("s 3", (Action.SAVE, "3")),
        ("s3", (Action.SAVE, "3")),
        ("?", (Action.HELP, "")),
        ("help", (Action.HELP, "")),
        ("help me", (Action.SAMPLE, "help me")),
        ("u", (Action.BACK, "")),
        ("q", (Action.QUIT, "")),
        ("quit", (Action.QUIT_WORD, "quit")),
        ("exit()", (Action.QUIT_WORD, "exit()")),
        (":q", (Action.QUIT_WORD, ":q")),
        (" quit", (Action.SAMPLE, "quit")),
        ("exit here", (Action.SAMPLE, "exit here")),
        ("emoji=0.5", (Action.DIAL, "emoji=0.5")),
        ("length = 2 ", (Action.DIAL, "length = 2")),
        ("emoji=", (Action.DIAL, "emoji=")),
        ("=", (Action.DIAL, "=")),
        (" =", (Action.SAMPLE, "=")),
        ("emoji=yes", (Action.SAMPLE, "emoji=yes")),
        ("x=1", (Action.SAMPLE, "x=1")),
    ],
)
def test_a_line_is_a_key_or_a_beginning(line: str, asked: tuple[Action, str]) -> None:
    assert parse(line) == asked


def test_a_dial_is_turned_and_kept_with_the_post(persona: Path, kept: Path) -> None:
    with terminal(say(persona, *SHORT)) as person:
        person.until(r"ada_l 1\.0> ")
        person.type("length=0,5\n")
        person.until(r"length=0\.5: r writes ten others\n")
        person.type("hashtags=0\n")
        person.until(r"length=0\.5 hashtags=0: r writes ten others\n")
        person.type("emoji=7\n")
        person.until(r"emoji can't be 7\.0")
        person.type("the lamp\n")
        person.until(r"(?s)\n10  the lamp.*ada_l 1\.0> ")
        person.type("s 4\n")
        person.until("saved 4: .*\n")
        person.type("length=\n")
        person.until(r"hashtags=0: r writes ten others\n")
        person.type("=\n")
        person.until(r"all dials as it comes: r writes ten others\n")
        person.type("q\n")
        assert person.end() == 0
    (row,) = json_lines(kept)
    assert (row["length"], row["hashtags"]) == (0.5, 0)
    given = {name: row[name] for name in ("seed", "temperature", "length", "hashtags")}
    again = popinjay.load(persona).say("the lamp", n=10, max_tokens=12, **given)
    assert again[row["number"] - 1] == row["text"]


def test_a_session_from_its_first_line_to_its_last(persona: Path, kept: Path) -> None:
    with terminal(say(persona, "--seed", "1", *SHORT)) as person:
        person.until(r"\? lists the keys, q quits\.\n")
        person.until(r"ada_l 1\.0> ")
        person.type("3\n")
        person.until("There are no posts yet")
        person.type("the lamp\n")
        first = person.until(r"(?s) 1  the lamp.*\n10  the lamp.*ada_l 1\.0> ")
        person.type("r\n")
        assert person.until(r"(?s) 1  the lamp.*\n10  the lamp.*ada_l 1\.0> ") != first
        person.type("++\n")
        person.until(r"temperature 1\.2: r writes ten others\nada_l 1\.2> ")
        person.type("-\n")
        person.until(r"ada_l 1\.1> ")
        person.type("s\n")
        person.until("Which post")
        person.type("11\n")
        person.until("There are posts 1 to 10")
        person.type(" 7\n")
        person.until(r"(?s) 1  7.*\n10  7.*ada_l 1\.1> ")
        person.type("2\n")
        shown = person.until("copied 2: .*\n")
        person.type("s\n")
        person.until("saved 2: .*\n")
        person.type("s 9\n")
        person.until("saved 9: .*\n")
        person.type("s 9\n")
        person.until("9 is already saved")
        person.type("?\n")
        help = person.until(r"The temperature is 1\.1;")
        assert all(key in help for key, _ in KEYS)
        person.type("q\n")
        assert person.end() == 0
    second, ninth = json_lines(kept)
    (copied,) = [part.split("\x07")[0] for part in person.raw.split("\x1b]52;c;")[1:]]
    assert base64.b64decode(copied).decode() == second["text"]
    assert second["text"].startswith(shown.split("copied 2: ")[1].strip().rstrip("…"))
    assert (second["prompt"], second["temperature"], second["number"], ninth["number"]) == (
        "7",
        1.1,
        2,
        9,
    )
    assert second["seed"] == ninth["seed"] != 1
    assert second["max_tokens"] == 12
    assert second["time"].endswith("+00:00")


def test_a_session_goes_back_and_answers_words_that_leave_other_programs(
    persona: Path, kept: Path
) -> None:
    with terminal(say(persona, "--seed", "1", *SHORT)) as person:
        person.until(r"ada_l 1\.0> ")
        person.type("u\n")
        person.until(r"There are no earlier posts\.\nada_l 1\.0> ")
        for word in ("quit", ":q"):
            person.type(f"{word}\n")
            said = person.until(r"type a space before it\.\n")
            assert f"q leaves. To begin posts with {word}, type" in said
        person.type("the lamp\n")
        first = numbered(person.until(r"(?s) 1  the lamp.*\n10  the lamp.*? 1\.0> "))
        assert "+ - more or less daring" in person.shown
        person.type("s 2\n")
        person.until(r"saved 2: .*\n")
        person.type("r\n")
        second = numbered(person.until(r"(?s) 1  the lamp.*\n10  the lamp.*? 1\.0> "))
        assert second != first
        person.type("u\n")
        assert numbered(person.until(r"(?s) 1  the lamp.*\n10  the lamp.*? 1\.0> ")) == first
        person.type("s 2\n")
        person.until("2 is already saved")
        person.type("s 3\n")
        person.until(r"saved 3: .*\n")
        person.type("q\n")
        assert person.end() == 0
    assert [row["number"] for row in json_lines(kept)] == [2, 3]


def numbered(shown: str) -> list[str]:
    """Return the ten numbered posts in what a terminal shows, each with its number."""
    lines = shown[: shown.rindex("ada_l")].splitlines()
    start = max(place for place, line in enumerate(lines) if line.startswith(" 1  "))
    posts: list[str] = []
    for line in lines[start:]:
        if not line.strip() or line.startswith("r ten others"):
            break
        if line.startswith("    "):
            posts[-1] += f" {line.strip()}"
        else:
            posts.append(line.strip())
    assert len(posts) == 10
    return posts


def test_ctrl_c_stops_generation_and_ctrl_d_quits(persona: Path, kept: Path) -> None:
    with terminal(["-c", SLOW, "say", str(persona), *SHORT], columns=40, NO_COLOR="1") as person:
        person.until(r"1\.0> ")
        person.type("\n")
        person.until(" 3  .*\n")
        person.type("\x03")
        person.until(r"(?s)stopped\n.*1\.0> ")
        person.type("s 3\n")
        person.until(r"saved 3: .*\n")
        person.type("s 4\n")
        person.until(r"(?s)There are posts 1 to 3.*1\.0> ")
        person.type("half a line")
        person.until("half a line")
        person.type("\x03")
        person.until(r"\n.*1\.0> ")
        person.type("?\n")
        person.until(
            r"(?s)type a space before it.*1\.0> "
        )  # an end that is typed before the prompt stands there may be lost
        person.type("\x04")
        assert person.end() == 0
    assert "Traceback" not in person.shown
    assert "\x1b[36m" not in person.raw  # no colour if NO_COLOR is set
    assert (
        max(
            len(line)
            for line in person.shown.split("lists the keys")[1].splitlines()
            if str(kept) not in line
        )
        <= 40
    )
    assert [row["number"] for row in json_lines(kept)] == [3]


@pytest.mark.parametrize("arguments", [["the lamp", "-n", "1"], ["-n", "1"], ["", "-n", "1"]])
def test_a_prompt_on_the_command_line_starts_no_session(
    persona: Path, arguments: list[str]
) -> None:
    with terminal(say(persona, *SHORT, *arguments)) as person:
        assert person.end() == 0
    assert "q quits" not in person.shown


@pytest.mark.parametrize("more", [[], ["--stream"]])
def test_posts_in_a_terminal_are_numbered_and_piped_ones_are_not(
    persona: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    words = ("the lamp", "--seed", "4", "-n", "3")
    posts = said(persona, capsys, *words).out.splitlines()
    with terminal(say(persona, *words, *SHORT, *more), columns=400) as person:
        assert person.end() == 0
    lines = [line.rstrip() for line in person.shown.splitlines() if line.strip()]
    assert lines[-3:] == [f" {number}  {post}" for number, post in enumerate(posts, 1)]


# kept posts


def test_a_kept_post_can_be_reproduced(persona: Path, capsys: pytest.CaptureFixture[str]) -> None:
    posts = said(persona, capsys, "the lamp", "--seed", "5", "--top-p", "0.9").out.splitlines()
    row = Batch(
        "the lamp", SayOptions(n=10, seed=5, max_tokens=12, temperature=1.0, top_p=0.9), posts
    ).row(4)
    assert row == {
        "text": posts[3],
        "prompt": "the lamp",
        "temperature": 1.0,
        "top_p": 0.9,
        "max_tokens": 12,
        "seed": 5,
        "number": 4,
    }


def test_kept_posts_survive_another_make(
    ada: Path, tiny_gpt2: Path, persona: Path, kept: Path
) -> None:
    keep(Run(persona), {"text": "gulls, mostly"})
    before = kept.read_bytes()
    assert [row["text"] for row in json_lines(kept)] == ["gulls, mostly"]
    popinjay.make(
        ada,
        home=persona.parent,
        base=str(tiny_gpt2),
        whose="fictional",
        epochs=0.1,
        batch_tokens=512,
        samples=10,
        seed=2,
        track="none",
    )
    assert kept.read_bytes() == before


def test_lines_are_whole_after_an_unterminated_one(persona: Path, kept: Path) -> None:
    kept.write_text('{"text": "typed by hand"}', encoding="utf-8")
    keep(Run(persona), {"text": "émue 🐦"})
    assert [row["text"] for row in json_lines(kept)] == ["typed by hand", "émue 🐦"]


def test_a_failure_to_keep_a_post_is_reported(persona: Path, kept: Path, tmp_path: Path) -> None:
    kept.mkdir()
    with pytest.raises((StorageError, IsADirectoryError)):
        keep(Run(persona), {"text": "gulls"})
    kept.rmdir()
    with Run(persona).locked(), pytest.raises(PersonaBusy):
        keep(Run(persona), {"text": "gulls"})
    assert not kept.exists()
    with pytest.raises(PersonaError, match="not there any more"):
        keep(Run(tmp_path / "gone"), {"text": "gulls"})
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full"
)
def test_a_full_disk_is_reported_in_one_sentence(
    persona: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Run, "file", lambda run, name: Path("/dev/full") if name == kept.name else run.path / name
    )
    with pytest.raises(StorageError, match="disk is full"):
        keep(Run(persona), {"text": "gulls"})


# scripts


def test_json_counts_rejected_sequences(persona: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(said(persona, capsys, "--json", "-n", "2").out)
    keys = "persona members strength prompt seed redrawn missing posts"
    assert set(document) == set(keys.split())
    assert document["prompt"] == ""
    assert all(isinstance(count, int) and count > 0 for count in document["redrawn"].values())


def test_a_stream_equals_the_line(persona: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(persona, capsys, "the lamp", "--seed", "4", "-n", "1").out
    assert said(persona, capsys, "the lamp", "--seed", "4", "-n", "1", "--stream").out == lines
    assert (
        len(
            said(persona, capsys, "the lamp", "--seed", "4", "-n", "3", "--stream").out.splitlines()
        )
        == 3
    )


def test_json_and_stream_exclude_each_other(
    persona: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", str(persona), "--json", "--stream"]) == 2
    assert "can't go together" in capsys.readouterr().err


def test_without_a_terminal_there_are_ten_posts(
    persona: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = said(persona, capsys)
    assert len(heard.out.splitlines()) == 10
    assert heard.err == ""


@pytest.mark.parametrize("more", [["-n", "3"], ["-n", "3", "--stream"], ["-n", "3", "--json"]])
def test_closed_pipe_ends_it_quietly(persona: Path, more: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, *say(persona, *SHORT, *more)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_ends_it_with_130(persona: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "say", str(persona), *SHORT],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"popinjay: Stopped.\n"
    assert process.returncode == 130


def test_progress_is_shown_in_a_terminal_while_output_goes_to_a_file(
    persona: Path, tmp_path: Path
) -> None:
    # Many batches: the first is written before the bar begins, which is drawn ten times a second.
    command = (
        'exec "$PYTHON" -m popinjay.cli.main say "$PERSONA" -n 1000 --max-tokens 12 {} '
        f'> "{tmp_path}/posts.txt"'
    )
    for redirected, drawn in (("", True), ("2> /dev/null", False)):
        starts = [
            "-c",
            "import os, sys; os.execvp('sh', ['sh', '-c', sys.argv[1]])",
            command.format(redirected),
        ]
        with terminal(starts, PYTHON=sys.executable, PERSONA=str(persona)) as person:
            assert person.end() == 0
        assert ("of 1,000 posts" in person.raw) is drawn
        assert len((tmp_path / "posts.txt").read_text(encoding="utf-8").splitlines()) == 1000
