"""Which engine decodes a model, and why it is not the fast one."""

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

    It is the fast one if all of the model's arithmetic is known and ONNX Runtime is there, else
    transformers' own; which one, and why not the fast one, is logged. The fast one keeps its matrices
    in 8 bits unless `exact`, and what it turned in the folder `cache` if one is given (that of a
    thin model in the user's cache, which all personas share).
    Raises BaseModelError if there is no model to read.
    """
    why_slow = NOT_INSTALLED
    if importlib.util.find_spec("onnxruntime") is not None:
        from popinjay.inference.onnx.decoder import OnnxDecoder

        try:
            decoder = OnnxDecoder(folder, exact=exact, cache=cache)
        except UnknownWeights as error:
            why_slow = str(error)  # another architecture: transformers may know it
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
    """Say why the fast engine does not compute the model in a folder; None if it does.

    Looks at the config and the shapes of the weights only. Raises BaseModelError if there is no model
    to read.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return NOT_INSTALLED
    from popinjay.inference.onnx.decoder import check_known

    try:
        check_known(folder)
    except UnknownWeights as error:
        return str(error)
    return None
