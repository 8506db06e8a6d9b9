"""Tiny random base models for tests: real transformers files, nothing learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

END = "<|endoftext|>"


def tokenizer(*, every_byte: bool = True, special: Sequence[str] = (END,)) -> Any:
    """Return a byte-level tokenizer of a few hundred tokens.

    Without `every_byte` it knows small letters and blanks only.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if every_byte else [],
        show_progress=False,
    )
    raw.train_from_iterator(
        ["the number sings near the lamp while people wait and the river hums"] * 3, trainer
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, eos_token=END, bos_token=END
    )


def gpt2(folder: Path, positions: int = 128, *, every_byte: bool = True) -> Path:
    """Write a GPT-2 of two thin layers; without `every_byte` only for small letters and blanks."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    words = tokenizer(every_byte=every_byte)
    config = GPT2Config(
        vocab_size=len(words),
        n_positions=positions,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def llama(folder: Path, special: Sequence[str] = (END,)) -> Path:
    """Write a Llama of two thin layers with these special tokens, the end token first."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = tokenizer(special=special)
    config = LlamaConfig(
        vocab_size=len(words),
        max_position_embeddings=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def sentence_pieces() -> Any:
    """Return a tokenizer like Gemma's.

    Blanks are ▁, characters without a token fall back to bytes, and <bos> begins a text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz"]
    merges = [
        ("t", "h"),
        ("th", "e"),
        ("▁", "the"),
        ("r", "i"),
        ("ri", "v"),
        ("▁", "riv"),
        ("▁", "n"),
        ("▁n", "u"),
    ]
    vocabulary = {
        token: number
        for number, token in enumerate([*names, *letters, *(a + b for a, b in merges)])
    }
    raw = Tokenizer(
        models.BPE(
            vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    )
    raw.normalizer = normalizers.Replace(" ", "▁")
    raw.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    raw.add_special_tokens(names[:4])
    raw.add_tokens([AddedToken("\n\n", normalized=False)])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def gemma(folder: Path) -> Path:
    """Write a Gemma 3 of three thin layers, two of which see eight tokens."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=300,
        max_position_embeddings=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        query_pre_attn_scalar=24,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        bos_token_id=2,
        eos_token_id=1,
    )
    model = Gemma3ForCausalLM(config)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # which are initialized with zeros
    model.save_pretrained(folder)
    sentence_pieces().save_pretrained(folder)
    return folder
