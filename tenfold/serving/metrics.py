"""Metrics for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # an environment variable that prometheus_client reads
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


class Metrics:
    """The metrics of one server process; several processes share files in PROMETHEUS_MULTIPROC_DIR."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        name = "tenfold"
        self._requests = Counter(
            "requests", "Requests by route and status.", ["route", "status"], namespace=name, registry=registry
        )
        self._latency = Histogram(
            "request_seconds",
            "Time from a request's head to its response.",
            ["route"],
            namespace=name,
            registry=registry,
            buckets=SECONDS,
        )
        self._batches = Histogram(
            "batch_size", "Items computed together.", ["queue"], namespace=name, registry=registry, buckets=SIZES
        )
        self._queue = Gauge(
            "queue_size",
            "Items waiting or computed.",
            ["queue"],
            namespace=name,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._errors = Counter("errors", "Error responses by code.", ["code"], namespace=name, registry=registry)
        self._no_digit = Counter("no_digit", "Pictures without any digit.", namespace=name, registry=registry)
        self._confidence = Histogram(
            "confidence",
            "Confidence of the digits; a drift means that the input changes.",
            namespace=name,
            registry=registry,
            buckets=PROBABILITIES,
        )
        digits = Counter("digits", "Digits by value.", ["digit"], namespace=name, registry=registry)
        self._digits = [digits.labels(str(digit)) for digit in range(10)]
        self._queues: list[tuple[Gauge, Callable[[], int]]] = []
        self._is_shared = MULTIPROCESS_FOLDER in os.environ
        self._routes: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        known = self._routes.get((route, status))
        if known is None:  # looking up labels costs more than counting
            known = self._routes[route, status] = (
                self._requests.labels(route, str(status)),
                self._latency.labels(route),
            )
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)
        if self._is_shared:
            self._set_queues()

    def count_error(self, code: str) -> None:
        self._errors.labels(code).inc()

    def observe_digits(self, digits: Iterable[tuple[int, float]]) -> None:
        """The digits of one picture or one request, each with its confidence."""
        empty = True
        for digit, confidence in digits:
            empty = False
            self._digits[digit].inc()
            self._confidence.observe(confidence)
        if empty:
            self._no_digit.inc()

    def batch_observer(self, queue: str) -> Callable[[int], None]:
        return self._batches.labels(queue).observe

    def watch_queue(self, queue: str, size: Callable[[], int]) -> None:
        self._queues.append((self._queue.labels(queue), size))

    def _set_queues(self) -> None:
        for gauge, size in self._queues:
            gauge.set(size())

    def response(self) -> Response:
        self._set_queues()
        registry = self._registry
        if self._is_shared:
            _forget_dead_workers(Path(os.environ[MULTIPROCESS_FOLDER]))
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _forget_dead_workers(folder: Path) -> None:
    """Nothing waits any more in a worker that died; its counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process)  # type: ignore[no-untyped-call]
