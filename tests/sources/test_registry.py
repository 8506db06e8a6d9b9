"""Which source reads a spec: built-in sites first, then plug-ins, then what takes any file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import archives
from installed import install
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import OptionError, SpecError
from popinjay.options import CollectOptions
from popinjay.sources import Source, memory, registry
from popinjay.sources.bluesky import account as bluesky_account
from popinjay.sources.bluesky import export as bluesky_export
from popinjay.sources.files import packed_rows, text
from popinjay.sources.mastodon import account as mastodon_account
from popinjay.sources.mastodon import export as mastodon_export
from popinjay.sources.x import api as x_api
from popinjay.sources.x import archive as x_archive

DIARY = '''
"""A source of another package: diaries, as a JSON file, in a zip or in a folder."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from popinjay.options import Checked, option
from popinjay.post import Author, Post
from popinjay.sources import Findings, Reading, own_options

NAME = "diary"
HELP = "diary.json, its zip or its folder"
NEEDS = ""


@dataclass(frozen=True)
class Options(Checked):
    since: int = option(0, "The first year that is read.", least=0)
    loud: bool = option(False, "In capitals.")


OPTIONS = Options


def matches(spec):
    path = Path(spec)
    if path.is_dir():
        return (path / "diary.json").exists()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            return "diary.json" in packed.namelist()
    return path.name == "diary.json"


def read(spec, options, access):
    return Diary(Path(spec), own_options(options, Options))


class Diary(Reading):
    def __init__(self, path, options):
        self.options = options
        if path.is_dir():
            data = (path / "diary.json").read_text()
        elif path.suffix == ".zip":
            data = zipfile.ZipFile(path).read("diary.json")
        else:
            data = path.read_text()
        self.diary = json.loads(data)
        self.author = Author(self.diary["owner"])
        self.findings = Findings()

    def fingerprint(self):
        return repr(self.diary)

    def posts(self):
        for number, (year, text) in enumerate(self.diary["days"]):
            if year >= self.options.since:
                said = text.upper() if self.options.loud else text
                yield Post(str(number), self.author.handle, said)
