"""Run the `popinjay inspect` commands of a folder of cases and print one row for each command.

    python bench/import_cases.py CASES_FOLDER [WORD_IN_THE_CASE'S_NAME ...]

A case is a folder with input files and an `expected.md` whose indented lines are the commands to
run in it. Each case gets its own home folder, so that cases do not affect each other. The script
does not judge the results: each row shows the exit status and the counts, or the error.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

_COMMAND = re.compile(r"^ {4}popinjay (inspect .*)$", re.MULTILINE)
_COUNT = re.compile(r"^([a-z][a-z ,()-]*?) {2,}(\S.*)$", re.MULTILINE)
_OMITTED = {"kept", "characters", "languages"}
_TIME_LIMIT = 120  # seconds; far above what any case should take


def commands(case: Path) -> list[str]:
    """Return the inspect commands of a case as they are typed, without the program's name."""
    return _COMMAND.findall((case / "expected.md").read_text("utf-8"))


def inspect(command: str, case: Path, home: str) -> tuple[int, str, str]:
    """Run one command in the case's folder; return its exit status, stdout and stderr."""
    typed, _, file = command.partition(" < ")
    stdin = (case / file.strip()).read_bytes() if file else b""
    done = subprocess.run(
        [sys.executable, "-m", "popinjay", *shlex.split(typed, comments=True)],
        cwd=case,
        env={**os.environ, "POPINJAY_HOME": home},
        input=stdin,
        capture_output=True,
        timeout=_TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def summary(status: int, output: str, messages: str) -> str:
    """Return the counts that a command printed on one line, or its error message."""
    if status:
        lines = messages.strip().splitlines() or ["(no message)"]
        return lines[-1] if "Traceback" in messages else lines[0]
    counts = [f"{name} {value}" for name, value in _COUNT.findall(output) if name not in _OMITTED]
    return ", ".join(counts) or output.strip()[:100]


def main() -> None:
    """Print a row for each command of the selected cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("words", nargs="*", help="only cases with one of these in their name")
    chosen = parser.parse_args()
    for expected in sorted(chosen.cases.glob("*/expected.md")):
        case = expected.parent
        if chosen.words and not any(word in case.name for word in chosen.words):
            continue
        with tempfile.TemporaryDirectory() as home:
            for command in commands(case):
                try:
                    row = inspect(command, case, home)
                    print(f"{case.name:32}  {row[0]:3}  {command}\n    {summary(*row)}", flush=True)
                except subprocess.TimeoutExpired:
                    print(f"{case.name:32}  over {_TIME_LIMIT} s  {command}", flush=True)


if __name__ == "__main__":
    main()
