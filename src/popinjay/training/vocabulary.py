"""The active rows of a model's vocabulary while it trains: a few thousand of GPT-2's 50,257.

The head takes a third of GPT-2's arithmetic, nearly all of it for tokens that an author never uses.
While training, embedding and head hold only the rows of the posts' tokens and of the most common
ones; a sample stands for all others in the loss. Afterwards the rows are put back, and every other
row is bit for bit what it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.models.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

    from popinjay.training.loss import SampledNegatives

NEGATIVE_SAMPLES = 2048  # rows that stand for all inactive ones
COMMON_TOKENS = 1024  # always active: byte-pair encodings number tokens by frequency


def active_rows(sequences: Iterable[Sequence[int]], size: int) -> list[int]:
    """Return the tokens of the sequences and the most common ones, in order.

    `size` is that of the vocabulary.
    """
    used = {token for sequence in sequences for token in sequence}
    return sorted(used | set(range(min(COMMON_TOKENS, size))))


class Vocabulary:
    """A model's embedding and head, narrowed to their active rows until `restore`.

    The full tables are kept on disk meanwhile: 154 MB of GPT-2 that training need not hold in
    memory.
    """

    def __init__(self, model: LanguageModel, rows: Sequence[int], folder: Path) -> None:
        """Narrow the model to these rows (token ids in order); the full tables go to `folder`."""
        import torch

        self.embedding: Any = model.model.get_input_embeddings()
        self.head: Any = model.model.get_output_embeddings()
        self.is_tied = self.head.weight is self.embedding.weight
        self.rows = torch.tensor(rows, device=model.device)  # (active,), token ids
        size = len(self.embedding.weight)
        self._row_of = torch.full((size,), -1, device=model.device)  # by token id; -1: inactive
        self._row_of[self.rows] = torch.arange(len(rows), device=model.device)
        self._folder = folder
        self._padding_idx = getattr(self.embedding, "padding_idx", None)
        tables = {name: tensor.detach() for name, tensor in self._tables().items()}
        self._shapes = {name: table.shape for name, table in tables.items()}
        for name, table in tables.items():
            table.cpu().contiguous().numpy().tofile(self._file(name))
        self.negatives = self._sample_negatives(tables)
        self._set_tables({name: table[self.rows] for name, table in tables.items()})
        self.embedding.padding_idx = None  # padding is never predicted, and its row has moved

    def to_rows(self, ids: torch.Tensor) -> torch.Tensor:
        """Map token ids, in a tensor of any shape, to indices of active rows."""
        return self._row_of[ids]

    def _sample_negatives(self, tables: dict[str, torch.Tensor]) -> SampledNegatives | None:
        """Return a fixed random sample of the inactive rows; None if all rows are active."""
        import torch

        from popinjay.training.loss import SampledNegatives

        inactive = (self._row_of < 0).nonzero().squeeze(1).cpu()
        if not len(inactive):
            return None
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(inactive), generator=generator)
        sample = inactive[order[:NEGATIVE_SAMPLES]].to(self.rows.device)
        head = tables.get("head", tables["embedding"])
        rows_per_sample = len(inactive) / len(sample)
        offset = torch.full(
            (len(sample),), math.log(rows_per_sample), device=head.device, dtype=head.dtype
        )
        if "bias" in tables:
            offset = offset + tables["bias"][sample]
        return SampledNegatives(head[sample], offset)

    @contextmanager
    def full_tables(self) -> Iterator[None]:
        """Put the full vocabulary in place, active rows as they are now, inside the context."""
        narrow = self._tables()
        self._set_tables(self._merged())
        try:
            yield
        finally:
            self._set_parameters(narrow)

    def restore(self) -> None:
        """Put the full vocabulary back for good, with the trained rows."""
        # Clones, because the files that the merged tables are mapped from are removed
        self._set_tables({name: table.clone() for name, table in self._merged().items()})
        self.embedding.padding_idx = self._padding_idx
        for name in self._shapes:
            self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.table"

    def _tables(self) -> dict[str, torch.nn.Parameter]:
        tables: dict[str, torch.nn.Parameter] = {"embedding": self.embedding.weight}
        if not self.is_tied:
            tables["head"] = self.head.weight
        if getattr(self.head, "bias", None) is not None:
            tables["bias"] = self.head.bias
        return tables

    def _merged(self) -> dict[str, torch.Tensor]:
        """Return the full tables with the active rows as they are now."""
        import torch

        merged = {}
        for name, rows in self._tables().items():
            # Mapped, so that only one copy is in memory; private, so that the file stays as it is
            table = torch.from_file(
                str(self._file(name)),
                shared=False,
                size=self._shapes[name].numel(),
                dtype=rows.dtype,
            )
            merged[name] = table.view(self._shapes[name]).to(rows.device)
            merged[name][self.rows] = rows.detach()
        return merged

    def _set_tables(self, tables: dict[str, torch.Tensor]) -> None:
        import torch

        current = self._tables()
        self._set_parameters(
            {
                name: torch.nn.Parameter(table, requires_grad=current[name].requires_grad)
                for name, table in tables.items()
            }
        )

    def _set_parameters(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        self.embedding.weight = parameters["embedding"]
        self.head.weight = parameters["embedding" if self.is_tied else "head"]
        if "bias" in parameters:
            self.head.bias = parameters["bias"]
        size = len(parameters["embedding"])
        self.embedding.num_embeddings = size
        self.head.out_features = size
