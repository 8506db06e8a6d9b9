"""The house stands as it was drawn: imports point one way, and starting is quick."""

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
SPINE = {
    "caches",
    "copying",
    "disk",
    "errors",
    "events",
    "generic_names",
    "handles",
    "lineage",
    "options",
    "post",
    "run",
    "journal",
    "forgotten",
    "kept",
    "language_codes",
    "machine_made",
    "near_duplicates",
    "words",
    "privacy",
    "rules",
}
SPINE |= {"pii", "pii.addresses", "pii.cards", "pii.dates", "pii.emails", "pii.folding", "pii.keys", "pii.phones"}
SPINE |= {"memory"}
PORTS = {"hub", "sources", "sources.container", "sources.text", "sources.x_archive", "sources.x_assembly", "sources.x_layout", "typeset"}
PORTS |= {"sources.byte_source", "sources.census", "sources.json_file", "sources.json_items", "sources.json_stream", "sources.row", "sources.row_authors"}
PORTS |= {"sources.activitypub", "sources.packed_rows", "sources.schemas", "sources.schemas.known", "sources.schemas.page"}
PORTS |= {f"sources.schemas.{name}" for name in ("activitypub", "bluesky", "mastodon", "misskey", "reddit", "snscrape")}
PORTS |= {f"sources.schemas.{name}" for name in ("threads", "twint", "x_graphql", "x_v1", "x_v2")}
PORTS |= {"sources.row_facts", "sources.row_privacy", "sources.row_file", "sources.row_ids", "sources.row_keys"}
PORTS |= {"sources.columns", "sources.dates", "sources.delimiters", "sources.encodings"}
PORTS |= {"sources.escapes", "sources.marked_text", "sources.table", "sources.undated"}
PORTS |= {"bases", "bases.base", "bases.choice", "bases.finding", "bases.gguf", "bases.growth", "bases.prepared"}
PORTS |= {"bases.rows", "bases.terms", "bases.places", "bases.places.cache", "bases.places.folder"}
PORTS |= {"bases.places.hub", "bases.places.registry", "bases.places.wheels"}
PORTS |= {"sources.x_answers", "sources.x_api", "sources.x_post", "sources.x_price"}
PORTS |= {"sources.bluesky_car", "sources.bluesky_records", "sources.bluesky_text", "sources.car"}
PORTS |= {"sources.connecting", "sources.guesses", "sources.mirror", "sources.remote", "sources.web"}
PORTS |= {"sources.bluesky", "sources.bluesky_identity", "sources.bluesky_preferences"}
PORTS |= {"sources.html_text", "sources.mastodon_export", "sources.tarball"}
PORTS |= {"sources.mastodon", "sources.mastodon_posts", "sources.mastodon_profile"}
PORTS |= {"trackers", "trackers.link", "trackers.mlflow", "trackers.told", "trackers.trackio", "trackers.wandb", "trackers.watch", "trackers.worker"}
ENGINE = {"language_model", "generate", "checkpoints", "composition"}
ENGINE |= {"decoding", "decoding.byte_level", "decoding.decoder", "decoding.draft", "decoding.drawing", "decoding.prompt", "decoding.torch_decoder"}
ENGINE |= {"decoding.defaults", "decoding.generation_config", "decoding.scripts", "evaluation.calibration", "evaluation.settings_figure"}
ENGINE |= {"decoding.desk", "decoding.open", "decoding.onnx_decoder", "decoding.graph", "decoding.architecture"}
ENGINE |= {
    "decoding.quantization",
    "decoding.runtime",
    "decoding.weights",
    "decoding.engine_file",
    "decoding.plausible",
    "decoding.tokens",
    "decoding.special",
    "decoding.builder",
    "decoding.families",
}
ENGINE |= {"decoding.adapter", "decoding.model_files", "tuning.fused", "tuning.llama_layer", "tuning.low_rank"}
ENGINE |= {
    "tuning",
    "tuning.asides",
    "tuning.clock",
    "tuning.descent",
    "tuning.fused",
    "tuning.llama_layer",
    "tuning.low_rank",
    "tuning.learner",
    "tuning.lessons",
    "tuning.loss",
    "tuning.machine",
    "tuning.modes",
    "tuning.outcome",
    "tuning.trainer",
    "tuning.vocabulary",
}
ENGINE |= {
    "evaluation",
    "evaluation.authorship",
    "evaluation.comparison",
    "evaluation.figures",
    "evaluation.game",
    "evaluation.habits",
    "evaluation.interval",
    "evaluation.leaks",
    "evaluation.markov",
    "evaluation.names",
    "evaluation.overlap",
    "evaluation.of_run",
    "evaluation.page",
    "evaluation.plots",
    "evaluation.tables",
    "evaluation.told_apart",
    "evaluation.untouched",
    "evaluation.variety",
    "evaluation.verdict",
}
STAGES = {"collect", "clean", "dataset", "train", "evaluate", "card", "picture"}
FACES = {
    "__init__",
    "__main__",
    "asking",
    "library_output",
    "cli",
    "command_bases",
    "command_forget",
    "command_serve",
    "interrupts",
    "ownership",
    "selection",
    "standard_streams",
    "commands",
    "demo",
    "forget",
    "persona",
    "pipeline",
    "progress",
    "publish",
    "report_table",
    "session",
    "terminal",
}
FACES |= {"serving", "serving.answers", "serving.app", "serving.guard", "serving.overview", "serving.page", "serving.personas", "serving.place"}
FACES |= {"serving.about", "serving.accounts", "serving.event_stream", "serving.job", "serving.job_routes", "serving.jobs", "serving.process"}
FACES |= {"serving.kept_routes", "serving.persona_files"}
FACES |= {"serving.refused", "serving.said", "serving.server", "serving.upload_routes", "serving.uploads", "serving.worker"}
FACES |= {"serving.completions", "serving.connections", "serving.openai_form", "serving.say_routes", "serving.speaking", "serving.told", "serving.voice"}
FLOORS = (SPINE, PORTS, ENGINE, STAGES, FACES)
HEAVY = ("torch", "transformers", "numpy", "huggingface_hub", "rich", "py3langid", "tokenizers", "safetensors")
HEAVY += ("gguf", "tqdm")
HEAVY += ("onnx", "onnxruntime", "sklearn", "scipy", "markovify")
HEAVY += ("skia", "regex", "trackio", "wandb", "mlflow", "libipld", "urllib3", "fastapi", "pydantic", "starlette", "uvicorn")
OUTSIDE_IN_SPINE = {"tomli_w", "filelock"}


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
    names = {name.removeprefix("popinjay.") for name in imports(path, top_only=False) if name.startswith("popinjay.")}
    return names & known


