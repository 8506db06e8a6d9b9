"""Tests of personas from others: nothing in their folder is run, trusted or leads out of it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import popinjay
from popinjay.errors import BaseModelError, PersonaError, PopinjayError
from popinjay.inference.onnx import engine_file
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.models.language_model import LanguageModel
from popinjay.persona import Persona, load
from popinjay.publishing.model_content import whole_model
from popinjay.store.caches import machine_secret
from popinjay.store.index_file import INDEX
from popinjay.store.journal import finish
from popinjay.store.run import ENGINE_FOLDER, RECORD, Run
from popinjay.text.verbatim_index import VerbatimIndex

PROMPT = [1, 2, 3]
SAID: dict[str, Any] = {"n": 2, "seed": 3, "max_tokens": 12}


@pytest.fixture(scope="module")
def made(ada: Path, tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a persona as its maker has it, with engine and index."""
    options: dict[str, Any] = {
        "whose": "fictional",
        "epochs": 0.1,
        "batch_tokens": 512,
        "samples": 10,
        "track": "none",
    }
    path = popinjay.make(
        ada, home=tmp_path_factory.mktemp("made"), base=str(tiny_gpt2), **options
    ).path
    load(path).say(**SAID)
    return path


@pytest.fixture
def folder(made: Path, own_home: Path) -> Path:
    """Return a copy of it, as if received from another user."""
    return Path(shutil.copytree(made, own_home / "ada", symlinks=True))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder of the user's own, outside all personas."""
    place = tmp_path / "mine"
    place.mkdir()
    (place / "letter.txt").write_text("dear diary")
    return place


class Trap:
    """What a pickle would run."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


def change_config(model: Path, **keys: object) -> None:
    file = model / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


# code


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "training_args.bin", "optimizer.pt", "engine.pkl"]
)
def test_pickles_are_never_opened(folder: Path, tmp_path: Path, name: str) -> None:
    trap = tmp_path / "sprung"
    for place in (folder, folder / "model", folder / ENGINE_FOLDER):
        (place / name).write_bytes(pickle.dumps(Trap(trap)))
    assert len(load(folder).say(**SAID)) == 2
    (folder / "model" / "model.safetensors").unlink()
    with pytest.raises(BaseModelError):
        load(folder).say(**SAID)
    (folder / "model" / "model.safetensors").write_bytes(pickle.dumps(Trap(trap)))
    for opened in (open_decoder, LanguageModel.load):
        with pytest.raises(BaseModelError):
            opened(folder / "model")
    assert not trap.exists()


def test_code_of_a_model_is_never_run(folder: Path, tmp_path: Path) -> None:
    trap, model = tmp_path / "sprung", folder / "model"
    (model / "modeling_trap.py").write_text(
        f"import os\nos.mkdir({str(trap)!r})\nclass Trap: ...\n"
    )
    own = {
        "AutoConfig": "modeling_trap.Trap",
        "AutoModelForCausalLM": "modeling_trap.Trap",
        "AutoTokenizer": ["modeling_trap.Trap", None],
    }
    change_config(model, auto_map=own)
    tokenizer = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(
        json.dumps({**tokenizer, "auto_map": own, "tokenizer_class": "Trap"})
    )
    load(folder).say(**SAID)
    for kind in ("gpt2", "trap"):
        change_config(model, model_type=kind)
        try:
            LanguageModel.load(model)
        except BaseModelError:
            continue
    assert not trap.exists()


# the engine and the index


def forged_engine(path: Path, change: Callable[[Any, dict[str, Any]], None]) -> None:
    """Change a kept engine's graph and weights, and write it with its original header."""
    import onnx
    from safetensors import safe_open

    tensors = load_file(path)
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    graph = onnx.load_model_from_string(tensors.pop("graph").tobytes())
    change(graph, tensors)
    save_file(
        {**tensors, "graph": np.frombuffer(graph.SerializeToString(), np.uint8)},
        path,
        metadata=about,
    )


def reads_a_file(graph: Any, tensors: dict[str, Any]) -> None:
    """Let a weight come from a file of the working folder."""
    name, weight = next(
        (name, weight) for name, weight in tensors.items() if weight.dtype == np.float32
    )
    placed = next(one for one in graph.graph.initializer if one.name == name)
    del placed.external_data[:]
    for key, value in (("location", "secret.bin"), ("offset", "0"), ("length", str(weight.nbytes))):
        placed.external_data.add(key=key, value=value)
    del tensors[name]


def has_unknown_operators(graph: Any, tensors: dict[str, Any]) -> None:
    graph.graph.node[0].op_type = "Trap"
    graph.graph.node[0].domain = "of.a.stranger"


def speaks_otherwise(graph: Any, tensors: dict[str, Any]) -> None:
    for name, weight in tensors.items():
        if weight.dtype == np.float32:
            tensors[name] = weight * 3 + 1


