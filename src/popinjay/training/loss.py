"""The cross-entropy of predicted tokens, without ever holding the logits of a whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

MAX_CHUNK_LOGITS = 1 << 24  # logits held at once: 64 MB in float32


@dataclass(frozen=True)
class SampledNegatives:
    """A sample of the head's inactive rows, which stands for all of them (sampled softmax).

    `offset` is added to their logits. It holds the head's bias and the logarithm of the number of
    rows that each stands for, so that the sum over the sample estimates the sum over all inactive
    rows (importance sampling, as in Jean et al., arXiv 1412.2007). Without it nothing would keep
    tokens outside of the loss from becoming more likely.
    """

    rows: torch.Tensor  # (negatives, width)
    offset: torch.Tensor  # (negatives,)


class _LinearCrossEntropy(torch.autograd.Function):
    """Head and cross-entropy in one, chunk by chunk, with gradients computed in the forward pass.

    The idea of Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models" (arXiv
    2411.09009), in plain torch.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,  # (tokens, width), in the precision of the matrix products
        weight: torch.Tensor,  # (rows, width)
        bias: torch.Tensor | None,  # (rows,)
        targets: torch.Tensor,  # (tokens,), indices of rows
        negatives: SampledNegatives | None,
    ) -> torch.Tensor:
        full_dtype = weight.dtype
        count = len(targets)
        head = weight.to(hidden.dtype)
        negative_head = None if negatives is None else negatives.rows.to(hidden.dtype)
        hidden_grad = torch.empty_like(hidden)
        weight_grad = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        bias_grad = None
        if bias is not None and ctx.needs_input_grad[2]:
            bias_grad = torch.zeros_like(bias)
        total = torch.zeros((), dtype=full_dtype, device=hidden.device)
        chunk_size = max(1, MAX_CHUNK_LOGITS // len(weight))
        for start in range(0, count, chunk_size):
            chunk = slice(start, start + chunk_size)
            states = hidden[chunk]
            target = targets[chunk, None]
            logits = (states @ head.t()).to(full_dtype)  # (chunk, rows)
            if bias is not None:
                logits += bias
            log_z = logits.logsumexp(1, keepdim=True)
            if negatives is not None and negative_head is not None:
                negative_logits = (states @ negative_head.t()).to(full_dtype).add_(negatives.offset)
                log_z = torch.logaddexp(log_z, negative_logits.logsumexp(1, keepdim=True))
            total += (log_z - logits.gather(1, target)).sum()

            # The gradient of the logits, in place: probabilities, less one for the target
            logits_grad = logits.sub_(log_z).exp_()
            logits_grad.scatter_add_(1, target, torch.full_like(log_z, -1.0)).div_(count)
            narrow_grad = logits_grad.to(hidden.dtype)
            torch.mm(narrow_grad, head, out=hidden_grad[chunk])
            if negative_head is not None:
                negative_grad = negative_logits.sub_(log_z).exp_().div_(count).to(hidden.dtype)
                hidden_grad[chunk].addmm_(negative_grad, negative_head)
            if weight_grad is not None:
                _add_product(weight_grad, narrow_grad.t(), states)
            if bias_grad is not None:
                bias_grad += logits_grad.sum(0)
        ctx.save_for_backward(hidden_grad, weight_grad, bias_grad)
        return total / count

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden_grad, weight_grad, bias_grad = ctx.saved_tensors
        (scale,) = upstream
        for gradient in (hidden_grad, weight_grad, bias_grad):
            if gradient is not None:
                gradient.mul_(scale)  # in place: used only once, and may be the largest tensor
        return hidden_grad, weight_grad, bias_grad, None, None


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add `left @ right` to `total` in place."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def prediction_loss(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    negatives: SampledNegatives | None = None,
) -> torch.Tensor:
    """Return the mean cross-entropy of the targets, a scalar in nats per token.

    Args:
        hidden: The last hidden states (tokens, width), in the precision of the matrix products.
        weight: The active rows of the head (rows, width).
        bias: The bias of these rows (rows,), if the head has one.
        targets: The index of each token's target among the rows (tokens,).
        negatives: A sample that stands for all other rows of the head; None if there are none.
    """
    loss: torch.Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, negatives
    )
    return loss
