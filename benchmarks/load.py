"""A load generator that takes little of the machine itself: one request's bytes, sent again and again on connections
that stay open, by a protocol that does no more than count.

    python load.py PORT REQUEST_FILE closed CONNECTIONS SECONDS
    python load.py PORT REQUEST_FILE open CONNECTIONS SECONDS RATE

Closed: each connection sends its next request when it has its answer. Open: requests come at RATE a second whatever
becomes of the earlier ones (Poisson); one that finds all connections busy waits for one, and its wait counts.
Prints one JSON document: how many answers of each status, the seconds, latencies of the good ones in milliseconds.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter, deque
from pathlib import Path

import uvloop

HEAD_END, LENGTH = b"\r\n\r\n", b"content-length: "


class Load:
    """What is sent and what came back."""

    def __init__(self, request: bytes, closed: bool) -> None:
        self.request, self.closed = request, closed
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.idle: deque[Connection] = deque()
        self.due: deque[float] = deque()  # when those were to be sent that found no free connection
        self.sending = True
        self.lost = 0

    def answered(self, connection: "Connection", status: int, began: float) -> None:
        now = time.perf_counter()
        if self.sending:
            self.statuses[status] += 1
            if status == 200:
                self.latencies.append(now - began)
        if not self.sending:
            return
        if self.closed:
            connection.send(now)
        elif self.due:
            connection.send(self.due.popleft())
        else:
            self.idle.append(connection)


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self.load, self.left, self.began, self.part = load, 0, 0.0, b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def send(self, began: float) -> None:
        self.began = began
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            data = self.part + data
            end = data.find(HEAD_END)
            if end < 0:
                self.part = data
                return
            self.part = b""
            self.status = int(data[9:12])
            at = data.lower().find(LENGTH, 0, end) + len(LENGTH)
            self.left = end + len(HEAD_END) + int(data[at : data.find(b"\r", at)])
        self.left -= len(data)
        if self.left == 0:
            self.load.answered(self, self.status, self.began)

    def connection_lost(self, error: Exception | None) -> None:
        if self.load.sending:
            self.load.lost += 1


async def run(port: int, request: bytes, kind: str, connections: int, seconds: float, rate: float) -> dict:
    loop = asyncio.get_running_loop()
    load = Load(request, kind == "closed")
    made = [(await loop.create_connection(lambda: Connection(load), "127.0.0.1", port))[1] for _ in range(connections)]
    begun = time.perf_counter()
    waiting = 0
    if load.closed:
        for connection in made:
            connection.send(time.perf_counter())
        await asyncio.sleep(seconds)
    else:
        load.idle.extend(made)
        due = begun
        while due < begun + seconds:
            now = time.perf_counter()
            while due <= now:
                if load.idle:
                    load.idle.popleft().send(due)
                else:
                    load.due.append(due)
                due += random.expovariate(rate)
            await asyncio.sleep(max(0.0005, due - time.perf_counter()))
        waiting = len(load.due)
    load.sending = False
    took = time.perf_counter() - begun
    for connection in made:
        connection.transport.close()
    await asyncio.sleep(0)
    times = sorted(1000 * latency for latency in load.latencies)
    return {
        "seconds": took,
        "statuses": dict(load.statuses),
        "lost": load.lost,
        "unsent": waiting,
        "p50": times[len(times) // 2] if times else None,
        "p99": times[int(len(times) * 0.99)] if times else None,
    }


if __name__ == "__main__":
    port, file, kind, connections, seconds, *rate = sys.argv[1:]
    work = run(int(port), Path(file).read_bytes(), kind, int(connections), float(seconds), float(rate[0]) if rate else 0)
    print(json.dumps(uvloop.run(work)))
