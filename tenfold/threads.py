"""How threads that compute together wait for each other."""

import os
import time
from pathlib import Path

RUNNING = Path("/proc/loadavg")  # its fourth word: how many threads of the whole machine run right now, of how many
LOOKS, PAUSE = 5, 0.004  # seconds


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
