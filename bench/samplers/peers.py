"""Ways to sample that others have, each as its documentation shows it. Where a package is missing, ModuleNotFoundError says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from popinjay.inference.torch_decoder import cache_name
from samplers.ours import Say, draw


def transformers_generate(folder: Path, work: Path) -> Say:
    """`generate` of transformers, float32."""
    import torch

    model = _model(folder)
    end = model.config.eos_token_id

    def say(rows: int, most: int, seed: int) -> int:
        torch.manual_seed(seed)
        start = torch.full((rows, 1), end)
        asked = {
            "do_sample": True,
            "top_p": 0.95,
            "top_k": 0,
            "max_new_tokens": most,
            "min_new_tokens": 0,
            "pad_token_id": end,
        }
        out = model.generate(start, attention_mask=torch.ones_like(start), **asked)[:, 1:]
        return sum(new_tokens(row, end) for row in out.tolist())

    return say


def ctranslate2_int8(folder: Path, work: Path) -> Say:
    """CTranslate2 with int8 weights, its own random sampling with top-p."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    place = work / "ctranslate2" / folder.name
    if not place.exists():
        TransformersConverter(str(folder)).convert(str(place), quantization="int8")
    generator = ctranslate2.Generator(str(place), device="cpu", intra_threads=_cores())

    def say(rows: int, most: int, seed: int) -> int:
        ctranslate2.set_random_seed(seed)
        asked = {
            "sampling_topk": 0,
            "sampling_topp": 0.95,
            "max_length": most,
            "max_batch_size": 0,
            "include_prompt_in_result": False,
        }
        out = generator.generate_batch([["<|endoftext|>"]] * rows, **asked)
        return sum(min(most, len(one.sequences_ids[0]) + 1) for one in out)

    return say


def onnxruntime_int8(folder: Path, work: Path) -> Say:
    """ONNX Runtime as its users have it: torch's export of the model with its cache, `quantize_dynamic`, a loop in numpy around it (ours)."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import
    import numpy as np
    import onnxruntime

    place = work / "onnxruntime" / folder.name / "int8.onnx"
    if not place.exists():
        _export(folder, place)
    session = onnxruntime.InferenceSession(str(place), providers=["CPUExecutionProvider"])
    pasts = [one for one in session.get_inputs() if one.name.startswith("past")]
    outputs = [one.name for one in session.get_outputs()]
    end = _end(folder)

    def say(rows: int, most: int, seed: int) -> int:
        rng, count = np.random.default_rng(seed), 0
        ids = np.full((rows, 1), end, np.int64)
        cache = {
            one.name: np.zeros((rows, one.shape[1], 0, one.shape[3]), np.float32) for one in pasts
        }
        for place in range(most):
            logits, *new = session.run(
                outputs, {"ids": ids, "positions": np.full((len(ids), 1), place, np.int64), **cache}
            )
            tokens = draw(logits[:, -1], rng.random(len(ids)))
            count += len(tokens)
            staying = np.flatnonzero(tokens != end)
            if not len(staying):
                break
            ids = tokens[staying, None]
            cache = {
                one.name: part[staying] if len(staying) < len(tokens) else part
                for one, part in zip(pasts, new, strict=True)
            }
        return count

    return say


def _export(folder: Path, place: Path) -> None:
    """One step with its cache, traced by torch, then its matrices in 8 bits."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import DynamicCache

    model = _model(folder, attn_implementation="eager")
    config = model.config
    layers, heads = (
        config.num_hidden_layers,
        getattr(config, "num_key_value_heads", config.num_attention_heads),
    )
    size = config.hidden_size // config.num_attention_heads
    name = cache_name(model)

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, positions: Any, *past: Any) -> tuple[Any, ...]:
            cache = DynamicCache()
            for layer in range(layers):
                cache.update(past[2 * layer], past[2 * layer + 1], layer)
            seen = torch.zeros(
                (ids.shape[0], 1, ids.shape[1], past[0].shape[2] + ids.shape[1])
            )  # one token a step: it sees all
            out = self.model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=seen,
                use_cache=True,
                **{name: cache},
            )
            return (
                out.logits,
                *(part for layer in out[name].layers for part in (layer.keys, layer.values)),
            )

    place.parent.mkdir(parents=True, exist_ok=True)
    whole = place.with_name("float32.onnx")
    past = [torch.randn(2, heads, 3, size) for _ in range(2 * layers)]
    names, news = [f"past{n}" for n in range(2 * layers)], [f"new{n}" for n in range(2 * layers)]
    shapes = {"ids": {0: "rows"}, "positions": {0: "rows"}, "logits": {0: "rows"}} | {
        name: {0: "rows", 2: "length"} for name in names + news
    }
    given = (torch.ones(2, 1, dtype=torch.long), torch.full((2, 1), 3), *past)
    named = {"input_names": ["ids", "positions", *names], "output_names": ["logits", *news]}
    torch.onnx.export(
        Step().eval(),
        given,
        str(whole),
        **named,
        dynamic_axes=shapes,
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(str(whole), str(place), weight_type=QuantType.QInt8)
    whole.unlink()


def new_tokens(row: list[int], end: int) -> int:
    """Up to the end token, which counts."""
    return row.index(end) + 1 if end in row else len(row)


def _model(folder: Path, **named: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(_cores())
    return AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, **named
    ).eval()


def _end(folder: Path) -> int:
    import json

    end: int = json.loads((folder / "config.json").read_text())["eos_token_id"]
    return end


def _cores() -> int:
    return os.cpu_count() or 1
