"""How fast a trained model predicts: `Model` beside bare ONNX Runtime and Keras, and `tenfold submit` end to end.

    python benchmarks/inference.py [MODEL] [--kaggle digit-recognizer.zip] [--peer .venv-keras/bin/python] [--quick]

MODEL: a run folder or an .onnx file; without it an untrained network of the recipe `distilled` in 8 bits, as speed does
not depend on the weights' values.

Claims: `Model.predict_proba` on 28,000 images reaches 95 % of the rate of bare ONNX Runtime at its best batch size;
`distilled` classifies at least 30,000 images per second, takes at most 0.1 ms for one image, and its file at most
400 kB; with --kaggle, `tenfold submit` takes at most 1.5 s. Rates are medians of rounds in which all take turns. The
peer is Keras' `predict` of a network of 887,530 parameters, in an environment of its own (`make keras-peer`). Exits
with 1 when a claim fails.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table

from tenfold.model import Model, load_model
from tenfold.recipes import find

IMAGES = 28_000
BATCH_SIZES = (64, 256, 1024, 4096)
PEERS = Path(__file__).parent / "peers"
KERAS_PYTHON = PEERS.parents[1] / ".venv-keras" / "bin" / "python"
MIN_RELATIVE_RATE = 0.95  # of bare ONNX Runtime's
MIN_RATE = 30_000  # images per second
MAX_LATENCY = 0.1e-3  # seconds for one image
MAX_SIZE = 400_000  # bytes
MAX_SUBMIT = 1.5  # seconds
REPEATS = 200  # of one image, per measurement


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--kaggle", type=Path)
    parser.add_argument("--peer", type=Path, default=os.environ.get("TENFOLD_KERAS_PYTHON", KERAS_PYTHON))
    parser.add_argument("--quick", action="store_true", help="3 rounds, not 9")
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else 9

    with tempfile.TemporaryDirectory() as folder:
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
        file = model_file(arguments.model, Path(folder), images)
        claims = measure_model(file, images, rounds, arguments.model is None)
        if arguments.kaggle:
            claims.append(measure_submit(file, arguments.kaggle, Path(folder), rounds))
        measure_keras(Path(arguments.peer), rounds)
    print(f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}, {os.cpu_count()} cores")
    return 0 if all(claims) else 1


def model_file(given: Path | None, folder: Path, images: np.ndarray) -> Path:
    if given:
        load_model(given)  # raises if it is not a model
        return given / "model.onnx" if given.is_dir() else given
    from tenfold.export.onnx import export
    from tenfold.export.quantize import quantize
    from tenfold.nets import build

    export(build(find("distilled").recipe), folder / "model.onnx", {})
    quantize(folder / "model.onnx", images)
    return folder / "model.onnx"


def measure_model(file: Path, images: np.ndarray, rounds: int, is_distilled: bool) -> list[bool]:
    model = load_model(file)
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())

    def bare(size: int) -> Callable[[], object]:
        return lambda: [session.run(None, {name: images[i : i + size]}) for i in range(0, IMAGES, size)]

    programs = {"Model.predict_proba": lambda: model.predict_proba(images)}
    programs |= {f"bare ONNX Runtime, batches of {size}": bare(size) for size in BATCH_SIZES}
    seconds = measure_in_turns(programs, rounds)
    singles = measure_in_turns(
        {
            "Model.predict_proba, one image": repeated(lambda: model.predict_proba(images[:1])),
            "bare ONNX Runtime, one image": repeated(lambda: session.run(None, {name: images[:1]})),
        },
        rounds,
    )
    table = Table("", "images/s", "best", "one image, ms")
    for program, measured in seconds.items():
        table.add_row(program, f"{IMAGES / statistics.median(measured):,.0f}", f"{IMAGES / min(measured):,.0f}", "")
    for program, measured in singles.items():
        table.add_row(program, "", "", f"{1000 * statistics.median(measured) / REPEATS:.3f}")
    Console(width=100).print(table)
    ours, *others = (statistics.median(measured) for measured in seconds.values())
    single = statistics.median(singles["Model.predict_proba, one image"]) / REPEATS
    relative = min(others) / ours
    claims = [
        claim(
            relative >= MIN_RELATIVE_RATE,
            f"at least {MIN_RELATIVE_RATE:.0%} of the rate of bare ONNX Runtime ({relative:.0%})",
        )
    ]
    if is_distilled or Model(file.read_bytes()).metadata.get("recipe", "").find('"distilled"') > 0:
        claims += [
            claim(
                IMAGES / ours >= MIN_RATE, f"distilled: at least {MIN_RATE:,} images per second ({IMAGES / ours:,.0f})"
            ),
            claim(
                single <= MAX_LATENCY, f"distilled: at most {1000 * MAX_LATENCY} ms for one image ({1000 * single:.3f})"
            ),
            claim(file.stat().st_size <= MAX_SIZE, f"distilled: at most {MAX_SIZE:,} bytes ({file.stat().st_size:,})"),
        ]
    return claims


def repeated(call: Callable[[], object]) -> Callable[[], object]:
    return lambda: [call() for _ in range(REPEATS)]


def measure_in_turns(programs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():  # warm-up
        program()
    for _ in range(rounds):
        for name, program in programs.items():
            start = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def measure_submit(file: Path, kaggle: Path, folder: Path, rounds: int) -> bool:
    """The command from start to end, each time in a process of its own."""
    command = [sys.executable, "-m", "tenfold", "submit", str(file), str(kaggle), "--out", str(folder / "s.csv")]
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    first, *others = seconds
    median = statistics.median(others)
    return claim(median <= MAX_SUBMIT, f"submit within {MAX_SUBMIT} s ({median:.2f}, the first time {first:.2f})")


def measure_keras(python: Path, rounds: int) -> None:
    if not python.exists():
        print(f"peer skipped: {python} is missing; `make keras-peer` installs it")
        return
    done = subprocess.run(
        [python, PEERS / "keras_predict.py", str(rounds)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    print(done.stdout.strip() or "peer skipped: Keras failed")


def claim(holds: bool, text: str) -> bool:
    print("holds" if holds else "FAILS", text)
    return holds


if __name__ == "__main__":
    sys.exit(main())
