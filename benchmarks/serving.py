"""`tenfold serve` under load, beside two peers with the same model: a plain FastAPI application and LitServe.

    python benchmarks/serving.py [--quick] [--litserve .venv-litserve/bin/python]

Each server has one core of the machine, the load generator another; the servers take turns. Each figure is a median
over the rounds, and so is each ratio to a peer, of those in each round. Measured are the throughput of single images
when saturated (as a PNG and as a JSON array), p50 and p99 at half of each server's own and, of tenfold, also at half of
FastAPI's, and of tenfold alone: one PNG when idle, memory over many requests, and four times as many requests as it can
answer. Exits with 1 when a claim fails.
`make litserve-peer` makes the environment of LitServe.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import tenfold
from tenfold.data import load_data
from tenfold.weights import read_weights

HERE = Path(__file__).parent
TENFOLD, FASTAPI, LITSERVE = "tenfold serve", "FastAPI, a call a request", "LitServe"
FASTER, IDLE_MS, GROWTH_MB, KEPT = 2.0, 3.0, 10.0, 0.9
FORMS = ("png", "array")
CONNECTIONS = 32  # that saturate a server
CROWD = 1000  # connections at overload: more than may wait at once


@dataclass(frozen=True)
class Server:
    """A running server: the program's processes, and how it wants to be asked for a single image."""

    name: str
    pid: int
    port: int

    def request(self, form: str) -> bytes:
        path, kind, body = {
            (TENFOLD, "png"): ("/v1/predict", "image/png", PNG),
            (TENFOLD, "array"): ("/v1/predict", "application/json", ARRAY),
            (TENFOLD, "read"): ("/v1/read", "image/png", PNG),
            (TENFOLD, "drawing"): ("/v1/read", "image/png", DRAWING),
            (FASTAPI, "png"): ("/png", "image/png", PNG),
            (FASTAPI, "array"): ("/array", "application/json", ARRAY),
            (LITSERVE, "png"): ("/predict", "application/json", PNG_IN_JSON),
            (LITSERVE, "array"): ("/predict", "application/json", ARRAY),
        }[self.name, form]
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def load(self, form: str, kind: str, connections: int, seconds: float, rate: float = 0) -> dict:
        """Ask it from another process, on another core."""
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(self.request(form))
            arguments = [self.port, self.pid, file.name, kind, connections, seconds, rate]
            return json.loads(
                subprocess.run(
                    [*pinned(GENERATOR_CORE), sys.executable, HERE / "load.py", *map(str, arguments)],
                    check=True,
                    stdout=subprocess.PIPE,
                ).stdout
            )

    def memory_mb(self) -> float:
        with Path(f"/proc/{self.pid}/status").open() as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in _family(int(child)))]


image = load_data("digits").test.images[0]
PNG = cv2.imencode(".png", image)[1].tobytes()
PNG_IN_JSON = json.dumps({"png": base64.b64encode(PNG).decode()}).encode()
ARRAY = json.dumps({"images": [image.tolist()]}).encode()
# A 2 as people draw it on the page: 320 pixels, black on white.
CURVE = [(90, 110), (110, 60), (170, 45), (225, 75), (225, 130), (160, 200), (85, 270), (240, 268)]
DRAWING = cv2.imencode(
    ".png", cv2.polylines(np.full((320, 320), 255, np.uint8), [np.array(CURVE)], False, 0, 24, cv2.LINE_AA)
)[1].tobytes()

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, GENERATOR_CORE = CORES[0], CORES[-1]


def pinned(core: int) -> list[str]:
    return ["taskset", "--cpu-list", str(core)]


