"""A training step captured as a CUDA graph and replayed.

Launching the small kernels of these networks one by one from Python takes longer than running them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from tenfold.training.task import Batch

WARM_UP_STEPS = 3  # run as they are: they allocate the optimizer's state and have kernels chosen


class GraphedStep:
    """Calls `train_step` on each batch; captures capturable steps after a warm-up and replays them from then on.

    A replayed graph draws from the device's default generator as it is seeded at the replay, so it draws the same
    numbers as a step that is not captured.
    """

    def __init__(self, train_step: Callable[[Batch], None]) -> None:
        self.train_step = train_step
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.step_counts = Counter[str]()
        self.graphs: dict[str, tuple[torch.cuda.CUDAGraph, Tensor]] = {}  # by kind of batch; with its input

    def __call__(self, batch: Batch) -> None:
        if not batch.capturable or self.step_counts[batch.kind] < WARM_UP_STEPS:
            self._run_eagerly(batch)
        else:
            if batch.kind not in self.graphs:
                self.graphs[batch.kind] = self._capture(batch)
            graph, indices = self.graphs[batch.kind]
            indices.copy_(batch.indices)
            graph.replay()
        self.step_counts[batch.kind] += batch.capturable

    def _run_eagerly(self, batch: Batch) -> None:
        """Run on the stream used for capture: a gradient stays tied to the stream that created it."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.train_step(batch)
        torch.cuda.current_stream().wait_stream(self.stream)

    def _capture(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph, indices = torch.cuda.CUDAGraph(), batch.indices.clone()
        with torch.cuda.graph(graph, stream=self.stream):
            self.train_step(replace(batch, indices=indices))
        return graph, indices