def floor(name: str) -> int:
    return next(i for i, names in enumerate(FLOORS) if name in names)


def test_every_module_has_its_floor() -> None:
    assert set(modules()) == set().union(*FLOORS)


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_down(name: str) -> None:
    for other in own(modules()[name], set(modules())) - {"__init__"}:
        assert floor(other) <= floor(name), f"{name} imports {other}, which is above it"


@pytest.mark.parametrize("name", sorted(STAGES))
def test_stages_do_not_know_each_other(name: str) -> None:
    assert not own(modules()[name], STAGES)


def test_imports_make_no_circle() -> None:
    known = set(modules())
    graph = {name: own(path, known) for name, path in modules().items() if name != "__init__"}

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        for other in graph.get(name, ()):
            visit(other, (*above, name))

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(SPINE))
def test_the_spine_needs_little(name: str) -> None:
    for imported in imports(modules()[name], top_only=False):
        top = imported.split(".")[0]
        assert top in sys.stdlib_module_names | OUTSIDE_IN_SPINE | {"popinjay", "__future__"}


@pytest.mark.parametrize("statement", ["import popinjay", "from popinjay import cli; cli.parser().format_help()"])
def test_starting_loads_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_speaking_waits_for_nothing_it_does_not_need() -> None:
    code = "from popinjay import cli\nfrom popinjay.forgotten import Forgotten\nfrom popinjay.persona import load\ncli.parser()"
    spared = (*HEAVY, "filelock", "difflib", "urllib.request", "popinjay.picture", "popinjay.session")
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*[name for name in {spared} if name in sys.modules])"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_only_the_faces_for_people_print() -> None:
    for name, path in modules().items():
        calls = [
            node.func.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert name in ("asking", "command_bases", "command_serve", "commands", "progress", "terminal") or "print" not in calls, name


def test_no_loading_runs_a_models_own_code() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in modules().values())
    assert "trust_remote_code=True" not in text
    assert "torch.load(" not in text


def test_threads_do_not_spin_for_long_unless_that_is_asked_for() -> None:
    program = "import os, popinjay; print(os.environ.get('GOMP_SPINCOUNT'))"
    for given, wanted in (({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")):
        environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        said = subprocess.run([sys.executable, "-c", program], env=environment | given, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == wanted
