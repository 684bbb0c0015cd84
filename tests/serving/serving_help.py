"""What the tests of serving share: servers in this process and as the command, pictures to send them."""

import contextlib
import io
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
from PIL import Image, ImageDraw

from tenfold.serving.server import bind, server
from tenfold.serving.settings import Settings


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    """A server in a thread of this process, and a client that asks it."""
    listening = bind(settings)
    running = server(settings)
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    try:
        wait_for(lambda: running.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as client:
            yield client
    finally:
        running.should_exit = True
        thread.join()


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@dataclass
class Command:
    """A running `tenfold serve`."""

    process: subprocess.Popen
    url: str

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def command(*args: object) -> Iterator[Command]:
    """`tenfold serve ARGS` as a process of its own, once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold", "serve", "--port", "0", *map(str, args)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stderr.readline()
        found = re.search(r"http://[^ #]+", said)
        assert found, said + process.stderr.read()
        url = found[0].rstrip("/")
        wait_for(lambda: _answers(url), 60)
        yield Command(process, url)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        process.stderr.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


class Connection:
    """A client that sends what it likes, in what pieces it likes."""

    def __init__(self, client):
        self._socket = socket.create_connection((client.base_url.host, client.base_url.port), timeout=30)
        self._answers = self._socket.makefile("rb")

    def send(self, *pieces):
        for piece in pieces:
            self._socket.sendall(piece)
            time.sleep(0.02)

    def answer(self):
        status = int(self._answers.readline().split()[1])
        headers = dict(line.decode().rstrip().lower().split(": ", 1) for line in iter(self._answers.readline, b"\r\n"))
        return status, headers, self._answers.read(int(headers["content-length"]))

    def is_at_its_end(self):
        return self._answers.read(1) == b""

    def close(self):
        self._answers.close()
        self._socket.close()


def png(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def drawn(*strokes: list[tuple[int, int]], size=(200, 200), width=18) -> bytes:
    """Black strokes on white, as a PNG."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        draw.line(stroke, 0, width, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


ONE = drawn([(100, 40), (100, 160)])
