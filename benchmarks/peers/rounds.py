"""How the programs of this folder are driven, so that they can take turns: one JSON value a line, both ways.

A program says what it is, then trains as many batches as each line of its input tells, and answers with the seconds
that took. Between its turns it sleeps.
"""

import json
import sys
from typing import Any


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def next_turn() -> int:
    """How many batches to train now; 0 when there are no more turns."""
    return int(sys.stdin.readline() or 0)
