import subprocess
import sys

from tenfold import __version__

INTERRUPTED_WHILE_LOADING = """
import runpy, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
runpy.run_module("tenfold", run_name="__main__")
"""


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_package_runs_as_module():
    done = python("-m", "tenfold", "--version")
    assert (done.returncode, done.stdout) == (0, f"tenfold {__version__}\n")


def test_ctrl_c_during_import_is_quiet():
    done = python("-c", INTERRUPTED_WHILE_LOADING)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
