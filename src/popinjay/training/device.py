"""The device to train on: its kind, its precision and its memory."""

from __future__ import annotations

import os

from popinjay.errors import TrainingError

MIN_BF16_WIDTH = 512  # of hidden states: on a CPU, bf16 pays for its conversions from here on


def choose_device(requested: str) -> str:
    """Return the device to train on. Raise TrainingError if the requested one is not available."""
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if requested == "auto":
        return next(name for name, is_available in available.items() if is_available)
    if not available[requested]:
        raise TrainingError(
            f"There is no {requested} device that torch can use on this machine.",
            "Leave out --device to use the best one available.",
            page_hint="Make it again without naming a device.",
        )
    return requested


def choose_precision(requested: str, device: str, width: int) -> str:
    """Return "bf16" if the device multiplies bfloat16 natively, else "fp32".

    In bf16 only matrix products are computed in bfloat16; weights and moments stay float32. A
    narrow model (`width` is that of its hidden states) gains nothing on a CPU, because converting
    costs what multiplying saves.
    """
    if requested != "auto":
        return requested
    import torch

    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    is_worthwhile = device == "cpu" and width >= MIN_BF16_WIDTH
    features = torch.cpu.get_capabilities() if is_worthwhile else {}
    return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "fp32"


def memory(device: str) -> float:
    """Return the device's memory in bytes; infinity if the system does not say."""
    import torch

    if device == "cuda":
        return float(torch.cuda.get_device_properties(0).total_memory)
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")
