"""Digits drawn from known strokes."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tenfold.synthesis.ops import draw_segments


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def stroke(batch: int, start: tuple[float, float], end: tuple[float, float], width: float = 2.5) -> Tensor:
    ends = (torch.tensor([point] * batch) for point in (start, end))
    return 255 * draw_segments(*ends, torch.full((batch,), width), 28)


@pytest.fixture
def ones() -> Tensor:
    """float (30, 28, 28): vertical strokes."""
    return stroke(30, (14, 5), (14, 23))


@pytest.fixture
def sevens() -> Tensor:
    """float (30, 28, 28): a bar on top and a slanted stem."""
    return torch.maximum(stroke(30, (8, 5), (20, 5)), stroke(30, (20, 5), (11, 23)))


@pytest.fixture
def circles() -> Tensor:
    """float (30, 28, 28): rings of radius 7, like a 0."""
    line = torch.arange(28) + 0.5 - 14
    distance = torch.hypot(line[:, None], line[None, :])
    return (255 * (2 - (distance - 7).abs()).clamp(0, 1)).expand(30, 28, 28).clone()
