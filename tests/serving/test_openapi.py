"""The API against its description: schemathesis makes requests from it, right and wrong, and checks the answers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.serving.settings import Settings
from tests.serving.serving_help import serving

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

OPTIONS = ("--checks", "all", "--max-examples", "8", "--seed", "1", "--header", "Authorization: Bearer t")


@pytest.mark.slow
def test_answers_are_as_described(model_file, tmp_path):
    with serving(Settings(model_file, port=0, token="t", feedback=tmp_path / "feedback.db")) as client:
        ran = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{client.base_url}/openapi.json", *OPTIONS],
            env=os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"Operations:\s+(\d+) selected", ran.stdout)
