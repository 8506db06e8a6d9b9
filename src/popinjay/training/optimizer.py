"""AdamW that goes along with the backward pass: a layer learns as soon as its gradients are there, and lets go of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WEIGHT_DECAY = 0.01
BETAS = (0.9, 0.98)
MAX_GRADIENT_NORM = 1.0  # the norm to which a layer's larger gradients are cut


class FusedBackwardAdamW:
    """Weights in groups that learn together.

    All gradients at once would be a quarter of the memory of a training; one weight after another would cost a small model more
    in calls than in arithmetic.
    """

    def __init__(
        self, weights: Mapping[str, torch.nn.Parameter], group_of: Mapping[str, str]
    ) -> None:
        """`weights` by name; `group_of` names the group of each that is not one by itself."""
        self.weights = dict(weights)
        self._group = {name: group_of.get(name, name) for name in weights}
        self._members: dict[str, list[str]] = {}
        for name, group in self._group.items():
            self._members.setdefault(group, []).append(name)
        self._missing = {
            group: len(members) for group, members in self._members.items()
        }  # gradients that have not come yet
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # of each weight, one for a group
        self.reset()
        self._hooks = [
            weight.register_post_accumulate_grad_hook(partial(self._arrived, name))
            for name, weight in self.weights.items()
        ]  # type: ignore[no-untyped-call]

    def reset(self) -> None:
        """Begin anew: nothing is remembered of the steps so far."""
        for members in self._members.values():
            optimizer = _adamw([self.weights[name] for name in members])
            self.optimizers.update(dict.fromkeys(members, optimizer))

    def step(self, loss: torch.Tensor, learning_rate: float) -> None:
        """Go one step down this loss at this rate."""
        for optimizer in self.optimizers.values():
            for part in optimizer.param_groups:
                part["lr"] = learning_rate
        loss.backward()  # type: ignore[no-untyped-call]
        for group, missing in self._missing.items():
            if 0 < missing < len(self._members[group]):  # a weight that had no part in this loss
                self._learn(group)

    def close(self) -> None:
        """Leave the weights alone from now on."""
        for hook in self._hooks:
            hook.remove()

    def _arrived(self, name: str, _: torch.Tensor) -> None:
        group = self._group[name]
        self._missing[group] -= 1
        if not self._missing[group]:
            self._learn(group)

    def _learn(self, group: str) -> None:
        import torch

        members = [self.weights[name] for name in self._members[group]]
        torch.nn.utils.clip_grad_norm_(members, MAX_GRADIENT_NORM)
        self.optimizers[self._members[group][0]].step()
        for weight in members:
            weight.grad = None
        self._missing[group] = len(members)


def _adamw(weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """In one fused operation where there is one; matrices decay, the rest does not."""
    import torch

    decays = [weight for weight in weights if weight.ndim >= 2]
    stays = [weight for weight in weights if weight.ndim < 2]
    groups = [
        {"params": some, "weight_decay": decay}
        for some, decay in ((decays, WEIGHT_DECAY), (stays, 0.0))
        if some
    ]
    return torch.optim.AdamW(groups, betas=BETAS, fused=weights[0].device.type != "mps")
