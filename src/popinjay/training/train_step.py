"""One training step: the loss of a batch, its gradients and the update of the weights."""

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

BYTES_PER_WEIGHT = 12  # a weight and its two moments, in float32
BYTES_PER_ACTIVATION = 72  # kept per layer, token and unit of width: measured on GPT-2
MAX_MEMORY_SHARE = 0.7
MAX_LOSS_DIFFERENCE = 1e-4  # nats, between fused_loss and full_loss: rounding only


class TrainStep:
    """A model in training, and its training step.

    Posts of similar length form a batch, each attending to itself only. The loss is computed from
    the hidden states and the active rows of the vocabulary, without the logits of a whole batch. A
    model whose logits are not its head times its last hidden states, which is found out by trying,
    learns from its own logits, with all rows.
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
        """Prepare a model for training on these sequences.

        Args:
            model: The model, which is changed in place until `finish`.
            mode: Which of its weights are trained.
            sequences: The token ids of all posts, which determine the active rows.
            folder: For what need not be in memory.
            precision: "fp32", or "bf16" for matrix products in bfloat16.
            recompute: Recompute each layer in the backward pass to save memory (gradient
                checkpointing).
        """
        self.model = model
        self.mode = mode
        self.precision = precision
        self.recompute = recompute
        if recompute:
            _enable_recompute(model)
        self.vocabulary: Vocabulary | None = None
        if supports_fused_loss(model, sequences[0]):
            size = model.model.get_input_embeddings().num_embeddings
            self.vocabulary = Vocabulary(model, active_rows(sequences, size), folder)
        for parameter in model.model.parameters():
            # Off the mapped file, all of which would otherwise stay in memory
            parameter.data = parameter.data.clone()
        self.fused = None
        if model.device.type == "cpu" and not recompute:
            self.fused = fused_layers(model, precision)
        self.weights = mode.trainable()
        self.optimizer = FusedBackwardAdamW(self.weights, _layer_of(model))

    def step(self, batch: Sequence[Sequence[int]], learning_rate: float) -> tuple[float, int]:
        """Train on one batch.

        Returns the mean loss (nats per token) and the number of tokens predicted. Raises
        TrainingError if the loss is not finite.
        """
        loss = self.loss(batch)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                "Training diverged: the loss is no longer a number.",
                "Try a lower --learning-rate.",
                page_hint="Choose another base model.",
            )
        self.optimizer.step(loss, learning_rate)
        return value, sum(len(sequence) - 1 for sequence in batch)

    def loss(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the mean loss of a batch: a scalar in nats per token, with its graph."""
        ids, mask = self._collate(batch)
        self.model.model.train(self.recompute)
        with self._fused_layers(), self._autocast():
            if self.vocabulary is None:
                return full_loss(self.model, ids, mask)
            ids = self.vocabulary.to_rows(ids)
            hidden = self.model.model.base_model(
                input_ids=ids[:, :-1], use_cache=False
            ).last_hidden_state
        return fused_loss(self.model, hidden, ids, mask, self.vocabulary.negatives)

    @contextmanager
    def full_model(self) -> Iterator[None]:
        """Have the model in evaluation mode, with its full vocabulary, inside the context."""
        self.model.model.eval()
        if self.vocabulary is None:
            yield
        else:
            with self.vocabulary.full_tables():
                yield

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Turn the model into a plain one again; write an adapter, if there is one, to `folder`.

        If `thin`, the adapter is all that will be kept of the model.
        """
        self.optimizer.close()
        if self.recompute:
            _checkpointing(self.model, "disable")()
        self.model.model.eval()
        if self.vocabulary is not None:
            self.vocabulary.restore()
        self.mode.finish(folder, thin=thin)

    def _collate(self, batch: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pad a batch on the right.

        Returns the token ids (batch, length) and a mask (batch, length - 1) of the targets: every
        token of a sequence but its first.
        """
        import torch

        length = max(len(sequence) for sequence in batch)
        ids = torch.full((len(batch), length), self.model.eos_token)
        mask = torch.zeros((len(batch), length - 1), dtype=torch.bool)
        for row, sequence in enumerate(batch):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence) - 1] = True
        return ids.to(self.model.device), mask.to(self.model.device)

    def _fused_layers(self) -> AbstractContextManager[None]:
        return nullcontext() if self.fused is None else self.fused.active()

    def _autocast(self) -> AbstractContextManager[object]:
        """Compute matrix products in bfloat16 if asked to; adapted layers convert by themselves."""
        import torch

        enabled = self.precision == "bf16" and not isinstance(self.mode, Lora)
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=enabled)


