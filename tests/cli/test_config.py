"""The user's defaults: what beats what, what is refused, and what the file looks like."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay import settings
from popinjay.cli.all_commands import parser
from popinjay.cli.defaults import with_defaults
from popinjay.cli.main import main
from popinjay.store.run import Run, home

FAST: dict[str, Any] = {"epochs": 0.1, "batch_tokens": 512, "samples": 10, "whose": "fictional"}


@pytest.fixture
def file() -> Path:
    return Path(os.environ["POPINJAY_CONFIG"])


def parsed(*words: str) -> Any:
    top = parser()
    return with_defaults(top.parse_args(words), top)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) <= 2, "one sentence and a hint"
    return said


def test_a_table_beats_the_top_and_a_flag_beats_both(file: Path) -> None:
    file.write_text("seed = 1\n[say]\nseed = 2\ntemperature = 1\n[card]\npick = '3'\n")
    assert parsed("say", "ada").seed == 2
    assert parsed("say", "ada").temperature == 1.0
    assert parsed("say", "ada", "--seed", "5").seed == 5
    assert parsed("card", "ada").pick == "3"
    assert parsed("card", "ada").seed == 1
    assert parsed("make", "ada.zip").preferences == {"seed": 1}
    assert parsed("make", "ada.zip", "--seed", "4").preferences == {}


def test_switches_and_options_that_no_stage_has_can_be_set(file: Path) -> None:
    file.write_text("quiet = true\n[serve]\nport = 9000\nno_browser = true\n")
    assert parsed("make", "ada.zip").quiet is True
    assert parsed("serve").port == 9000
    assert parsed("serve").no_browser is True
    assert parsed("serve", "--port", "1").port == 1


def test_the_environment_beats_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file.write_text(f"home = '{tmp_path}'\ntrack = 'wandb'\n")
    assert home() == Path(os.environ["POPINJAY_HOME"])
    parsed("make", "ada.zip")
    assert os.environ["POPINJAY_TRACK"] == "none"
    monkeypatch.delenv("POPINJAY_HOME")
    monkeypatch.delenv("POPINJAY_TRACK")
    assert home() == tmp_path
    parsed("make", "ada.zip")
    assert os.environ["POPINJAY_TRACK"] == "wandb"


def test_what_forget_removes_depends_on_nothing_but_what_is_typed(file: Path) -> None:
    file.write_text("track_posts = true\n")
    assert not hasattr(parsed("forget", "ada", "--post", "1"), "track_posts")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("basse = 'gpt2'", "There is no setting 'basse'"),
        ("[sag]\nn = 1", "There is no setting 'sag.n'"),
        ("epochs = 'many'", "'epochs' in your settings"),
        ("epochs = 0", "config.toml): it can't be 0.0."),
        ("base = 3", "it takes a text in quotes, not 3"),
        ("[say]\nn = 2.5", "it takes a whole number, not 2.5"),
        ("epochs = '2'", "it takes a number, not '2'"),
        ("quiet = 'yes'", "it takes true or false, not 'yes'"),
        ("base = ['gpt2']", "it can't be ['gpt2']"),
        ("yes = true", "'yes' can't be a default"),
        ("[make]\nhome = '/x'", "holds for all commands"),
        ("base", "are not valid TOML"),
        ("base = 'x\udc80'", "are not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(
    file: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert said in refused(capsys, "list")
    assert main(["config", "path"]) == 0, "what repairs it works all the same"


def test_set_and_unset_keep_the_rest_of_the_file(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("# mine\nbase = 'gpt2' # good\n\n[say]\n# bold\ntemperature = 1.2\n")
    for words in (
        ("config", "set", "say.temperature", "0.8"),
        ("config", "set", "budget", "5m"),
        ("config", "set", "say.max-tokens", "40"),
        ("config", "set", "quiet", "yes"),
        ("config", "set", "card.pick", "2"),
    ):
        assert main(list(words)) == 0
    assert settings.load() == {
        "base": "gpt2",
        "budget": "5m",
        "quiet": True,
        "say": {"temperature": 0.8, "max_tokens": 40},
        "card": {"pick": "2"},
    }
    text = file.read_text()
    assert "# mine" in text
    assert "# good" in text
    assert "# bold" in text
    assert main(["config", "unset", "card.pick"]) == 0
    assert main(["config", "unset", "quiet"]) == 0
    assert "quiet" not in file.read_text()
    assert "card" not in settings.load()
    assert "is not set" in refused(capsys, "config", "unset", "quiet")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("bass", "gpt2", "There is no setting 'bass'"),
        ("epochs", "many", "'many' is not a number"),
        ("budget", "5x", "--budget can't be '5x'"),
        ("quiet", "perhaps", "quiet is a switch"),
        ("whose", "mine", "--whose can't be 'mine'"),
        ("yes", "yes", "can't be a default"),
    ],
)
def test_set_refuses_what_the_commands_would_refuse(
    file: Path, key: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, "config", "set", key, value)
    assert not file.exists()


def test_config_shows_what_is_set_and_where(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("base = 'gpt2'\nhome = '/elsewhere'\n")
    assert main(["config", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["path"] == str(file)
    rows = {(row["key"], row["from"]): row for row in shown["settings"]}
    assert rows["base", "file"]["value"] == "gpt2"
    assert rows["home", "POPINJAY_HOME"]["used"]
    assert not rows["home", "file"]["used"]
    assert main(["config"]) == 0
    assert "not used: the variable counts" in capsys.readouterr().out


def test_a_persona_keeps_its_own_options_whatever_the_user_prefers_now(
    file: Path, ada: Path, tiny_gpt2: Path, tiny_llama: Path, own_home: Path
) -> None:
    popinjay.make(ada, base=str(tiny_gpt2), **FAST)
    before = Run(own_home / "ada_l").record
    file.write_text(
        f"base = '{tiny_llama}'\nheld_out = 0.3\nwhose = 'self'\ncontact = 'me@example.org'\n"
    )
    assert main(["make", str(ada), "--quiet"]) == 0
    after = Run(own_home / "ada_l").record
    assert after.stages["train"] == before.stages["train"]
    assert after.stages["dataset"] == before.stages["dataset"]
    assert after.asked.whose == "fictional"
    assert after.asked.contact == "me@example.org"  # nothing was said of it before
    words = ["--name", "new", "--epochs", "0.1", "--samples", "10", "--quiet"]
    assert main(["make", str(ada), *words]) == 0
    new = Run(own_home / "new").record
    assert new.trained.base == str(tiny_llama)
    assert new.stages["dataset"].options["held_out"] == 0.3
    assert new.asked.whose == "self"


def test_pythons_make_takes_no_options_from_the_file(
    file: Path, ada: Path, tiny_gpt2: Path
) -> None:
    file.write_text("held_out = 0.3\n")
    persona = popinjay.make(ada, base=str(tiny_gpt2), **FAST)
    assert persona.run.record.stages["dataset"].options["held_out"] == 0.1
