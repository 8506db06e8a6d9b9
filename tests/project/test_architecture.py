"""Tests of the package's structure: imports point one way, and starting is quick."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import popinjay

PACKAGE = Path(popinjay.__file__).parent
ROOT = Path(__file__).parents[2]
STDLIB_ONLY = (
    "errors",
    "events",
    "interrupts",
    "memory",
    "options",
    "plugins",
    "post",
    "settings",
    "standard_streams",
    "store",
    "text",
    "whose",
)
MAY_PRINT = (
    "cli.questions",
    "cli.command_bases",
    "cli.command_completion",
    "cli.command_config",
    "cli.command_look",
    "cli.command_serve",
    "cli.commands",
    "cli.show_picture",
    "cli.show_posts",
    "cli.show_post",
    "cli.show_queue",
    "cli.terminal",
    "standard_streams",
)
HEAVY = (
    "torch",
    "transformers",
    "numpy",
    "huggingface_hub",
    "rich",
    "py3langid",
    "tokenizers",
    "tomlkit",
    "safetensors",
    "gguf",
    "tqdm",
    "onnx",
    "onnxruntime",
    "sklearn",
    "scipy",
    "markovify",
    "skia",
    "regex",
    "trackio",
    "wandb",
    "mlflow",
    "libipld",
    "urllib3",
    "fastapi",
    "pydantic",
    "starlette",
    "uvicorn",
)
OUTSIDE = {"tomli_w", "filelock"}  # in store
OUTSIDE |= {"tomlkit"}  # in settings, imported by the functions that change the file
OUTSIDE |= {"regex", "py3langid"}  # in text, imported by the functions that need them


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, *, top_only: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path, known: set[str]) -> set[str]:
    names = {
        name.removeprefix("popinjay.")
        for name in imports(path, top_only=False)
        if name.startswith("popinjay.")
    }
    return names & known


def test_imports_keep_to_the_layers() -> None:
    """The layers are those of `[tool.importlinter]` in pyproject.toml."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_imports_have_no_cycle() -> None:
    known = set(modules())
    graph = {name: own(path, known) for name, path in modules().items() if name != "__init__"}

    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name in done:
            return
        for other in graph.get(name, ()):
            visit(other, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "name", sorted(name for name in modules() if name.split(".")[0] in STDLIB_ONLY)
)
def test_the_lowest_layers_need_the_standard_library_only(name: str) -> None:
    for imported in imports(modules()[name], top_only=False):
        top = imported.split(".")[0]
        assert top in sys.stdlib_module_names | OUTSIDE | {"popinjay", "__future__"}


@pytest.mark.parametrize(
    "statement", ["import popinjay", "from popinjay.cli import main; main.parser().format_help()"]
)
def test_starting_imports_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_generation_imports_only_what_it_needs() -> None:
    code = (
        "from popinjay.cli import main\nfrom popinjay.store.forgotten import Forgotten\n"
        "from popinjay.persona import load\nmain.parser()"
    )
    spared = (
        *HEAVY,
        "filelock",
        "difflib",
        "urllib.request",
        "popinjay.stages.picture",
        "popinjay.cli.repl",
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nimport sys\nprint(*[name for name in {spared} if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_only_the_user_interfaces_print() -> None:
    for name, path in modules().items():
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert name in MAY_PRINT or "print" not in calls, name


def test_no_call_loads_code_of_a_model() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in modules().values())
    assert "trust_remote_code=True" not in text
    assert "torch.load(" not in text


def test_threads_do_not_spin_unless_asked_to() -> None:
    program = "import os, popinjay; print(os.environ.get('GOMP_SPINCOUNT'))"
    for given, wanted in (
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
    ):
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
        }
        said = subprocess.run(
            [sys.executable, "-c", program],
            env=environment | given,
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == wanted
