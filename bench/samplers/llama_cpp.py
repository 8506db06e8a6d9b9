"""llama.cpp beside the others: the model written as GGUF with Q8_0 matrices, rows side by side in one batch, its own sampler chain."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samplers.ours import Say, draw

Drawn = Callable[
    [Any, int], Sequence[int]
]  # a context and how many rows it has logits of: a token for each

NAMES = {
    "wte": "token_embd",  # and the head: llama.cpp takes it where there is no output.weight
    "wpe": "position_embd",
    "ln_f": "output_norm",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
ORDINARY, CONTROL = 1, 3  # kinds of tokens in GGUF
STEP = 256  # llama.cpp rounds a sequence's places up to these


class Rows:
    """A context of llama.cpp for so many rows of up to so many tokens, and the batch they go through."""

    def __init__(self, lib: Any, model: Any, rows: int, most: int) -> None:
        self.lib, self.most = lib, most
        asked = lib.llama_context_default_params()
        asked.n_ctx, asked.n_seq_max = rows * -(-most // STEP) * STEP, rows
        asked.kv_unified = False  # a cache for each row: quicker at GPT-2's size than one that all rows search through
        asked.n_batch = asked.n_ubatch = rows
        asked.n_threads = asked.n_threads_batch = os.cpu_count() or 1
        self.context = lib.llama_init_from_model(model, asked)
        if not self.context:
            raise MemoryError(f"llama.cpp opened no context for {rows} rows")
        self.batch = lib.llama_batch_init(rows, 0, 1)

    def close(self) -> None:
        """Give its memory back."""
        self.lib.llama_batch_free(self.batch)
        self.lib.llama_free(self.context)

    def step(self, tokens: dict[int, int], place: int) -> None:
        """One token of each of these rows, all at this place."""
        self.batch.n_tokens = len(tokens)
        for slot, (row, token) in enumerate(tokens.items()):
            self.batch.token[slot], self.batch.pos[slot], self.batch.logits[slot] = token, place, 1
            self.batch.n_seq_id[slot], self.batch.seq_id[slot][0] = 1, row
        if failed := self.lib.llama_decode(self.context, self.batch):
            raise RuntimeError(f"llama_decode gave {failed}")

    def write(self, drawn: Drawn, rows: int, end: int) -> int:
        """Draw until every row ended or is full, ended ones dropped: how many tokens were new."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), False)
        tokens, count = dict.fromkeys(range(rows), end), 0
        for place in range(self.most):
            self.step(tokens, place)
            count += len(tokens)
            tokens = {
                row: token
                for row, token in zip(tokens, drawn(self.context, len(tokens)), strict=True)
                if token != end
            }
            if not tokens:
                break
        return count


def llama_cpp_q8(folder: Path, work: Path, *, own: bool = True) -> Say:
    """llama.cpp's library with Q8_0 weights, one batch a step. Its own chain draws, which sorts each row's nucleus, or else our way as for ONNX Runtime."""
    import llama_cpp as lib

    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # it tells every tensor it loads
    place = work / "llama_cpp" / folder.name / "q8_0.gguf"
    if not place.exists():
        to_gguf(folder, place)
    lib.llama_backend_init()
    model = lib.llama_model_load_from_file(str(place).encode(), lib.llama_model_default_params())
    if not model:
        raise ValueError(f"llama.cpp can't read {place.name}")
    words = lib.llama_model_get_vocab(model)
    end, size = lib.llama_vocab_eos(words), lib.llama_vocab_n_tokens(words)
    opened: dict[tuple[int, int], Rows] = {}  # the last shape's, kept from round to round

    def say(rows: int, most: int, seed: int) -> int:
        if (rows, most) not in opened:
            while opened:
                opened.popitem()[1].close()
            opened[rows, most] = Rows(lib, model, rows, most)
        with _chain(lib, seed) if own else _our_way(lib, seed, size) as drawn:
            return opened[rows, most].write(drawn, rows, end)

    return say


@contextmanager
def _chain(lib: Any, seed: int) -> Iterator[Drawn]:
    """llama.cpp's sampler chain: top-p, then chance."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(0.95, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed))
    yield lambda context, count: [
        lib.llama_sampler_sample(chain, context, slot) for slot in range(count)
    ]
    lib.llama_sampler_free(chain)


@contextmanager
def _our_way(lib: Any, seed: int, size: int) -> Iterator[Drawn]:
    """As for peers without a sampler of their own."""
    import numpy as np

    rng = np.random.default_rng(seed)
    yield lambda context, count: draw(
        np.ctypeslib.as_array(lib.llama_get_logits(context), (count, size)), rng.random(count)
    ).tolist()


def to_gguf(folder: Path, place: Path, kind: str = "Q8_0") -> None:
    """GPT-2 of transformers as GGUF, its matrices in this kind; norms, biases and positions stay float32, as llama.cpp's own tool leaves them."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".part")
    writer = GGUFWriter(unfinished, "gpt2")
    _describe(writer, config)
    _add_tokens(
        writer,
        json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")),
        config["eos_token_id"],
    )
    for name, tensor in load_file(folder / "model.safetensors").items():
        exact = tensor.astype(np.float32)
        if ".c_" in name and name.endswith(".weight"):
            exact = np.ascontiguousarray(
                exact.T
            )  # transformers' Conv1D holds them the other way round
        matrix = exact.ndim == 2 and "wpe" not in name
        as_kind = GGMLQuantizationType[kind if matrix else "F32"]
        writer.add_tensor(gguf_name(name), quantize(exact, as_kind), raw_dtype=as_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(place)


def gguf_name(name: str) -> str:
    """What llama.cpp calls a tensor of transformers' GPT-2."""
    inner, part = name.removeprefix("transformer.").rsplit(".", 1)
    if not inner.startswith("h."):
        return f"{NAMES[inner]}.{part}"
    _, layer, inner = inner.split(".", 2)
    return f"blk.{layer}.{NAMES[inner]}.{part}"


def _describe(writer: Any, config: dict[str, Any]) -> None:
    """The shape."""
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_feed_forward_length(config["n_inner"] or 4 * config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])


def _add_tokens(writer: Any, tokenizer: dict[str, Any], end: int) -> None:
    """The vocabulary in order, and its merges."""
    numbers = tokenizer["model"]["vocab"] | {
        one["content"]: one["id"] for one in tokenizer["added_tokens"]
    }
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(numbers, key=numbers.__getitem__))
    writer.add_token_types(
        [CONTROL if number == end else ORDINARY for number in range(len(numbers))]
    )
    writer.add_token_merges(
        [one if isinstance(one, str) else " ".join(one) for one in tokenizer["model"]["merges"]]
    )
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
