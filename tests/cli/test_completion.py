"""Completion with Tab, asked as real shells ask."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from popinjay.cli.main import main
from speaking_persona import put_persona

pytest.importorskip("argcomplete")

# What bash does when Tab is pressed: it calls the function that the script registered.
BASH = """
eval "$(popinjay completion bash)"
COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_KEY=9
COMP_WORDS=({words}); COMP_CWORD={number}
$(complete -p popinjay | sed 's/.*-F \\([^ ]*\\).*/\\1/') popinjay {last} popinjay
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def path(tmp_path: Path, own_home: Path) -> str:
    """Return a PATH with the command popinjay, as pip installs it; there are two personas."""
    script = tmp_path / "bin" / "popinjay"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom popinjay.cli.main import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    for name in ("ada", "brix two"):
        (own_home / name).mkdir()
        (own_home / name / "run.toml").write_text("")
    (own_home / "no persona").mkdir()
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def offered(path: str, line: str) -> list[str]:
    """Return what bash offers at the end of a line."""
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    script = BASH.format(
        line=shlex.quote(line),
        words=" ".join(map(shlex.quote, words)),
        number=len(words) - 1,
        last=shlex.quote(words[-1]),
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [word.strip() for word in done.stdout.splitlines() if word.strip()]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("popinjay li", ["lineage", "list"]),
        ("popinjay say ", ["ada", "brix\\ two"]),
        ("popinjay say a", ["ada"]),
        ("popinjay rename ", ["ada", "brix\\ two"]),
        ("popinjay make --base s", ["smollm2", "smollm2-360m"]),
        ("popinjay bases get gem", ["gemma3"]),
        ("popinjay make x.txt --whose f", ["fictional"]),
        ("popinjay make --max", []),
        ("popinjay say ada --max-", ["--max-chars", "--max-tokens"]),
        ("popinjay report ada --against b", ["brix\\ two"]),
        ("popinjay help bases ", ["get", "remove"]),
        ("popinjay config set say.temp", ["say.temperature"]),
        ("popinjay export ada --to tr", ["transformers"]),
        ("popinjay completion ", ["bash", "fish", "zsh"]),
        ("popinjay say nobody", []),
    ],
)
def test_bash_offers_what_can_follow(path: str, line: str, some: list[str]) -> None:
    assert sorted(offered(path, line)) == some


def test_the_home_that_is_typed_is_looked_into(path: str, tmp_path: Path) -> None:
    put_persona(tmp_path / "other", "carol")
    assert offered(path, f"popinjay say --home {tmp_path / 'other'} ") == ["carol"]


def test_a_damaged_file_of_settings_spoils_no_completion(path: str) -> None:
    Path(os.environ["POPINJAY_CONFIG"]).write_text("nonsense")
    assert "lineage" in offered(path, "popinjay lin")


def test_nothing_heavy_is_imported(path: str) -> None:
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": "popinjay say ", "COMP_POINT": "13"}
    code = (
        "import os, sys, popinjay.cli.completion as c\n"
        "os._exit = lambda code: (print(*sys.modules, file=sys.stderr), sys.exit(code))\n"
        "c.complete()\n"
    )
    answer = {"_ARGCOMPLETE_STDOUT_FILENAME": os.devnull}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked, **answer},
        capture_output=True,
        text=True,
        timeout=60,
    )
    imported = set(done.stderr.split())
    assert "argcomplete" in imported
    assert not imported & {"torch", "transformers", "numpy", "rich", "huggingface_hub", "urllib3"}


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish_offers_personas(path: str) -> None:
    script = "popinjay completion fish | source; sleep 0.1; complete -C 'popinjay say a'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["ada"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_loads_the_script_and_completes(path: str, tmp_path: Path) -> None:
    script = """
eval "$(popinjay completion zsh)"
print registered ${_comps[popinjay]}
_describe() { print offered ${${(P)4}[@]} }
words=(popinjay say a); CURRENT=3; BUFFER='popinjay say a'; CURSOR=14; service=popinjay
_python_argcomplete popinjay
"""
    done = subprocess.run(
        ["zsh", "-f", "-c", script],
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "registered _python_argcomplete" in done.stdout, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_begins_with_how_to_install_it(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    first = capsys.readouterr().out.splitlines()[:2]
    assert first[0].startswith(f"# Completion of popinjay for {shell}. To install it")
    assert f"popinjay completion {shell}" in first[1]


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err


def test_the_shell_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert main(["completion"]) == 0
    assert capsys.readouterr().out.startswith("# Completion of popinjay for zsh.")


@pytest.mark.parametrize(("shell", "said"), [("/bin/dash", "your shell is dash"), ("", "no SHELL")])
def test_another_shell_of_the_environment_is_refused(
    shell: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert main(["completion"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "popinjay completion bash" in error
