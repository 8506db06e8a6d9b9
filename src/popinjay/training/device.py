"""What this machine can do: its device, its number formats, its memory."""

from __future__ import annotations

import os

from popinjay.errors import TrainingError

WIDE = 512  # of a model's hidden states: from here on bf16 is worth its conversions on a CPU


def choose_device(asked: str) -> str:
    """The device to train on. Raises TrainingError where the one asked for is not there."""
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return next(name for name, is_there in there.items() if is_there)
    if not there[asked]:
        raise TrainingError(
            f"There is no {asked} device that torch can use on this machine.",
            "Leave --device out to take what is there.",
        )
    return asked


def choose_precision(asked: str, device: str, width: int) -> str:
    """fp32, or bf16 where the device multiplies it natively: then matrices go through bf16, weights and moments stay fp32.

    Narrow models (`width`: of their hidden states) gain nothing on a CPU: converting costs what multiplying saves.
    """
    if asked != "auto":
        return asked
    import torch

    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    features = torch.cpu.get_capabilities() if device == "cpu" and width >= WIDE else {}
    return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "fp32"


def memory(device: str) -> float:
    """The device's memory in bytes; infinite where the system does not say."""
    import torch

    if device == "cuda":
        return float(torch.cuda.get_device_properties(0).total_memory)
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")
