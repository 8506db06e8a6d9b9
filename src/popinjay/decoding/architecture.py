"""What a model's config.json says of its arithmetic, where all of it is known here; else it is left to transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError

Config = Mapping[str, Any]
LONGEST = 8192  # positions; RoPE's tables are made for so many, and no post needs more


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder-only transformer. `heads` share `kv_heads` keys and values (GQA, Ainslie et al., arXiv 2305.13245)."""

    family: str  # gpt2 or llama
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    vocabulary: int
    epsilon: float
    tied: bool  # whether the head is the embedding
    theta: float = 0.0  # RoPE's base; 0 for learnt positions
    query_biases: bool = False  # of query, key and value
    output_bias: bool = False


def read_architecture(folder: Path) -> Architecture | None:
    """The architecture of a model's folder; None where a key of its config is unknown here, or has a value that changes the arithmetic.

    Raises BaseModelError where there is no config to read.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        family = FAMILIES.get(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseModelError(f"The model in {folder} has no readable config.json.", "It must be a folder as transformers writes it.") from error
    return family(config) if family else None


NO_ARITHMETIC = set(
    """_name_or_path _num_labels architectures attention_dropout attn_pdrop bos_token_id dtype embd_pdrop eos_token_id finetuning_task
    gradient_checkpointing id2label initializer_range label2id model_type name_or_path output_attentions output_hidden_states output_past pad_token_id
    resid_pdrop return_dict summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj task_specific_params
    tie_word_embeddings tokenizer_class torch_dtype torchscript transformers_version use_cache vocab_size""".split()
)


def _gpt2(config: Config) -> Architecture | None:
    width, heads = config.get("n_embd", 768), config.get("n_head", 12)
    sizes = {"n_embd", "n_head", "n_layer", "n_positions", "n_inner", "n_ctx", "layer_norm_epsilon"}  # n_inner shows in the weights' shapes
    must = {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
        "add_cross_attention": (False,),
        "is_decoder": (False, True),
        "reorder_and_upcast_attn": (False,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "scale_attn_weights": (True,),
    }
    if not _known(config, sizes, must) or width % heads:
        return None
    return Architecture(
        family="gpt2",
        layers=config.get("n_layer", 12),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        context=config.get("n_positions", 1024),
        vocabulary=config.get("vocab_size", 50257),
        epsilon=config.get("layer_norm_epsilon", 1e-5),
        tied=config.get("tie_word_embeddings", True),
        query_biases=True,
        output_bias=True,
    )


LLAMA_SIZES = {
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "num_hidden_layers",
    "intermediate_size",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_parameters",
}


def _llama(config: Config) -> Architecture | None:
    must = {"hidden_act": ("silu",), "mlp_bias": (False,), "pretraining_tp": (1,), "rope_scaling": (None,), "attention_bias": (False, True)}
    biased = config.get("attention_bias", False)
    return _llama_like(config, LLAMA_SIZES, must, query_biases=biased, output_bias=biased)


def _mistral(config: Config) -> Architecture | None:
    window, context = config.get("sliding_window", 4096), config.get("max_position_embeddings", 131072)
    if window is not None and window < min(context, LONGEST):
        return None
    return _llama_like(config, LLAMA_SIZES | {"sliding_window"}, {"hidden_act": ("silu",), "rope_scaling": (None,)})


def _qwen2(config: Config) -> Architecture | None:
    must = {"hidden_act": ("silu",), "rope_scaling": (None,), "use_sliding_window": (False,)}
    if set(config.get("layer_types") or ["full_attention"]) != {"full_attention"}:
        return None
    return _llama_like(config, LLAMA_SIZES | {"sliding_window", "max_window_layers", "layer_types"}, must, query_biases=True)


def _llama_like(
    config: Config, sizes: set[str], must: Mapping[str, tuple[Any, ...]], *, query_biases: bool = False, output_bias: bool = False
) -> Architecture | None:
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    needed = {"hidden_size", "num_attention_heads", "num_hidden_layers", "max_position_embeddings", "vocab_size", "rms_norm_eps"}
    if not _known(config, sizes, must) or not needed <= set(config) or set(rope) - {"rope_theta", "rope_type"} or rope.get("rope_type", "default") != "default":
        return None
    width, heads = config["hidden_size"], config["num_attention_heads"]
    return Architecture(
        family="llama",
        layers=config["num_hidden_layers"],
        width=width,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or width // heads,
        context=min(config["max_position_embeddings"], LONGEST),
        vocabulary=config["vocab_size"],
        epsilon=config["rms_norm_eps"],
        tied=config.get("tie_word_embeddings", False),
        theta=float(rope["rope_theta"]),
        query_biases=query_biases,
        output_bias=output_bias,
    )


def _known(config: Config, sizes: set[str], must: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether every key is one that is understood, with a value that is."""
    return all(key in NO_ARITHMETIC | sizes or (key in must and value in must[key]) for key, value in config.items())


FAMILIES: Mapping[str, Callable[[Config], Architecture | None]] = {"gpt2": _gpt2, "llama": _llama, "mistral": _mistral, "qwen2": _qwen2}
