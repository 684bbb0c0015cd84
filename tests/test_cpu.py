import os
import subprocess
import sys

import pytest

from tenfold import cpu


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000\n", 4), ("150000 100000\n", 1.5), ("800000 100000\n", 4), ("", 4), (None, 4)]
)
def test_available_cores_are_the_affinity_within_the_quota(monkeypatch, tmp_path, quota, cores):
    monkeypatch.setattr(cpu, "CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 5}, raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert cpu.available_cores() == cores


@pytest.fixture
def wait_policy(monkeypatch, tmp_path):
    """The policy that is chosen for a content of /proc/loadavg."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(cpu, "SAMPLE_INTERVAL", 0)

    def choose(load_average):
        monkeypatch.setattr(cpu, "LOAD_AVERAGE", tmp_path / "loadavg")
        if load_average is not None:
            (tmp_path / "loadavg").write_text(load_average)
        cpu.choose_wait_policy()
        return os.environ.get("OMP_WAIT_POLICY")

    return choose


@pytest.mark.parametrize("load_average", ["3.05 2.00 1.00 1/250 999\n", None, "", "what?", "0 0 0 x/y 1"])
def test_wait_policy_is_left_unset_on_an_idle_or_unknown_machine(wait_policy, load_average):
    assert wait_policy(load_average) is None


def test_wait_policy_is_passive_on_a_busy_machine(wait_policy):
    assert wait_policy("0.00 0.00 0.00 2/250 999\n") == "PASSIVE"


def test_wait_policy_of_the_user_is_kept(wait_policy, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert wait_policy("0.00 0.00 0.00 9/250 999\n") == "ACTIVE"


@pytest.mark.skipif(not cpu.LOAD_AVERAGE.exists(), reason=f"this system has no {cpu.LOAD_AVERAGE}")
def test_is_busy_notices_a_computing_program():
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as busy:
        busy.stdout.readline()
        try:
            # Other programs give the same answer; a machine with one core may notice it late.
            assert any(cpu.is_busy() for _ in range(20))
        finally:
            busy.kill()
