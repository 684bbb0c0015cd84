"""Muon: hidden weights move by their orthogonalized momentum, everything else by AdamW."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tenfold.training.eager import AdamW

STEPS = 5
# Of the polynomial a x + b x³ + c x⁵, which brings singular values from as little as 0.01 near 1 in five steps.
A, B, C = 3.4445, -4.7750, 2.0315


def zeropower_via_newton_schulz(matrix: Tensor, steps: int = STEPS) -> Tensor:
    """(R, C) with the singular vectors of `matrix`, and all singular values between 0.7 and 1.2.

    A Newton-Schulz iteration tuned for speed, not exactness (Jordan et al. 2024, "Muon: an optimizer for hidden
    layers in neural networks"). Each step multiplies the matrix by a polynomial of its Gram matrix. Such polynomials
    commute, so the small ones are multiplied with each other first, and the wide matrix only once.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T  # (r, r), r the shorter side
    product = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(steps):
        polynomial = torch.addmm(gram, gram, gram, beta=B, alpha=C)
        polynomial.diagonal().add_(A)
        product, gram = polynomial @ product, polynomial @ gram @ polynomial
    return (product @ x).T if is_tall else product @ x


class Muon(AdamW):
    """AdamW, except for parameter groups marked `hidden`.

    The weights (out, ...) of those are treated as matrices with `out` rows. Their Nesterov momentum is the group's
    first beta; weight decay does not apply to them.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"] if group["hidden"] else ():
                if weight.grad is not None:
                    self._update(weight, group["lr"], group["betas"][0])
                    weight.grad = None  # so that AdamW skips it
        super().step()

    def _update(self, weight: Tensor, lr: float | Tensor, momentum: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        momentum_buffer = state["momentum_buffer"].mul_(momentum).add_(weight.grad)
        nesterov = (weight.grad + momentum * momentum_buffer).flatten(1)
        rows, columns = nesterov.shape
        # Tall matrices have fewer directions than rows, so each direction takes a larger step.
        scale = max(1, rows / columns) ** 0.5
        weight -= lr * scale * zeropower_via_newton_schulz(nesterov).view(weight.shape)
