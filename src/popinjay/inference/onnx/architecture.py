"""The architecture of a model, read from its config.json.

A config with a key that may change the arithmetic in a way not implemented here is refused, and the
model is left to transformers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError
from popinjay.models.config_limits import check_config

Config = Mapping[str, Any]
MAX_CONTEXT = 8192  # positions: the size of RoPE's tables; no post needs more


class UnknownWeights(Exception):
    """A model that the fast engine can't compute. The message, in lower case, says why."""


@dataclass(frozen=True, slots=True)
class LayerKind:
    """The positions and the window of a layer's attention."""

    theta: float = 0.0  # RoPE's base; 0 for learned position embeddings
    window: int = 0  # tokens in the sliding window, including the current one; 0 for all


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder-only transformer.

    Its `heads` share `kv_heads` keys and values (GQA, Ainslie et al., arXiv 2305.13245).
    """

    family: str  # gpt2, llama or gemma
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    vocabulary: int
    epsilon: float
    tied: bool  # whether the head shares the embedding's weights
    kinds: tuple[LayerKind, ...] = (LayerKind(),)  # of each layer; a single one applies to all
    query_biases: bool = False  # of query, key and value
    output_bias: bool = False
    query_norms: bool = False  # RMS norms of each head's query and key
    scale: float = 0.0  # of attention scores; 0 for head_size ** -0.5
    embedding_scale: float = 1.0
    norms_above_one: bool = False  # whether the files have the norms' weights minus 1

    def kind_of(self, layer: int) -> LayerKind:
        """Return the kind of a layer."""
        return self.kinds[layer if len(self.kinds) > 1 else 0]


def read_architecture(folder: Path) -> Architecture:
    """Read the architecture of a model's folder.

    Raises UnknownWeights if a key of its config may change the arithmetic in a way that is not
    implemented here, and BaseModelError if there is no valid config.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config["model_type"]
        family = FAMILIES.get(kind)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BaseModelError(
            f"The model in {folder} has no readable config.json.",
            "It must be a folder as transformers writes it.",
        ) from error
    if family is None:
        raise UnknownWeights(f"models of type {kind!r} are not known to it")
    check_config(folder)
    try:
        return family(config)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise BaseModelError(
            f"The config.json in {folder} is invalid: {type(error).__name__}: {error}.",
            "It must be as transformers writes it.",
        ) from error


NO_ARITHMETIC = set(  # keys that don't change the logits
    """architectures attention_dropout attn_pdrop auto_map cache_implementation
    chunk_size_feed_forward dtype embd_pdrop finetuning_task gradient_checkpointing id2label
    initializer_range is_llama_config label2id language library_name license model_name model_type
    name_or_path output_attentions output_hidden_states output_past pipeline_tag problem_type
    resid_pdrop return_dict summary_activation summary_first_dropout summary_proj_to_labels
    summary_type summary_use_proj tags task_specific_params tie_word_embeddings tokenizer_class
    torch_dtype torchscript transformers.js_config transformers_version unsloth_fixed
    unsloth_version use_cache vocab_size"""
    # sampling defaults in older files
    """ bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping
    encoder_no_repeat_ngram_size length_penalty max_length min_length no_repeat_ngram_size
    num_beam_groups num_beams num_return_sequences output_scores repetition_penalty
    return_dict_in_generate suppress_tokens temperature top_k top_p typical_p""".split()
)
TOKENS = ("_token_id", "_token_ids", "_token_index")  # suffixes of keys for special tokens
DEFAULT_ROPE = {"rope_theta", "rope_type"}


