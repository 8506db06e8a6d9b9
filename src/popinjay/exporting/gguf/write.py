"""Write a model as a GGUF file, the format of llama.cpp, tensor by tensor.

The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from popinjay import __version__
from popinjay.errors import PersonaError
from popinjay.exporting.about import About
from popinjay.exporting.gguf.layout import (
    ARCHITECTURES,
    Tensor,
    check_known,
    content,
    tensors_of,
)
from popinjay.exporting.gguf.vocabulary import Vocabulary, read_vocabulary
from popinjay.inference.onnx.architecture import (
    Architecture,
    UnknownWeights,
    read_architecture,
)
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.model_files import ModelFiles

ROW = 32  # weights with a common scale: only matrices with rows of a multiple can be quantized
# The type of matrices, and that of embeddings and of the head, which suffer most from few bits.
TYPES = {"q8_0": ("Q8_0", "Q8_0"), "f16": ("F16", "F16")}
TYPES |= {"q4_0": ("Q4_0", "Q8_0"), "q4_1": ("Q4_1", "Q8_0"), "f32": ("F32", "F32")}
EMBEDDINGS = ("token_embd.weight", "output.weight")
VOCABULARY_BYTES = 1_500_000  # about
OFF = 0  # of top-k and min-p


def write_gguf(
    model: ModelFiles,
    path: Path,
    quant: str = "q8_0",
    about: About | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a model as a GGUF file.

    Norms, biases and positions stay float32, as llama.cpp's own converter leaves them. Raises
    PersonaError if llama.cpp can't compute this model, BaseModelError if its files are damaged.

    Args:
        model: The model's files; an adapter is merged.
        path: The file to write.
        quant: A key of TYPES.
        about: What the file says of the model.
        progress: Called with the number of tensors that are written, and of all.
    """
    from gguf import GGMLQuantizationType as Types
    from gguf import GGUFWriter
    from gguf.quants import quant_shape_to_byte_shape, quantize

    architecture = _architecture(model.folder)
    weights = model.weights()
    tensors = tensors_of(architecture, weights.shapes())
    vocabulary = read_vocabulary(model.folder, architecture.vocabulary)
    writer = GGUFWriter(path, ARCHITECTURES[architecture.family])
    try:
        _add_about(writer, about or About(path.stem), tensors, quant)
        _add_shape(writer, architecture, model.folder, tensors)
        _add_tokens(writer, vocabulary, Tokenizer(model.folder, model.settings))
        types = {tensor.name: Types[_type(tensor, quant)] for tensor in tensors}
        for tensor in tensors:
            type = types[tensor.name]
            count = quant_shape_to_byte_shape(tensor.shape, type)
            writer.add_tensor_info(
                tensor.name,
                tensor.shape if type in (Types.F32, Types.F16) else count,
                _dtype(type),
                math.prod(count),
                raw_dtype=type,
            )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for done, tensor in enumerate(tensors, 1):
            exact = content(architecture, weights, tensor)
            writer.write_tensor_data(quantize(exact, types[tensor.name]))
            weights.release()
            progress(done, len(tensors))
    finally:
        writer.close()


def bytes_of(parameters: int, quant: str) -> int:
    """Return about how many bytes a file has for a model of so many parameters."""
    bits = {"f32": 32.0, "f16": 16.0, "q8_0": 8.5, "q4_0": 5.4, "q4_1": 5.8}[quant]
    return round(parameters * bits / 8) + VOCABULARY_BYTES


def _architecture(folder: Path) -> Architecture:
    try:
        architecture = read_architecture(folder)
    except UnknownWeights as error:
        raise PersonaError(
            f"This model can't be exported for llama.cpp: {error}.",
            "Export it to transformers instead.",
        ) from error
    check_known(architecture)
    return architecture


def _type(tensor: Tensor, quant: str) -> str:
    """Return the type of a tensor in the file."""
    if not tensor.is_matrix:
        return "F32"
    type = TYPES[quant][tensor.name in EMBEDDINGS]
    return "F16" if type.startswith("Q") and tensor.shape[-1] % ROW else type


def _dtype(type: Any) -> Any:
    import numpy as np

    return {"F32": np.dtype(np.float32), "F16": np.dtype(np.float16)}.get(
        type.name, np.dtype(np.uint8)
    )


def _add_about(writer: Any, about: About, tensors: list[Tensor], quant: str) -> None:
    """Write what the model is, where it comes from, and how to sample from it."""
    from gguf import LlamaFileType, size_label

    writer.add_type("model")
    writer.add_name(about.name)
    writer.add_finetune("persona")
    writer.add_description(about.description)
    writer.add_quantized_by(f"popinjay {__version__}")
    count = sum(math.prod(tensor.shape) for tensor in tensors)
    writer.add_size_label(size_label(count, count, 0, 0))
    if about.license:
        writer.add_license(about.license)
    if about.base:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, about.base)
        if about.base_id:
            writer.add_base_model_organization(0, about.base_organization)
            writer.add_base_model_repo_url(0, about.base_url)
    writer.add_tags(["popinjay", "text-generation"])
    if about.languages:
        writer.add_languages(list(about.languages))
    kind = "ALL_F32" if quant == "f32" else f"MOSTLY_{quant.upper()}"
    writer.add_file_type(LlamaFileType[kind])
    writer.add_quantization_version(2)
    writer.add_sampling_temp(about.sampling.temperature)
    writer.add_sampling_top_p(about.sampling.top_p)
    writer.add_sampling_top_k(OFF)
    writer.add_sampling_min_p(float(OFF))
    writer.add_sampling_penalty_repeat(1.0)


def _add_shape(
    writer: Any, architecture: Architecture, folder: Path, tensors: list[Tensor]
) -> None:
    """Write the model's shape."""
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    context = config.get("n_positions") or config.get("max_position_embeddings")
    writer.add_context_length(context or architecture.context)
    writer.add_embedding_length(architecture.width)
    writer.add_feed_forward_length(shapes["blk.0.ffn_up.weight"][0])
    writer.add_block_count(architecture.layers)
    writer.add_head_count(architecture.heads)
    writer.add_vocab_size(architecture.vocabulary)
    if architecture.family == "gpt2":
        writer.add_layer_norm_eps(architecture.epsilon)
        return
    writer.add_head_count_kv(architecture.kv_heads)
    writer.add_layer_norm_rms_eps(architecture.epsilon)
    writer.add_key_length(architecture.head_size)
    writer.add_value_length(architecture.head_size)
    kinds = [architecture.kind_of(layer) for layer in range(architecture.layers)]
    writer.add_rope_freq_base(next((k.theta for k in kinds if not k.window), kinds[0].theta))
    if architecture.family == "llama":
        writer.add_rope_dimension_count(architecture.head_size)
    elif window := max(kind.window for kind in kinds):
        writer.add_sliding_window(window)


def _add_tokens(writer: Any, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
    """Write the vocabulary, and the tokens that begin and end a post. No chat template."""
    writer.add_tokenizer_model(vocabulary.model)
    if vocabulary.pre:
        writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types([int(kind) for kind in vocabulary.kinds])
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(tokenizer.bos_token)
    writer.add_eos_token_id(tokenizer.eos_token)
    writer.add_pad_token_id(tokenizer.eos_token)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    if vocabulary.scores:
        writer.add_add_space_prefix(False)
