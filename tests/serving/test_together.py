import socket
import struct

from tenfold.serving.settings import Settings
from tenfold.serving.together import Together
from tests.serving.serving_help import serving

HEAD, BODY = b"HTTP/1.1 200 OK\r\n\r\n", b"answer"


class Transport:
    def __init__(self):
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


def test_a_head_goes_with_what_follows_it_and_the_rest_goes_by_itself():
    transport = Transport()
    together = Together(transport)
    for data in (HEAD, BODY, b"more", HEAD, BODY):
        together.write(data)
    assert transport.written == [HEAD + BODY, b"more", HEAD + BODY]


def test_nothing_is_kept_for_good():
    transport = Transport()
    together = Together(transport)
    together.write(HEAD)
    together.flush()
    together.flush()
    together.write(HEAD)
    together.close()
    assert transport.written == [HEAD, HEAD]
    assert transport.closed
    together.write(HEAD)
    together.write_whole(HEAD + BODY)
    together.flush()
    assert transport.written == [HEAD, HEAD]


def answers(client, request):
    """What comes back on a connection of its own: the first part at once, and all the rest."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as connection:
        connection.sendall(request)
        first = connection.recv(65536)
        connection.sendall(bytes(784))
        rest = b""
        while more := connection.recv(65536):
            rest += more
    return first, rest


def test_a_client_that_waits_to_be_told_to_go_on_is_told(model_file):
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n"
    )
    with serving(Settings(model_file, port=0)) as client:
        first, rest = answers(client, head)
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_has_gone_gets_nothing_and_leaves_no_word(model_file, caplog):
    head = (
        b"POST /v1/predict%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    with serving(Settings(model_file, port=0)) as client:
        for way in (b"", b"?") * 25:
            with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as connection:
                connection.sendall(2 * (head % way + bytes(784)))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
        assert client.get("/healthz").status_code == 200
    assert "Traceback" not in caplog.text


def test_an_answer_without_a_body_is_sent(client):
    answer = client.head("/static/main.js")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == len(client.get("/static/main.js").content)
