"""CONTRIBUTING.md is true: its files exist, and one of each thing to add is added as it says.

The additions are made in a copy of the package, the way a contributor would make them, and by one
installed package with entry points. One process then makes a persona with all of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import popinjay
from installed import write_package
from models import gpt2

ROOT = Path(__file__).parents[2]
PACKAGE = Path(popinjay.__file__).parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ADDED_HERE = {
    "a source",
    "a base",
    "a place to get bases from",
    "a tracker",
    "an exporter",
    "a cleaning rule",
    "an option",
}
ADDED_ELSEWHERE = {"a metric"}  # tests/metrics

PLUG_IN = '''
"""A source, a tracker and an exporter of another package."""

import json
from pathlib import Path

from popinjay.exporting import Exported
from popinjay.post import Author, Post
from popinjay.sources import Findings, Reading
from popinjay.trackers import Tracker


class Notebook(Reading):
    def __init__(self, path):
        self.author = Author("ada")
        self.findings = Findings()
        self.lines = path.read_text().splitlines()

    def fingerprint(self):
        return str(hash(tuple(self.lines)))

    def posts(self):
        for number, line in enumerate(self.lines):
            yield Post(str(number), "ada", line)


class Source:
    NAME = "notebook"
    HELP = "a .notebook"
    NEEDS = ""

    def matches(self, spec):
        return spec.endswith(".notebook")

    def read(self, spec, options, access):
        return Notebook(Path(spec))


source = Source()


class Lines(Tracker):
    HELP = "a file with a line for each event"
    MODULE = "json"

    def _add(self, *what):
        with (self.folder.parent / "tracked.txt").open("a") as file:
            print(*what, file=file)

    def start(self, job, kind, config):
        self._add("start", kind)

    def log(self, step, numbers):
        self._add("log", step)

    def sample(self, step, text):
        self._add("sample", step)

    def finish(self, done, numbers, facts, uses, makes):
        self._add("finish", done)


class Exporter:
    HELP = "a file that names the persona"
    NEEDS = ""
    QUANTS = ()

    def check(self, run=None):
        pass

    def estimate(self, model, quant):
        return 10

    def export(self, request):
        (request.folder / "name.txt").write_text(request.run.name)
        return Exported(request.place / "name.txt", "cat name.txt")


exporter = Exporter()
'''
ENTRY_POINTS = {
    "popinjay.sources": {"notebook": "all_three:source"},
    "popinjay.trackers": {"lines": "all_three:Lines"},
    "popinjay.exporters": {"name": "all_three:exporter"},
}
PLACE = '''
"""A shelf: a folder of this machine that bases are copied from."""

import shutil
from pathlib import Path

SHELF, HERE = Path({shelf!r}), Path({here!r})


class Shelf:
    """The shelf."""

    def find(self, base):
        return HERE if HERE.is_dir() else None

    def fetch(self, base, listener):
        shutil.copytree(SHELF, HERE)
        return HERE

    def remove(self, base):
        shutil.rmtree(HERE)
        return True
'''
PROGRAM = """
import json, sys, tomllib
from pathlib import Path
import popinjay
from popinjay.exporting.export import export
from popinjay.cli.main import main
from popinjay.errors import OptionError, PictureError
from popinjay.models import bases
from popinjay.stages import picture

def nothing_to_draw_with():
    raise PictureError("not here")

picture.check_ready = nothing_to_draw_with
persona = popinjay.make(
    "ada.notebook", home=Path("home"), name="ada", whose="fictional", base="tiny-shelved",
    yes=True, epochs=1.0, batch_tokens=512, samples=10, track="lines", longest_word=20,
)
exported = export(persona.run, "name", Path("exported"))
try:
    popinjay.make("ada.notebook", home=Path("home"), longest_word=0)
    refused = ""
except OptionError as error:
    refused = error.message
stages = tomllib.loads((persona.path / "run.toml").read_text())["stages"]
print(json.dumps({
    "package": str(Path(popinjay.__file__).parent),
    "bases": [row["name"] for row in bases.listed()],
    "counts": stages["clean"]["facts"]["authors"][0],
    "options": stages["clean"]["options"],
    "exported": exported.path.read_text(),
    "refused": refused,
}))
"""


def edited(file: Path, before: str, new: str) -> None:
    """Insert lines before the first place where a text stands."""
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{file.name} has no {before!r}"
    file.write_text(text.replace(before, new + before, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one of each added, and posts to read."""
    folder = tmp_path_factory.mktemp("contributor")
    package = folder / "src" / "popinjay"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    (package / "assets").symlink_to(PACKAGE / "assets")
    # an option
    edited(
        package / "options.py",
        "    drop_replies: bool = option(",
        '    longest_word: int = option(50, "Drop posts with a longer word.", least=1)\n',
    )
    # a cleaning rule
    rules = "DROP_RULES: tuple[Rule, ...] = ("
    edited(
        package / "stages" / "clean.py",
        rules,
        "def long_word(post, text, options):\n"
        "    longest = max(map(len, text.split()), default=0)\n"
        '    return "long word" if longest > options.longest_word else None\n\n\n',
    )
    clean = package / "stages" / "clean.py"
    clean.write_text(clean.read_text().replace(rules, f"{rules}long_word, ", 1))
    # a place to get bases from
    models = package / "models" / "bases"
    shelf = gpt2(tmp_path_factory.mktemp("shelf"))
    (models / "places" / "shelf.py").write_text(
        PLACE.format(shelf=str(shelf), here=str(folder / "here"))
    )
    # a base
    rows = models / "rows.py"
    edited(
        rows,
        "from popinjay.models.bases.places.wheels import",
        "from popinjay.models.bases.places.shelf import Shelf\n",
    )
    row = 'Base("tiny-shelved", "shelf/tiny", "a tiny one", places=(Shelf(),)),'
    rows.write_text(rows.read_text().replace("\nBASES = (", f"\nBASES = (\n    {row}", 1))
    # a source, a tracker and an exporter
    write_package(folder / "site", "all_three", PLUG_IN, ENTRY_POINTS)
    posts = [f"Today the tide took {n} boats and left {n * 7} shells behind." for n in range(150)]
    long = "A word of twenty letters and more: " + "o" * 30
    (folder / "ada.notebook").write_text("\n".join([*posts, long]))
    return folder


