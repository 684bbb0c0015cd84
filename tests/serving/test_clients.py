"""Who asks a server: the command line, and the examples of the README, run as they stand."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from serving_help import ONE, png, serving

import tenfold
from tenfold.errors import DataError, TenfoldError, Unavailable
from tenfold.serving.client import Client
from tenfold.serving.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_a_server_reads_what_the_library_reads(client, model_file):
    there = Client(str(client.base_url)).read(ONE, "digit")
    here = tenfold.read(ONE, "digit", tenfold.load_model(model_file))
    assert (there.text, there.confidence) == (here.text, pytest.approx(here.confidence))
    (one,), (other,) = there.digits, here.digits
    assert (one.value, one.box, one.alternatives) == (other.value, other.box, other.alternatives)
    np.testing.assert_array_equal(one.frame, other.frame)


def test_what_goes_wrong_is_an_error_of_ours(client, model_file):
    url = str(client.base_url)
    with pytest.raises(DataError, match="is no picture"):
        Client(url).read(b"no picture")
    with pytest.raises(TenfoldError, match="this is no address of a server"):
        Client("file:///etc/passwd")
    with pytest.raises(Unavailable, match="can't be asked"):
        Client("http://127.0.0.1:9").read(ONE)
    with serving(Settings(model_file, port=0, token="t")) as secret:
        url = str(secret.base_url)
        with pytest.raises(Unavailable, match="Authorization: Bearer TOKEN"):
            Client(url).read(ONE)
        assert Client(url, "t").read(ONE, "digit").digits


def test_read_on_the_command_line(client, tmp_path):
    (tmp_path / "one.png").write_bytes(ONE)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    command = [
        sys.executable,
        "-m",
        "tenfold.cli",
        "read",
        "--expect",
        "digit",
        "--server",
        str(client.base_url),
        "--json",
    ]
    ran = subprocess.run([*command, tmp_path / "one.png"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["readings"][0]["text"]) == 1
    ran = subprocess.run([*command, tmp_path / "bad.png"], capture_output=True, text=True)
    assert ran.returncode == 3
    assert "is no picture" in ran.stderr


def example(language):
    """The README's example of the API in a language, with the server's address in it."""
    (found,) = [
        code for code in re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL) if "/v1/" in code
    ]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples find beside them."""
    made = tmp_path_factory.mktemp("examples")
    (made / "photo.png").write_bytes(ONE)
    (made / "digit.png").write_bytes(png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))))
    return made


@pytest.mark.parametrize(("language", "program"), [("sh", "sh"), ("python", sys.executable), ("js", "node")])
def test_the_examples_of_the_readme_do_what_they_say(client, folder, language, program):
    if not shutil.which(program) or (language == "sh" and not shutil.which("curl")):
        pytest.skip(f"{program} is not installed")
    code = example(language).replace("http://127.0.0.1:8000", str(client.base_url))
    file = folder / {"sh": "example.sh", "python": "example.py", "js": "example.mjs"}[language]
    file.write_text(code)
    ran = subprocess.run([program, file], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\d", ran.stdout)
    assert "error" not in ran.stdout
