import os
import subprocess
import sys

import pytest

from tenfold import cpu as threads


@pytest.mark.parametrize(
    ("quota", "found"), [("max 100000\n", 4), ("150000 100000\n", 1.5), ("800000 100000\n", 4), ("", 4), (None, 4)]
)
def test_cores_are_those_one_is_bound_to_less_where_a_container_has_its_quota(monkeypatch, tmp_path, quota, found):
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 5}, raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert threads.cores() == found


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What the system says of running threads, and what becomes of it."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(threads, "PAUSE", 0)

    def say(text):
        monkeypatch.setattr(threads, "RUNNING", tmp_path / "loadavg")
        if text is not None:
            (tmp_path / "loadavg").write_text(text)
        threads.choose_waiting()
        return os.environ.get("OMP_WAIT_POLICY")

    return say


@pytest.mark.parametrize("text", ["3.05 2.00 1.00 1/250 999\n", None, "", "what?", "0 0 0 x/y 1"])
def test_threads_may_spin_where_nothing_else_computes_or_nobody_knows(told, text):
    assert told(text) is None


def test_threads_sleep_where_something_else_computes(told):
    assert told("0.00 0.00 0.00 2/250 999\n") == "PASSIVE"


def test_whoever_has_decided_is_left_alone(told, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert told("0.00 0.00 0.00 9/250 999\n") == "ACTIVE"


@pytest.mark.skipif(not threads.RUNNING.exists(), reason="this system does not tell")
def test_a_computing_program_is_noticed():
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as busy:
        busy.stdout.readline()
        try:
            # Where others compute as well the answer is the same; a machine of one core may show it late.
            assert any(threads.is_busy() for _ in range(20))
        finally:
            busy.kill()
