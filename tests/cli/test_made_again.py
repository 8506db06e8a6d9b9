"""The command that is printed to make a persona again makes the same persona."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from popinjay.cli.made_again import make_again
from popinjay.cli.main import main
from popinjay.store.record import Asked
from popinjay.store.run import Run
from speaking_persona import put_persona


def put(home: Path, name: str, handle: str, *specs: str, url: str = "") -> Run:
    """Write a persona of one author that was made from these specs."""
    folder = put_persona(home, name)
    author = {"handle": handle, "name": handle, "bio": "", "url": url, "avatar": ""}
    (folder / "authors.json").write_text(json.dumps([author]), encoding="utf-8")
    run = Run(folder)
    asked = Asked(specs=specs, authors=(handle,), whose="fictional")
    run.save(run.record.updated(asked=asked))
    return run


def test_an_account_has_its_own_name(own_home: Path) -> None:
    run = put(own_home, "ada_l", "ada_l", "my posts.zip", url="https://x.com/ada_l")
    assert make_again(run) == "popinjay make 'my posts.zip'"
    assert make_again(run, {"budget": "5m"}) == "popinjay make 'my posts.zip' --budget 5m"


def test_a_renamed_persona_and_a_plain_file_need_theirs(own_home: Path) -> None:
    renamed = put(own_home, "lovelace", "ada_l", "ada.zip", url="https://x.com/ada_l")
    assert make_again(renamed) == "popinjay make ada.zip --name lovelace"
    file = put(own_home, "bob", "bob", "posts.txt")
    assert make_again(file, {"base": "smollm2"}) == (
        "popinjay make posts.txt --name bob --base smollm2"
    )


@pytest.mark.parametrize("spec", ["-", "memory"])
def test_what_was_piped_or_in_memory_can_not_be_typed(own_home: Path, spec: str) -> None:
    assert make_again(put(own_home, "ada", "ada", spec)) == ""


def test_rename_says_how_to_make_it_again(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(own_home, "ada_l", "ada_l", "ada.zip", url="https://x.com/ada_l")
    assert main(["rename", "ada_l", "lovelace"]) == 0
    assert "popinjay make ada.zip --name lovelace\n" in capsys.readouterr().out


def test_publish_says_how_to_finish_a_renamed_persona(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(own_home, "lovelace", "ada_l", "ada.zip", url="https://x.com/ada_l")
    assert main(["publish", "lovelace", "--to", str(tmp_path / "out")]) == 2
    assert "popinjay make SPEC --name lovelace" in capsys.readouterr().err