'''
GREEDY = """
NAME, HELP, NEEDS = "everything", "anything", ""

def matches(spec):
    return True

def read(spec, options, access):
    raise AssertionError(f"{spec} was another source's")
"""
# mypy checks here that the modules keep to the protocol.
MODULES: list[Source] = [
    mastodon_export,
    packed_rows,
    x_archive,
    bluesky_export,
    text,
    bluesky_account,
    mastodon_account,
    x_api,
    memory,
]
WRITTEN = {"owner": "ada", "days": [[2020, "The sea was calm."], [2021, "It rained."]]}


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "site-packages"
    install(place, monkeypatch, "a_diary", DIARY, {"diary": "a_diary"}, registry.GROUP)


@pytest.fixture
def greedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "greedy"
    install(place, monkeypatch, "is_greedy", GREEDY, {"greedy": "is_greedy"}, registry.GROUP)


def diary_in(folder: Path, kind: str) -> Path:
    """A diary as a JSON file, a folder or a zip."""
    folder.mkdir()
    (folder / "diary.json").write_text(json.dumps(WRITTEN))
    if kind == "json":
        return folder / "diary.json"
    if kind == "zip":
        with zipfile.ZipFile(packed := folder.parent / "ada.zip", "w") as archive:
            archive.write(folder / "diary.json", "diary.json")
        return packed
    return folder


def texts(spec: Path, **options: str) -> list[str]:
    reading = sources.read(str(spec), CollectOptions(**options))  # type: ignore[arg-type]
    return [post.text for post in reading.posts()]


def test_every_built_in_source_is_listed() -> None:
    assert sources.all_sources() == MODULES


@pytest.mark.parametrize("kind", ["json", "zip", "folder"])
def test_a_plug_in_is_asked_before_what_takes_any_file(
    kind: str, diary: None, tmp_path: Path
) -> None:
    spec = diary_in(tmp_path / "its", kind)
    assert sources.find(str(spec)).NAME == "diary"
    assert texts(spec) == ["The sea was calm.", "It rained."]


@pytest.mark.parametrize("kind", ["json", "zip", "folder"])
def test_without_the_plug_in_the_same_files_are_text(kind: str, tmp_path: Path) -> None:
    spec = diary_in(tmp_path / "its", kind)
    found = sources.find(str(spec)).NAME
    assert found == ("text" if kind == "json" else "packed text")


def test_a_plug_in_that_matches_everything_takes_no_site_away(
    greedy: None, ada: Path, tmp_path: Path
) -> None:
    assert sources.find(str(ada)).NAME == "X archive"
    assert sources.find("ada.bsky.social").NAME == "Bluesky account"
    assert sources.find("@ada@social.example").NAME == "Mastodon account"
    assert sources.find("x:ada").NAME == "X API"
    (tmp_path / "posts.txt").write_text("one\ntwo\n")
    assert sources.find(str(tmp_path / "posts.txt")).NAME == "everything"


def test_a_zip_that_no_source_takes_is_said_to_be_what_it_is(tmp_path: Path) -> None:
    archives.write_zip(tmp_path / "excel.zip", {"xl/workbook.xml": "<x/>"})
    assert sources.find(str(tmp_path / "excel.zip")).NAME == "X archive"
    with pytest.raises(SpecError, match="looks like an Excel workbook"):
        sources.read(str(tmp_path / "excel.zip"), CollectOptions())


def test_a_source_has_options_of_its_own(diary: None, tmp_path: Path) -> None:
    spec = diary_in(tmp_path / "its", "json")
    assert texts(spec, source_options="since=2021") == ["It rained."]
    assert texts(spec, source_options="since=2021, loud=yes") == ["IT RAINED."]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("until=2020", "No source of these posts has an option 'until'."),
        ("since=soon", "since can't be 'soon'."),
        ("loud=maybe", "loud can't be 'maybe'."),
        ("since=-1", "since can't be -1."),
        ("since", "source_options can't be 'since'."),
    ],
)
def test_options_of_a_source_are_checked(
    given: str, message: str, diary: None, tmp_path: Path
) -> None:
    spec = diary_in(tmp_path / "its", "json")
    with pytest.raises(OptionError) as caught:
        sources.read(str(spec), CollectOptions(source_options=given))
    assert caught.value.message == message


def test_a_source_without_options_takes_none(tmp_path: Path) -> None:
    (tmp_path / "posts.txt").write_text("one\ntwo\n")
    with pytest.raises(OptionError, match="No source of these posts has an option 'since'"):
        sources.read(str(tmp_path / "posts.txt"), CollectOptions(source_options="since=1"))


def test_a_plug_in_is_listed_with_its_options(
    diary: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sources", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sources"]
    assert listed[-1]["name"] == "diary"
    assert "(--source-options since: The first year that is read." in listed[-1]["give"]


def test_a_plug_in_is_read_from_the_command_line(
    diary: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = diary_in(tmp_path / "its", "json")
    assert main(["inspect", str(spec), "--source-options", "since=2021", "--json"]) == 0
    (author,) = json.loads(capsys.readouterr().out)["authors"]
    assert author["author"] == "ada"


@pytest.mark.parametrize(
    ("module", "code", "message"),
    [
        (
            "fails_to_load",
            "import no_such_module",
            "The source 'broken' can't be loaded: No module",
        ),
        ("lacks_something", "NAME = 'half'", "lacks NAME, HELP, NEEDS, matches or read"),
    ],
)
def test_a_broken_plug_in_is_named(
    module: str, code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ada: Path
) -> None:
    install(tmp_path / "site", monkeypatch, module, code, {"broken": module}, registry.GROUP)
    (tmp_path / "posts.txt").write_text("one\ntwo\n")
    with pytest.raises(SpecError, match=message) as caught:
        sources.find(str(tmp_path / "posts.txt"))
    assert module in caught.value.hint
    assert sources.find(str(ada)).NAME == "X archive"  # it is not needed here
