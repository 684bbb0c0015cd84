"""Too much at once, and too slow: 503 and 504, and nothing lost."""

import asyncio
import concurrent.futures
import threading
import time

import pytest

from tenfold.serving import engine, prompt, shedding
from tenfold.serving.engine import Engine
from tenfold.serving.settings import Limits, Settings
from tests.serving.serving_help import ONE, Connection, serving, wait_for

OCTETS = {"Content-Type": "application/octet-stream"}


class Slow:
    """A model that answers while `open` is set."""

    def __init__(self, model):
        self._model, self.open, self.asked = model, threading.Event(), 0
        self.open.set()

    def wait(self):
        self.open.clear()
        self.asked = 0

    def __getattr__(self, name):
        value = getattr(self._model, name)
        if not callable(value):
            return value

        def slowly(*args):
            self.asked += 1
            assert self.open.wait(30)
            return getattr(self._model, name)(*args)

        return slowly


@pytest.fixture
def slowly(model_file, monkeypatch):
    """Start a server with these limits, whose model waits."""
    import contextlib

    from tenfold.serving import app

    @contextlib.contextmanager
    def start(**limits):
        made = []
        load = app.load_model

        def load_slow(*args, **kwargs):
            made.append(Slow(load(*args, **kwargs)))
            return made[-1]

        monkeypatch.setattr(app, "load_model", load_slow)
        monkeypatch.setattr(engine, "INLINE_IMAGES", 0)  # the event loop would wait for it, too
        with serving(Settings(model_file, port=0, limits=Limits(**limits))) as client:
            try:
                made[0].wait()
                yield client, made[0]
            finally:
                made[0].open.set()

    return start


def predict(client, n=1):
    return client.post("/v1/predict", content=bytes(784 * n), headers=OCTETS)


def queue(client, name):
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(f'tenfold_queue_size{{queue="{name}"}}'):
            return float(line.split()[-1])
    raise AssertionError("no such queue")


def test_a_full_queue_sheds_at_once_and_the_accepted_are_all_answered(slowly):
    with slowly(waiting_images=5) as (client, model), concurrent.futures.ThreadPoolExecutor(5) as pool:
        accepted = [pool.submit(predict, client) for _ in range(5)]
        wait_for(lambda: queue(client, "images") == 5)
        for _ in range(20):
            answer = predict(client)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
            assert answer.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        infer = client.post("/v2/models/digits/infer", json={})
        assert (infer.status_code, infer.json()["code"]) == (503, "busy")
        model.open.set()
        assert [job.result().status_code for job in accepted] == [200] * 5
        assert predict(client).status_code == 200
        assert 'tenfold_refused_total{code="busy"} 21.0' in client.get("/metrics").text


def test_pictures_have_a_queue_of_their_own(slowly):
    def read():
        return client.post("/v1/read?expect=digit", content=ONE, headers={"Content-Type": "image/png"})

    with slowly(waiting_pictures=3) as (client, model), concurrent.futures.ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(read) for _ in range(3)]
        wait_for(lambda: queue(client, "pictures") == 3)
        assert read().status_code == 503
        model.open.set()
        assert [job.result().status_code for job in accepted] == [200] * 3


