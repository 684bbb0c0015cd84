"""Overload: responses 503 and 504, and no lost request."""

import asyncio
import concurrent.futures
import contextlib
import threading

import pytest

from tenfold.serving import app, engine
from tenfold.serving.engine import Engine
from tenfold.serving.settings import Limits, Settings
from tests.serving.serving_help import ONE, serving, wait_for

OCTETS = {"Content-Type": "application/octet-stream"}
PNG = {"Content-Type": "image/png"}


class Slow:
    """A model that blocks until `open` is set."""

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
    """Serve a blocking model with the given limits."""

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


def test_full_queue_responds_503_and_finishes_what_it_accepted(slowly):
    with slowly(waiting_images=5) as (client, model), concurrent.futures.ThreadPoolExecutor(5) as pool:
        accepted = [pool.submit(predict, client) for _ in range(5)]
        wait_for(lambda: queue(client, "images") == 5)
        for _ in range(20):
            answer = predict(client)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")
            assert answer.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        infer = client.post("/v2/models/digits/infer", json={})
        assert (infer.status_code, infer.json()["code"]) == (503, "queue_full")
        model.open.set()
        assert [job.result().status_code for job in accepted] == [200] * 5
        assert predict(client).status_code == 200
        assert 'tenfold_errors_total{code="queue_full"} 21.0' in client.get("/metrics").text


def test_pictures_have_their_own_queue(slowly):
    def read():
        return client.post("/v1/read?expect=digit", content=ONE, headers={"Content-Type": "image/png"})

    with slowly(waiting_pictures=3) as (client, model), concurrent.futures.ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(read) for _ in range(3)]
        wait_for(lambda: queue(client, "pictures") == 3)
        assert read().status_code == 503
        model.open.set()
        assert [job.result().status_code for job in accepted] == [200] * 3


def test_timeout_responds_504(slowly):
    with slowly(seconds=0.3) as (client, model):
        answer = predict(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        model.open.set()
        assert predict(client).status_code == 200


def test_read_details_within_the_time_limit(slowly, monkeypatch):
    read = Engine.read

    async def slow_read(engine, picture, expect):
        reading = await read(engine, picture, expect)
        models[0].wait()  # what follows gets no answer
        await asyncio.sleep(0.3)
        return reading

    models = []
    monkeypatch.setattr(Engine, "read", slow_read)
    with slowly(seconds=2) as (client, model):
        models.append(model)
        model.open.set()
        response = client.post("/v1/read?expect=digit&details=true", content=ONE, headers=PNG)
        assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")


def test_waiting_requests_are_batched(slowly):
    with slowly() as (client, model), concurrent.futures.ThreadPoolExecutor(10) as pool:
        first = pool.submit(predict, client)
        wait_for(lambda: model.asked == 1)
        rest = [pool.submit(predict, client) for _ in range(9)]
        wait_for(lambda: queue(client, "images") == 10)
        model.open.set()
        assert {job.result().status_code for job in (first, *rest)} == {200}
        assert model.asked == 2
        assert 'tenfold_batch_size_bucket{le="8.0",queue="images"} 1.0' in client.get("/metrics").text


def test_bug_responds_500_without_details(slowly, caplog):
    with slowly() as (client, model):
        model.open.set()
        model._model = None
        answer = predict(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
        assert "NoneType" not in answer.text
        assert "NoneType" in caplog.text
