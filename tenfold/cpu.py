"""How many cores there are to compute on, and how threads that compute together wait for each other."""

import os
import time
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds that a container may compute in each period, and the period
RUNNING = Path("/proc/loadavg")  # its fourth word: how many threads of the whole machine run right now, of how many
LOOKS, PAUSE = 5, 0.004  # seconds


def cores() -> float:
    """That this process may use: those it is bound to, less where a container has its quota (cgroup v2)."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, QUOTA.read_text().split())
    except (OSError, ValueError):  # there is none
        return bound
    return min(bound, quota / period)


def choose_waiting() -> None:
    """Let OpenMP's threads spin while they wait for each other, unless something else is computing on the machine.

    On two idle cores spinning makes small networks train 1.6 times as fast. As soon as another program computes, a
    thread that spins takes the core from the one that it waits for, and they train nine times slower than threads that
    sleep. To be called before PyTorch is loaded, for that is when OpenMP looks; whoever has set OMP_WAIT_POLICY has
    decided. The weights do not depend on it.
    """
    if is_busy():
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def is_busy() -> bool:
    """Whether other programs compute right now; where the system doesn't tell, no."""
    others = 0
    for _ in range(LOOKS):
        try:
            others += int(RUNNING.read_text().split()[3].partition("/")[0]) > 1  # one of them is the one that looks
        except (OSError, IndexError, ValueError):
            return False
        time.sleep(PAUSE)
    return others > LOOKS // 2
