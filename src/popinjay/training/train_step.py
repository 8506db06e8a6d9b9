"""A model being taught: the weights that learn, the rows of its vocabulary at work, and one step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import TrainingError
from popinjay.models.language_model import LanguageModel
from popinjay.training.optimizer import FusedBackwardAdamW
from popinjay.training.trainable import Full, Lora, layers_of
from popinjay.training.vocabulary import Vocabulary, active_rows

if TYPE_CHECKING:
    import torch

    from popinjay.training.fused_layers import Fused
    from popinjay.training.llama_layer import FusedLayers
    from popinjay.training.loss import SampledNegatives

BYTES_A_WEIGHT = 12  # the weight and its two moments
BYTES_A_STATE = 72  # what a layer remembers of one number of a hidden state: measured on GPT-2
MOST_OF_MEMORY = 0.7
AGREE = 1e-4  # how far, at most, the short way to the loss may be off the model's own: rounding, not another formula


class TrainStep:
    """One step after another on batches of lessons.

    Posts of like length lie side by side, each attending to itself only; the loss comes from the hidden states without the
    logits of a whole batch, over the rows of the vocabulary at work. A model that makes its logits in some other way than head
    times hidden state is found out by trying it, and learns the long way, with all its rows.
    """

    def __init__(
        self,
        model: LanguageModel,
        mode: Full,
        sequences: Sequence[Sequence[int]],
        folder: Path,
        *,
        precision: str = "fp32",
        recompute: bool = False,
    ) -> None:
        """Whose `lessons` are learnt; `folder` holds what need not be in memory. With `recompute` layers are computed twice and not remembered."""
        import torch

        self.model = model
        self.mode = mode
        self.precision = precision
        self.recompute = recompute
        if recompute:
            _checkpointing(model, "enable")({"use_reentrant": False})
            for module in model.model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0  # recomputing is for models in training only, and nothing is to be dropped
        self.vocabulary: Vocabulary | None = None
        if supports_fused_loss(model, sequences[0]):
            self.vocabulary = Vocabulary(
                model,
                active_rows(sequences, model.model.get_input_embeddings().num_embeddings),
                folder,
            )
        for parameter in model.model.parameters():
            parameter.data = (
                parameter.data.clone()
            )  # off the file it was mapped from, which would stay in memory as a whole
        self.fused = (
            None if recompute or model.device.type != "cpu" else fused_layers(model, precision)
        )
        self.weights = mode.trainable()
        self.optimizer = FusedBackwardAdamW(self.weights, _layer_of(model))

    def step(self, batch: Sequence[Sequence[int]], learning_rate: float) -> tuple[float, int]:
        """Learn one batch at this rate: the mean loss (nats a token) and the tokens predicted. Raises TrainingError where the loss is no number."""
        loss = self.loss(batch)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                "Training went astray: the loss is no longer a number.",
                "Try a lower --learning-rate.",
            )
        self.optimizer.step(loss, learning_rate)
        return value, sum(len(sequence) - 1 for sequence in batch)

    def loss(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        """The mean loss of a batch, nats a predicted token, ready to go backward."""
        ids, wanted = self._table(batch)
        self.model.model.train(self.recompute)
        with self._fast_layers(), self._autocast():
            if self.vocabulary is None:
                return full_loss(self.model, ids, wanted)
            ids = self.vocabulary.numbers(ids)
            hidden = self.model.model.base_model(
                input_ids=ids[:, :-1], use_cache=False
            ).last_hidden_state
        return fused_loss(self.model, hidden, ids, wanted, self.vocabulary.others)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The model as it will be, with all its rows: to score and to sample."""
        self.model.model.eval()
        if self.vocabulary is None:
            yield
        else:
            with self.vocabulary.whole():
                yield

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Leave a plain model behind; what is worth keeping besides goes into `folder`.

        That is an adapter, if there is one: all that is kept of the model if `thin`.
        """
        self.optimizer.close()
        if self.recompute:
            _checkpointing(self.model, "disable")()
        self.model.model.eval()
        if self.vocabulary is not None:
            self.vocabulary.restore()
        self.mode.finish(folder, thin=thin)

    def _table(self, batch: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """The lessons as rows of one table, padded behind, and which of their places (all but the first of each) are to be predicted."""
        import torch

        width = max(len(sequence) for sequence in batch)
        ids = torch.full((len(batch), width), self.model.eos_token)
        wanted = torch.zeros((len(batch), width - 1), dtype=torch.bool)
        for row, sequence in enumerate(batch):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            wanted[row, : len(sequence) - 1] = True
        return ids.to(self.model.device), wanted.to(self.model.device)

    def _fast_layers(self) -> AbstractContextManager[None]:
        return nullcontext() if self.fused is None else self.fused.active()

    def _autocast(self) -> AbstractContextManager[object]:
        """Matrix products in bf16; adapted layers convert by themselves."""
        import torch

        enabled = self.precision == "bf16" and not isinstance(self.mode, Lora)
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=enabled)


def fused_layers(model: LanguageModel, precision: str) -> Fused | FusedLayers:
    """Quicker equivalents of a model's layers for training on a CPU."""
    import torch

    from popinjay.training.fused_layers import Fused
    from popinjay.training.llama_layer import FusedLayers, fits

    layers = layers_of(model)
    if layers and all(fits(layer) for layer in layers):
        return FusedLayers(layers)
    return Fused(model.model, torch.bfloat16 if precision == "bf16" else torch.float32)


