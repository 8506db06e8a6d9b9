"""Tests that the documents agree with the program."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import zipfile
from pathlib import Path
from typing import Any

import pytest

import popinjay
from popinjay.cli.main import main
from popinjay.store.stage_table import STAGES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_reference_matches_the_program() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["reference"]()
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == made, "run: make docs"


def test_the_readme_is_short_and_the_guides_name_every_command_and_stage() -> None:
    assert len(README.splitlines()) <= 100
    guides = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("guide-*.md")
    )
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for command in re.findall(r"^## popinjay (\w+)", reference, re.MULTILINE):
        assert f"popinjay {command}" in README + guides
    for stage in STAGES:
        assert f"| {stage.name} |" in guides
        assert all(name in guides for name in stage.makes)


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]))
def test_links_lead_to_files_and_sections_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
        link = target[0] or target[1]
        if "://" in link:
            continue
        name, _, section = link.partition("#")
        linked = page if not name else page.parent / name
        assert linked.exists(), link
        if section:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert section in [
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
            ]


def test_the_readmes_lines_of_python_run(
    ada: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    (tmp_path / "twitter-ada.zip").write_bytes(ada.read_bytes())
    monkeypatch.chdir(tmp_path)
    quick = code.replace('whose="self"', 'whose="self", name="ada", epochs=0.1, samples=10')
    exec(compile(quick, "README.md", "exec"), {})
    assert (
        len(
            [
                line
                for line in capsys.readouterr().out.splitlines()
                if line.startswith("My dream is")
            ]
        )
        == 10
    )


def test_json_output_matches_its_documentation(
    ada: Path, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    main(
        [
            "make",
            str(ada),
            "--base",
            str(tiny_gpt2),
            "--epochs",
            "0.1",
            "--samples",
            "10",
            "--quiet",
        ]
    )
    publish = ["publish", "ada_l", "--to", "hub:ada/bird", "--private", "--dry-run"]
    with (own_home / "ada_l" / "train.jsonl").open(encoding="utf-8") as file:
        forget = ["forget", "ada_l", "--post", json.loads(file.readline())["id"]]
    assert main(["queue", "ada_l", "--write", "1", "--max-tokens", "12"]) == 0
    for command in (
        ["inspect", str(ada)],
        ["say", "ada_l", "-n", "1"],
        ["status"],
        ["lineage", "ada_l"],
        ["update", "ada_l"],
        ["queue", "ada_l"],
        ["bases"],
        ["export", "ada_l", "--to", "gguf", "--out", str(own_home / "exported")],
        publish,
        forget,
    ):
        capsys.readouterr()
        main([*command, "--json"])
        section = re.search(rf"## popinjay {command[0]}.*?```json\n(.*?)```", promised, re.DOTALL)
        assert section is not None
        shown = json.loads(section[1])
        assert keys(json.loads(capsys.readouterr().out)) == keys(shown)


def keys(value: object) -> object:
    """Return the keys of a document, and of the first item of each list in it."""
    if isinstance(value, dict):
        open_ended = {"record", "further", "masked", "languages", "left_out", "unread", "redrawn"}
        open_ended |= {"years", "made_with"}
        return {key: None if key in open_ended else keys(item) for key, item in value.items()}
    return (
        [keys(value[0])]
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else None
    )


def test_the_version_is_the_same_everywhere() -> None:
    from importlib.metadata import version

    assert popinjay.__version__ == version("popinjay")
    assert f"## {popinjay.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_demos_archives_are_packed_from_its_posts(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("pack", ROOT / "demo" / "pack.py")
    assert spec is not None
    assert spec.loader is not None
    pack: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    shipped, pack.OUT = pack.OUT, tmp_path
    for person in pack.PEOPLE:
        pack.pack(person)
        assert members(tmp_path / f"{person}.zip") == members(shipped / f"{person}.zip"), (
            "run: python demo/pack.py"
        )


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.parametrize("person", ["nellmarrow", "brix_deck9"])
def test_the_demo_accounts_show_every_row_of_the_table(
    person: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = ROOT / "src" / "popinjay" / "assets" / "demo" / f"{person}.zip"
    assert main(["inspect", str(archive), "--json"]) == 0
    (author,) = json.loads(capsys.readouterr().out)["authors"]
    assert author["downloaded"] >= 600
    assert min(author["reposts"], author["short"]) > 20
    assert set(author["further"]) == {"machine-made", "duplicate"}
    assert author["unread"] == {"direct messages": 1, "likes": 1}
    assert author["masked"]
    assert not author["notes"]
