"""The rows of a model's vocabulary that are at work while it learns: a few thousand of GPT-2's fifty thousand.

The head is a third of GPT-2's arithmetic, nearly all of it for tokens that an author never uses. While training, embedding and
head hold the rows of the posts and of the commonest tokens only, and a sample stands for all others in the loss. Then the rows
go back to their places, and every other row is bit for bit what it was.
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

SAMPLED = 2048  # rows that stand for all others
COMMONEST = 1024  # rows kept whether the posts use them or not: byte-pair merges are numbered by how common they are


def active_rows(sequences: Iterable[Sequence[int]], size: int) -> list[int]:
    """The tokens of the lessons and the commonest ones, in order, of a vocabulary of so many."""
    return sorted(
        {token for sequence in sequences for token in sequence} | set(range(min(COMMONEST, size)))
    )


class Vocabulary:
    """A model's embedding and head, narrowed to some rows until `restore`.

    The whole tables lie on disk meanwhile: 154 MB of GPT-2 that training need not hold in memory.
    """

    def __init__(self, model: LanguageModel, rows: Sequence[int], folder: Path) -> None:
        """Narrow the model to these rows (token ids in order); `folder` will hold the whole tables."""
        import torch

        self.embedding: Any = model.model.get_input_embeddings()
        self.head: Any = model.model.get_output_embeddings()
        self.is_tied = self.head.weight is self.embedding.weight
        self.rows = torch.tensor(rows, device=model.device)
        self.place = torch.full((len(self.embedding.weight),), -1, device=model.device)
        self.place[self.rows] = torch.arange(len(rows), device=model.device)
        self._folder = folder
        self._padding = getattr(self.embedding, "padding_idx", None)
        tables = {name: tensor.detach() for name, tensor in self._tables().items()}
        self._shapes = {name: table.shape for name, table in tables.items()}
        for name, table in tables.items():
            table.cpu().contiguous().numpy().tofile(self._file(name))
        self.others = self._sampled_negatives(tables)
        self._put({name: table[self.rows] for name, table in tables.items()})
        self.embedding.padding_idx = (
            None  # padding is never predicted here, and its row has another number now
        )

    def numbers(self, ids: torch.Tensor) -> torch.Tensor:
        """The row numbers of token ids, any shape."""
        return self.place[ids]

    def _sampled_negatives(self, tables: dict[str, torch.Tensor]) -> SampledNegatives | None:
        """Rows by chance, always the same ones, that stand for all that are not at work; None where all are."""
        import torch

        from popinjay.training.loss import SampledNegatives

        resting = (self.place < 0).nonzero().squeeze(1).cpu()
        if not len(resting):
            return None
        drawn = resting[
            torch.randperm(len(resting), generator=torch.Generator().manual_seed(0))[:SAMPLED]
        ].to(self.rows.device)
        head = tables.get("head", tables["embedding"])
        offset = torch.full(
            (len(drawn),), math.log(len(resting) / len(drawn)), device=head.device, dtype=head.dtype
        )
        return SampledNegatives(
            head[drawn], offset + tables["bias"][drawn] if "bias" in tables else offset
        )

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The whole vocabulary in place, with the rows as they are now: to score and to sample."""
        narrow = self._tables()
        self._put(self._merged())
        try:
            yield
        finally:
            self._put_parameters(narrow)

    def restore(self) -> None:
        """Put the whole vocabulary back for good, the rows at work as they have become."""
        self._put(
            {name: table.clone() for name, table in self._merged().items()}
        )  # off the files, which go
        self.embedding.padding_idx = self._padding
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
        import torch

        whole = {}
        for name, rows in self._tables().items():
            table = torch.from_file(
                str(self._file(name)),
                shared=False,
                size=self._shapes[name].numel(),
                dtype=rows.dtype,
            )  # mapped: held once
            whole[name] = table.view(self._shapes[name]).to(rows.device)
            whole[name][self.rows] = rows.detach()
        return whole

    def _put(self, tables: dict[str, torch.Tensor]) -> None:
        import torch

        learns = self._tables()
        self._put_parameters(
            {
                name: torch.nn.Parameter(table, requires_grad=learns[name].requires_grad)
                for name, table in tables.items()
            }
        )

    def _put_parameters(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        self.embedding.weight = parameters["embedding"]
        self.head.weight = parameters["embedding" if self.is_tied else "head"]
        if "bias" in parameters:
            self.head.bias = parameters["bias"]
        self.embedding.num_embeddings = self.head.out_features = len(parameters["embedding"])
