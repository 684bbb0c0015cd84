"""What serving imports, and the message if its packages are missing."""

import subprocess
import sys

HEAVY = {"torch", "sklearn", "matplotlib", "onnx", "pandas", "polars"}
WITHOUT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fastapi", "granian", "starlette", "msgspec", "prometheus_client"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ["tenfold", *sys.argv[1:]]
from tenfold.cli.app import main
main()
"""


def test_server_does_not_import_training():
    code = "import tenfold.serving.server, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in ran.stdout.split()} & HEAVY == set()


def test_missing_extra_is_named(tmp_path):
    def run(*arguments):
        return subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True)

    ran = run("serve", "--no-feedback")
    assert ran.returncode == 5
    assert ran.stderr.strip().endswith("install it with: pip install 'tenfold[serve]'")
    ran = run("feedback", "export", "--feedback", str(tmp_path / "none.db"))  # needs none of them
    assert ran.returncode == 5
    assert "there are no corrections yet" in ran.stderr
    ran = run("read", "--server", "http://127.0.0.1:9", __file__)
    assert "the request failed" in ran.stderr
