"""Shell completion, asked for as Typer's own shell functions do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.recipes import RECIPES

TENFOLD = Path(sys.executable).with_name("tenfold")
pytestmark = pytest.mark.skipif(not TENFOLD.exists(), reason="tenfold is not installed as a command here")


def completions(line: str) -> list[str]:
    words = line.split(" ")
    asked = {"_TENFOLD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = subprocess.run([TENFOLD], env=os.environ | asked, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tenfold tr", ["train"]),
        ("tenfold train digits --recipe dense-x", ["dense-xl", "dense-xxl"]),
        ("tenfold recipes show ", list(RECIPES)),
        ("tenfold compare digits --recipes fast,cnn-8", ["fast,cnn-887k"]),
        ("tenfold data download mn", ["mnist"]),
    ],
)
def test_completion_of_names(line, expected):
    assert completions(line) == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_script():
    result = subprocess.run(
        ["bash", "-c", f"{TENFOLD} --show-completion bash; exit $?"], capture_output=True, text=True, check=True
    )
    assert "complete -o default -F _tenfold_completion tenfold" in result.stdout
