"""On CUDA: the work of a step recorded once and played back.

To launch the small kernels of these networks one by one, from Python, takes longer than they run.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

WARM_UP = 3  # steps that run as they are: they make the optimizer's memory and have kernels chosen


@dataclass(frozen=True)
class Batch:
    """What a step shows."""

    rows: Tensor  # int64 (B,): places among the examples
    kind: str = ""
    repeats: bool = False  # whether steps of this kind do the same with other rows, as many, and only on the device


Work = Callable[[Batch], None]


class Recorder:
    """Does `work` for each batch; what repeats it records as a CUDA graph, and plays back from then on.

    A graph draws from the device's default generator as it is seeded when it is played back, so a recorded step draws
    the same numbers as one that is not.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.done = Counter[str]()
        self.recorded: dict[str, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def __call__(self, batch: Batch) -> None:
        if not batch.repeats or self.done[batch.kind] < WARM_UP:
            self._aside(batch)
        else:
            if batch.kind not in self.recorded:
                self.recorded[batch.kind] = self._record(batch)
            graph, rows = self.recorded[batch.kind]
            rows.copy_(batch.rows)
            graph.replay()
        self.done[batch.kind] += batch.repeats

    def _aside(self, batch: Batch) -> None:
        """On the stream that will record: a gradient stays tied to the stream that first made it."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.work(batch)
        torch.cuda.current_stream().wait_stream(self.stream)

    def _record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph, rows = torch.cuda.CUDAGraph(), batch.rows.clone()
        with torch.cuda.graph(graph, stream=self.stream):
            self.work(replace(batch, rows=rows))
        return graph, rows
