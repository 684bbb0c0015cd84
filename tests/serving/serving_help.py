"""Helpers of the serving tests: the application in this process, the server as a command, pictures to send."""

import contextlib
import io
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2 as httpx
import numpy as np
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from tenfold.serving.app import create_app
from tenfold.serving.middleware import ServerState
from tenfold.serving.settings import Settings

BASE_URL = "http://127.0.0.1:8000"


@contextlib.contextmanager
def serving(settings: Settings, state: ServerState | None = None) -> Iterator[httpx.Client]:
    """A client of the application, which runs in this process without a network."""
    with TestClient(create_app(settings, state), base_url=BASE_URL, raise_server_exceptions=False) as client:
        yield client


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


@dataclass
class Command:
    """A running `tenfold serve`."""

    process: subprocess.Popen
    url: str

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def command(*args: object, **options: object) -> Iterator[Command]:
    """Run `tenfold serve ARGS` in a process, once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold", "serve", "--port", "0", *map(str, args)],
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        line = process.stderr.readline()
        found = re.search(r"http://[^ #]+", line)
        assert found, line + process.stderr.read()
        url = found[0].rstrip("/")
        wait_for(lambda: is_ready(url))
        yield Command(process, url)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stderr.close()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def connection(url: str) -> Iterator[socket.socket]:
    """A socket, to send bytes that HTTP clients never send."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=30) as connected:
        yield connected


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
