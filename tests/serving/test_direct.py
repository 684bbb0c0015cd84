"""The direct way to an answer, held against the long one, which a query mark asks for."""

import concurrent.futures
import json
import re
import threading

import numpy as np
import pytest

from tenfold.serving import engine
from tenfold.serving.api import Api
from tenfold.serving.direct import Direct
from tenfold.serving.errors import rendered
from tenfold.serving.settings import Limits, Settings
from tests.serving.serving_help import Connection, png, serving, wait_for

OCTETS = b"application/octet-stream"
IMAGE = bytes(range(256)) * 3 + bytes(16)


def request(content=IMAGE, kind=OCTETS, path=b"/v1/predict", more=b"", host=b"localhost"):
    return (
        b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n"
        % (path, host, kind, len(content), more)
    ) + content


@pytest.fixture
def begun(monkeypatch):
    """Whether each request, of those that began where another had ended, took the direct way."""
    found, begin = [], Direct.begin

    def noted(self, data, connection):
        due = begin(self, data, connection)
        found.append(due is not None)
        return due

    monkeypatch.setattr(Direct, "begin", noted)
    return found


@pytest.fixture
def gate(monkeypatch):
    """What the network waits for, in a thread."""
    gate, predict = threading.Event(), engine.Engine._predict

    def slow(self, batch):
        assert gate.wait(20)
        return predict(self, batch)

    monkeypatch.setattr(engine.Engine, "_predict", slow)
    monkeypatch.setattr(engine, "_seconds", lambda *_: 1.0)
    return gate


def json_of(*images):
    return json.dumps({"images": [image.tolist() for image in images]}).encode()


def without_date(said):
    status, headers, body = said
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt", headers.pop("date"))
    return status, list(headers.items()), body


def test_both_ways_give_the_same_answer(client, digits, begun):
    image, another = digits[0][:2]
    connection = Connection(client)
    for kind, content in (
        (b"image/png", png(image)),
        (OCTETS, image.tobytes()),
        (OCTETS, image.tobytes() + another.tobytes()),
        (b"application/json", json_of(image)),
        (b"Application/JSON; charset=utf-8", json_of(image, another)),
    ):
        connection.send(request(content, kind))
        said = without_date(connection.answer())
        connection.send(request(content, kind, b"/v1/predict?"))
        assert said == without_date(connection.answer())
        assert said[0] == 200
    connection.close()
    assert begun == [True, False] * 5


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"kind": b"text/plain"}, 415),
        ({"content": IMAGE[:-1]}, 422),
        ({"content": IMAGE * 9}, 413),
        ({"kind": b"application/json", "content": json.dumps({"images": [[0] * 784] * 9}).encode()}, 422),
        ({"kind": b"image/png"}, 422),
        ({"kind": b"application/json", "content": b"{"}, 400),
        ({"more": b"Content-Encoding: gzip\r\n"}, 415),
        ({"host": b"elsewhere"}, 403),
        ({"more": b"Origin: http://elsewhere\r\n"}, 403),
        ({"more": b"Authorization: Bearer wrong\r\n"}, 401),
        ({}, 401),
    ],
    ids=range(11),
)
def test_what_is_wrong_is_said_the_long_way(model_file, begun, wrong, status):
    token = "token" if status == 401 else None
    with serving(Settings(model_file, port=0, token=token, limits=Limits(images=8))) as client:
        said = []
        for path in (b"/v1/predict", b"/v1/predict?"):
            connection = Connection(client)
            connection.send(request(**wrong, path=path))
            said.append(without_date(connection.answer()))
            connection.close()
    assert said[0] == said[1]
    assert said[0][0] == status
    assert begun == [False, False]


def test_who_has_the_token_goes_the_direct_way(model_file, begun):
    with serving(Settings(model_file, port=0, token="open sesame")) as client:
        connection = Connection(client)
        connection.send(request(more=b"Authorization: Bearer open sesame\r\nConnection: keep-alive\r\n"))
        assert connection.answer()[0] == 200
        connection.close()
    assert begun == [True]


def test_each_is_counted_once(client, begun):
    counted = 'tenfold_requests_total{route="/v1/predict",status="200"}'

    def counts():
        lines = client.get("/metrics").text.splitlines()
        number = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
        digits = sum(value for name, value in number.items() if name.startswith("tenfold_digits_total"))
        latencies = number['tenfold_request_seconds_count{route="/v1/predict"}']
        waiting = number['tenfold_queue_size{queue="images"}']
        return np.array([number[counted], digits, latencies, waiting])

    assert client.post("/v1/predict?", content=IMAGE, headers={"Content-Type": OCTETS.decode()}).status_code == 200
    before = counts()
    connection = Connection(client)
    for _ in range(3):
        connection.send(request())
        assert connection.answer()[0] == 200
    connection.close()
    assert begun[-3:] == [True] * 3
    assert (counts() - before).tolist() == [3, 3, 3, 0]