def _gpt2(config: Config) -> Architecture:
    width = config.get("n_embd", 768)
    heads = config.get("n_head", 12)
    sizes = {
        "n_embd",
        "n_head",
        "n_layer",
        "n_positions",
        "n_inner",  # taken from the weights' shapes
        "n_ctx",
        "layer_norm_epsilon",
    }
    required = {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
        "add_cross_attention": (False,),
        "is_decoder": (False, True),
        "reorder_and_upcast_attn": (False,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "scale_attn_weights": (True,),
    }
    _check(config, sizes, required)
    if width % heads:
        raise UnknownWeights(f"{heads} heads don't divide a width of {width}")
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
LLAMA_REQUIRED = (
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "max_position_embeddings",
    "vocab_size",
    "rms_norm_eps",
)


def _llama(config: Config) -> Architecture:
    required = {
        "hidden_act": ("silu",),
        "mlp_bias": (False,),
        "pretraining_tp": (1,),
        "rope_scaling": (None,),
        "attention_bias": (False, True),
    }
    biased = config.get("attention_bias", False)
    return _llama_like(config, LLAMA_SIZES, required, query_biases=biased, output_bias=biased)


def _mistral(config: Config) -> Architecture:
    window = config.get("sliding_window", 4096)
    context = config.get("max_position_embeddings", 131072)
    if window is not None and window < min(context, MAX_CONTEXT):
        raise UnknownWeights(f"config.json has sliding_window = {window}, shorter than the context")
    return _llama_like(
        config, LLAMA_SIZES | {"sliding_window"}, {"hidden_act": ("silu",), "rope_scaling": (None,)}
    )


def _qwen2(config: Config) -> Architecture:
    required = {"hidden_act": ("silu",), "rope_scaling": (None,), "use_sliding_window": (False,)}
    if set(config.get("layer_types") or ["full_attention"]) != {"full_attention"}:
        raise UnknownWeights("config.json has layer_types other than full_attention")
    return _llama_like(
        config,
        LLAMA_SIZES | {"sliding_window", "max_window_layers", "layer_types"},
        required,
        query_biases=True,
    )


def _llama_like(
    config: Config,
    sizes: set[str],
    required: Mapping[str, tuple[Any, ...]],
    *,
    query_biases: bool = False,
    output_bias: bool = False,
) -> Architecture:
    _check(config, sizes, required)
    _require(config, *LLAMA_REQUIRED)
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    _check_rope(rope)
    width = config["hidden_size"]
    heads = config["num_attention_heads"]
    return Architecture(
        family="llama",
        layers=config["num_hidden_layers"],
        width=width,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or width // heads,
        context=min(config["max_position_embeddings"], MAX_CONTEXT),
        vocabulary=config["vocab_size"],
        epsilon=config["rms_norm_eps"],
        tied=config.get("tie_word_embeddings", False),
        kinds=(LayerKind(float(rope["rope_theta"])),),
        query_biases=query_biases,
        output_bias=output_bias,
    )


GEMMA_SIZES = LLAMA_SIZES - {"rope_theta"} | {
    "layer_types",
    "sliding_window",
    "sliding_window_pattern",
    "query_pre_attn_scalar",
    "rope_local_base_freq",
}
GLOBAL = "full_attention"
LOCAL = "sliding_attention"


def _gemma3(config: Config) -> Architecture:
    required = {
        "hidden_activation": ("gelu_pytorch_tanh",),
        "attention_bias": (False,),
        "rope_scaling": (None,),
        "attn_logit_softcapping": (None,),
        "final_logit_softcapping": (None,),
        "use_bidirectional_attention": (False, None),
    }
    _check(config, GEMMA_SIZES | {"rope_theta"}, required)
    _require(config, *LLAMA_REQUIRED)
    _require(config, "num_key_value_heads", "head_dim", "query_pre_attn_scalar", "sliding_window")
    layers = config["num_hidden_layers"]
    pattern = config.get("sliding_window_pattern") or config.get("_sliding_window_pattern") or 6
    types = config.get("layer_types") or [
        LOCAL if (layer + 1) % pattern else GLOBAL for layer in range(layers)
    ]
    thetas = _gemma_thetas(config)
    if set(types) - {GLOBAL, LOCAL} or len(types) != layers:
        raise UnknownWeights(f"config.json has layer_types = {types!r}, which are not known to it")
    return Architecture(
        family="gemma",
        layers=layers,
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_size=config["head_dim"],
        context=min(config["max_position_embeddings"], MAX_CONTEXT),
        vocabulary=config["vocab_size"],
        epsilon=config["rms_norm_eps"],
        tied=config.get("tie_word_embeddings", True),
        kinds=tuple(
            LayerKind(thetas[kind], config["sliding_window"] if kind == LOCAL else 0)
            for kind in types
        ),
        query_norms=True,
        scale=config["query_pre_attn_scalar"] ** -0.5,
        embedding_scale=config["hidden_size"] ** 0.5,
        norms_above_one=True,
    )


def _gemma_thetas(config: Config) -> dict[str, float]:
    """Return RoPE's base of layers with full attention, and of those with a sliding window."""
    ropes = config.get("rope_parameters")
    if ropes is None:  # older files
        return {
            GLOBAL: float(config.get("rope_theta", 1e6)),
            LOCAL: float(config.get("rope_local_base_freq", 1e4)),
        }
    if set(ropes) != {GLOBAL, LOCAL}:
        raise UnknownWeights(
            f"config.json has rope_parameters = {ropes!r}, which are not known to it"
        )
    for rope in ropes.values():
        _check_rope(rope)
    return {kind: float(rope["rope_theta"]) for kind, rope in ropes.items()}


def _check(config: Config, sizes: set[str], required: Mapping[str, tuple[Any, ...]]) -> None:
    """Raise UnknownWeights for a key that may change the arithmetic in a way not implemented here.

    An unknown key whose value is null, false or empty is taken for a feature that is off.

    Args:
        config: The config.
        sizes: Keys that the caller reads, with any value.
        required: Keys with the values that are implemented.
    """
    for key, value in config.items():
        if key in required:
            is_known = value in required[key]
        else:
            is_off = value is None or value is False or value in ("", [], {})
            is_known = (
                is_off
                or key in NO_ARITHMETIC | sizes
                or key.startswith("_")
                or key.endswith(TOKENS)
            )
        if not is_known:
            raise UnknownWeights(f"config.json has {key} = {value!r}, which is not known to it")


def _require(config: Config, *keys: str) -> None:
    """Raise UnknownWeights if one of these keys is missing."""
    for key in keys:
        if config.get(key) is None:
            raise UnknownWeights(f"config.json does not have {key}")


def _check_rope(rope: Config) -> None:
    """Raise UnknownWeights for a RoPE that is scaled in some way."""
    if (
        set(rope) - DEFAULT_ROPE
        or rope.get("rope_type", "default") != "default"
        or rope.get("rope_theta") is None
    ):
        raise UnknownWeights(
            f"config.json has rope_parameters = {dict(rope)!r}, which are not known to it"
        )


FAMILIES: Mapping[str, Callable[[Config], Architecture]] = {
    "gpt2": _gpt2,
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "gemma3_text": _gemma3,
}
