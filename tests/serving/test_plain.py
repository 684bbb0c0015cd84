"""What counts as a plain request, held against the parser that the server has."""

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.serving.plain import MAX_HEAD, plain

BODY = bytes(range(256))


def request(more=b""):
    return (
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: 256\r\n%b\r\n" % more
    ) + BODY


class Parsed:
    """What httptools makes of what comes in."""

    def __init__(self, data):
        self.targets, self.headers, self.bodies, self.kept = [], [], [], []
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_message_begin(self):
        self.targets.append(b"")
        self.headers.append([])
        self.bodies.append(b"")

    def on_url(self, url):
        self.targets[-1] += url

    def on_header(self, name, value):
        self.headers[-1].append((name.lower(), value))

    def on_body(self, body):
        self.bodies[-1] += body

    def on_message_complete(self):
        self.kept.append(self.parser.should_keep_alive() and not self.parser.should_upgrade())


PIECES = st.sampled_from(
    [
        *(b"", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b": ", b"\x00", b"\xff", b"5", b"256", b"#", b"%41", b"?a=b"),
        *(b"HTTP/1.0", b"HTTP/1.1", b"GET", b"POST /", b"X: 1\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n"),
        *(b"Connection: keep-alive\r\n", b"Connection: close\r\n", b"Connection: Upgrade\r\n"),
        *(b"Proxy-Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n"),
    ]
)
EDITS = st.lists(st.tuples(st.integers(0, 130), st.integers(0, 12), PIECES), max_size=4)


@settings(max_examples=1000)
@given(EDITS)
def test_a_plain_request_is_what_the_parser_makes_of_it(edits):
    data = request()
    for place, length, piece in edits:
        data = data[:place] + piece + data[place + length :]
    found = plain(data)
    if found is None:
        return
    parsed = Parsed(data + b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert parsed.targets == [found.target, b"/next"]
    assert dict(parsed.headers[0]) == found.headers
    assert len(parsed.headers[0]) == len(found.headers)
    assert parsed.bodies == [found.body, b""]
    assert parsed.kept[0]


def test_a_plain_request_is_taken_apart():
    more = b"X-More:\tas it  is\r\nConnection: Keep-Alive\r\n"
    headers = {
        b"host": b"localhost",
        b"content-type": b"application/octet-stream",
        b"content-length": b"256",
        b"x-more": b"as it  is",
        b"connection": b"Keep-Alive",
    }
    assert plain(request(more)) == (b"/v1/predict", headers, BODY)


@pytest.mark.parametrize(
    "odd",
    [
        b"Transfer-Encoding: chunked",
        b"Expect:100-continue",
        b"Upgrade: websocket",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Proxy-Connection: close",
        b"Connection: keep-alive, upgrade",
        b"Content-Length: 256",
        b"Host: twice",
        b" folded: 1",
        b"Spaced : 1",
        b"Nothing",
        b": nameless",
        b"Trailing: 1 ",
        b"Empty: ",
        b"Null: \x00",
        b"Bare: 1\n",
        b"Return: \r1",
        b"Long: " + b"x" * MAX_HEAD,
    ],
    ids=lambda odd: odd[:20].decode(),
)
def test_what_is_odd_takes_the_long_way(odd):
    assert plain(request()) is not None
    assert plain(request(more=odd + b"\r\n")) is None


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request() + b"0",
        request().replace(b"Content-Length: 256", b"Content-Length: +784"),
        request().replace(b"Content-Length: 256\r\n", b""),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"\r\n\r\n", b"\n\n"),
        b"POST /v1/predict HTTP/1.1\r\n\r\n",
    ],
    ids=range(7),
)
def test_what_is_not_whole_short_and_plain_takes_the_long_way(data):
    assert plain(data) is None
