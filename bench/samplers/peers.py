"""Other libraries' samplers, each used as its documentation shows.

Raises ModuleNotFoundError if a package is not installed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from popinjay.inference.torch_decoder import cache_name
from samplers.ours import Say, sample


def transformers_generate(folder: Path, work: Path) -> Say:
    """Return transformers' `generate` in float32 as a sampler."""
    import torch

    model = _model(folder)
    eos_token = model.config.eos_token_id

    def say(rows: int, max_tokens: int, seed: int) -> int:
        torch.manual_seed(seed)
        start = torch.full((rows, 1), eos_token)
        settings = {
            "do_sample": True,
            "top_p": 0.95,
            "top_k": 0,
            "max_new_tokens": max_tokens,
            "min_new_tokens": 0,
            "pad_token_id": eos_token,
        }
        out = model.generate(start, attention_mask=torch.ones_like(start), **settings)[:, 1:]
        return sum(new_tokens(row, eos_token) for row in out.tolist())

    return say


def ctranslate2_int8(folder: Path, work: Path) -> Say:
    """Return CTranslate2 with int8 weights and its own top-p sampling as a sampler."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    converted = work / "ctranslate2" / folder.name
    if not converted.exists():
        TransformersConverter(str(folder)).convert(str(converted), quantization="int8")
    generator = ctranslate2.Generator(str(converted), device="cpu", intra_threads=_cores())

    def say(rows: int, max_tokens: int, seed: int) -> int:
        ctranslate2.set_random_seed(seed)
        settings = {
            "sampling_topk": 0,
            "sampling_topp": 0.95,
            "max_length": max_tokens,
            "max_batch_size": 0,
            "include_prompt_in_result": False,
        }
        out = generator.generate_batch([["<|endoftext|>"]] * rows, **settings)
        return sum(min(max_tokens, len(one.sequences_ids[0]) + 1) for one in out)

    return say


def onnxruntime_int8(folder: Path, work: Path) -> Say:
    """Return ONNX Runtime, used as its documentation shows, as a sampler.

    The model with its cache is exported by torch and converted by `quantize_dynamic`; the loop
    around it, in numpy, is ours.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # has to be set before the import
    import numpy as np
    import onnxruntime

    exported = work / "onnxruntime" / folder.name / "int8.onnx"
    if not exported.exists():
        _export(folder, exported)
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    pasts = [one for one in session.get_inputs() if one.name.startswith("past")]
    outputs = [one.name for one in session.get_outputs()]
    eos_token = _eos_token(folder)

    def say(rows: int, max_tokens: int, seed: int) -> int:
        rng = np.random.default_rng(seed)
        count = 0
        ids = np.full((rows, 1), eos_token, np.int64)
        cache = {
            one.name: np.zeros((rows, one.shape[1], 0, one.shape[3]), np.float32) for one in pasts
        }
        for position in range(max_tokens):
            positions = np.full((len(ids), 1), position, np.int64)
            logits, *new = session.run(outputs, {"ids": ids, "positions": positions, **cache})
            tokens = sample(logits[:, -1], rng.random(len(ids)))
            count += len(tokens)
            staying = np.flatnonzero(tokens != eos_token)
            if not len(staying):
                break
            ids = tokens[staying, None]
            cache = {
                one.name: part[staying] if len(staying) < len(tokens) else part
                for one, part in zip(pasts, new, strict=True)
            }
        return count

    return say


def _export(folder: Path, path: Path) -> None:
    """Write one step with its cache as ONNX, traced by torch, its matrices quantized to int8."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import DynamicCache

    model = _model(folder, attn_implementation="eager")
    config = model.config
    layers = config.num_hidden_layers
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    size = config.hidden_size // config.num_attention_heads
    cache_argument = cache_name(model)

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, positions: Any, *past: Any) -> tuple[Any, ...]:
            cache = DynamicCache()
            for layer in range(layers):
                cache.update(past[2 * layer], past[2 * layer + 1], layer)
            # One token a step, which attends to all positions.
            mask = torch.zeros((ids.shape[0], 1, ids.shape[1], past[0].shape[2] + ids.shape[1]))
            out = self.model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=mask,
                use_cache=True,
                **{cache_argument: cache},
            )
            updated = out[cache_argument].layers
            parts = (part for layer in updated for part in (layer.keys, layer.values))
            return (out.logits, *parts)

    path.parent.mkdir(parents=True, exist_ok=True)
    unquantized = path.with_name("float32.onnx")
    past = [torch.randn(2, heads, 3, size) for _ in range(2 * layers)]
    past_names = [f"past{number}" for number in range(2 * layers)]
    new_names = [f"new{number}" for number in range(2 * layers)]
    axes = {"ids": {0: "rows"}, "positions": {0: "rows"}, "logits": {0: "rows"}}
    axes |= {name: {0: "rows", 2: "length"} for name in past_names + new_names}
    torch.onnx.export(
        Step().eval(),
        (torch.ones(2, 1, dtype=torch.long), torch.full((2, 1), 3), *past),
        str(unquantized),
        input_names=["ids", "positions", *past_names],
        output_names=["logits", *new_names],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(str(unquantized), str(path), weight_type=QuantType.QInt8)
    unquantized.unlink()


def new_tokens(row: list[int], eos_token: int) -> int:
    """Return the number of tokens up to and including the end token."""
    return row.index(eos_token) + 1 if eos_token in row else len(row)


def _model(folder: Path, **settings: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(_cores())
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, **settings
    )
    return model.eval()


def _eos_token(folder: Path) -> int:
    import json

    eos_token: int = json.loads((folder / "config.json").read_text())["eos_token_id"]
    return eos_token


def _cores() -> int:
    return os.cpu_count() or 1
