"""Too much at once, and too slow: 503 and 504, and nothing lost."""

import concurrent.futures
import threading

import pytest
from serving_help import ONE, serving, wait_for

from tenfold.serving.settings import Limits, Settings

OCTETS = {"Content-Type": "application/octet-stream"}


class Slow:
    """A model that answers once `open` is set."""

    def __init__(self, model):
        self._model, self.open, self.asked = model, threading.Event(), 0

    def __getattr__(self, name):
        return getattr(self._model, name)

    def predict_proba(self, images):
        self.asked += 1
        assert self.open.wait(30)
        return self._model.predict_proba(images)


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
        with serving(Settings(model_file, port=0, limits=Limits(**limits))) as client:
            try:
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


def test_what_arrives_while_the_model_works_goes_to_it_together(slowly):
    with slowly() as (client, model), concurrent.futures.ThreadPoolExecutor(10) as pool:
        first = pool.submit(predict, client)
        wait_for(lambda: model.asked == 1)
        rest = [pool.submit(predict, client) for _ in range(9)]
        wait_for(lambda: queue(client, "images") == 10)
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
