"""`tenfold serve` under load, beside a plain FastAPI application on uvicorn with the same model.

    python benchmarks/serving.py [--quick]

The load generator is wrk (`apt-get install wrk`). Each server has one core, wrk another; the servers take turns in
every round. Single images are sent, as a PNG and as JSON. Measured are

- idle: one connection;
- peak: the best throughput of 16, 64 and 128 connections;
- half: half of FastAPI's peak, by connections that pause between requests, at random and on average
  1000 * connections / rate milliseconds;
- overload: four times 128 connections without pauses, of tenfold, the best of as many runs as the peak has. Its queue
  just holds them: none is rejected;
- memory of all of tenfold's processes, from a warm-up to the end of the above;
- flood: 1,500 connections, more than the queue holds, that retry at once whatever the server says. No claim is made
  about it, and it comes last, because each connection takes memory.

Figures are medians over the rounds with their range. The processor time of a request depends less on what else the
machine does than the throughput.

The peer is what FastAPI's documentation starts with, on uvicorn's faster parts: httptools and uvloop.

Claims: at least 1.6 times FastAPI's throughput, and FastAPI's processor time per response at least 1.6 times ours; p99
at half of FastAPI's peak at most 1.5 times FastAPI's; at least 85 % of the peak's good responses under four times its
load, and no connection reset; memory grows by 20 MB at most. Exits with 1 when a claim fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
MODEL = HERE.parent / "tenfold" / "weights" / "digits.onnx"
TENFOLD, FASTAPI = "tenfold", "FastAPI"
PATHS = {
    (TENFOLD, "png"): "/v1/predict",
    (TENFOLD, "json"): "/v1/predict",
    (FASTAPI, "png"): "/png",
    (FASTAPI, "json"): "/array",
}
FORMS = ("png", "json")
PEAK_CONNECTIONS = (16, 64, 128)
PACED_CONNECTIONS, OVERLOAD, FLOOD_CONNECTIONS = 32, 4, 1500
MIN_SPEEDUP, MAX_P99_RATIO, MIN_KEPT, MAX_GROWTH_MB = 1.6, 1.5, 0.85, 20.0
PACKAGES = ("tenfold", "granian", "fastapi", "uvicorn", "httptools", "uvloop", "onnxruntime", "numpy")
SERVER_CORE, CLIENT_CORE = "0", "1"


@dataclass(frozen=True)
class Server:
    name: str
    process: subprocess.Popen[bytes]
    port: int

    @property
    def memory_mb(self) -> float:
        """Resident memory of the process and its children."""
        return sum(_resident_mb(process) for process in self._processes())

    @property
    def processor_seconds(self) -> float:
        """Processor time that the process and its children have used."""
        return sum(_processor_seconds(process) for process in self._processes())

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


@dataclass(frozen=True)
class Load:
    """What wrk reports, and the server's processor time."""

    connections: int
    rate: float  # good responses a second
    rejected: float  # other responses a second
    p50: float  # milliseconds
    p99: float
    errors: int  # connections that failed or were reset, and timeouts
    processor_time: float  # microseconds a response


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of 2 s")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; it is a package of most distributions: apt-get install wrk")
    rounds, seconds = (1, 2) if arguments.quick else (3, 4)
    with tempfile.TemporaryDirectory() as folder, started(TENFOLD) as tenfold, started(FASTAPI) as fastapi:
        scripts = Scripts(Path(folder))
        figures: dict[tuple[str, str, str], list[Load]] = defaultdict(list)
        run_wrk(tenfold, "png", scripts.write("png"), max(PEAK_CONNECTIONS), seconds)  # warm-up
        memory = tenfold.memory_mb
        for _ in range(rounds):
            for form in FORMS:
                measure_round(figures, scripts, (tenfold, fastapi), form, seconds)
        growth = [tenfold.memory_mb - memory]
        for _ in range(rounds):
            for form in FORMS:
                flood = run_wrk(tenfold, form, scripts.write(form), FLOOD_CONNECTIONS, seconds)
                figures[TENFOLD, form, "flood"].append(flood)
            growth.append(tenfold.memory_mb - memory)
    print_table(figures)
    print(f"memory of tenfold: {growth[0]:+.1f} MB; after floods {', '.join(f'{each:+.1f}' for each in growth[1:])} MB")
    print(f"{processor_name()}, {os.cpu_count()} cores; Python {platform.python_version()}, n = {rounds}; {versions()}")
    return 0 if all([*check_claims(figures), claim("memory grows by at most", growth[0], MAX_GROWTH_MB, " MB")]) else 1


