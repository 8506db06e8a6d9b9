"""AdamW fused into the backward pass: each layer is updated as soon as its gradients are there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WEIGHT_DECAY = 0.01
BETAS = (0.9, 0.98)
MAX_GRADIENT_NORM = 1.0  # of a layer: larger gradients are clipped to it


class FusedBackwardAdamW:
    """AdamW that updates groups of weights during the backward pass and frees their gradients.

    All gradients at once would be a quarter of the memory of a training. Updating one weight at a
    time would cost a small model more in calls than in arithmetic; hence groups, usually layers.
    """

    def __init__(
        self, weights: Mapping[str, torch.nn.Parameter], group_of: Mapping[str, str]
    ) -> None:
        """Update `weights`, given by name.

        `group_of` maps names of weights to groups; each of the others is a group by itself.
        """
        self.weights = dict(weights)
        self._group = {name: group_of.get(name, name) for name in weights}
        self._members: dict[str, list[str]] = {}
        for name, group in self._group.items():
            self._members.setdefault(group, []).append(name)
        # The number of gradients that each group still waits for
        self._pending = {group: len(members) for group, members in self._members.items()}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # by weight; a group shares one
        self.reset()
        self._hooks = [
            weight.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                partial(self._on_gradient, name)
            )
            for name, weight in self.weights.items()
        ]

    def reset(self) -> None:
        """Forget the moments of all steps so far."""
        for members in self._members.values():
            optimizer = _adamw([self.weights[name] for name in members])
            self.optimizers.update(dict.fromkeys(members, optimizer))

    def step(self, loss: torch.Tensor, learning_rate: float) -> None:
        """Run the backward pass of a loss (a scalar) and update all weights."""
        for optimizer in self.optimizers.values():
            for param_group in optimizer.param_groups:
                param_group["lr"] = learning_rate
        loss.backward()  # type: ignore[no-untyped-call]
        for group, pending in self._pending.items():
            if 0 < pending < len(self._members[group]):  # some weights had no part in this loss
                self._update(group)

    def close(self) -> None:
        """Detach from the weights."""
        for hook in self._hooks:
            hook.remove()

    def _on_gradient(self, name: str, _: torch.Tensor) -> None:
        group = self._group[name]
        self._pending[group] -= 1
        if not self._pending[group]:
            self._update(group)

    def _update(self, group: str) -> None:
        """Clip the gradients of a group, update its weights and free the gradients."""
        import torch

        members = [self.weights[name] for name in self._members[group]]
        torch.nn.utils.clip_grad_norm_(members, MAX_GRADIENT_NORM)
        self.optimizers[self._members[group][0]].step()
        for weight in members:
            weight.grad = None
        self._pending[group] = len(members)


def _adamw(weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Return an AdamW, fused if possible, with weight decay for matrices only."""
    import torch

    matrices = [weight for weight in weights if weight.ndim >= 2]
    vectors = [weight for weight in weights if weight.ndim < 2]
    param_groups = [
        {"params": params, "weight_decay": decay}
        for params, decay in ((matrices, WEIGHT_DECAY), (vectors, 0.0))
        if params
    ]
    return torch.optim.AdamW(param_groups, betas=BETAS, fused=weights[0].device.type != "mps")
