"""Tests of the ONNX decoder: it computes what transformers computes, for any rows in the batch."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import END
from popinjay.errors import BaseModelError
from popinjay.inference.onnx.architecture import UnknownWeights, read_architecture
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.onnx.engine_file import FILE
from popinjay.inference.onnx.runtime import PRODUCT, saturates
from popinjay.inference.open_decoder import why_slow
from popinjay.models.language_model import LanguageModel

PROMPT = [0, 61, 17, 200, 5, 44]
NEAR = 0.02  # of the logits of a tiny random model in 8 bits, which spread by some 0.1
NEAR_GEMMA = (
    0.05  # its norms behind each part make small numbers, and what rounding did to them, large
)


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama", "tiny_gemma"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def expected(model: LanguageModel, tokens: list[int]) -> Any:
    with torch.inference_mode():
        return model.model(torch.tensor([tokens])).logits[0, -1].numpy()


class Beside:
    """A decoder beside lists of tokens, compared with transformers after every step."""

    def __init__(self, decoder: OnnxDecoder, model: LanguageModel, within: float) -> None:
        self.decoder, self.model, self.within = decoder, model, within
        self.rows: list[list[int]] = []
        self.rng = np.random.default_rng(0)

    def read(self, prompt: list[int]) -> None:
        self.prompt = prompt
        self.rows = []
        assert (
            np.abs(self.decoder.prefill(prompt) - expected(self.model, prompt)).max() < self.within
        )

    def add(self, count: int) -> None:
        self.decoder.add(count)
        self.rows += [list(self.prompt) for _ in range(count)]

    def keep(self, rows: list[int]) -> None:
        self.decoder.filter(rows)
        self.rows = [self.rows[row] for row in rows]

    def steps(self, count: int) -> None:
        for _ in range(count):
            tokens = self.rng.integers(1, 300, len(self.rows)).tolist()
            for row, token in zip(self.rows, tokens, strict=True):
                row.append(token)
            found = self.decoder.step(tokens)
            assert found.shape == (len(self.rows), 300)
            for row, logits in zip(self.rows, found, strict=True):
                assert np.abs(logits - expected(self.model, row)).max() < self.within


@pytest.mark.parametrize("exact", [True, False])
def test_rows_that_come_and_go_match_transformers(folder: Path, exact: bool) -> None:
    near = NEAR_GEMMA if read_architecture(folder).family == "gemma" else NEAR
    within = 1e-4 if exact else near
    beside = Beside(OnnxDecoder(folder, exact=exact), LanguageModel.load(folder), within)
    beside.read(PROMPT)
    beside.add(3)
    beside.steps(2)
    beside.add(2)
    beside.steps(2)
    beside.keep([4, 0, 2])
    beside.steps(1)
    beside.keep([1])
    beside.add(4)
    beside.steps(70)  # beyond the initial size of a row
    beside.read([0])
    beside.add(1)
    beside.steps(2)


def test_the_comparison_detects_another_model(tiny_gpt2: Path, tmp_path: Path) -> None:
    model = LanguageModel.load(tiny_gpt2)
    decoder = OnnxDecoder(changed(tiny_gpt2, tmp_path, layer_norm_epsilon=0.1), exact=True)
    assert np.abs(decoder.prefill(PROMPT) - expected(model, PROMPT)).max() > 1e-3
    assert (
        np.abs(
            OnnxDecoder(tiny_gpt2, exact=True).prefill(PROMPT[:-1]) - expected(model, PROMPT)
        ).max()
        > NEAR
    )


@pytest.mark.parametrize(
    ("keys", "differs"),
    [
        ({"sliding_window": 7}, True),
        ({"query_pre_attn_scalar": 16}, True),
        ({"sliding_window": 64}, True),
        ({}, False),
    ],
)
def test_gemmas_windows_and_scales_are_supported(
    tiny_gemma: Path, tmp_path: Path, keys: dict[str, object], differs: bool
) -> None:
    text = list(range(10, 40))
    theirs = expected(LanguageModel.load(tiny_gemma), text)
    ours = OnnxDecoder(changed(tiny_gemma, tmp_path, **keys), exact=True).prefill(text)
    assert (np.abs(ours - theirs).max() > 1e-4) == differs


def test_older_files_of_gemma_give_the_same(tiny_gemma: Path, tmp_path: Path) -> None:
    folder = changed(tiny_gemma, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"], config["layer_types"]
    old = {
        "rope_theta": 1_000_000,
        "rope_local_base_freq": 10_000,
        "sliding_window_pattern": 2,
        "cache_implementation": "hybrid",
    }
    (folder / "config.json").write_text(json.dumps({**config, **old}))
    assert np.array_equal(
        OnnxDecoder(folder, exact=True).prefill(PROMPT),
        OnnxDecoder(tiny_gemma, exact=True).prefill(PROMPT),
    )


@pytest.mark.parametrize("exact", [True, False])
def test_a_row_is_bitwise_independent_of_its_neighbours(folder: Path, exact: bool) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(1, 300, (7, 12))

    def logits_of(chosen: list[int]) -> Any:
        decoder = OnnxDecoder(folder, exact=exact)
        decoder.prefill(PROMPT)
        decoder.add(len(chosen))
        return np.stack(
            [decoder.step(column.tolist())[chosen.index(3)].copy() for column in rows[chosen].T]
        )

    alone = logits_of([3])
    for others in ([3, 0], [1, 3, 5], [0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3]):
        assert np.array_equal(alone, logits_of(others))


def logits_after(decoder: OnnxDecoder) -> Any:
    """Return the logits of three rows after the prompt and two more tokens."""
    decoder.prefill(PROMPT)
    decoder.add(3)
    decoder.step([4, 5, 6])
    return decoder.step([9, 8, 7]).copy()


def test_processors_with_saturating_sums_compute_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = logits_after(OnnxDecoder(folder))
    monkeypatch.setattr("popinjay.inference.onnx.decoder.saturates", lambda: not saturates())
    if saturates():
        # Saturating sums: the reason for distinguishing both kinds of processors.
        assert not np.array_equal(here, logits_after(OnnxDecoder(folder)))
    else:
        assert np.array_equal(here, logits_after(OnnxDecoder(folder)))


def test_the_quantized_product_follows_its_definition() -> None:
    from onnx import load_from_string

    model = load_from_string(PRODUCT)
    assert [(node.op_type, *node.input, *node.output) for node in model.graph.node] == [
        ("MatMulInteger", "a", "b", "y")
    ]


@pytest.mark.skipif(
    shutil.which("qemu-x86_64") is None,
    reason="needs qemu-x86_64 (Debian's qemu-user), which emulates older processors",
)
def test_on_an_older_processor(folder: Path, tmp_path: Path) -> None:
    """Haswell, of 2013, has no VNNI."""
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from typing import Any
import numpy as np
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.onnx.runtime import saturates
PROMPT = {PROMPT}
{inspect.getsource(logits_after)}
assert saturates()
np.save({str(tmp_path / "older.npy")!r}, logits_after(OnnxDecoder(Path({str(folder)!r}))))
"""
    python = Path(sys.executable).resolve()
    subprocess.run(
        ["qemu-x86_64", "-cpu", "Haswell", str(python), "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        np.abs(np.load(tmp_path / "older.npy") - logits_after(OnnxDecoder(folder))).max()
        < NEAR / 10
    )


def test_a_freed_slot_of_the_cache_is_never_read(folder: Path) -> None:
    fresh, used = OnnxDecoder(folder, exact=True), OnnxDecoder(folder, exact=True)
    used.prefill(PROMPT)
    used.add(6)
    for _ in range(9):
        used.step([7] * 6)
    used._rows.cache[:] = np.nan
    for decoder in (fresh, used):
        decoder.prefill(PROMPT)
        decoder.add(3)
    assert np.array_equal(fresh.step([4, 5, 6]), used.step([4, 5, 6]))


def test_other_shapes_of_llama_and_similar_models(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config

    from models import tokenizer

    sizes: dict[str, Any] = {
        "vocab_size": 300,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    sizes |= {"max_position_embeddings": 128, "bos_token_id": 0, "eos_token_id": 0}
    kinds = {
        "llama": LlamaConfig(
            **sizes,
            head_dim=16,
            attention_bias=True,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 5e4},
        ),
        "mistral": MistralConfig(**sizes, head_dim=16, sliding_window=None),
        "qwen2": Qwen2Config(**sizes | {"hidden_size": 64}),
    }
    for name, config in kinds.items():
        torch.manual_seed(0)
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        for parameter in model.parameters():
            # Biases too, which are initialized with zeros.
            torch.nn.init.normal_(parameter, std=0.1)
        model.save_pretrained(tmp_path / name)
        tokenizer().save_pretrained(tmp_path / name)
        beside = Beside(
            OnnxDecoder(tmp_path / name, exact=True), LanguageModel.load(tmp_path / name), 1e-4
        )
        beside.read(PROMPT)
        beside.add(2)
        beside.steps(4)


@pytest.mark.parametrize("type_", [torch.float16, torch.bfloat16])
def test_half_precision_files(folder: Path, tmp_path: Path, type_: torch.dtype) -> None:
    model = LanguageModel.load(folder)
    model.model.to(type_)
    model.save(tmp_path)
    assert (
        np.abs(
            OnnxDecoder(tmp_path, exact=True).prefill(PROMPT)
            - expected(LanguageModel.load(tmp_path), PROMPT)
        ).max()
        < 1e-4
    )


def changed(folder: Path, to: Path, **keys: object) -> Path:
    shutil.copytree(folder, to / "changed")
    config = json.loads((folder / "config.json").read_text())
    (to / "changed" / "config.json").write_text(json.dumps({**config, **keys}))
    return to / "changed"


@pytest.mark.parametrize(
    ("base", "keys"),
    [
        ("tiny_gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("tiny_gpt2", {"activation_function": "relu"}),
        ("tiny_gpt2", {"never_heard_of": 1}),
        ("tiny_gpt2", {"model_type": "gpt_neox"}),
        ("tiny_gpt2", {"n_layer": 1}),
        ("tiny_gpt2", {"tie_word_embeddings": False}),
        (
            "tiny_llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
        ),
        ("tiny_llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
        ("tiny_llama", {"attention_bias": True}),
        ("tiny_llama", {"model_type": "mistral", "sliding_window": 64}),
        ("tiny_llama", {"model_type": "qwen2"}),
        ("tiny_llama", {"hidden_act": "gelu"}),
        ("tiny_llama", {"tie_word_embeddings": True}),
        ("tiny_gemma", {"final_logit_softcapping": 30.0}),
        ("tiny_gemma", {"attn_logit_softcapping": 50.0}),
        ("tiny_gemma", {"use_bidirectional_attention": True}),
        ("tiny_gemma", {"hidden_activation": "silu"}),
        ("tiny_gemma", {"layer_types": ["full_attention", "chunked_attention", "full_attention"]}),
        ("tiny_gemma", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}),
    ],
)
def test_unsupported_models_are_left_to_transformers(
    base: str, keys: dict[str, object], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with pytest.raises(UnknownWeights):
        OnnxDecoder(folder := changed(request.getfixturevalue(base), tmp_path, **keys))
    reason = why_slow(folder)
    assert reason is not None
    assert any(
        name in reason for name in (*keys, "weights", "config.json", *map(str, keys.values()))
    )


@pytest.mark.parametrize(
    "keys",
    [
        {"unk_token_id": 0, "_model_name_or_path": "somewhere", "image_token_index": 9},
        {"quantization_config": None, "use_bidirectional_attention": False, "pruned_heads": {}},
        {
            "transformers.js_config": {"dtype": "q4"},
            "is_llama_config": True,
            "rope_interleaved": False,
        },
        {"temperature": 0.7, "do_sample": True, "max_length": 20, "license": "mit"},
    ],
)
def test_config_keys_without_effect_keep_the_engine(
    folder: Path, tmp_path: Path, keys: dict[str, object]
) -> None:
    other = changed(folder, tmp_path, **keys)
    assert why_slow(other) is None
    assert np.array_equal(OnnxDecoder(other).prefill(PROMPT), OnnxDecoder(folder).prefill(PROMPT))


def test_broken_files_are_reported(tiny_gpt2: Path, tmp_path: Path) -> None:
    folder = changed(tiny_gpt2, tmp_path)
    weights = (folder / "model.safetensors").read_bytes()
    for broken in (weights[:-100], b"", b"\xff" * 64):
        (folder / "model.safetensors").write_bytes(broken)
        with pytest.raises(BaseModelError, match="can't be read"):
            OnnxDecoder(folder)


def test_the_converted_model_is_cached_and_never_mixed_up(tiny_gpt2: Path, tmp_path: Path) -> None:
    folder = changed(tiny_gpt2, tmp_path)
    cache = tmp_path / "engine"
    first = OnnxDecoder(folder, cache=cache).prefill(PROMPT)
    kept = (cache / FILE).stat()
    assert np.array_equal(first, OnnxDecoder(folder, cache=cache).prefill(PROMPT))
    assert (cache / FILE).stat().st_mtime_ns == kept.st_mtime_ns
    assert [file.name for file in cache.iterdir()] == [FILE]
    weights = bytearray((folder / "model.safetensors").read_bytes())
    state = (folder / "model.safetensors").stat()
    weights[-40_000:] = bytes(40_000)  # another model of the same size and time
    (folder / "model.safetensors").write_bytes(weights)
    os.utime(folder / "model.safetensors", ns=(state.st_atime_ns, state.st_mtime_ns))
    other = OnnxDecoder(folder, cache=cache).prefill(PROMPT)
    assert np.array_equal(other, OnnxDecoder(folder).prefill(PROMPT))
    assert not np.array_equal(other, first)
    (cache / FILE).write_bytes((cache / FILE).read_bytes()[:5000])  # cut off
    assert np.array_equal(other, OnnxDecoder(folder, cache=cache).prefill(PROMPT))


def test_a_read_only_folder_caches_nothing(tiny_gpt2: Path, tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("a file stands here")
    decoder = OnnxDecoder(tiny_gpt2, cache=tmp_path / "engine")
    assert np.array_equal(decoder.prefill(PROMPT), OnnxDecoder(tiny_gpt2).prefill(PROMPT))


@pytest.mark.parametrize(
    "text", ["the river hums", "", " ", "a\n\nb ", f"x{END}y", "naïve 🦜🏽 日本", "\ufffd"]
)
def test_the_tokenizer_matches_transformers(folder: Path, text: str) -> None:
    decoder = OnnxDecoder(folder)
    model = LanguageModel.load(folder)
    ids = decoder.encode(text)
    assert ids == model.encode([text])[0]
    assert model.eos_token not in ids
    assert (
        decoder.decode([decoder.eos_token, *ids]) == model.decode([model.eos_token, *ids]) == text
    )
    pieces = decoder.pieces()
    assert pieces is not None
    assert b"".join(pieces[i] for i in ids) == text.encode()
    assert (pieces[decoder.eos_token], decoder.eos_token, decoder.context) == (
        b"",
        model.eos_token,
        model.context,
    )


def test_no_torch_and_no_transformers_are_needed(folder: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from popinjay.inference.open_decoder import open_decoder
decoder = open_decoder(Path({str(folder)!r}), cache=Path({str(tmp_path)!r}))
decoder.prefill([decoder.eos_token, *decoder.encode("the river")])
decoder.add(2)
decoder.step([5, 6])
heavy = ("torch", "transformers", "huggingface_hub")
print(type(decoder).__name__, *[name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "OnnxDecoder"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as on Linux")
@pytest.mark.parametrize(("limit", "most"), [("1", 1), ("3", 4), ("many", None)])
def test_sessions_share_their_threads(
    folder: Path, tmp_path: Path, limit: str, most: int | None
) -> None:
    """Threads of several pools would hold each other up; a limit for PyTorch holds here too."""
    code = f"""
import os
from pathlib import Path
from popinjay.inference.onnx.decoder import OnnxDecoder
def opened():
    decoder = OnnxDecoder(Path({str(folder)!r}), cache=Path({str(tmp_path)!r}))
    decoder.prefill([decoder.eos_token, 5, 6])
    return decoder, len(os.listdir("/proc/self/task"))
decoders, counts = zip(*[opened() for _ in range(3)])
print(*counts)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": limit, "OPENBLAS_NUM_THREADS": "1"},
    )
    first, *others = map(int, done.stdout.split())
    assert others == [first, first]
    if most is not None:
        assert first <= most