class Scripts:
    """Lua programs for wrk, which send one image again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        image = np.zeros((28, 28), np.uint8)
        cv2.line(image, (14, 4), (13, 23), 255, 3, cv2.LINE_AA)
        (folder / "image.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
        (folder / "image.json").write_text(json.dumps({"images": [image.tolist()]}))

    def write(self, form: str, pause_ms: float = 0.0) -> Path:
        """pause_ms: between a response and the next request of the same connection."""
        kind = {"png": "image/png", "json": "application/json"}[form]
        script = self._folder / f"{form}-{pause_ms:.0f}.lua"
        script.write_text(
            f'local file = io.open("{self._folder}/image.{form}", "rb")\n'
            'wrk.method = "POST"\nwrk.body = file:read("*a")\nfile:close()\n'
            f'wrk.headers["Content-Type"] = "{kind}"\n'
            + (f"function delay() return math.random(0, {round(2 * pause_ms)}) end\n" if pause_ms else "")
        )
        return script


def measure_round(
    figures: dict[tuple[str, str, str], list[Load]],
    scripts: Scripts,
    servers: tuple[Server, Server],
    form: str,
    seconds: int,
) -> None:
    tenfold, _ = servers
    for server in servers:
        figures[server.name, form, "idle"].append(run_wrk(server, form, scripts.write(form), 1, seconds))
        tried = [run_wrk(server, form, scripts.write(form), count, seconds) for count in PEAK_CONNECTIONS]
        figures[server.name, form, "peak"].append(max(tried, key=lambda load: load.rate))
    # A connection sends again when its response has come and the pause is over: the rate is a little lower than aimed.
    half = figures[FASTAPI, form, "peak"][-1].rate / 2
    paced = scripts.write(form, pause_ms=1000 * PACED_CONNECTIONS / half)
    for server in servers:
        figures[server.name, form, "half"].append(run_wrk(server, form, paced, PACED_CONNECTIONS, seconds))
    crowd = OVERLOAD * max(PEAK_CONNECTIONS)
    tried = [run_wrk(tenfold, form, scripts.write(form), crowd, seconds) for _ in PEAK_CONNECTIONS]
    figures[TENFOLD, form, "overload"].append(max(tried, key=lambda load: load.rate))


def run_wrk(server: Server, form: str, script: Path, connections: int, seconds: int) -> Load:
    url = f"http://127.0.0.1:{server.port}{PATHS[server.name, form]}"
    wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script), url]
    start = server.processor_seconds
    output = subprocess.run(pinned(CLIENT_CORE, wrk), capture_output=True, text=True, check=True).stdout
    used = server.processor_seconds - start
    requests, duration = re.search(r"(\d+) requests in ([\d.]+\w+)", output).groups()  # type: ignore[union-attr]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    rejected = int(bad[1]) if bad else 0
    errors = sum(map(int, failed.groups())) if failed else 0
    elapsed = _seconds(duration)
    rates = (int(requests) - rejected) / elapsed, rejected / elapsed
    percentiles = _percentile(output, 50), _percentile(output, 99)
    return Load(connections, *rates, *percentiles, errors, 1e6 * used / int(requests))


def _percentile(output: str, percent: int) -> float:
    """Milliseconds."""
    found = re.search(rf"^\s+{percent}%\s+([\d.]+\w+)\s*$", output, re.MULTILINE)
    assert found, output
    return 1000 * _seconds(found[1])


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]


def pinned(core: str, command: list[str]) -> list[str]:
    return ["taskset", "-c", core, *command] if shutil.which("taskset") else command


@contextlib.contextmanager
def started(name: str) -> Iterator[Server]:
    """A server on a core of its own, once it accepts connections."""
    port = free_port()
    arguments = {
        TENFOLD: ["-m", "tenfold", "serve", "--no-feedback", "--port", str(port)],
        FASTAPI: ["-m", "uvicorn", "serving_fastapi:app", "--port", str(port), "--log-level", "error"],
    }[name]
    environment = os.environ | {"MODEL": str(MODEL)}
    command = pinned(SERVER_CORE, [sys.executable, *arguments])
    folder = HERE / "peers" if name == FASTAPI else HERE.parent
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port)
        yield Server(name, process, port)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json").close()
            return
        time.sleep(0.1)
    sys.exit("the server did not start within a minute")


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()  # from the third on, see proc(5)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(process: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def print_table(figures: dict[tuple[str, str, str], list[Load]]) -> None:
    table = Table(
        "server", "image", "load", "conns", "good/s", "range", "CPU, µs", "rejected/s", "p50, ms", "p99, ms", "failed"
    )
    for (name, form, load), measured in figures.items():
        rates = [each.rate for each in measured]
        table.add_row(
            name,
            form,
            load,
            ", ".join(str(count) for count in sorted({each.connections for each in measured})),
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f} to {max(rates):,.0f}",
            f"{median(measured, 'processor_time'):.0f}",
            f"{median(measured, 'rejected'):,.0f}",
            f"{median(measured, 'p50'):.2f}",
            f"{median(measured, 'p99'):.2f}",
            str(sum(each.errors for each in measured)),
        )
    Console(width=120).print(table)


def median(measured: list[Load], field: str) -> float:
    return statistics.median(getattr(each, field) for each in measured)


def check_claims(figures: dict[tuple[str, str, str], list[Load]]) -> Iterator[bool]:
    for form in FORMS:
        ours, theirs = figures[TENFOLD, form, "peak"], figures[FASTAPI, form, "peak"]
        speedup = statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
        yield claim(f"{form}: throughput at least", speedup, MIN_SPEEDUP, " times FastAPI's", at_least=True)
        ratio = statistics.median(b.processor_time / a.processor_time for a, b in zip(ours, theirs, strict=True))
        yield claim(
            f"{form}: FastAPI's processor time per response at least", ratio, MIN_SPEEDUP, " times", at_least=True
        )
        ours, theirs = figures[TENFOLD, form, "half"], figures[FASTAPI, form, "half"]
        ratio = statistics.median(a.p99 / b.p99 for a, b in zip(ours, theirs, strict=True))
        yield claim(f"{form}: p99 at half of FastAPI's peak at most", ratio, MAX_P99_RATIO, " times FastAPI's")
        peak, overload = figures[TENFOLD, form, "peak"], figures[TENFOLD, form, "overload"]
        kept = statistics.median(a.rate / b.rate for a, b in zip(overload, peak, strict=True))
        yield claim(f"{form}: kept under {OVERLOAD} times the load", kept, MIN_KEPT, " of the peak", at_least=True)
        yield claim(f"{form}: connections that failed", sum(each.errors for each in overload), 0, "")


def claim(text: str, value: float, limit: float, unit: str, at_least: bool = False) -> bool:
    holds = value >= limit if at_least else value <= limit
    print("holds" if holds else "FAILS", f"{text} {limit:g}{unit} ({value:.2f})")
    return holds


def processor_name() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def versions() -> str:
    return ", ".join(f"{package} {version(package)}" for package in PACKAGES)


if __name__ == "__main__":
    sys.exit(main())