@pytest.mark.parametrize("change", [reads_a_file, has_unknown_operators, speaks_otherwise])
def test_a_swapped_engine_is_rebuilt(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Any, dict[str, Any]], None],
) -> None:
    load(folder).say(**SAID)  # on this machine, so that even our own seal is in the header
    kept = folder / ENGINE_FOLDER / engine_file.FILE
    before = OnnxDecoder(folder / "model").prefill(PROMPT)
    forged_engine(kept, change)
    (tmp_path / "secret.bin").write_bytes(bytes(1 << 20))
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []
    opened = engine_file.load_engine

    def load_engine(*given: Any) -> Any:
        seen.append(opened(*given))
        return seen[-1]

    monkeypatch.setattr("popinjay.inference.onnx.decoder.load_engine", load_engine)
    for _ in range(2):
        assert np.array_equal(
            OnnxDecoder(folder / "model", cache=folder / ENGINE_FOLDER).prefill(PROMPT), before
        )
    # No graph was handed to ONNX Runtime.
    assert seen[0] is None or (change is speaks_otherwise and not seen[0].intact())
    assert len(seen) == 3
    assert seen[-1].intact()  # the rebuilt one


def test_an_engine_of_another_machine_is_rebuilt(folder: Path, made: Path) -> None:
    kept = folder / ENGINE_FOLDER / engine_file.FILE
    theirs = kept.read_bytes()
    decoder = OnnxDecoder(folder / "model", cache=folder / ENGINE_FOLDER)
    ours = kept.read_bytes()
    assert ours != theirs  # by the seal alone
    assert len(ours) == len(theirs)
    assert np.array_equal(
        decoder.prefill(PROMPT),
        OnnxDecoder(folder / "model", cache=folder / ENGINE_FOLDER).prefill(PROMPT),
    )
    assert kept.read_bytes() == ours  # and then taken


@pytest.mark.parametrize("at", [3, 20, 200, -1, -5_000])
def test_a_damaged_engine_is_rebuilt_silently(
    folder: Path, at: int, capfd: pytest.CaptureFixture[str]
) -> None:
    load(folder).say(**SAID)
    kept = folder / ENGINE_FOLDER / engine_file.FILE
    said = load(folder).say(**SAID)
    wrong = bytearray(kept.read_bytes())
    wrong[at] ^= 64
    kept.write_bytes(wrong)
    assert load(folder).say(**SAID) == said
    assert kept.read_bytes() != wrong
    assert capfd.readouterr().err == ""


def test_an_engine_of_another_model_is_rebuilt(folder: Path) -> None:
    load(folder).say(**SAID)
    weights = load_file(folder / "model" / "model.safetensors")
    name = next(name for name in weights if "c_fc.weight" in name)
    weights[name] = weights[name].copy()
    weights[name][0, 0] += 0.5  # one number of it, size and time as they were
    state = (folder / "model" / "model.safetensors").stat()
    save_file(weights, folder / "model" / "model.safetensors", metadata={"format": "pt"})
    os.utime(folder / "model" / "model.safetensors", ns=(state.st_atime_ns, state.st_mtime_ns))
    given = OnnxDecoder(folder / "model", cache=folder / ENGINE_FOLDER).prefill(PROMPT)
    assert np.array_equal(given, OnnxDecoder(folder / "model").prefill(PROMPT))


def test_a_swapped_index_of_posts_allows_no_repeated_post(folder: Path) -> None:
    post = json.loads((folder / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])["text"]
    index = folder / ENGINE_FOLDER / INDEX
    assert load(folder).filters.index.is_copied(post)
    right = index.read_bytes()
    empty = VerbatimIndex().to_bytes()
    for swapped in (empty, right[:32] + empty, right[:48], b"", right[:-8]):
        index.write_bytes(swapped)
        assert load(folder).filters.index.is_copied(post)
        assert index.read_bytes() == right


