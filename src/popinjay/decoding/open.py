"""Which engine decodes a model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from popinjay.decoding.decoder import Decoder
from popinjay.decoding.graph import UnknownWeights

ENGINE_FOLDER = "engine"  # in a persona's: its model once more, as the fast decoder takes it; made anew where it is missing


def open_decoder(folder: Path, *, exact: bool = False, cache: Path | None = None) -> Decoder:
    """A decoder of the model in a folder: the fast one where all of its arithmetic is known and ONNX Runtime is there, else transformers' own.

    The fast one keeps its matrices in 8 bits unless `exact`, and what it turned in the folder `cache` where one is given.
    Raises BaseModelError where there is no model to read.
    """
    if importlib.util.find_spec("onnxruntime") is not None:
        from popinjay.decoding.onnx_decoder import OnnxDecoder

        try:
            return OnnxDecoder(folder, exact=exact, cache=cache)
        except UnknownWeights:
            pass  # another architecture: transformers may know it
    from popinjay.decoding.torch_decoder import TorchDecoder
    from popinjay.language_model import LanguageModel

    return TorchDecoder(LanguageModel.load(folder))
