"""The loss of predicting tokens, without ever holding the logits of a whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

AT_ONCE = 1 << 24  # logits: 64 MB


@dataclass(frozen=True)
class SampledNegatives:
    """Rows of the head that stand for all that are not at work: `offset` (rows) is what their logits get besides.

    With the logarithm of how many rows each stands for, the sum over them estimates the sum over all (importance sampling, as
    in Jean et al., arXiv 1412.2007). Without it nothing would keep the rows left out from growing likelier unseen.
    """

    rows: torch.Tensor
    offset: torch.Tensor


class _LinearCrossEntropy(torch.autograd.Function):
    """Head and cross-entropy in one, some tokens at a time, the gradients made on the way.

    The idea of Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models" (arXiv 2411.09009), in plain torch.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        wanted: torch.Tensor,
        others: SampledNegatives | None,
    ) -> torch.Tensor:
        exact, count = weight.dtype, len(wanted)
        table = weight.to(hidden.dtype)
        rest = None if others is None else others.rows.to(hidden.dtype)
        of_hidden = torch.empty_like(hidden)
        of_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        of_bias = torch.zeros_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
        total = torch.zeros((), dtype=exact, device=hidden.device)
        stride = max(1, AT_ONCE // len(weight))
        for start in range(0, count, stride):
            part = slice(start, start + stride)
            here, target = hidden[part], wanted[part, None]
            logits = (here @ table.t()).to(exact)
            if bias is not None:
                logits += bias
            normaliser = logits.logsumexp(1, keepdim=True)
            if others is not None and rest is not None:
                besides = (here @ rest.t()).to(exact).add_(others.offset)
                normaliser = torch.logaddexp(normaliser, besides.logsumexp(1, keepdim=True))
            total += (normaliser - logits.gather(1, target)).sum()
            error = logits.sub_(
                normaliser
            ).exp_()  # in place: the probabilities, then how far off they are
            error.scatter_add_(1, target, torch.full_like(normaliser, -1.0)).div_(count)
            narrow = error.to(hidden.dtype)
            torch.mm(narrow, table, out=of_hidden[part])
            if rest is not None:
                of_hidden[part].addmm_(
                    besides.sub_(normaliser).exp_().div_(count).to(hidden.dtype), rest
                )
            if of_weight is not None:
                _add_product(of_weight, narrow.t(), here)
            if of_bias is not None:
                of_bias += error.sum(0)
        ctx.save_for_backward(of_hidden, of_weight, of_bias)
        return total / count

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_hidden, of_weight, of_bias = ctx.saved_tensors
        (scale,) = upstream
        for gradient in (of_hidden, of_weight, of_bias):
            if gradient is not None:
                gradient.mul_(scale)  # in place: it is needed once, and may be the largest there is
        return of_hidden, of_weight, of_bias, None, None


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def prediction_loss(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    wanted: torch.Tensor,
    others: SampledNegatives | None = None,
) -> torch.Tensor:
    """Mean cross-entropy, nats a token, of the row numbers `wanted` (tokens) after the states `hidden` (tokens, width).

    `weight` (rows, width) and `bias` (rows) are the head's rows at work, `others` stand for the rest of the vocabulary.
    """
    loss: torch.Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, wanted, others)  # type: ignore[no-untyped-call]
    return loss
