"""`tenfold serve` is told to stop while clients keep it busy: is any request lost that it had accepted?

    python benchmarks/shutdown.py [--trials 20]

In each trial 16 clients keep their connections and 16 open one for every request, without pauses, each request with 12
images. After a second the server gets SIGTERM. A request is lost if the connection was established and its response
is missing or incomplete; a refused connection is not, since the server had accepted nothing.

Claim: no request is lost in any trial, all are answered with 200, and the server exits with 0. Exits with 1 when it
fails.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import threading
import time

from serving import TENFOLD, started

CLIENTS = 32
BODY = bytes(12 * 784)  # the requests of all clients fit into the queue
HEADERS = {"Content-Type": "application/octet-stream"}
LOAD_SECONDS = 1.0


class Clients:
    """Threads that send requests until the server refuses connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._send, args=(number % 2 == 0,)) for number in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while True:
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return
            try:
                connection.request("POST", "/v1/predict", BODY, HEADERS)  # reconnects after `Connection: close`
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                return
            self.statuses.append(response.status)
            if not keep:
                connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    results = [run_trial() for _ in range(trials)]
    clean = sum(set(clients.statuses) == {200} and not clients.lost for clients, _, _ in results)
    exited = sum(status == 0 for _, status, _ in results)
    answered = [len(clients.statuses) for clients, _, _ in results]
    print(f"{sum(answered):,} responses, {min(answered):,} to {max(answered):,} in a trial")
    print(f"{statistics.median(seconds for _, _, seconds in results):.1f} s from the signal to the exit (median)")
    for clients, _, _ in results:
        for error in clients.lost:
            print(f"lost: {error}")
    holds = clean == exited == trials
    print("holds" if holds else "FAILS", f"no request lost: {clean} of {trials} trials; exited with 0: {exited}")
    return 0 if holds else 1


def run_trial() -> tuple[Clients, int, float]:
    """The clients, the exit status, and the seconds that the server took to stop."""
    with started(TENFOLD) as server:
        clients = Clients(server.port)
        clients.start()
        time.sleep(LOAD_SECONDS)
        start = time.monotonic()
        server.process.terminate()
        status = server.process.wait(60)
        seconds = time.monotonic() - start
        clients.join()
    return clients, status, seconds


if __name__ == "__main__":
    sys.exit(main())
