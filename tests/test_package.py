"""What the wheel and the source distribution contain: all that runs, its data and their notices, and nothing else."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tenfold import __version__

ROOT = Path(__file__).parent.parent
NOT_CODE = {
    "tenfold/py.typed",
    "tenfold/data/digits.npz",
    "tenfold/data/digits.md",  # the notice of their license
    "tenfold/data/prototypes.npy",
    "tenfold/report/templates/base.html",
    "tenfold/report/templates/style.css",
    "tenfold/serving/static/index.html",
    "tenfold/serving/static/main.js",
    "tenfold/serving/static/style.css",
    "tenfold/synthesis/strokes.json",
    "tenfold/weights/README.md",
    "tenfold/weights/digits.onnx",
    "tenfold/weights/digits.seen",
    "tenfold/weights/line.onnx",
}


@pytest.fixture
def build(monkeypatch):
    """The hooks that pip calls, as pyproject.toml names them."""
    monkeypatch.chdir(ROOT)
    return pytest.importorskip("hatchling.build", reason="hatchling is not installed")


@pytest.fixture
def package_files() -> set[str]:
    """The files of the package that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tenfold"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return {name for name in listing.stdout.splitlines() if (ROOT / name).exists()}


def test_wheel_contains_the_package_and_its_license(build, package_files, tmp_path):
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as wheel:
        names = set(wheel.namelist())
    metadata = f"tenfold-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(metadata)} == package_files
    assert package_files >= NOT_CODE
    assert f"{metadata}licenses/LICENSE" in names


def test_sdist_contains_the_package_and_its_documents(build, package_files, tmp_path):
    with tarfile.open(tmp_path / build.build_sdist(str(tmp_path))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    added_by_the_builder = {"PKG-INFO", ".gitignore"}
    documents = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
    assert names - added_by_the_builder == package_files | documents
