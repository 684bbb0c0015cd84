"""A load generator that takes little of the machine itself: one request's bytes, sent again and again on connections
that stay open, by a protocol that does no more than count.

    python load.py PORT PID REQUEST_FILE closed CONNECTIONS SECONDS
    python load.py PORT PID REQUEST_FILE open CONNECTIONS SECONDS RATE

Closed: each connection sends its next request when it has its answer. Open: requests come at RATE a second whatever
becomes of the earlier ones (Poisson); one that finds all connections busy waits for one, and its wait counts. Time runs
once each connection has had an answer. Prints one JSON document: how many answers of each status, the seconds, the
latencies of the good ones in milliseconds, and the processor seconds of the server PID and its children meanwhile.
"""

import asyncio
import json
import os
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
        if connection.warming is not None:
            connection.warming.set_result(None)
            connection.warming = None
            return
        if not self.sending:
            return
        now = time.perf_counter()
        self.statuses[status] += 1
        if status == 200:
            self.latencies.append(now - began)
        if self.closed:
            connection.send(now)
        elif self.due:
            connection.send(self.due.popleft())
        else:
            self.idle.append(connection)


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self.load, self.left, self.began, self.part = load, 0, 0.0, b""
        self.warming: asyncio.Future[None] | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    async def warm(self) -> None:
        self.warming = asyncio.get_running_loop().create_future()
        self.send(0.0)
        await self.warming

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


def processor_seconds(pid: int) -> float:
    """Of a process and all its children, so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(
        map(processor_seconds, map(int, children))
    )


async def run(port: int, pid: int, request: bytes, kind: str, connections: int, seconds: float, rate: float) -> dict:
    loop = asyncio.get_running_loop()
    load = Load(request, kind == "closed")
    made = [(await loop.create_connection(lambda: Connection(load), "127.0.0.1", port))[1] for _ in range(connections)]
    for place in range(0, connections, 16):
        await asyncio.gather(*(connection.warm() for connection in made[place : place + 16]))
    used, begun = processor_seconds(pid), time.perf_counter()
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
            await asyncio.sleep(0)  # timers of a millisecond would send requests in bursts; this core is ours
        waiting = len(load.due)
    load.sending = False
    took, used = time.perf_counter() - begun, processor_seconds(pid) - used
    for connection in made:
        connection.transport.close()
    await asyncio.sleep(0)
    times = sorted(1000 * latency for latency in load.latencies)
    return {
        "seconds": took,
        "processor_seconds": used,
        "statuses": dict(load.statuses),
        "lost": load.lost,
        "unsent": waiting,
        "p50": times[len(times) // 2] if times else None,
        "p99": times[int(len(times) * 0.99)] if times else None,
    }


if __name__ == "__main__":
    port, pid, file, kind, connections, seconds, rate = [*sys.argv[1:], "0"][:7]
    work = run(int(port), int(pid), Path(file).read_bytes(), kind, int(connections), float(seconds), float(rate))
    print(json.dumps(uvloop.run(work)))
