"""The command as a process: signals, kills, restarts, several workers."""

import asyncio
import concurrent.futures
import contextlib
import json
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from tenfold.serving import engine, prompt, server
from tenfold.serving import parsing as body
from tenfold.serving.settings import Limits, Settings
from tests.serving.serving_help import command, serving, wait_for

OCTETS = {"Content-Type": "application/octet-stream"}


class Users:
    """Clients that ask all the time, each with a connection that it keeps until it is told to let go."""

    def __init__(self, url, number=6):
        self._url, self._stop = url, threading.Event()
        self.statuses, self.lost, self.refused = [], [], []
        self._threads = [threading.Thread(target=self._ask) for _ in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/v1/predict", content=bytes(784 * 40), headers=OCTETS)
                    self.statuses.append(answer.status_code)
                except httpx.ConnectError:
                    self.refused.append(1)  # the server is gone, and said so before it accepted anything
                    return
                except httpx.HTTPError as error:
                    self.lost.append(error)
                    return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_loses_no_accepted_request(model_file, number):
    with command(model_file, "--no-feedback") as server, Users(server.url) as users:
        wait_for(lambda: len(users.statuses) > 30)
        assert server.end(number) == 0
    assert users.lost == []
    assert set(users.statuses) == {200}


def test_while_it_ends_it_is_not_ready_but_answers_and_closes(model_file):
    with command(model_file, "--no-feedback") as server, httpx.Client(base_url=server.url) as client:
        assert "connection" not in client.get("/readyz").headers
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        answer = client.get("/healthz")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert server.process.wait(30) == 0


def test_corrections_outlive_kill_9_and_a_restart(model_file, tmp_path):
    import base64

    from tests.serving.serving_help import ONE

    database = tmp_path / "feedback.db"
    correction = {"picture": base64.b64encode(ONE).decode(), "expect": "digit", "truth": 1}
    args = (model_file, "--feedback", database, "--token", "t")
    headers = {"Authorization": "Bearer t"}
    with command(*args) as server:
        for _ in range(3):
            assert httpx.post(f"{server.url}/v1/feedback", json=correction, headers=headers).status_code == 201
        server.end(signal.SIGKILL)
    with command(*args) as server:
        assert len(httpx.get(f"{server.url}/v1/feedback", headers=headers).json()["corrections"]) == 3


def test_several_workers_share_port_counters_and_a_killed_one_is_replaced(model_file, monkeypatch, tmp_path):
    import os

    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the workers keep what Prometheus is told
    with command(model_file, "--no-feedback", "--workers", 2) as server:
        workers = wait_workers(server.process.pid)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            sent = list(pool.map(lambda _: post(server.url), range(40)))
        assert sent == [200] * 40
        assert (
            'tenfold_requests_total{route="/v1/predict",status="200"} 40.0' in httpx.get(f"{server.url}/metrics").text
        )
        waiting = next(tmp_path.glob("tenfold-metrics-*")) / f"gauge_livesum_{workers[0]}.db"
        wait_for(waiting.exists)
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda: set(wait_workers(server.process.pid)) - set(workers))
        assert not waiting.exists()  # what waited in it waits no more
        assert post(server.url) == 200
        assert server.end() == 0


def post(url):
    return httpx.post(f"{url}/v1/predict", content=bytes(784), headers=OCTETS, timeout=30).status_code


def wait_workers(parent):
    """The worker processes of `parent`, once there are two that run (Linux)."""
    found = []

    def both():
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        names = {}
        for child in children:
            with contextlib.suppress(FileNotFoundError):  # gone since: the one that was killed
                names[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
        found[:] = [child for child, name in names.items() if b"spawn_main" in name]
        return len(found) == 2

    wait_for(both)
    return found


HEAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n"
    b"Content-Type: application/octet-stream\r\n\r\n"
)


