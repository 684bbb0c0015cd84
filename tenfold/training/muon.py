"""Muon: hidden weights move by their orthogonalized momentum, everything else by AdamW."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tenfold.training.eager import AdamW

TURNS = 5
# Of the polynomial a x + b x³ + c x⁵, which brings singular values near 1 in five turns from as little as 0.01.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalized(matrix: Tensor) -> Tensor:
    """(R, C) with the singular vectors of `matrix`, all its singular values about 1 (0.7 to 1.2).

    A Newton-Schulz iteration that is made to be quick, not exact (Jordan et al. 2024, "Muon: an optimizer for hidden
    layers in neural networks"). Each turn multiplies the matrix by a polynomial of its square, and such polynomials
    commute: so they are multiplied with one another, which are small, and the wide matrix only once.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    whole = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(TURNS):
        turn = torch.addmm(square, square, square, beta=B, alpha=C)
        turn.diagonal().add_(A)
        whole, square = turn @ whole, turn @ square @ turn
    return (whole @ x).T if tall else whole @ x


class Muon(AdamW):
    """AdamW, but for the groups of parameters that are marked `hidden`.

    Their weights, (out, ...), are seen as matrices of `out` rows. Nesterov's momentum is the group's first beta; weight
    decay is not for them.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"] if group["hidden"] else ():
                if weight.grad is None:
                    continue
                self._move(weight, group["lr"], group["betas"][0])
                weight.grad = None  # has been used: AdamW passes over it
        super().step()

    def _move(self, weight: Tensor, lr: float | Tensor, decay: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].mul_(decay).add_(weight.grad)
        ahead = (weight.grad + decay * momentum).flatten(1)
        rows, columns = ahead.shape
        # Tall matrices have fewer directions than rows, so each is moved further.
        weight -= lr * max(1, rows / columns) ** 0.5 * orthogonalized(ahead).view(weight.shape)