@contextlib.contextmanager
def running(name: str, litserve: str, model: Path) -> Iterator[Server]:
    """Start a server on its core and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = {
        TENFOLD: [sys.executable, "-m", "tenfold", "serve", "--port", port, "--no-feedback"],
        FASTAPI: [sys.executable, "-m", "uvicorn", "serving_fastapi:app", "--app-dir", HERE / "peers", "--port", port,
                  "--no-access-log", "--log-level", "warning"],
        LITSERVE: [litserve, HERE / "peers" / "serving_litserve.py", port],
    }[name]  # fmt: skip
    process = subprocess.Popen(
        [*pinned(SERVER_CORE), *map(str, command)],
        env=os.environ | {"MODEL": str(model)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = Server(name, process.pid, port)
        wait(server)
        yield server
    finally:
        for pid in reversed(_family(process.pid)):  # LitServe leaves its workers behind otherwise
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 15)
        process.wait(30)


def wait(server: Server) -> None:
    head, _, body = server.request("array").partition(b"\r\n\r\n")
    path = head.split()[1].decode()
    for _ in range(300):
        with contextlib.suppress(OSError):
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}{path}", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                check(json.load(answer))
                return
        time.sleep(0.1)
    sys.exit(f"{server.name} does not answer")


def check(answer: dict) -> None:
    """All servers read the same model's probabilities from the same image."""
    expected = tenfold.load_model().predict_proba(image[None])
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-4)


def good(result: dict) -> float:
    """Good answers a second; nothing else may have come."""
    others = {status: n for status, n in result["statuses"].items() if status != "200"}
    if others or result["lost"]:
        sys.exit(f"at saturation came other answers than 200: {others}, {result['lost']} lost")
    return result["statuses"]["200"] / result["seconds"]


@dataclass
class Figures:
    rates: list[float]
    costs: list[float]  # processor microseconds a request
    p50: list[float]
    p99: list[float]
    p99_even: list[float]  # at half of FastAPI's rate; of the two alone, for LitServe can't answer as many


def measure(
    names: list[str], litserve: str, model: Path, rounds: int, seconds: float
) -> dict[tuple[str, str], Figures]:
    """Throughput, its cost, and latency at half of it, for each server and form, in turns."""
    found: dict[tuple[str, str], Figures] = {}
    for _ in range(rounds):
        for form, name in itertools.product(FORMS, names):
            with running(name, litserve, model) as server:
                figures = found.setdefault((name, form), Figures([], [], [], [], []))
                server.load(form, "closed", CONNECTIONS, 1)  # warm
                result = server.load(form, "closed", CONNECTIONS, seconds)
                rate = good(result)
                figures.rates.append(rate)
                figures.costs.append(1e6 * result["processor_seconds"] / result["statuses"]["200"])
                half = server.load(form, "open", 256, seconds, rate / 2)
                figures.p50.append(half["p50"])
                figures.p99.append(half["p99"])
                if name == FASTAPI:
                    figures.p99_even.append(half["p99"])
                elif name == TENFOLD:
                    even = server.load(form, "open", 256, seconds, found[FASTAPI, form].rates[-1] / 2)
                    figures.p99_even.append(even["p99"])
    return found


def show(found: dict[tuple[str, str], Figures]) -> None:
    measured = ("requests/s", 12), ("min to max", 16), ("processor", 12), ("p50 at half", 13), ("p99 at half", 13)
    columns = "".join(f"{title:>{width}}" for title, width in (*measured, ("at FastAPI's", 14), ("n", 3)))
    print(f"{'':28}{'':>7}{columns}")
    for (name, form), figures in found.items():
        rate, cost, p50, p99 = (statistics.median(x) for x in (figures.rates, figures.costs, figures.p50, figures.p99))
        spread = f"{min(figures.rates):,.0f} to {max(figures.rates):,.0f}"
        even = f"{statistics.median(figures.p99_even):.2f} ms" if figures.p99_even else ""
        times = f"{cost:>9.0f} µs{p50:>10.2f} ms{p99:>10.2f} ms{even:>14}"
        print(f"{name:28}{form:>7}{rate:>12,.0f}{spread:>16}{times}{len(figures.rates):>3}")


def claims_beside_peers(found: dict[tuple[str, str], Figures]) -> list[tuple[str, bool]]:
    """Each round is compared in itself, for the pace of a shared machine changes from minute to minute."""
    claims = []
    for form in FORMS:
        ours, fastapi = found[TENFOLD, form], found[FASTAPI, form]
        peers = [figures for (name, one), figures in found.items() if name != TENFOLD and one == form]
        rate = ratios(ours.rates, max, [peer.rates for peer in peers])
        own = ratios(ours.p99, min, [peer.p99 for peer in peers])
        even = ratios(ours.p99_even, min, [fastapi.p99_even])
        claims += [
            (f"{form}: at least {FASTER:g} times the better peer's throughput ({said(rate)})",
             statistics.median(rate) >= FASTER),
            (f"{form}: no worse p99 at half of it than the better peer's ({said(own)})", statistics.median(own) <= 1),
            (f"{form}: no worse p99 at half of FastAPI's than that ({said(even)})", statistics.median(even) <= 1),
        ]  # fmt: skip
    return claims