@contextlib.contextmanager
def connected(client):
    """A connection that sends what it is told to and no more."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as connection:
        yield connection


@pytest.mark.parametrize("begun_with", [b"", b"abc"])
def test_a_body_that_does_not_come_in_is_given_up(model_file, monkeypatch, begun_with):
    monkeypatch.setattr(body, "SLOWEST", 0.3)
    with serving(Settings(model_file, port=0)) as client:
        with connected(client) as connection:
            connection.sendall(HEAD + begun_with)
            begun = time.monotonic()
            answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"slow"' in answer
        assert time.monotonic() - begun >= 0.3


def everything(connection):
    with connection.makefile("rb") as answer:
        return answer.read()


def test_a_body_that_comes_with_its_head_needs_no_clock(model_file, monkeypatch):
    monkeypatch.setattr(body, "_streamed", None)
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(HEAD.replace(b"Host", b"Connection: close\r\nHost") + bytes(784))
        assert everything(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("begun_with", "told"), [(b"", b""), (HEAD[:20], b"HTTP/1.1 408 Request Timeout\r\n")])
def test_a_head_that_does_not_come_in_is_given_up(model_file, monkeypatch, begun_with, told):
    monkeypatch.setattr(prompt, "SLOWEST", 0.3)
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(begun_with)
        answer = everything(connection)
    assert answer.startswith(told)
    assert bool(answer) is bool(told)
    assert (b'"slow"' in answer) is bool(told)


def test_a_head_that_comes_in_time_may_be_followed_by_another_much_later(model_file, monkeypatch):
    monkeypatch.setattr(prompt, "SLOWEST", 1)
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        for _ in range(2):
            connection.sendall(HEAD[:20])
            time.sleep(0.1)
            connection.sendall(HEAD[20:] + bytes(784))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.3)  # between requests there is more time


@pytest.mark.parametrize("more", [b"\r\n", b"x"])
def test_what_is_no_request_keeps_no_connection_open(model_file, monkeypatch, more):
    """An empty line after an answer, or a byte of a body that was declared and that nobody reads."""
    monkeypatch.setattr(prompt, "SLOWEST", 0.3)
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        length = b"Content-Length: 100000\r\n" if more == b"x" else b""
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(more)
        assert everything(connection) == b""


@pytest.mark.parametrize("begun_with", [b"", b"abc"])
def test_ending_waits_only_so_long_for_a_client_that_sends_nothing(model_file, monkeypatch, begun_with):
    monkeypatch.setattr(server, "GRACE", 1)
    with contextlib.ExitStack() as ended:
        with serving(Settings(model_file, port=0, limits=Limits(seconds=0.5))) as client:
            connection = ended.enter_context(connected(client))
            connection.sendall(HEAD + begun_with)
            giving_up = threading.Timer(15, connection.shutdown, [socket.SHUT_RDWR])
            giving_up.start()
            begun = time.monotonic()
        assert time.monotonic() - begun < 10
        giving_up.cancel()
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"ending"' in answer


@pytest.mark.parametrize("begun_with", [b"", HEAD[:20]])
def test_ending_hears_out_who_has_connected_and_not_said_all(model_file, monkeypatch, begun_with):
    monkeypatch.setattr(server, "HEAR_OUT", 20)
    with contextlib.ExitStack() as ended:
        with serving(Settings(model_file, port=0)) as client:
            connection = ended.enter_context(connected(client))
            connection.sendall(begun_with)
            assert client.get("/healthz").status_code == 200  # so the connection before it is seen to, too
            late = threading.Timer(server.DRAIN + server.SETTLE + 0.3, connection.sendall, [HEAD[len(begun_with) :]])
            body = threading.Timer(server.DRAIN + server.SETTLE + 0.5, connection.sendall, [bytes(784)])
            late.start()
            body.start()
            begun = time.monotonic()
        assert time.monotonic() - begun < 15  # not longer than it takes
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_one_of_several_workers_leaves_connections_to_the_others():
    with contextlib.closing(server.bind(Settings(port=0))) as listening, contextlib.ExitStack() as clients:
        for _ in range(server.AT_ONCE + 3):
            clients.enter_context(socket.create_connection(listening.getsockname()))
        made = server.server(Settings(workers=2))
        made._listening, made._joining, accepted = [listening], set(), []

        async def connect(protocol, connection):
            accepted.append(connection)

        async def scenario():
            asyncio.get_running_loop().connect_accepted_socket = connect
            made._made()
            await asyncio.sleep(0)
            few = len(accepted)
            made._take_in()
            await asyncio.sleep(0)
            return few

        with concurrent.futures.ThreadPoolExecutor(1) as thread:  # Playwright occupies this one's event loop
            assert thread.submit(lambda: asyncio.run(scenario())).result() == server.AT_ONCE
        assert len(accepted) == server.AT_ONCE + 3
        for connection in accepted:
            connection.close()


def test_ending_waits_longer_than_an_answer_may_take():
    for seconds in (0.5, 10, 60):
        settings = Settings(limits=Limits(seconds=seconds))
        assert server.server(settings).config.timeout_graceful_shutdown > seconds


def test_workers_end_when_the_one_that_started_them_was_killed(model_file):
    with command(model_file, "--no-feedback", "--workers", 2) as server:
        workers = wait_workers(server.process.pid)
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


@pytest.mark.parametrize("line", [b"X: " + b"a" * 400_000 + b"\r\n", b"X: aaaaaaa\r\n" * 40_000])
def test_a_head_may_be_so_long_and_no_longer(model_file, line):
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        with contextlib.suppress(ConnectionError):  # it hears no more of it
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + line * 4)
        with contextlib.suppress(ConnectionError):
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 431 ")
            assert b'"code":"long_head"' in answer
        assert client.get("/healthz").status_code == 200


def test_what_is_no_http_is_told_so_as_all_errors_are(model_file):
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")
        head, _, said = connection.recv(4096).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said)["error"]["code"] == "no_http"


def test_head_says_what_get_does_without_a_body(model_file):
    with serving(Settings(model_file, port=0)) as client:
        for path in ("/", "/healthz", "/v1/model", "/metrics"):
            asked, got = client.head(path), client.get(path)
            assert (asked.status_code, asked.content) == (200, b"")
            assert asked.headers["content-type"] == got.headers["content-type"]


def test_a_head_that_follows_a_long_body_in_one_piece_is_not_taken_for_a_long_one(model_file, monkeypatch):
    monkeypatch.setattr(prompt, "MOST", 1000)
    body = b"0" * 5000
    first = HEAD.replace(b"Content-Length: 784", b"Content-Length: %d" % len(body)) + body
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(first + HEAD[:30])
        answers = connection.recv(65536)
        assert answers.startswith(b"HTTP/1.1 422 ")  # no whole number of images
        connection.sendall(HEAD[30:] + bytes(784))
        while b"HTTP/1.1 200 " not in answers:
            more = connection.recv(65536)
            assert more
            answers += more


@pytest.mark.parametrize("more", [b"X: " + b"a" * 3000, b"\x00\r\n\r\n"], ids=["long", "garbled"])
@pytest.mark.parametrize(
    ("path", "answers"), [(b"/v1/predict?", 1), (b"/v1/predict", 2)], ids=["the long way", "the direct way"]
)
def test_what_follows_a_request_does_not_cost_its_answer(model_file, monkeypatch, more, path, answers):
    """A long or a garbled head, while the request before it is still being answered; if it is heard, it is refused."""
    monkeypatch.setattr(prompt, "MOST", 1000)
    begun, go_on = threading.Event(), threading.Event()

    def slow(self, batch):
        begun.set()
        assert go_on.wait(20)
        return predict(self, batch)

    predict = engine.Engine._predict
    monkeypatch.setattr(engine.Engine, "_predict", slow)
    monkeypatch.setattr(engine, "_seconds", lambda *_: 1.0)  # in a thread
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(HEAD.replace(b"/v1/predict", path) + bytes(784))
        assert begun.wait(20)
        with contextlib.suppress(ConnectionError):
            for piece in (b"GET / HTTP/1.1\r\n", more, more):
                connection.sendall(piece)
                time.sleep(0.05)
        go_on.set()
        answer = b""
        with contextlib.suppress(ConnectionError):  # it may close before it has heard all
            while more := connection.recv(65536):
                answer += more
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == answers
    assert answer.count(b"HTTP/1.1 4") == answers - 1


def test_a_broken_body_is_said_at_once(model_file):
    chunked = HEAD.replace(b"Content-Length: 784", b"Transfer-Encoding: chunked")
    with serving(Settings(model_file, port=0)) as client, connected(client) as connection:
        connection.sendall(chunked + b"zz\r\n")
        begun = time.monotonic()
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - begun < 10
