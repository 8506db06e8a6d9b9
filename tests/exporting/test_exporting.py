"""Exporters: the table and other packages' rows; folders are written whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from installed import install
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaError
from popinjay.events import Event, EventKind
from popinjay.exporting import (
    GROUP,
    Exporter,
    adapter,
    find,
    gguf,
    mlx,
    names,
    ollama,
    onnx,
    transformers,
    web,
)
from popinjay.exporting.export import RECORD, export
from popinjay.options import ExportOptions
from popinjay.store.run import Run
from speaking_persona import put_persona

SHOUTS = """
from popinjay.exporting import Exported

HELP = "a text file that says which persona it is"
NEEDS = ""
QUANTS = ("loud", "quiet")

def check(run=None):
    pass

def estimate(model, quant):
    return len(quant)

def export(request):
    name = request.run.name
    file = request.folder / "name.txt"
    file.write_text(name.upper() if request.quant == "loud" else name)
    if name == "fails":
        raise OSError(28, "No space left on device")
    return Exported(request.place / "name.txt", f"cat {request.place / 'name.txt'}")
"""
# mypy checks here that they keep to the protocol
BUILT_IN: list[Exporter] = [adapter, gguf, mlx, ollama, onnx, transformers, web]


@pytest.fixture
def run(tiny_gpt2: Path, own_home: Path) -> Run:
    """A persona's folder with a model and nothing else."""
    return Run(put_persona(own_home, "ada", tiny_gpt2))


@pytest.fixture
def shouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter of another package."""
    install(tmp_path / "site", monkeypatch, "it_shouts", SHOUTS, {"shouts": "it_shouts"}, GROUP)


def test_transformers_loads_the_folder_as_it_is(run: Run, tmp_path: Path) -> None:
    import transformers as library

    before = sorted(run.path.rglob("*"))
    found = export(run, "transformers", tmp_path / "out")
    assert found.path == run.path / "model"
    assert (found.folder, found.files) == (None, ())
    assert [path for path in sorted(run.path.rglob("*")) if path.name != ".lock"] == before
    assert not list(tmp_path.iterdir())
    pipeline = eval(found.loaded_by, {"transformers": library})
    assert pipeline("My", max_new_tokens=2)[0]["generated_text"].startswith("My")


def test_without_a_model_there_is_nothing_to_export(run: Run, tmp_path: Path) -> None:
    shutil.rmtree(run.path / "model")
    with pytest.raises(PersonaError, match="has no model yet"):
        export(run, "transformers", tmp_path / "out")


@pytest.mark.usefixtures("shouts")
def test_another_package_brings_an_exporter(run: Run, tmp_path: Path) -> None:
    assert names()[-1] == "shouts"
    out = tmp_path / "out"
    found = export(run, "shouts", out)
    assert (out / "name.txt").read_text() == "ADA"
    assert found.loaded_by == f"cat {out / 'name.txt'}"
    assert dict(found.files)["name.txt"] == 3
    assert json.loads((out / RECORD).read_text())["persona"] == "ada"
    assert export(run, "shouts", tmp_path / "b", ExportOptions(quant="quiet")).quant == "quiet"
    assert (tmp_path / "b" / "name.txt").read_text() == "ada"


@pytest.mark.usefixtures("shouts")
def test_a_folder_is_replaced_if_it_is_ours_and_only_with_force(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    export(run, "shouts", out)  # an empty folder is no loss
    (out / "later.txt").write_text("")
    with pytest.raises(OptionError, match="is there already"):
        export(run, "shouts", out)
    assert (out / "later.txt").exists()
    export(run, "shouts", out, ExportOptions(force=True))
    assert sorted(path.name for path in out.iterdir()) == ["name.txt", RECORD]
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(OptionError, match="did not export there"):
        export(run, "shouts", other, ExportOptions(force=True))
    assert (other / "thesis.txt").read_text() == "years of work"


@pytest.mark.usefixtures("shouts")
def test_what_fails_leaves_nothing_and_keeps_what_was_there(
    run: Run, own_home: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    from popinjay.errors import StorageError

    out = tmp_path / "here" / "out"
    export(run, "shouts", out)
    failing = Run(put_persona(own_home, "fails", tiny_gpt2))
    with pytest.raises(StorageError, match="The disk is full"):
        export(failing, "shouts", out, ExportOptions(force=True))
    assert (out / "name.txt").read_text() == "ADA"
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.usefixtures("shouts")
def test_a_folder_inside_the_persona_a_file_and_a_link_are_refused(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "site")
    for place in (run.path, run.path / "model" / "x", tmp_path / "file", tmp_path / "link"):
        with pytest.raises(OptionError):
            export(run, "shouts", place, ExportOptions(force=True))
    assert (tmp_path / "site").is_dir()


@pytest.mark.usefixtures("shouts")
def test_who_may_not_publish_is_warned(run: Run, tmp_path: Path) -> None:
    heard: list[Event] = []
    export(run, "shouts", tmp_path / "out", listener=heard.append)
    (warning,) = [event.message for event in heard if event.what is EventKind.WARNING]
    assert "Keep that folder to yourself" in warning


@pytest.mark.usefixtures("shouts")
def test_a_type_of_weights_that_a_kind_does_not_have(run: Run, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="can't be exported with quant 'q2'") as caught:
        export(run, "shouts", tmp_path / "out", ExportOptions(quant="q2"))
    assert caught.value.hint == "It takes: loud, quiet."
    with pytest.raises(OptionError) as caught:
        export(run, "transformers", tmp_path / "out", ExportOptions(quant="q2"))
    assert "no types of weights" in caught.value.hint


def test_an_exporter_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError) as caught:
        find("transformer")
    assert caught.value.hint == "Did you mean 'transformers'?"
    install(tmp_path / "site", monkeypatch, "no_exporter", "HELP = ''", {"x": "no_exporter"}, GROUP)
    with pytest.raises(OptionError, match="The exporter 'x' lacks NEEDS, QUANTS, check"):
        find("x")


@pytest.mark.usefixtures("run", "shouts")
def test_the_command_exports_and_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "ada", "--to", "shouts"]) == 0
    said = capsys.readouterr().out
    assert "name.txt" in said
    assert f"cat {tmp_path / 'ada-shouts' / 'name.txt'}" in said
    assert main(["export", "ada", "--to", "shouts", "--force", "--quant", "quiet", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(tmp_path / "ada-shouts")
    assert document["quant"] == "quiet"
    assert document["files"][0] == {"name": "name.txt", "bytes": 3}
    assert main(["export", "ada", "--list"]) == 0
    said = capsys.readouterr().out
    assert "a text file that says which persona it is" in " ".join(said.split())
    assert "has no adapter" in " ".join(said.split())
    row = next(line for line in said.splitlines() if line.startswith("mlx"))
    assert "nothing" in row  # is written: the persona's own folder is loaded
    assert main(["export", "--list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["kinds"]}
    assert set(rows) == set(names())
    assert rows["shouts"]["sizes"]["builtin"] == {"loud": 4, "quiet": 5}
    assert main(["export", "ada"]) == 2
    assert main(["export", "--to", "shouts"]) == 2
    assert "popinjay export --list" in capsys.readouterr().err
