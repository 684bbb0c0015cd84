"""Pictures opened without warnings, by any number of threads."""

from __future__ import annotations

import threading
import warnings


class Unwarned:
    """Inside, warnings are ignored, and once no thread is inside the filters are as they were.

    `warnings.catch_warnings` alone puts back what it found: with two threads the one that leaves last may put back the
    other's silence, for good.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._caught = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


UNWARNED = Unwarned()