def ratios(ours: list[float], better: Callable[[Iterable[float]], float], theirs: list[list[float]]) -> list[float]:
    """Of ours to the better of theirs, in each round."""
    return [own / better(others) for own, *others in zip(ours, *theirs, strict=True)]


def said(ratio: list[float]) -> str:
    return f"{statistics.median(ratio):.2f} times, {min(ratio):.2f} to {max(ratio):.2f}"


def claims_alone(litserve: str, model: Path, rounds: int, seconds: float, requests: int) -> list[tuple[str, bool]]:
    claims = []
    with running(TENFOLD, litserve, model) as server:
        print()
        for form, what in (("png", "/v1/predict"), ("read", "/v1/read"), ("drawing", "/v1/read, 320x320 drawing")):
            server.load(form, "closed", 1, 1)
            idle = server.load(form, "closed", 1, seconds)
            print(f"one PNG when idle, {what}: p50 {idle['p50']:.2f} ms, p99 {idle['p99']:.2f} ms")
            if form != "drawing":
                claims.append((f"one PNG when idle, {what}: p50 within {IDLE_MS:g} ms ({idle['p50']:.2f})",
                               idle["p50"] <= IDLE_MS))  # fmt: skip

        server.load("read", "closed", CONNECTIONS, 1)
        before, sent = server.memory_mb(), 0
        while sent < requests:
            sent += sum(server.load("png", "closed", CONNECTIONS, 1)["statuses"].values())
        growth = server.memory_mb() - before
        print(f"memory: {before:.0f} MB, {growth:+.1f} MB after {sent:,} requests")
        claims.append((f"memory grows by at most {GROWTH_MB:g} MB ({growth:+.1f})", growth <= GROWTH_MB))

        for form, crowd in (("png", CROWD), ("drawing", 256)):
            claims += overload(server, form, crowd, seconds, rounds)
    return claims


def overload(server: Server, form: str, crowd: int, seconds: float, rounds: int) -> list[tuple[str, bool]]:
    """Four times the requests of the peak, in turns with it."""
    kept, peaks, told, others = [], [], Counter[str](), 0
    for _ in range(rounds):
        peaks.append(good(server.load(form, "closed", CONNECTIONS, seconds)))
        over = server.load(form, "open", crowd, seconds, 4 * peaks[-1])
        kept.append(over["statuses"].get("200", 0) / over["seconds"] / peaks[-1])
        told.update(over["statuses"])
        time.sleep(3)  # what still waits is worked on, though nobody listens any more
        others += over["lost"] + sum(n for status, n in over["statuses"].items() if status not in ("200", "503", "504"))
    answers = ", ".join(f"{n:,} x {status}" for status, n in sorted(told.items()))
    share = statistics.median(kept)
    print(f"{form} at 4 times its peak of {statistics.median(peaks):,.0f}/s: {answers}; {share:.0%} of the peak kept")
    return [
        (f"{form} at 4 times its peak: only 200, 503 and 504, nothing lost", others == 0),
        (f"{form} at 4 times its peak: at least {KEPT:.0%} of its good answers ({share:.0%})", share >= KEPT),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, short")
    parser.add_argument("--litserve", default=".venv-litserve/bin/python", help="a Python that has LitServe")
    arguments = parser.parse_args()
    rounds, seconds, requests = (1, 3, 5_000) if arguments.quick else (5, 8, 20_000)
    names = [FASTAPI, TENFOLD]
    if Path(arguments.litserve).exists():
        names.append(LITSERVE)
    else:
        print("LitServe is left out: `make litserve-peer` makes its environment")
    if len(CORES) < 2:
        sys.exit("needs two cores: one for the server, one for the load")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "digits.onnx"
        model.write_bytes(read_weights("digits"))
        found = measure(names, arguments.litserve, model, rounds, seconds)
        show(found)
        claims = claims_beside_peers(found) + claims_alone(arguments.litserve, model, rounds, seconds, requests)
    print()
    for claim, holds in claims:
        print(f"{'holds' if holds else 'FAILS'}  {claim}")
    return 0 if all(holds for _, holds in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
