"""Models of the tests of exporters."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import gpt2


@pytest.fixture(scope="session")
def long_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 with the positions that transformers assumes of a GGUF file."""
    return gpt2(tmp_path_factory.mktemp("long-gpt2"), positions=1024)


@pytest.fixture(scope="session")
def tiny_gemma3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Gemma 3 with the pattern of layers and the scale that llama.cpp has built in."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    from models import sentence_pieces

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny-gemma3")
    config = Gemma3TextConfig(
        vocab_size=300,
        max_position_embeddings=128,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=6,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=256,
        query_pre_attn_scalar=256,
        sliding_window=8,
        layer_types=["sliding_attention"] * 5 + ["full_attention"],
        bos_token_id=2,
        eos_token_id=1,
    )
    model = Gemma3ForCausalLM(config)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    sentence_pieces().save_pretrained(folder)
    return folder
