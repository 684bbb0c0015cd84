"""What a command costs before and after its real work: imports, export, report, exit.

    python benchmarks/fixed_cost.py [--rounds 9] [--quick]

Every command runs in a process of its own, in rounds in which all take turns, beside the bare imports that it can't do
without. Times are medians with the range, of processor time (user and system) and wall time; bytecode is compiled and
caches are filled in a round before that isn't counted.

Claims, in processor time: `tenfold train digits --recipe flash` costs at most 2.5 times `import torch`, and
`tenfold read` of one picture at most 2 times `import numpy, cv2, onnxruntime`. Exits with 1 when a claim fails.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

BARE, PREDICTION, TRAINING = "pass", "import numpy, cv2, onnxruntime", "import torch"
LIMITS = {"train": 2.5, "read": 2.0}
PACKAGES = ("tenfold", "torch", "onnxruntime", "numpy", "opencv-python-headless", "typer")


class Cost(NamedTuple):
    processor: float  # seconds, of user and system together
    wall: float  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="3 rounds")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        commands = prepare_commands(Path(folder))
        environment = make_environment(Path(folder))
        for command in commands.values():  # warm-up
            measure(command, environment)
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(3 if arguments.quick else arguments.rounds):
            for name, command in commands.items():
                costs[name].append(measure(command, environment))
    print_table(costs)
    print(f"{processor_name()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions()}")
    claims = [check_claim(costs, name, limit) for name, limit in LIMITS.items()]
    return 0 if all(claims) else 1


def prepare_commands(folder: Path) -> dict[str, list[str]]:
    """Arguments of Python by the name of the command."""
    picture = folder / "picture.png"
    draw_picture(picture)
    tenfold = ["-m", "tenfold"]
    return {
        BARE: ["-c", BARE],
        "import tenfold": ["-c", "import tenfold"],
        "--help": [*tenfold, "--help"],
        PREDICTION: ["-c", PREDICTION],
        "read": [*tenfold, "read", str(picture)],
        "submit": [*tenfold, "submit", "bundled", "digits", "--out", str(folder / "submission.csv")],
        "evaluate": [*tenfold, "evaluate", "bundled", "digits:test"],
        TRAINING: ["-c", TRAINING],
        "train": [*tenfold, "train", "digits", "--recipe", "flash", "--out", str(folder / "run"), "--overwrite"],
    }


PEERS = {
    "import tenfold": BARE,
    "--help": BARE,
    "read": PREDICTION,
    "submit": PREDICTION,
    "evaluate": PREDICTION,
    "train": TRAINING,
}


def draw_picture(path: Path) -> None:
    page = np.full((200, 600), 240, np.uint8)
    cv2.putText(page, "20 619", (40, 140), cv2.FONT_HERSHEY_SIMPLEX, 3.5, 30, 9, cv2.LINE_AA)
    cv2.imwrite(str(path), page)


def make_environment(folder: Path) -> dict[str, str]:
    """The user's, with caches of their own and with bytecode, as an installed package has it."""
    environment = os.environ | {
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "TENFOLD_CACHE": str(folder / "cache"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def measure(arguments: list[str], environment: dict[str, str]) -> Cost:
    """Run Python with these arguments. Raises SystemExit if it fails."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed: {errors.decode()}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


def processor_seconds(costs: list[Cost]) -> float:
    return statistics.median(cost.processor for cost in costs)


def print_table(costs: dict[str, list[Cost]]) -> None:
    table = Table("command", "processor, s", "range", "wall, s", "range", "times its imports")
    for name, measured in costs.items():
        processor, wall = ([getattr(cost, field) for cost in measured] for field in Cost._fields)
        peer = PEERS.get(name)
        ratio = f"{processor_seconds(measured) / processor_seconds(costs[peer]):.2f}" if peer else ""
        table.add_row(
            f"tenfold {name}" if name in PEERS and "import" not in name else name,
            f"{statistics.median(processor):.3f}",
            f"{min(processor):.3f} to {max(processor):.3f}",
            f"{statistics.median(wall):.3f}",
            f"{min(wall):.3f} to {max(wall):.3f}",
            ratio,
        )
    Console(width=110).print(table)


def check_claim(costs: dict[str, list[Cost]], name: str, limit: float) -> bool:
    ratio = processor_seconds(costs[name]) / processor_seconds(costs[PEERS[name]])
    holds = ratio <= limit
    print("holds" if holds else "FAILS", f"{name}: at most {limit:g} times `{PEERS[name]}` ({ratio:.2f})")
    return holds


def processor_name() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def versions() -> str:
    return ", ".join(f"{package} {version(package)}" for package in PACKAGES)


if __name__ == "__main__":
    sys.exit(main())
