"""The device to train on, and the number format that is faster there."""

import contextlib
import copy
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tenfold.files import cache_folder, write_json
from tenfold.nets import Network
from tenfold.recipes.schema import Recipe

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TRIALS = 6
Shape = tuple[int, ...]


def find_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    threads = torch.get_num_threads()
    return f"{cpu}, {threads} thread{'s' if threads > 1 else ''}" if device.type == "cpu" else f"{device.type} ({cpu})"


@contextlib.contextmanager
def denormals_flushed() -> Iterator[None]:
    """Numbers below 1e-38 count as 0 while inside.

    Moments of units that hardly learn decay to such numbers, on which a processor takes ten times as long: late in the
    training of `dense-xxl` they tripled a step.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Convolutions and matrix products in `precision` ("float32" or "bfloat16"), everything else in float32."""
    return torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "float32")


def choose_precision(network: Network, recipe: Recipe, shape: Shape, device: torch.device) -> str:
    """The format that trains faster here: bfloat16 where it saves a tenth of a step's time, else float32.

    shape: of a batch of the network's input.

    Which one wins differs between processors with the same instructions, so it is measured: once for a machine, a
    PyTorch and a network, and remembered, so that the next run of a recipe trains with the same numbers.
    """
    if device.type == "mps":
        return "float32"  # autocast to bfloat16 is not there on every macOS that has MPS
    if device.type == "cuda":  # where steps are recorded; launched one by one, as here, they would seem equally slow
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    key = " | ".join(
        [device_name(device), torch.__version__, str(shape), recipe.net.model_dump_json(), recipe.normalize]
    )
    memory = cache_folder() / "precision.json"
    known = _remembered(memory)
    if key not in known:
        known[key] = "bfloat16" if _is_faster(network, shape, device) else "float32"
        with contextlib.suppress(OSError):  # a read-only home: measured again next time
            write_json(memory, known)
    return known[key]


def _remembered(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text())
        return {key: value for key, value in known.items() if value in PRECISIONS}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _is_faster(network: Network, shape: Shape, device: torch.device) -> bool:
    """Whether bfloat16 beats float32 clearly: the fastest of several steps of each, taken in turns."""
    network = copy.deepcopy(network).train()
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(TRIALS):
        for precision, measured in seconds.items():
            measured.append(_step_seconds(network, shape, device, precision))
    # The first step of each also prepares kernels; the fastest is the least disturbed one.
    return min(seconds["bfloat16"][1:]) < 0.9 * min(seconds["float32"][1:])


def _step_seconds(network: Network, shape: Shape, device: torch.device, precision: str) -> float:
    pixels = torch.rand(shape, device=device) * 255
    start = time.perf_counter()
    with autocast(device, precision):
        logits = network(pixels).float()
    loss = logits.logsumexp(-1).mean()  # what all our losses hold
    loss.backward()
    loss.item()  # waits for a GPU
    return time.perf_counter() - start
