"""Clients of a server: the command line, and the examples in docs/api.md, which are run as they are."""

import base64
import contextlib
import gzip
import json
import re
import shutil
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tenfold
from tenfold.client import Client
from tenfold.errors import DataError, TenfoldError, UnavailableError
from tests.serving.serving_help import ONE, command, png

API_PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_client_read_equals_library(server_url, model_file):
    there = Client(server_url).read(ONE, "digit")
    here = tenfold.read(ONE, "digit", tenfold.load_model(model_file))
    assert (there.text, there.confidence) == (here.text, pytest.approx(here.confidence))
    (one,), (other,) = there.digits, here.digits
    assert (one.value, one.box, one.alternatives) == (other.value, other.box, other.alternatives)
    np.testing.assert_array_equal(one.image, other.image)


def test_client_errors(server_url, model_file):
    with pytest.raises(DataError, match="picture"):
        Client(server_url).read(b"no picture")
    with pytest.raises(TenfoldError, match="not the address of a server"):
        Client("file:///etc/passwd")
    with pytest.raises(UnavailableError, match="the request failed"):
        Client("http://127.0.0.1:9").read(ONE)
    with command(model_file, "--no-feedback", "--token", "t") as secret:
        url = secret.url
        with pytest.raises(UnavailableError, match="needs a token; set it with --token"):
            Client(url).read(ONE)
        assert Client(url, "t").read(ONE, "digit").digits


@contextlib.contextmanager
def answering(answer):
    """A server that records requests and sends the same response to all of them."""
    asked = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            lines = [line.decode().strip().lower() for line in iter(self.rfile.readline, b"\r\n")]
            length = next((int(line.split(": ")[1]) for line in lines if line.startswith("content-length")), 0)
            self.rfile.read(length)
            asked.append(lines)
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def ok(content, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()


DIGIT = {"value": 1, "confidence": 1, "box": [0, 0, 1, 1], "alternatives": [], "image": ""}
NO_READING = [
    "",
    "[]",
    "5",
    "{}",
    "[" * 100_000,
    '{"text": "", "confidence": null, "digits": []}',
    '{"text": "", "confidence": 1, "digits": 5}',
    '{"text": "", "confidence": 1, "digits": [5]}',
    json.dumps({"text": "1", "confidence": 1, "digits": [DIGIT]}),
    json.dumps({"text": "1", "confidence": 1, "digits": [DIGIT | {"box": [float("inf")] * 4}]}),
]
NO_ANSWER = [
    b"",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"x" * 100_000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n{}",
    *map(ok, NO_READING),
    *(ok(content, "500 No") for content in NO_READING),
    ok('{"error": []}', "500 No"),
]


@pytest.mark.parametrize("answer", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_client_foreign_response(answer):
    with answering(answer) as (url, _), pytest.raises(UnavailableError) as error:
        Client(url).read(ONE)
    assert str(error.value).startswith(f"{url}: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80a", "http://127.0.0.1:99999", "http://", "http://a b", "http://é/"]
)
def test_client_unreachable_address(url):
    with pytest.raises(UnavailableError, match="the request failed"):
        Client(url).read(ONE)


def test_client_invalid_address():
    with pytest.raises(TenfoldError, match="not the address of a server"):
        Client("http://[::1")


def test_client_keeps_token_from_redirects():
    with answering(ok("{}")) as (other, asked_there):
        there = f"HTTP/1.1 302 Found\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(there) as (url, asked_here), pytest.raises(UnavailableError):
            Client(url, "s3cret").read(ONE)
    assert "authorization: bearer s3cret" in asked_here[0]
    assert "s3cret" not in str(asked_there)


def test_read_server_option(server_url, tmp_path):
    (tmp_path / "one.png").write_bytes(ONE)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    arguments = [
        sys.executable,
        "-m",
        "tenfold",
        "read",
        "--expect",
        "digit",
        "--server",
        server_url,
        "--json",
    ]
    ran = subprocess.run([*arguments, tmp_path / "one.png"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["readings"][0]["text"]) == 1
    ran = subprocess.run([*arguments, tmp_path / "bad.png"], capture_output=True, text=True)
    assert ran.returncode == 3
    assert "picture" in ran.stderr


def example(language):
    """The example of the HTTP API in a language, with the address of the server."""
    (found,) = [
        code for code in re.findall(rf"^```{language}\n(.*?)^```", API_PAGE, re.MULTILINE | re.DOTALL) if "/v1/" in code
    ]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the examples run in, with the files that they use."""
    made = tmp_path_factory.mktemp("examples")
    (made / "photo.png").write_bytes(ONE)
    (made / "digit.png").write_bytes(png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))))
    return made


SERVING_PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
COMMANDS = re.findall(r"`(curl [^`]+)`", SERVING_PAGE)


@pytest.fixture(scope="module")
def bodies(folder):
    """The files that the commands on the page about serving send."""
    image = np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))
    url = f"data:image/png;base64,{base64.b64encode(ONE).decode()}"
    tensor = {"name": "images", "datatype": "FP32", "shape": [1, 784], "data": (image / 255).ravel().tolist()}
    documents = {"images": [image.tolist()]}, {"instances": [image.tolist()]}, {"inputs": [tensor]}, {"image": url}
    for name, document in zip(("images", "instances", "infer", "url"), documents, strict=True):
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "images.json.gz").write_bytes(gzip.compress((folder / "images.json").read_bytes()))
    (folder / "pixels.bin").write_bytes(image.tobytes())
    (folder / "url.txt").write_text(url)
    return folder


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page_about_serving(server_url, bodies, command):
    ran = subprocess.run(
        ["sh", "-c", command.replace("http://127.0.0.1:8000", server_url)], cwd=bodies, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert {"text", "digits", "predictions", "outputs"} & set(answer), answer


def test_page_about_serving_has_commands():
    assert len(COMMANDS) == 10


@pytest.mark.parametrize(("language", "program"), [("sh", "sh"), ("python", sys.executable), ("js", "node")])
def test_examples_of_the_documentation(server_url, folder, language, program):
    if not shutil.which(program) or (language == "sh" and not shutil.which("curl")):
        pytest.skip(f"{program} is not installed")
    code = example(language).replace("http://127.0.0.1:8000", server_url)
    file = folder / {"sh": "example.sh", "python": "example.py", "js": "example.mjs"}[language]
    file.write_text(code)
    ran = subprocess.run([program, file], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\d", ran.stdout)
    assert "error" not in ran.stdout