def fused_layers(model: LanguageModel, precision: str) -> Fused | FusedLayers:
    """Return faster equivalents of a model's layers, for training on a CPU."""
    import torch

    from popinjay.training.fused_layers import Fused
    from popinjay.training.llama_layer import FusedLayers, fits

    layers = layers_of(model)
    if layers and all(fits(layer) for layer in layers):
        return FusedLayers(layers)
    return Fused(model.model, torch.bfloat16 if precision == "bf16" else torch.float32)


def _layer_of(model: LanguageModel) -> dict[str, str]:
    """Map the name of each weight inside a layer to the name of its layer."""
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


def _enable_recompute(model: LanguageModel) -> None:
    """Switch on gradient checkpointing, which works in training mode only, and off all dropout."""
    import torch

    _checkpointing(model, "enable")({"use_reentrant": False})
    for module in model.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _checkpointing(model: LanguageModel, verb: str) -> Any:
    """Return the method to `verb` ("enable" or "disable") gradient checkpointing.

    transformers is renaming it.
    """
    names = (f"activation_checkpointing_{verb}", f"gradient_checkpointing_{verb}")
    return getattr(model.model, next(name for name in names if hasattr(model.model, name)))


# Rows are padded on the right and attention is causal, so no attention mask is needed.


def fused_loss(
    model: LanguageModel,
    hidden: torch.Tensor,
    ids: torch.Tensor,
    mask: torch.Tensor,
    negatives: SampledNegatives | None = None,
) -> torch.Tensor:
    """Return the mean loss over the masked targets, without ever holding all their logits.

    Args:
        model: The model whose head predicts.
        hidden: The last hidden states (batch, length - 1, width) after each token but the last.
        ids: The tokens (batch, length), as indices of the head's rows.
        mask: True at the targets that count (batch, length - 1).
        negatives: A sample that stands for the rows that the head lacks.
    """
    from popinjay.training.loss import prediction_loss

    head = model.model.get_output_embeddings()
    positions = mask.flatten().nonzero().squeeze(1)  # (tokens,)
    return prediction_loss(
        hidden.flatten(0, 1)[positions],
        head.weight,
        getattr(head, "bias", None),
        ids[:, 1:].flatten()[positions],
        negatives,
    )


def full_loss(model: LanguageModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean loss over the masked targets from the model's own logits."""
    import torch

    logits = model.model(input_ids=ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float()[mask], ids[:, 1:][mask])


def needs_recompute(model: LanguageModel, batch_tokens: int, memory: float) -> bool:
    """Return whether a step of so many tokens would fill most of the memory (bytes).

    Most of it is what layers keep for the backward pass.
    """
    layers = getattr(model.model.config, "num_hidden_layers", 0)
    activations = BYTES_PER_ACTIVATION * model.width * layers * batch_tokens
    return BYTES_PER_WEIGHT * model.parameters + activations > MAX_MEMORY_SHARE * memory


def supports_fused_loss(model: LanguageModel, sequence: Sequence[int]) -> bool:
    """Return whether the model's logits are its head times its last hidden states.

    It is tried on one sequence.
    """
    import torch

    head = model.model.get_output_embeddings()
    if head is None or not isinstance(head, torch.nn.Linear):
        return False
    ids = torch.tensor([list(sequence)], device=model.device)
    mask = torch.ones_like(ids[:, 1:], dtype=torch.bool)
    with torch.no_grad():
        hidden = model.model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        fused = fused_loss(model, hidden, ids, mask).item()
        full = full_loss(model, ids, mask).item()
    return abs(fused - full) < MAX_LOSS_DIFFERENCE