def in_workplace(folder: Path, *arguments: str) -> str:
    """What a Python with the edited package and the plug-in prints."""
    path = os.pathsep.join(str(folder / name) for name in ("src", "site"))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(workplace: Path) -> dict[str, Any]:
    """What the program above reports, once it has made a persona with all that was added."""
    found: dict[str, Any] = json.loads(in_workplace(workplace, "-c", PROGRAM).splitlines()[-1])
    assert found["package"] == str(workplace / "src" / "popinjay")
    return found


def test_a_source_reads_its_specs(made: dict[str, Any]) -> None:
    assert made["counts"]["author"] == "ada"
    assert made["counts"]["downloaded"] == 151


def test_a_base_is_listed_and_trained_from_its_place(made: dict[str, Any], workplace: Path) -> None:
    assert "tiny-shelved" in made["bases"]
    assert (workplace / "here" / "config.json").is_file()
    assert (workplace / "home" / "ada" / "model").is_dir()


def test_a_tracker_is_told(made: dict[str, Any], workplace: Path) -> None:
    lines = (workplace / "home" / "tracked.txt").read_text().splitlines()
    assert {line.split()[0] for line in lines} == {"start", "log", "finish"}


def test_an_exporter_exports(made: dict[str, Any]) -> None:
    assert made["exported"] == "ada"


def test_a_cleaning_rule_drops_and_is_counted(made: dict[str, Any]) -> None:
    counts = made["counts"]
    assert counts["further"]["long word"] == 1
    assert counts["used"] == counts["kept"] - sum(counts["further"].values())


def test_an_option_has_a_keyword_a_record_a_flag_and_bounds(
    made: dict[str, Any], workplace: Path
) -> None:
    assert made["options"]["longest_word"] == 20
    assert made["refused"].startswith("longest_word can't be 0.")
    shown = in_workplace(workplace, "-m", "popinjay", "make", "--help")
    assert "--longest-word" in shown
    reference = in_workplace(
        workplace,
        "-c",
        "import runpy, sys; print(runpy.run_path(sys.argv[1])['reference']())",
        str(ROOT / "docs" / "make_reference.py"),
    )
    assert "| `--longest-word LONGEST_WORD` | Drop posts with a longer word." in reference


# what the guide says


def section(title: str) -> str:
    return GUIDE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_every_row_of_the_table_is_added_by_a_test() -> None:
    rows = re.findall(r"^\| (an? [^|]+) \|", section("To add something"), re.MULTILINE)
    assert set(rows) == ADDED_HERE | ADDED_ELSEWHERE
    assert len(rows) == len(set(rows))


def test_every_file_that_the_guide_names_exists() -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.py)`", GUIDE)
    places = [ROOT, PACKAGE, PACKAGE / "training", PACKAGE / "models" / "bases"]
    written = ("model/", "shared/", "utils.py")  # of a persona, beside the project, and not here
    for name in set(named).difference(written):
        assert any((place / name).exists() for place in places), name


def test_the_tree_shows_every_folder_and_its_files_exist() -> None:
    tree = section("The tree")
    shown = set(re.findall(r"(?<![\w/])([\w-]+)/", tree))
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders <= shown
    for name in re.findall(r"(?<![\w/.])(\w+\.py)", tree):
        assert (PACKAGE / name).is_file(), name


def test_the_walk_has_fifteen_lines() -> None:
    walk = section("One post, from the archive to the answer")
    steps = [line for line in walk.splitlines() if line]
    assert [line.split(".")[0] for line in steps] == [str(number) for number in range(1, 16)]


def test_there_are_at_most_fifteen_words() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \|", section("Words"), re.MULTILINE)
    words = [word for row in rows[1:] for word in row.split(", ")]
    stages = {"collect", "clean", "dataset", "train", "evaluate", "card"}
    assert stages <= set(words)
    assert len(set(words) - stages) <= 15


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`(?:make )?(bench-[a-z0-9]+)`|`make ([a-z]+)`", GUIDE):
        name = "".join(target)
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name
