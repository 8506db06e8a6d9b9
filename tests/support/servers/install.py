"""Install packages of npm into cache folders where tests find them: `make servers`.

Those are real servers (`package.json`), and transformers.js, which loads what is exported.

If Node, npm or what they need is missing, a line says so, and tests that need the packages are
skipped. A folder is named after the content of its `package.json`, so other versions get another
folder. It appears under its name only once it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).with_name("package.json")


@dataclass(frozen=True)
class Packages:
    """Packages that tests need.

    Attributes:
        file: Names them and their versions.
        name: Their folder's name, without its hash.
        environment: The variable that names another folder.
        what: What they are, in words.
        skipped: The tests that are skipped without them, in words.
        scripts: Whether packages may run scripts to compile or download more.
    """

    file: Path
    name: str
    environment: str
    what: str
    skipped: str
    scripts: bool = True


SERVERS = Packages(
    PACKAGES,
    "servers",
    "POPINJAY_TEST_SERVERS",
    "servers for tests",
    "the tests that talk to a real Bluesky server",
)
TRANSFORMERS_JS = Packages(
    PACKAGES.parent / "transformers_js" / "package.json",
    "transformers-js",
    "POPINJAY_TEST_TRANSFORMERS_JS",
    "transformers.js for tests",
    "the tests that load exports in it",
    scripts=False,  # they would download a GPU's libraries
)
OLDEST_NODE = 20
MOST_SECONDS = 8 * 60  # some 4 minutes on two cores, most of it for compiling SQLite


def folder(packages: Packages = SERVERS) -> Path:
    """Return the folder of these packages."""
    if other := os.environ.get(packages.environment):
        return Path(other)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    content = hashlib.sha256(packages.file.read_bytes()).hexdigest()
    return cache / "popinjay" / f"{packages.name}-{content[:12]}"


def missing(packages: Packages = SERVERS) -> str:
    """Return what is missing to use these packages, as words, or ""."""
    if why := no_node():
        return why
    return (
        ""
        if (folder(packages) / "node_modules").is_dir()
        else f"needs {packages.what} (make servers)"
    )


def no_node() -> str:
    """Return why there is no Node to run them, or ""."""
    node = shutil.which("node")
    if not node:
        return "needs Node, which is not here"
    try:
        version = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30
        ).stdout.strip()
        major = int(version.removeprefix("v").partition(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return "needs Node, which does not say its version here"
    return "" if major >= OLDEST_NODE else f"needs Node {OLDEST_NODE} or newer, not {version}"


def install(most_seconds: float = MOST_SECONDS, packages: Packages = SERVERS) -> str:
    """Install them if they are absent; return what went wrong, as words, or ""."""
    place = folder(packages)
    if (place / "node_modules").is_dir():
        return ""
    npm = shutil.which("npm")
    if why := no_node() or ("" if npm else "needs npm, which is not here"):
        return why
    print(f"Installing {packages.what} (once, some minutes): {place}", flush=True)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{packages.name}-", dir=place.parent, ignore_cleanup_errors=True
        ) as partial:
            shutil.copy(packages.file, partial)
            why = run(
                [
                    str(npm),
                    "install",
                    *([] if packages.scripts else ["--ignore-scripts"]),
                    "--omit=dev",
                    "--no-audit",
                    "--no-fund",
                    "--no-package-lock",
                    "--loglevel=error",
                ],
                Path(partial),
                most_seconds,
            )
            if not why:
                whole = Path(partial) / "node_modules"
                place.mkdir(exist_ok=True)
                whole.rename(place / "node_modules")
            return why
    except OSError as error:
        return f"{place} can't be written ({error.strerror})"


def headers() -> dict[str, str]:
    """Return the folder of Node's own headers if they came with it.

    Compiling needs them, and npm would download them.
    """
    place = Path(os.path.realpath(shutil.which("node") or "node")).parents[1]
    return (
        {"npm_config_nodedir": str(place)}
        if (place / "include" / "node" / "node.h").is_file()
        else {}
    )


def run(command: list[str], inside: Path, most_seconds: float) -> str:
    """Run a command with all that it starts, for so long at most; return what went wrong, or ""."""
    quiet: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "start_new_session": True,
    }
    with subprocess.Popen(command, cwd=inside, env={**headers(), **os.environ}, **quiet) as process:
        try:
            said = process.communicate(timeout=most_seconds)[0].decode(errors="replace").split("\n")
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                return f"npm took more than {most_seconds:.0f} s"
            raise
    if process.returncode == 0:
        return ""
    reason = next((line for line in said if line.strip()), "it does not say why")
    return f"npm failed: {reason[:200]}"


def main() -> int:
    """Install, or print why that is impossible, which is no failure."""
    for packages in (SERVERS, TRANSFORMERS_JS):
        if why := install(packages=packages):
            print(f"No {packages.what} ({why}): {packages.skipped} will skip.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
