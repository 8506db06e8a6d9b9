"""Exporters: the built-in one gives a folder that transformers loads; other packages add theirs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from installed import install
from popinjay.errors import OptionError, PersonaError
from popinjay.exporting import GROUP, Exporter, find, names, transformers
from popinjay.store.run import RECORD, Run

SHOUTS = """
from popinjay.exporting import Exported

HELP = "a text file that says which persona it is"

def check():
    pass

def export(run, folder):
    folder.mkdir()
    (folder / "name.txt").write_text(run.name.upper())
    return Exported(folder / "name.txt", f"cat {folder / 'name.txt'}")
"""
BUILT_IN: Exporter = transformers  # mypy checks here that it keeps to the protocol


@pytest.fixture
def run(tiny_gpt2: Path, tmp_path: Path) -> Run:
    """A persona's folder with a model and nothing else."""
    folder = tmp_path / "ada"
    shutil.copytree(tiny_gpt2, folder / "model")
    (folder / RECORD).write_text("")
    return Run(folder)


def test_transformers_loads_the_folder_as_it_is(run: Run, tmp_path: Path) -> None:
    import transformers as library

    exporter = find("transformers")
    exporter.check()
    before = sorted(run.path.rglob("*"))
    found = exporter.export(run, tmp_path / "out")
    assert found.path == run.path / "model"
    assert sorted(run.path.rglob("*")) == before
    assert not (tmp_path / "out").exists()
    pipeline = eval(found.loaded_by, {"transformers": library})
    assert pipeline("My", max_new_tokens=2)[0]["generated_text"].startswith("My")


def test_an_adapter_alone_is_no_model_for_transformers(run: Run, tmp_path: Path) -> None:
    (run.path / "model" / "config.json").rename(run.path / "model" / "adapter_config.json")
    with pytest.raises(PersonaError, match="Only the adapter") as caught:
        find("transformers").export(run, tmp_path / "out")
    assert "popinjay publish ada --to FOLDER" in caught.value.hint


def test_without_a_model_there_is_nothing_to_export(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    with pytest.raises(PersonaError, match="has no model yet"):
        find("transformers").export(Run(tmp_path / "ada"), tmp_path / "out")


def test_another_package_brings_an_exporter(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "it_shouts", SHOUTS, {"shouts": "it_shouts"}, GROUP)
    assert names() == ["transformers", "shouts"]
    found = find("shouts").export(run, tmp_path / "out")
    assert found.path.read_text() == "ADA"


def test_an_exporter_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError) as caught:
        find("transformer")
    assert caught.value.hint == "Did you mean 'transformers'?"
    install(tmp_path / "site", monkeypatch, "no_exporter", "HELP = ''", {"x": "no_exporter"}, GROUP)
    with pytest.raises(OptionError, match="The exporter 'x' lacks HELP, check or export"):
        find("x")
