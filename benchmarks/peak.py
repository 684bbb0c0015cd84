"""What the machine can do at its best, to set a program's FLOP/s against."""

import time

import torch


def matrix_product(precision: torch.dtype, side: int = 2048) -> float:
    """FLOP/s: the fastest of a few products."""
    matrix = torch.rand(side, side).to(precision)
    fastest = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        torch.mm(matrix, matrix)
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * side**3 / fastest