def test_what_takes_too_long_is_given_up_with_504(slowly):
    with slowly(seconds=0.3) as (client, model):
        answer = predict(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        model.open.set()
        assert predict(client).status_code == 200


def test_details_are_in_the_time_that_was_promised_for_all(slowly, monkeypatch):
    read = Engine.read

    async def slow_read(engine, picture, expect):
        reading = await read(engine, picture, expect)
        made[0].wait()  # what comes after is not answered
        await asyncio.sleep(1.5)
        return reading

    made = []
    monkeypatch.setattr(Engine, "read", slow_read)
    with slowly(seconds=2) as (client, model):
        made.append(model)
        model.open.set()
        begun = time.monotonic()
        answer = client.post("/v1/read?expect=digit&details=true", content=ONE, headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        assert 2 <= time.monotonic() - begun < 3.2


def test_what_arrives_while_the_model_works_goes_to_it_together(slowly):
    with slowly() as (client, model), concurrent.futures.ThreadPoolExecutor(10) as pool:
        first = pool.submit(predict, client)
        wait_for(lambda: model.asked == 1)
        rest = [pool.submit(predict, client) for _ in range(9)]
        wait_for(lambda: queue(client, "images") == 10)
        client.get("/healthz")  # a turn of the loop later they have been handed over, too
        model.open.set()
        assert {job.result().status_code for job in (first, *rest)} == {200}
        assert model.asked == 2
        assert 'tenfold_batch_size_bucket{le="8.0",queue="images"} 1.0' in client.get("/metrics").text


def test_a_fault_of_ours_is_500_without_its_story(slowly, caplog):
    with slowly() as (client, model):
        model.open.set()
        model._model = None
        answer = predict(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
        assert "NoneType" not in answer.text
        assert "NoneType" in caplog.text


HEAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 784\r\n"
)


def test_the_short_way_out_says_what_the_long_way_says(slowly):
    """A request in one piece is turned away before it is parsed, one in several pieces or with extras after that."""
    whole, close = HEAD + b"\r\n" + bytes(784), HEAD + b"Connection: close\r\n\r\n" + bytes(784)
    with slowly(waiting_images=1) as (client, model), concurrent.futures.ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(predict, client)
        wait_for(lambda: queue(client, "images") == 1)
        connection = Connection(client)
        said = []
        for pieces in ([whole], [whole[:100], whole[100:]], [whole], [whole[:-1], whole[-1:]], [whole], [close]):
            connection.send(*pieces)
            said.append(connection.answer())
        connection.close()
        assert [status for status, _, _ in said] == [503] * 6
        assert len({body for _, _, body in said}) == 1
        assert {headers["retry-after"] for _, headers, _ in said} == {"1"}
        model.open.set()
        assert accepted.result().status_code == 200
        assert 'tenfold_requests_total{route="/v1/predict",status="503"} 6.0' in client.get("/metrics").text


def test_requests_one_behind_the_other_are_answered_in_their_order(slowly):
    """Pipelined: the first fills the queue, and the second must not be turned away before the first is answered."""
    whole = HEAD + b"\r\n" + bytes(784)
    with slowly(waiting_images=1) as (client, model):
        connection = Connection(client)
        connection.send(whole, whole)
        wait_for(lambda: queue(client, "images") == 1)
        model.open.set()
        assert [connection.answer()[0], connection.answer()[0]] == [200, 200]
        connection.send(whole + whole)
        assert [connection.answer()[0], connection.answer()[0]] == [200, 200]
        connection.close()


def test_a_body_that_looks_like_a_request_is_a_body(slowly):
    """Its head came with the request before, and its answer before its body."""
    whole = HEAD + b"\r\n" + bytes(784)
    with slowly(waiting_images=1) as (client, model), concurrent.futures.ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(predict, client)
        wait_for(lambda: queue(client, "images") == 1)
        connection = Connection(client)
        first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(whole)
        connection.send(first + head)
        assert [connection.answer()[0], connection.answer()[0]] == [200, 503]
        connection.send(whole)
        connection.send(first)
        assert connection.answer()[0] == 200
        connection.close()
        model.open.set()
        assert accepted.result().status_code == 200


def test_who_is_turned_away_may_come_again_on_the_same_connection(slowly, monkeypatch):
    monkeypatch.setattr(prompt, "SLOWEST", 0.5)
    monkeypatch.setattr(shedding, "DEAF", 0.05)
    with slowly(waiting_images=1) as (client, model), concurrent.futures.ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(predict, client)
        wait_for(lambda: queue(client, "images") == 1)
        connection = Connection(client)
        for _ in range(4):
            connection.send(HEAD + b"\r\n" + bytes(784))
            assert connection.answer()[0] == 503
            time.sleep(0.3)
        connection.close()
        model.open.set()
        assert accepted.result().status_code == 200


def test_a_slow_head_is_not_given_up_before_the_request_ahead_of_it_is_answered(slowly, monkeypatch):
    monkeypatch.setattr(prompt, "SLOWEST", 0.3)
    with slowly() as (client, model):
        connection = Connection(client)
        connection.send(HEAD + b"\r\n" + bytes(784))
        connection.send(HEAD[:20])
        time.sleep(0.8)
        model.open.set()
        assert [connection.answer()[0], connection.answer()[0]] == [200, 408]
        connection.close()
