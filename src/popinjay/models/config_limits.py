"""Plausibility checks of a model's config.json, before anything of its size is allocated.

A folder may be damaged, or come from someone else: a config of a billion layers would take all
memory before it turned out that there are no weights for them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError

_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "dim")
_MAX_VALUES = {  # larger than in any existing model
    **dict.fromkeys(_LAYERS, 1 << 10),
    **dict.fromkeys(_WIDTHS, 1 << 17),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "n_head", "n_heads"), 1 << 12),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "head_dim"), 1 << 20),
    **dict.fromkeys(("vocab_size", "sliding_window", "sliding_window_pattern"), 1 << 24),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), 1 << 28),
}
_NULLABLE = {
    "num_key_value_heads",
    "n_inner",
    "head_dim",
    "sliding_window",
    "sliding_window_pattern",
}
_POSITIVE = (
    "layer_norm_epsilon",
    "rms_norm_eps",
    "layer_norm_eps",
    "rope_theta",
    "rope_local_base_freq",
    "query_pre_attn_scalar",
)
_SHARING = 4  # a layer may have fewer weights than its width squared by this factor
_HINT = "It is damaged, or not a model's: take a fresh copy, or make the persona again."


def check_config(folder: Path) -> dict[str, Any]:
    """Return the config of a model's folder. Raises BaseModelError if it is not plausible."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BaseModelError(
            f"The model in {folder} has no readable config.json.",
            "It must be a folder as transformers writes it.",
        ) from error
    if not isinstance(config, dict):
        raise BaseModelError(f"The config.json in {folder} holds no object.", _HINT)
    for key, max_value in _MAX_VALUES.items():
        value = config.get(key, 1)
        if not (_is_count(value, max_value) or (value is None and key in _NULLABLE)):
            raise _implausible(folder, key, value)
    for key in _POSITIVE:
        value = config.get(key, 1)
        if not (value is None or _is_positive(value)):
            raise _implausible(folder, key, value)
    return config


def check_room(folder: Path, layers: int, width: int, vocabulary: int) -> None:
    """Raise BaseModelError if a model of these sizes has more weights than the folder has bytes."""
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    for key, needed in (
        ("layers", layers * width * width // _SHARING),
        ("vocabulary", vocabulary * width),
    ):
        if size and needed > size:
            raise BaseModelError(
                f"The config.json in {folder} is of a larger model than the one there: "
                f"its {key} need {needed:,} weights, and there are {size:,} bytes.",
                _HINT,
            )


def _is_count(value: Any, max_value: int) -> bool:
    return type(value) is int and 1 <= value <= max_value


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 < value < 1e12


def _implausible(folder: Path, key: str, value: Any) -> BaseModelError:
    return BaseModelError(
        f"The config.json in {folder} says {key} = {str(value)[:40]!r}, which no model has.", _HINT
    )
