"""Time and memory for reading Kaggle's train.csv, compared with other libraries.

    python benchmarks/csv_reading.py [train.csv | digit-recognizer.zip] [--quick]

Every reader runs in a process of its own, timed after its imports; the readers take turns, so that other work on the
machine affects all alike. Without a file, one of the same format is made. Exits with 1 if a claim fails: parsed and
validated in 0.3 s and half of pandas' time, with less than 350 MB.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

MAX_SECONDS = 0.3
MAX_PANDAS_RATIO = 0.5
MAX_PEAK_MB = 350

ROWS = 42_000
PIXELS = 784

# Each reader: its imports, and an expression for what it reads.
READERS = {
    "tenfold, CSV parser alone": (
        "from tenfold.data.formats.csv import read_csv",
        "read_csv(lambda: path.open('rb'), path.name)",
    ),
    "tenfold.load_data": ("from tenfold.data import load_data", "load_data(path)"),
    "pandas.read_csv": ("import pandas", "pandas.read_csv(path)"),
    "polars.read_csv, uint8": (
        "import polars; names = ['label'] + [f'pixel{i}' for i in range(784)]",
        "polars.read_csv(path, schema=dict.fromkeys(names, polars.UInt8)).to_numpy()",
    ),
    "numpy.loadtxt, uint8": ("import numpy", "numpy.loadtxt(path, numpy.uint8, delimiter=',', skiprows=1)"),
}
PACKAGES = {"pandas.read_csv": "pandas", "polars.read_csv, uint8": "polars"}

MEASURE = """
import json, os, resource, sys, time
from pathlib import Path
path = Path(sys.argv[1])
{imports}
start, used = time.perf_counter(), time.process_time()
result = {reading}
seconds, used = time.perf_counter() - start, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
import numpy as np
result = getattr(result, "train", result)
if hasattr(result, "images"):
    result = result.images, result.labels
arrays = result if isinstance(result, tuple) else (np.asarray(result),)
print(json.dumps([seconds, used, peak, sum(int(array.sum(dtype=np.int64)) for array in arrays)]))
"""


class Reading(NamedTuple):
    seconds: float
    processor_seconds: float  # of all threads; distinguishes a slow reader from a busy machine
    peak_mb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", help="train.csv or Kaggle's zip; default: a synthetic one")
    parser.add_argument("--quick", action="store_true", help="three runs each instead of nine")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = csv_file(arguments.file, Path(folder))
        results = measure(path, 3 if arguments.quick else 9)
        print(
            f"{path.name}, {path.stat().st_size / 1e6:.1f} MB; {platform.machine()}, {os.cpu_count()} cores, ", end=""
        )
        print(f"Python {platform.python_version()}, NumPy {importlib.metadata.version('numpy')}\n")
    show(results)
    return report(results)


def csv_file(given: Path | None, folder: Path) -> Path:
    if given is None:
        return write_synthetic(folder / "synthetic.csv")
    if given.suffix != ".zip":
        return given
    with (
        zipfile.ZipFile(given) as archive,
        archive.open("train.csv") as packed,
        (folder / "train.csv").open("wb") as out,
    ):
        shutil.copyfileobj(packed, out)
    return folder / "train.csv"


def write_synthetic(path: Path) -> Path:
    """Write rows like Kaggle's: a fifth of the pixels is ink, in runs, most of it bright."""
    rng = random.Random(0)
    ink = [str(value) for value in range(256)]
    with path.open("w") as file:
        file.write(",".join(["label", *(f"pixel{i}" for i in range(PIXELS))]) + "\n")
        for _ in range(ROWS):
            row = ["0"] * PIXELS
            for start in rng.sample(range(100, 680), 23):
                row[start : start + 7] = rng.choices(ink, k=7)
            file.write(",".join([str(rng.randrange(10)), *row]) + "\n")
    return path


def measure(path: Path, n: int) -> dict[str, list[Reading]]:
    """`n` readings of each reader; empty for readers that are not installed."""
    results: dict[str, list[Reading]] = {}
    sums = set()
    path.read_bytes()  # fills the system's file cache
    for _ in range(n):
        for name, (imports, reading) in READERS.items():
            if name in PACKAGES and not installed(PACKAGES[name]):
                results.setdefault(name, [])
                continue
            program = MEASURE.format(imports=imports, reading=reading)
            done = subprocess.run([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True, check=True)
            *measured, total = json.loads(done.stdout)
            results.setdefault(name, []).append(Reading(*measured))
            sums.add(total)
    if len(sums) > 1:
        sys.exit(f"the readers disagree on the sum of all numbers: {sums}")
    return results


def installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def median_seconds(results: dict[str, list[Reading]], name: str) -> float:
    return statistics.median(reading.seconds for reading in results[name])


def show(results: dict[str, list[Reading]]) -> None:
    print(f"{'':32}{'median':>10}{'fastest':>10}{'slowest':>10}{'processor':>10}{'peak':>10}{'n':>4}")
    for name, readings in results.items():
        if not readings:
            print(f"{name:32}{'skipped: not installed':>30}")
            continue
        seconds = [reading.seconds for reading in readings]
        used = statistics.median(reading.processor_seconds for reading in readings)
        peak = max(reading.peak_mb for reading in readings)
        values = (statistics.median(seconds), min(seconds), max(seconds), used)
        times = "".join(f"{value * 1000:>7.0f} ms" for value in values)
        print(f"{name:32}{times}{peak:>7.0f} MB{len(seconds):>4}")


def report(results: dict[str, list[Reading]]) -> int:
    seconds = median_seconds(results, "tenfold.load_data")
    ours = [reading for name, readings in results.items() if name.startswith("tenfold") for reading in readings]
    peak = max(reading.peak_mb for reading in ours)
    claims = [(f"parsed and validated within {MAX_SECONDS} s ({seconds:.2f})", seconds <= MAX_SECONDS)]
    if results["pandas.read_csv"]:
        ratio = seconds / median_seconds(results, "pandas.read_csv")
        claims.append((f"at most half of pandas' time ({ratio:.2f})", ratio <= MAX_PANDAS_RATIO))
    claims.append((f"less than {MAX_PEAK_MB} MB", peak < MAX_PEAK_MB))
    print()
    for claim, holds in claims:
        print(f"{'holds' if holds else 'FAILS'}  {claim}")
    return 0 if all(holds for _, holds in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
