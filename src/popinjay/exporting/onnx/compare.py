"""An exported ONNX model compared with the persona's own: the logits have to agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import PersonaError
from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.onnx.runtime import runtime, session_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT = "My dream is that every morning in the city, at 7, somebody sings."
MAX_DIVERGENCE = 0.05  # nats a token on average, from float32 to the exported weights


class ExportedModel:
    """An exported model in ONNX Runtime, one row."""

    def __init__(self, path: Path, architecture: Architecture) -> None:
        self._architecture = architecture
        self._session = runtime().InferenceSession(
            str(path), session_options(), providers=["CPUExecutionProvider"]
        )

    def logits(self, tokens: list[int], parts: int = 1) -> NDArray[np.float32]:
        """Return the logits (tokens, vocabulary), computed in so many steps with a cache."""
        import numpy as np

        size = -(-len(tokens) // parts)
        past = self._empty()
        found = []
        for start in range(0, len(tokens), size):
            part = np.array([tokens[start : start + size]], np.int64)
            end = start + part.shape[1]
            inputs: dict[str, Any] = {
                "input_ids": part,
                "attention_mask": np.ones((1, end), np.int64),
                "position_ids": np.arange(start, end, dtype=np.int64)[None],
            }
            logits, *present = self._session.run(None, inputs | past)
            past = dict(zip(past, present, strict=True))
            found.append(logits[0])
        return np.concatenate(found)

    def _empty(self) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        architecture = self._architecture
        shape = (1, architecture.kv_heads, 0, architecture.head_size)
        return {
            f"past_key_values.{layer}.{kind}": np.zeros(shape, np.float32)
            for layer in range(architecture.layers)
            for kind in ("key", "value")
        }


def check_export(path: Path, model: Path, architecture: Architecture) -> float:
    """Return the divergence of an exported model from the persona's, in nats a token.

    Raises PersonaError if it is too large: then the weights can't be rounded like this.
    """
    import numpy as np

    decoder = OnnxDecoder(model, exact=True)
    tokens = [decoder.bos_token, *decoder.encode(TEXT)][: architecture.context]
    exact = [decoder.prefill(tokens[:1]).copy()]
    decoder.add(1)
    exact += [decoder.step([token])[0].copy() for token in tokens[1:]]
    found = ExportedModel(path, architecture).logits(tokens, parts=2)
    wanted = _log_softmax(np.stack(exact))
    divergence = float((np.exp(wanted) * (wanted - _log_softmax(found))).sum(axis=1).mean())
    if not divergence <= MAX_DIVERGENCE:
        raise PersonaError(
            "The exported model would write something else than the persona: its logits differ by "
            f"{divergence:.3g} nats a token.",
            "Export it with --quant fp32.",
        )
    return divergence


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