def test_what_comes_early_waits_for_its_turn(model_file, gate, begun):
    with serving(Settings(model_file, port=0)) as client:
        connection = Connection(client)
        another = request(more=b"X: 1\r\n")
        connection.send(request(), another[:50], another[50:] + request() + request(path=b"/v1/nothing"))
        assert begun == [True]
        gate.set()
        assert [connection.answer()[0] for _ in range(4)] == [200, 200, 200, 404]
        connection.close()


def test_the_last_answer_ends_its_connection(model_file, gate):
    """It was accepted before the server was told to end, and is given after that."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with serving(Settings(model_file, port=0)) as client:
            connection = Connection(client)
            connection.send(request())
            pool.submit(lambda: threading.Event().wait(1.5) or gate.set())
        status, headers, _ = connection.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert connection.is_at_its_end()
        connection.close()


def test_too_late_and_out_of_order_are_said_as_on_the_long_way(model_file, monkeypatch, begun, caplog):
    def work(self, batch):
        if is_broken:
            raise RuntimeError("out of order")
        assert go_on.wait(20)
        return [np.zeros((1, 10), np.float32)] * len(batch)

    go_on, is_broken = threading.Event(), True
    monkeypatch.setattr(engine.Engine, "_predict", work)
    monkeypatch.setattr(engine, "_seconds", lambda *_: 1.0)
    with serving(Settings(model_file, port=0, limits=Limits(seconds=0.2))) as client:
        connection = Connection(client)

        def said(path):
            connection.send(request(path=path))
            return without_date(connection.answer())

        broken = said(b"/v1/predict")
        assert broken[0] == 500
        assert broken == said(b"/v1/predict?")
        is_broken = False
        late = said(b"/v1/predict")
        assert late[0] == 504
        assert late == said(b"/v1/predict?")
        go_on.set()
        connection.close()
    assert begun == [True, False] * 2
    assert caplog.text.count("RuntimeError: out of order") == 2


def test_what_nobody_thought_of_is_said_the_long_way_and_costs_nobody_else_an_answer(
    model_file, gate, monkeypatch, begun, caplog
):
    def broken(self, kind, content):
        if len(content) == 784:
            return images(self, kind, content)
        raise RuntimeError("not thought of")

    images = Api.images
    monkeypatch.setattr(Api, "images", broken)
    with serving(Settings(model_file, port=0)) as client:
        connections = [Connection(client) for _ in range(4)]
        for connection in connections[1:]:
            connection.send(request())
        connections[1].send(request(IMAGE * 2))  # is looked into once the answer before it is given
        connections[0].send(request(IMAGE * 2))
        gate.set()
        assert [connection.answer()[0] for connection in connections] == [200] * 4
        assert connections[1].answer()[0] == 200
        for connection in connections:
            connection.close()
        wait_for(lambda: 'tenfold_queue_size{queue="images"} 0.0' in client.get("/metrics").text)
    assert begun[:5] == [True, True, True, False, False]
    assert caplog.text == ""


def test_an_answer_that_can_not_be_given_costs_nobody_else_theirs(model_file, gate, monkeypatch, caplog):
    def broken(content):
        if len(told := content["digits"]) == 2:
            raise RuntimeError(f"not of {told}")
        return rendered(content)

    monkeypatch.setattr("tenfold.serving.direct.rendered", broken)
    with serving(Settings(model_file, port=0)) as client:
        connections = [Connection(client) for _ in range(3)]
        for connection, images in zip(connections, (1, 2, 3), strict=True):
            connection.send(request(IMAGE * images))
        gate.set()
        assert [connection.answer()[0] for connection in connections] == [200, 500, 200]
        for connection in connections:
            connection.close()
    assert "RuntimeError: not of" in caplog.text


def test_a_nest_of_lists_is_no_image(client):
    content = b'{"images": ' + b"[" * 40 + b"1" + b"]" * 40 + b"}"
    for path in (b"/v1/predict", b"/v1/predict?"):
        connection = Connection(client)
        connection.send(request(content, b"application/json", path))
        assert connection.answer()[0] == 422
        connection.close()


def test_who_goes_away_is_no_trouble(model_file, gate, caplog):
    with serving(Settings(model_file, port=0)) as client:
        connection = Connection(client)
        connection.send(request())
        connection.close()
        wait_for(lambda: 'tenfold_queue_size{queue="images"} 1.0' in client.get("/metrics").text)
        gate.set()
        wait_for(lambda: 'tenfold_queue_size{queue="images"} 0.0' in client.get("/metrics").text)
        assert client.post("/v1/predict", content=IMAGE, headers={"Content-Type": OCTETS.decode()}).status_code == 200
    assert caplog.text == ""
