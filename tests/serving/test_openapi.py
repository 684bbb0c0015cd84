"""The API must match its OpenAPI description: schemathesis generates requests from it and checks the responses."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.serving_help import command

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

OPTIONS = ("--checks", "all", "--max-examples", "8", "--seed", "1", "--header", "Authorization: Bearer t")


@pytest.mark.slow
def test_responses_match_the_description(model_file, tmp_path):
    with command(model_file, "--token", "t", "--feedback", tmp_path / "feedback.db") as server:
        ran = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", *OPTIONS],
            env=os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"Operations:\s+(\d+) selected", ran.stdout)
