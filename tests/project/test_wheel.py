"""Tests of the wheel in an environment of its own, as `pipx install` has it: `make wheel`.

The packages that it needs come from the registry that pip is set to.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from urllib.parse import urljoin

import pytest

ROOT = Path(__file__).parents[2]
# The variables that pip needs here, from before the tests are cut off from the network.
ONLINE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
# Nothing of a checkout but what is in the repository; and the tests are not built.
LEFT_OUT = shutil.ignore_patterns(".*", "tests", "bench", "build", "dist", "*.egg-info")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, and an empty home folder."""

    python: Path
    home: Path

    @property
    def popinjay(self) -> Path:
        """The command that the wheel installs."""
        return self.python.with_name("popinjay")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of an ordinary shell in which no base model can be downloaded."""
        offline = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **offline}

    def pip_install(self, requirement: str) -> None:
        """Install from the registry, within the known-good set."""
        environment = {**ONLINE, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--no-compile", requirement]
        subprocess.run(command, check=True, env=environment, cwd=self.home)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run popinjay outside of the checkout; it must exit with 0."""
        done = self.try_to_run(self.environment, *arguments)
        assert done.returncode == 0, done.stderr
        return done

    def try_to_run(
        self, environment: dict[str, str], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Run popinjay outside of the checkout."""
        return subprocess.run(
            [str(self.popinjay), *arguments],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "checkout", ignore=LEFT_OUT)
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder)]
    subprocess.run([*build, str(folder / "checkout")], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    home = folder / "home"
    home.mkdir()
    environment = Installed(folder / "venv" / "bin" / "python", home)
    environment.pip_install(str(wheel))
    return environment


def test_the_wheel_holds_the_package_and_says_where_it_comes_from(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        told = Parser().parsestr(opened.read(metadata).decode())
    assert {name.split("/")[0] for name in names} == {"popinjay", metadata.split("/")[0]}
    assert "popinjay/assets/demo/nellmarrow.zip" in names
    assert "popinjay/py.typed" in names
    assert len(told.get_all("Project-URL", [])) >= 3
    assert told["Author"] == "the Popinjay authors"
    assert "Typing :: Typed" in told.get_all("Classifier", [])


def test_the_demo_runs_without_extras(installed: Installed) -> None:
    told = installed.run("demo", "--quiet").stderr
    assert "popinjay[picture]" in told
    for name in ("nellmarrow", "brix_deck9", "brix_deck9-nellmarrow"):
        assert (installed.home / ".popinjay" / name / "report.html").exists()
        assert len(installed.run("say", name, "-n", "3").stdout.splitlines()) == 3


def test_a_base_model_is_fetched_and_converted(installed: Installed) -> None:
    bases = {"POPINJAY_BASES": str(installed.home / "bases"), "HF_HUB_OFFLINE": "1"}
    got = installed.try_to_run({**ONLINE, **bases}, "bases", "get", "smollm2", "--yes")
    if got.returncode and "can't be read" not in got.stderr:
        pytest.skip(f"smollm2 can't be had here: {got.stderr}")
    assert not got.returncode, got.stderr
    assert (installed.home / "bases" / "smollm2" / "model.safetensors").stat().st_size > 2e8


def test_extras_add_the_page_and_the_picture(installed: Installed, wheel: Path) -> None:
    installed.pip_install(f"{wheel}[serve,picture]")
    (archive,) = installed.python.parents[1].glob("lib/*/*/popinjay/assets/demo/nellmarrow.zip")
    short = ("--base", "builtin", "--epochs", "0.2", "--samples", "10", "--quiet")
    installed.run("make", str(archive), "--name", "nell", "--whose", "fictional", *short)
    picture = installed.home / ".popinjay" / "nell" / "card.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    with serving(installed) as address:
        page = fetched(address).decode()
        scripts = re.findall(r'<script[^>]+src="([^"]+)"', page)
        assert scripts
        for script in scripts:
            assert fetched(urljoin(address, script))


def fetched(address: str) -> bytes:
    """Return what stands at an address."""
    with urllib.request.urlopen(address) as answer:
        content: bytes = answer.read()
    return content


@contextmanager
def serving(installed: Installed) -> Iterator[str]:
    """Serve the page on a free port; yield its address."""
    command = [str(installed.popinjay), "serve", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        command, env=installed.environment, cwd=installed.home, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            server.terminate()
