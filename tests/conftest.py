"""What all tests share: a cache of their own, the real files where they are at hand, and a real browser."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.pop("COLUMNS", None)  # that of the terminal; some tests set one
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # PyTorch's threads leave the cores to tests beside theirs

import torch  # looks at the policy

settings.register_profile("tenfold", deadline=None)  # no test is decided by a clock
settings.load_profile("tenfold")

CHROMIUM = Path(shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
SHARED = Path(os.environ.get("TENFOLD_SHARED", "real-data"))

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # what a shell starts in its background does not hear Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache, nor finds the user's MNIST."""
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("TENFOLD_MNIST", raising=False)


@pytest.fixture
def _small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of the pictures that a training with synthesis makes before it begins, which take it seconds."""
    from tenfold.synthesis import negatives

    monkeypatch.setattr(negatives, "POOL_SIZES", dict.fromkeys(negatives.POOL_SIZES, 60))
    monkeypatch.setattr("tenfold.synthesis.batch.DRAWN_PER_DIGIT", 20)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real files, mnist/ and kaggle/, that TENFOLD_SHARED names."""
    if not (SHARED / "mnist").is_dir() or not (SHARED / "kaggle").is_dir():
        pytest.skip("needs the real MNIST and Kaggle files; TENFOLD_SHARED names no folder with mnist/ and kaggle/")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Any]]:
    """Starts a browser with the flags it is given."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing")
    with sync_api.sync_playwright() as playwright:
        usual = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        yield lambda *flags: playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*usual, *flags])


@pytest.fixture(scope="session")
def browser(chromium: Callable[..., Any]) -> Iterator[Any]:
    browser = chromium()
    yield browser
    browser.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that takes the real files says so with its mark, and the other way round.

    Tests of CUDA are left out where there is no such device: also in CI, which has none.
    """
    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("cuda")])
        items[:] = [item for item in items if not item.get_closest_marker("cuda")]
    for item in items:
        takes = "shared" in getattr(item, "fixturenames", ())
        assert takes == (item.get_closest_marker("shared") is not None), f"{item.nodeid}: mark and fixture differ"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything is at hand: a skipped test is a failure there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped") and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("tests were skipped though CI has what they need", red=True)
