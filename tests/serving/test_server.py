"""`tenfold serve` as a process: starting, draining, workers that die, and clients that misbehave."""

import base64
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx2 as httpx
import pytest

from tenfold.serving.server import MAX_CONNECTIONS, connection_limit
from tests.serving.serving_help import ONE, command, connection, is_ready, wait_for

OCTETS = {"Content-Type": "application/octet-stream"}
HEAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n"
    b"Content-Type: application/octet-stream\r\n\r\n"
)


class Users:
    """Clients with keep-alive connections that send one request after another until they are stopped."""

    def __init__(self, url, count=6):
        self._url = url
        self.statuses, self.lost, self.refused = [], [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/v1/predict", content=bytes(784 * 40), headers=OCTETS)
                    self.statuses.append(response.status_code)
                except httpx.ConnectError:  # the server has stopped, and accepted nothing
                    self.refused.append(1)
                    return
                except httpx.HTTPError as error:
                    self.lost.append(error)
                    return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_shutdown_loses_no_accepted_request(model_file, number, workers):
    with command(model_file, "--no-feedback", "--workers", workers) as server, Users(server.url) as users:
        wait_for(lambda: len(users.statuses) > 30)
        assert server.stop(number) == 0
    assert users.lost == []
    assert set(users.statuses) == {200}


def test_shutdown_drains_first(model_file):
    with command(model_file, "--no-feedback") as server, httpx.Client(base_url=server.url) as client:
        assert "connection" not in client.get("/readyz").headers
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        response = client.get("/healthz")
        assert (response.status_code, response.headers["connection"]) == (200, "close")
        assert server.process.wait(60) == 0


def test_signal_to_the_process_group_drains_too(model_file):
    """As with Ctrl-C in a terminal, which signals all processes of the group."""
    with command(model_file, "--no-feedback", start_new_session=True) as server, Users(server.url) as users:
        wait_for(lambda: len(users.statuses) > 30)
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(60) == 0
    assert users.lost == []


def test_corrections_survive_kill_and_restart(model_file, tmp_path):
    database = tmp_path / "feedback.db"
    correction = {"picture": base64.b64encode(ONE).decode(), "expect": "digit", "label": 1}
    args = (model_file, "--feedback", database, "--token", "t")
    headers = {"Authorization": "Bearer t"}
    with command(*args) as server:
        for _ in range(3):
            assert httpx.post(f"{server.url}/v1/feedback", json=correction, headers=headers).status_code == 201
        server.stop(signal.SIGKILL)
    with command(*args) as server:
        assert len(httpx.get(f"{server.url}/v1/feedback", headers=headers).json()["corrections"]) == 3


def test_workers_have_one_port_and_counters_and_are_replaced(model_file, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the workers keep their metrics
    with command(model_file, "--no-feedback", "--workers", 2) as server:
        workers = worker_processes(server.process.pid)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: post(server.url), range(40))) == [200] * 40
        counted = 'tenfold_requests_total{route="/v1/predict",status="200"} 40.0'
        assert counted in httpx.get(f"{server.url}/metrics").text
        gauge = next(tmp_path.glob("tenfold-metrics-*")) / f"gauge_livesum_{workers[0]}.db"
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda: set(worker_processes(server.process.pid)) - set(workers))
        wait_for(lambda: is_ready(server.url))
        assert counted in httpx.get(f"{server.url}/metrics").text
        assert not gauge.exists()  # nothing waits in a dead worker
        assert post(server.url) == 200
        assert server.stop() == 0


def post(url):
    return httpx.post(f"{url}/v1/predict", content=bytes(784), headers=OCTETS, timeout=60).status_code


def worker_processes(parent):
    """The ids of the two workers of `parent`, once both run (Linux)."""
    found = []

    def both():
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        names = {}
        for child in children:
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                names[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
        found[:] = [child for child, name in names.items() if b"spawn_main" in name]
        return len(found) == 2

    wait_for(both)
    return found


def test_workers_stop_when_the_main_process_is_killed(model_file):
    with command(model_file, "--no-feedback", "--workers", 2) as server:
        workers = worker_processes(server.process.pid)
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


@pytest.mark.parametrize(
    ("hard", "expected"), [(1024, 768), (100, 1), (1 << 20, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS)]
)
def test_connection_limit_leaves_open_files_for_other_uses(monkeypatch, hard, expected):
    resource = pytest.importorskip("resource", reason="needs a POSIX system")
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: limits.append(limit))
    assert connection_limit() == expected
    assert limits == [(hard, hard)]


FAILING = """
import sys
from pathlib import Path
from tenfold.errors import TenfoldError
from tenfold.serving import server
from tenfold.serving.settings import Settings

def fail(settings, state):
    raise RuntimeError("a worker that can't start")

server.create_app = fail  # in the workers, too, which import this file
if __name__ == "__main__":
    try:
        server.serve(Settings(Path(sys.argv[1]), port=0), print)
    except TenfoldError as error:
        print(error, file=sys.stderr)
        raise SystemExit(3)
"""


def test_workers_that_cannot_start_end_the_server(model_file, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    arguments = [sys.executable, tmp_path / "failing.py", model_file]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 3
    assert "a worker that can't start" in ended.stderr
    assert "workers can't start" in ended.stderr


def received(connected):
    with connected.makefile("rb") as response:
        return response.read()


def test_request_head_has_a_size_limit(server_url):
    with connection(server_url) as connected:
        with contextlib.suppress(ConnectionError):
            connected.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"a" * 400_000 + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not received(connected).startswith(b"HTTP/1.1 200")
    assert is_ready(server_url)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        HEAD.replace(b"Content-Length: 784", b"Transfer-Encoding: chunked") + b"zz\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_invalid_http_is_refused(server_url, request_bytes):
    with connection(server_url) as connected:
        connected.sendall(request_bytes)
        with contextlib.suppress(ConnectionError):
            assert not received(connected).startswith(b"HTTP/1.1 200")
    assert is_ready(server_url)


def test_pipelined_requests_get_responses_in_order(server_url):
    last = HEAD.replace(b"Host", b"Connection: close\r\nHost") + bytes(784)
    with connection(server_url) as connected:
        connected.sendall(HEAD + bytes(784) + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + last)
        responses = received(connected)
    statuses = [line.split()[1] for line in responses.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    # A response without a line break at its end may be followed by the next in the same line.
    assert responses.count(b"HTTP/1.1 200") == 2
    assert responses.count(b"HTTP/1.1 404") == 1
    assert statuses[0] == b"200"


def test_head_requests(server_url):
    for path in ("/", "/healthz", "/v1/model", "/metrics"):
        head, get = httpx.head(server_url + path), httpx.get(server_url + path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