def test_nothing_is_cached_or_trusted_if_the_secret_has_no_place(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(folder).say(**SAID)
    (own_home / "a file").write_text("")
    monkeypatch.setenv("POPINJAY_BASES", str(own_home / "a file"))
    assert machine_secret() is None
    assert load(folder).say(**SAID) == before


def test_the_secret_is_made_once_and_readable_by_its_user_only(own_home: Path) -> None:
    first = machine_secret()
    assert first is not None
    assert machine_secret() == first
    (file,) = Path(os.environ["POPINJAY_BASES"]).glob(".secret")
    assert file.stat().st_mode & 0o077 == 0


# links


def links(folder: Path, elsewhere: Path) -> dict[str, Path]:
    return {
        RECORD: folder / RECORD,
        "train.jsonl": folder / "train.jsonl",
        "model": elsewhere,
        "model/config.json": folder / "model" / "config.json",
        "model/model.safetensors": folder / "model" / "model.safetensors",
        "model/extra.safetensors": elsewhere / "letter.txt",
    }


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
@pytest.mark.parametrize(
    "name",
    [
        RECORD,
        "train.jsonl",
        "model",
        "model/config.json",
        "model/model.safetensors",
        "model/extra.safetensors",
    ],
)
def test_links_out_of_the_folder_are_not_followed(folder: Path, elsewhere: Path, name: str) -> None:
    target = links(folder, elsewhere)[name]
    if target.is_relative_to(folder):
        target = Path(shutil.move(target, elsewhere / "moved"))
    place = folder / name
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(target)
    with pytest.raises(PersonaError, match="leads out of the persona's folder"):
        load(folder).say(**SAID)


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_nothing_is_written_through_links(folder: Path, elsewhere: Path) -> None:
    shutil.rmtree(folder / ENGINE_FOLDER)
    (folder / ENGINE_FOLDER).symlink_to(elsewhere)
    load(folder).say(**SAID)
    (folder / ".lock").unlink(missing_ok=True)
    (folder / ".lock").symlink_to(elsewhere / "letter.txt")
    with pytest.raises(PersonaError, match="leads out"), Run(folder).locked():
        pass
    (folder / ".lock").unlink()
    (folder / ".run.toml.partial").symlink_to(elsewhere / "letter.txt")
    with Run(folder).locked():
        Run(folder).save(Run(folder).record)
    assert [file.name for file in elsewhere.iterdir()] == ["letter.txt"]
    assert (elsewhere / "letter.txt").read_text() == "dear diary"


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_nothing_is_published_through_links(folder: Path, elsewhere: Path) -> None:
    (folder / "model" / "LICENSE").symlink_to(elsewhere / "letter.txt")
    with pytest.raises(PersonaError, match="leads out"), whole_model(Run(folder)):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_special_files_do_not_block(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    os.mkfifo(folder / "train.jsonl")
    with pytest.raises(PersonaError, match="neither a file nor a folder"):
        load(folder).say(**SAID)


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ada").symlink_to(folder)
    assert load(tmp_path / "ada").say(**SAID) == load(folder).say(**SAID)


# records


@pytest.mark.parametrize("name", ["../mine", "..", ".", "/etc", "model/../../mine"])
def test_a_foreign_journal_removes_nothing_outside(folder: Path, name: str) -> None:
    precious = folder.parent / "mine"
    precious.mkdir()
    (folder / ".change" / "new").mkdir(parents=True)
    (folder / ".change" / "gone.json").write_text(json.dumps([name]))
    with pytest.raises(PersonaError):
        finish(Run(folder))
    assert precious.is_dir()
    assert (folder / RECORD).is_file()


def test_a_record_cannot_make_other_files_be_read(folder: Path) -> None:
    run = Run(folder)
    entry = run.record.stages["train"]
    makes = {**(entry.makes or {}), "/dev/zero": "0" * 64}
    stages = {**run.record.stages, "train": replace(entry, makes=makes)}
    run.save(run.record.updated(stages=stages))
    with pytest.raises(PersonaError, match="leads out"):
        Run(folder).states()


# invalid models


ABSURD = [
    {"n_layer": 10**9},
    {"n_layer": -1},
    {"n_layer": 2.5},
    {"n_layer": "2"},
    {"n_layer": None},
    {"n_layer": True},
    {"n_embd": 10**12},
    {"n_embd": 0},
    {"n_head": 0},
    {"n_head": [2]},
    {"vocab_size": 10**15},
    {"n_positions": 0},
    {"layer_norm_epsilon": "small"},
    {"layer_norm_epsilon": float("nan")},
    {"model_type": []},
    {"model_type": "opt", "hidden_size": 1 << 16, "num_hidden_layers": 1000},
    {"model_type": "opt", "num_hidden_layers": 10**9},
    {"model_type": "no_such_model"},
    {"model_type": "llama"},
    {"n_layer": 900},
]


@pytest.mark.parametrize("keys", ABSURD, ids=str)
def test_invalid_configs_end_in_one_sentence(folder: Path, keys: dict[str, object]) -> None:
    change_config(folder / "model", **keys)
    with pytest.raises(BaseModelError) as caught:
        load(folder).say(**SAID)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500
    assert caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "model.safetensors",
    ],
)
@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a": NaN}', bytes(64)],
)
def test_files_of_other_content_end_in_one_sentence(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / "model" / name).write_bytes(content)
    try:
        load(folder).say(**SAID)
    except PopinjayError as error:
        assert error.hint  # noqa: PT017


@pytest.mark.parametrize("exact", [False, True])
def test_nan_weights_are_reported(folder: Path, exact: bool) -> None:
    weights = load_file(folder / "model" / "model.safetensors")
    save_file(
        {name: np.full_like(weight, np.nan) for name, weight in weights.items()},
        folder / "model" / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(
        BaseModelError, match="No token can be sampled" if exact else "weights are damaged"
    ):
        load(folder).say(**SAID, exact=exact)


def test_a_tokenizer_of_another_model_is_reported(folder: Path) -> None:
    file = folder / "model" / "tokenizer.json"
    tokenizer = json.loads(file.read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["id"] += 10**6
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {token: number + 10**6 for token, number in vocabulary.items()}
    file.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(BaseModelError):
        Persona(Run(folder)).say("hello there", **SAID)
