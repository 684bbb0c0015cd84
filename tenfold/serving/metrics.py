"""What Prometheus is told."""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Callable, Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


class Metrics:
    """The counters of one server process; with several, each adds to files in PROMETHEUS_MULTIPROC_DIR."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name, registry = "tenfold", self._registry
        self._requests = Counter(
            "requests", "Requests by route and status.", ["route", "status"], namespace=name, registry=registry
        )
        self._latency = Histogram(
            "request_seconds", "From a request's head to its answer.", ["route"], namespace=name, registry=registry,
            buckets=SECONDS,
        )  # fmt: skip
        self._batches = Histogram(
            "batch_size", "Items taken together.", ["queue"], namespace=name, registry=registry, buckets=SIZES
        )
        self._queue = Gauge(
            "queue_size", "Items accepted and not yet answered.", ["queue"], namespace=name, registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._digits = Counter("digits", "Digits read, by value.", ["digit"], namespace=name, registry=registry)
        self._rejected = Counter("rejected", "Pictures without any digit.", namespace=name, registry=registry)
        self._refused = Counter("refused", "Requests refused, by code.", ["code"], namespace=name, registry=registry)
        self._confidence = Histogram(
            "confidence", "Confidence of the digits read; its drift says that what comes in changes.",
            namespace=name, registry=registry, buckets=SHARES,
        )  # fmt: skip
        self._by_digit = [self._digits.labels(str(digit)) for digit in range(10)]
        self._queues: list[tuple[Gauge, Callable[[], int]]] = []
        self._shed: Counts[str] = Counts()
        self._is_shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._routes: dict[tuple[str, int], Callable[[float], None]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        known = self._routes.get((route, status))
        if known is None:  # looking a label up costs more than counting
            counter, histogram = self._requests.labels(route, str(status)), self._latency.labels(route)

            def known(seconds: float) -> None:
                counter.inc()
                histogram.observe(seconds)

            self._routes[route, status] = known
        known(seconds)
        if self._is_shared:
            self._count_queues()
            self._count_shed()

    def shed(self, route: str) -> None:
        """Turned away at the door; noted in passing, and counted when someone asks."""
        self._shed[route] += 1

    def _count_shed(self) -> None:
        for route, times in self._shed.items():
            self._requests.labels(route, "503").inc(times)
            self._refused.labels("busy").inc(times)
        self._shed.clear()

    def refused(self, code: str) -> None:
        self._refused.labels(code).inc()

    def read(self, digits: Iterable[tuple[int, float]]) -> None:
        """Digits with their confidences that one picture gave, or one image did."""
        any_digit = False
        for digit, confidence in digits:
            any_digit = True
            self._by_digit[digit].inc()
            self._confidence.observe(confidence)
        if not any_digit:
            self._rejected.inc()

    def batch(self, queue: str) -> Callable[[int], None]:
        return self._batches.labels(queue).observe

    def queue(self, queue: str, size: Callable[[], int]) -> None:
        self._queues.append((self._queue.labels(queue), size))

    def _count_queues(self) -> None:
        for gauge, size in self._queues:
            gauge.set(size())

    def page(self) -> Response:
        self._count_queues()
        self._count_shed()
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def forget(process: int) -> None:
    """Nothing waits any more in a process that has died; what it counted stays."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]
