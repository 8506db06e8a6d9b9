"""The choice of an engine: ONNX Runtime if it knows the model, else PyTorch."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

from popinjay.inference.decoder import Decoder
from popinjay.inference.onnx.architecture import UnknownWeights

NOT_INSTALLED = "onnxruntime is not installed"
_log = logging.getLogger("popinjay")


def open_decoder(folder: Path, *, exact: bool = False, cache: Path | None = None) -> Decoder:
    """Open a decoder of the model in a folder.

    It is the fast engine if ONNX Runtime is installed and the model's architecture is known, else
    transformers. Which one, and why not the fast engine, is logged. Raises BaseModelError if there
    is no model to read.

    Args:
        folder: The model's folder.
        exact: Whether the fast engine computes in float32 instead of quantizing to 8 bits.
        cache: Where the fast engine keeps the quantized model. That of a model which is stored
            as an adapter only is kept in the user's cache, which all personas share.
    """
    why_slow = NOT_INSTALLED
    if importlib.util.find_spec("onnxruntime") is not None:
        from popinjay.inference.onnx.decoder import OnnxDecoder

        try:
            decoder = OnnxDecoder(folder, exact=exact, cache=cache)
        except UnknownWeights as error:
            why_slow = str(error)  # transformers may know the architecture
        else:
            _log.info(
                "The model in %s is computed by ONNX Runtime, %s.",
                folder,
                "in float32" if exact else "in 8 bits",
            )
            return decoder
    from popinjay.inference.torch_decoder import TorchDecoder
    from popinjay.models.language_model import LanguageModel

    _log.info(
        "The model in %s is computed by PyTorch, not by the fast engine: %s.", folder, why_slow
    )
    return TorchDecoder(LanguageModel.load(folder))


def why_slow(folder: Path) -> str | None:
    """Return why the fast engine can't compute the model in a folder; None if it can.

    Only the config and the shapes of the weights are read. Raises BaseModelError if there is no
    model to read.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return NOT_INSTALLED
    from popinjay.inference.onnx.decoder import check_known

    try:
        check_known(folder)
    except UnknownWeights as error:
        return str(error)
    return None