def _layer_of(model: LanguageModel) -> dict[str, str]:
    """The layer that each weight of a layer belongs to, both by name."""
    layers = [
        (name, module)
        for name, module in model.model.named_modules()
        if any(module is layer for layer in layers_of(model))
    ]
    return {
        f"{layer}.{name}": layer
        for layer, module in layers
        for name, _ in module.named_parameters()
    }


def _checkpointing(model: LanguageModel, do: str) -> Any:
    """transformers' switch for it, which is being renamed."""
    name = next(
        name
        for name in (f"activation_checkpointing_{do}", f"gradient_checkpointing_{do}")
        if hasattr(model.model, name)
    )
    return getattr(model.model, name)


# Padding stands behind each post and attention looks back only, so no mask is needed.


def fused_loss(
    model: LanguageModel,
    hidden: torch.Tensor,
    ids: torch.Tensor,
    wanted: torch.Tensor,
    others: SampledNegatives | None = None,
) -> torch.Tensor:
    """The mean loss over the places `wanted` (lessons, width - 1), given the last hidden states of `ids` (lessons, width)."""
    from popinjay.training.loss import prediction_loss

    head = model.model.get_output_embeddings()
    places = wanted.flatten().nonzero().squeeze(1)
    return prediction_loss(
        hidden.flatten(0, 1)[places],
        head.weight,
        getattr(head, "bias", None),
        ids[:, 1:].flatten()[places],
        others,
    )


def full_loss(model: LanguageModel, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The same from the model's own logits."""
    import torch

    logits = model.model(input_ids=ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float()[wanted], ids[:, 1:][wanted])


def needs_recompute(model: LanguageModel, batch_tokens: int, memory: float) -> bool:
    """Whether a training of so many tokens a step would fill most of the memory (bytes) with what layers remember for the way back."""
    layers = getattr(model.model.config, "num_hidden_layers", 0)
    remembered = BYTES_A_STATE * model.width * layers * batch_tokens
    return BYTES_A_WEIGHT * model.parameters + remembered > MOST_OF_MEMORY * memory


def supports_fused_loss(model: LanguageModel, sequence: Sequence[int]) -> bool:
    """Whether this model's logits are its head times its last hidden state, found out on one lesson."""
    import torch

    head = model.model.get_output_embeddings()
    if head is None or not isinstance(head, torch.nn.Linear):
        return False
    ids = torch.tensor([list(sequence)], device=model.device)
    wanted = torch.ones_like(ids[:, 1:], dtype=torch.bool)
    with torch.no_grad():
        hidden = model.model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        return (
            abs(
                fused_loss(model, hidden, ids, wanted).item() - full_loss(model, ids, wanted).item()
            )
            < AGREE
        )
