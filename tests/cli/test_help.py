"""The help: every command in a group, with examples that work; what is missing is said in words."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from popinjay import options
from popinjay.cli.all_commands import parser
from popinjay.cli.main import main
from popinjay.cli.parser import Parser, commands_of


def commands(top: Parser, before: str = "") -> Iterator[tuple[str, Parser]]:
    for name, command in commands_of(top).items():
        yield f"{before}{name}", command
        yield from commands(command, f"{before}{name} ")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    if "--help" in words:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        assert not ended.value.code
    else:
        assert main(list(words)) == 0
    return capsys.readouterr().out


def test_popinjay_alone_shows_the_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys)
    assert shown == printed(capsys, "help") == printed(capsys, "--help")
    titles = re.findall(r"^(\w[\w ]+)$", shown, re.MULTILINE)
    assert titles == ["Start", "Look", "Share and remove", "Bots", "Machinery", "First steps"]
    top = parser()
    grouped = [name for _, names in top.groups for name in names]
    assert len(grouped) == len(set(grouped))
    aliases = {"ls", "rm", "help"}
    assert set(grouped) | aliases == set(commands_of(top))
    for name in grouped:
        assert re.search(rf"^  {name} +\S", shown, re.MULTILINE)


def test_every_page_of_help_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    pages = [printed(capsys), *(command.format_help() for _, command in commands(parser()))]
    for page in pages:
        for line in page.splitlines():
            assert len(line) <= 80 or line.startswith("  fish "), line


def test_every_command_has_examples_that_can_be_parsed() -> None:
    top = parser()
    for name, command in commands(top):
        if name.split()[0] in ("help", "completion") or name in (
            "config set",
            "config unset",
            "config path",
        ):
            continue
        lines = (command.epilog or "").removeprefix("Examples:\n").splitlines()
        assert lines, name
        for line in lines:
            words = shlex.split(line.split("      (")[0])
            assert words[0] == "popinjay"
            until = words.index(">") if ">" in words else len(words)
            top.parse_args(words[1:until])


def test_help_on_a_command_is_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "help", "make") == printed(capsys, "make", "--help")
    assert printed(capsys, "help", "bases", "get") == printed(capsys, "bases", "get", "--help")
    assert main(["help", "mak"]) == 2
    assert "Did you mean make?" in capsys.readouterr().err


def test_the_options_of_make_stand_in_groups() -> None:
    make = commands_of(parser())["make"]
    groups = {group.title: group._group_actions for group in make._action_groups}
    assert list(groups)[2:] == [
        "Source",
        "Cleaning",
        "Base model",
        "Training",
        "Measuring",
        "Record",
        "Tracking",
        "An existing persona",
    ]
    named = {action.dest for title in list(groups)[2:] for action in groups[title] or ()}
    assert named == {
        field.name for field, _ in options.declared(*options.MakeOptions.PARTS.values())
    }
    assert {"base", "yes", "accept"} == {action.dest for action in groups["Base model"]}


def test_what_stands_for_a_value_says_something() -> None:
    for name, command in commands(parser()):
        for action in command._actions:
            if action.option_strings and action.nargs != 0 and action.choices is None:
                metavar = str(action.metavar)
                same = action.dest.upper()
                assert isinstance(action, argparse._VersionAction) or (
                    "_" not in metavar and (metavar != same or len(metavar) < 9)
                ), f"{name} {action.option_strings}"


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["make"], "make needs a SPEC: the posts to read.", "popinjay sources"),
        (["say"], "say needs the name of a persona.", "popinjay list"),
        (["rename", "ada"], "rename needs the new name too.", "popinjay rename OLD NEW"),
        (["publish", "ada"], "publish needs --to", "--to hub:you/NAME"),
        (["config", "set"], "config set needs a KEY", "popinjay config"),
        (["config", "set", "base"], "config set needs a VALUE", "config set base smollm2"),
        (["bases", "gte", "x"], "There is no command 'gte'.", "Did you mean get?"),
        (["lst"], "There is no command 'lst'.", "Did you mean list?"),
    ],
)
def test_what_is_missing_is_said_with_what_to_give(
    words: list[str], said: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert hint in shown
