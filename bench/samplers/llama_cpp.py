"""llama.cpp as a peer: a GGUF file with Q8_0 matrices, one batch of rows, its sampler chain."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from popinjay.exporting.about import About
from popinjay.exporting.gguf.write import write_gguf
from popinjay.models.model_files import ModelFiles
from popinjay.store.files import replacing
from samplers.ours import Say, sample

# Takes a context and the number of rows that it has logits of; returns a token for each.
SampleRows = Callable[[Any, int], Sequence[int]]

STEP = 256  # llama.cpp rounds the positions of a sequence up to a multiple of this


class Rows:
    """A context of llama.cpp for several rows, and the batch they are decoded in."""

    def __init__(self, lib: Any, model: Any, rows: int, max_tokens: int) -> None:
        """Open the context. Raises MemoryError if llama.cpp cannot."""
        self.lib = lib
        self.max_tokens = max_tokens
        params = lib.llama_context_default_params()
        params.n_ctx = rows * -(-max_tokens // STEP) * STEP
        params.n_seq_max = rows
        params.kv_unified = False  # a cache for each row: faster at GPT-2's size than a shared one
        params.n_batch = params.n_ubatch = rows
        params.n_threads = params.n_threads_batch = os.cpu_count() or 1
        self.context = lib.llama_init_from_model(model, params)
        if not self.context:
            raise MemoryError(f"llama.cpp opened no context for {rows} rows")
        self.batch = lib.llama_batch_init(rows, 0, 1)

    def close(self) -> None:
        """Free the context's memory."""
        self.lib.llama_batch_free(self.batch)
        self.lib.llama_free(self.context)

    def step(self, tokens: dict[int, int], position: int) -> None:
        """Decode one token of each of these rows at the same position."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for slot, (row, token) in enumerate(tokens.items()):
            batch.token[slot] = token
            batch.pos[slot] = position
            batch.logits[slot] = 1
            batch.n_seq_id[slot] = 1
            batch.seq_id[slot][0] = row
        if failed := self.lib.llama_decode(self.context, batch):
            raise RuntimeError(f"llama_decode returned {failed}")

    def generate(self, sample_rows: SampleRows, rows: int, eos_token: int) -> int:
        """Sample until every row has ended or is full; return the number of new tokens.

        Rows that have ended leave the batch.
        """
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), False)
        tokens = dict.fromkeys(range(rows), eos_token)
        count = 0
        for position in range(self.max_tokens):
            self.step(tokens, position)
            count += len(tokens)
            sampled = sample_rows(self.context, len(tokens))
            tokens = {
                row: token for row, token in zip(tokens, sampled, strict=True) if token != eos_token
            }
            if not tokens:
                break
        return count


def llama_cpp_q8(folder: Path, work: Path, *, own: bool = True) -> Say:
    """Return llama.cpp with Q8_0 weights as a sampler, one batch a step.

    Args:
        folder: The model in transformers' format.
        work: A folder for the GGUF file.
        own: Use llama.cpp's sampler chain, which sorts each row's nucleus; else ours, as for ONNX
            Runtime.
    """
    import llama_cpp as lib

    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # it logs every tensor it loads
    path = work / "llama_cpp" / folder.name / "q8_0.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            write_gguf(ModelFiles(folder), partial, about=About(folder.name))
    lib.llama_backend_init()
    model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
    if not model:
        raise ValueError(f"llama.cpp can't read {path.name}")
    vocabulary = lib.llama_model_get_vocab(model)
    eos_token = lib.llama_vocab_eos(vocabulary)
    size = lib.llama_vocab_n_tokens(vocabulary)
    opened: dict[tuple[int, int], Rows] = {}  # only the last one, reused from round to round

    def say(rows: int, max_tokens: int, seed: int) -> int:
        if (rows, max_tokens) not in opened:
            while opened:
                opened.popitem()[1].close()
            opened[rows, max_tokens] = Rows(lib, model, rows, max_tokens)
        with _chain(lib, seed) if own else _our_sampler(lib, seed, size) as sample_rows:
            return opened[rows, max_tokens].generate(sample_rows, rows, eos_token)

    return say


@contextmanager
def _chain(lib: Any, seed: int) -> Iterator[SampleRows]:
    """Yield llama.cpp's sampler chain: top-p, then a random choice."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(0.95, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed))
    yield lambda context, count: [
        lib.llama_sampler_sample(chain, context, slot) for slot in range(count)
    ]
    lib.llama_sampler_free(chain)


@contextmanager
def _our_sampler(lib: Any, seed: int, size: int) -> Iterator[SampleRows]:
    """Yield the sampler that peers without one of their own use."""
    import numpy as np

    rng = np.random.default_rng(seed)

    def sample_rows(context: Any, count: int) -> Sequence[int]:
        logits = np.ctypeslib.as_array(lib.llama_get_logits(context), (count, size))
        tokens: list[int] = sample(logits, rng.random(count)).tolist()
        return tokens

    yield sample_rows
