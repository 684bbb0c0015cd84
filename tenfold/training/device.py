"""The device to train on, and the number format that is faster there."""

import contextlib
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tenfold.errors import RecipeError, UnavailableError
from tenfold.nets import Network

AUTO = "auto"
DEVICES = ("cpu", "cuda", "mps")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TRIALS = 6
MIN_SPEEDUP = 0.9  # bfloat16 must need at most this much of float32's time
# CPUs with x86 instructions for bfloat16; others emulate it, which is always slower.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def select_device(name: str = AUTO) -> torch.device:
    """The named device; "auto": CUDA, else Apple's MPS, else the CPU. Raises UnavailableError, RecipeError."""
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == AUTO:
        name = next(device for device in ("cuda", "mps", "cpu") if found[device])
    if name not in found:
        raise RecipeError(f"there is no device '{name}'; expected auto, {', '.join(DEVICES)}")
    if not found[name]:
        raise UnavailableError(f"PyTorch finds no {name} device on this machine; --device cpu or auto works here")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The processor's name, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpu = _cpu_info("model name") or platform.processor() or platform.machine()
    if device.type != "cpu":
        return f"{device.type} ({cpu})"
    threads = torch.get_num_threads()
    return f"{cpu}, {threads} thread{'s' if threads > 1 else ''}"


def _cpu_info(key: str) -> str:
    """The first processor's value in Linux' /proc/cpuinfo, "" if there is none."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


@contextlib.contextmanager
def flush_denormals() -> Iterator[None]:
    """Inside, numbers below 1e-38 count as 0.

    The moments of units that hardly learn decay to such numbers, on which a processor takes ten times as long: late in
    the training of `dense-xxl` they tripled the time of a step.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Convolutions and matrix products in `precision` ("float32" or "bfloat16"), everything else in float32."""
    return torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "float32")


def check_precision(name: str) -> None:
    """Raise RecipeError for a name that is neither "auto" nor a precision."""
    if name not in (AUTO, *PRECISIONS):
        raise RecipeError(f"there is no precision '{name}'; expected auto, {', '.join(PRECISIONS)}")


def select_precision(
    precision: str, make_network: Callable[[], Network], shape: tuple[int, ...], device: torch.device
) -> str:
    """`precision` itself, or for "auto" the one that trains faster: bfloat16 if it saves a tenth of a step's time.

    make_network: called if there is something to measure. shape: of an input batch. Which one wins differs between
    processors with the same instructions, so it is measured. A measurement may come out differently next time, so the
    run records it.
    """
    if precision != AUTO:
        return precision
    if device.type == "mps":
        return "float32"  # not every macOS with MPS has autocast to bfloat16
    if device.type == "cuda":  # with captured steps; steps launched one by one, as here, would seem equally slow
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if may_have_bfloat16() and bfloat16_is_faster(make_network(), shape, device) else "float32"


def may_have_bfloat16() -> bool:
    """False if this is an x86 CPU that has no instructions for bfloat16."""
    flags = _cpu_info("flags").split()
    return not flags or not BFLOAT16_FLAGS.isdisjoint(flags)


def bfloat16_is_faster(network: Network, shape: tuple[int, ...], device: torch.device) -> bool:
    """Whether the fastest of several steps in bfloat16 clearly beats the fastest in float32."""
    network.train()
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(TRIALS):  # in turns, so that other load on the machine slows both
        for precision, measured in seconds.items():
            measured.append(_time_step(network, shape, device, precision))
    # The first step of each also prepares kernels; the fastest is the least disturbed one.
    return min(seconds["bfloat16"][1:]) < MIN_SPEEDUP * min(seconds["float32"][1:])


def _time_step(network: Network, shape: tuple[int, ...], device: torch.device, precision: str) -> float:
    pixels = torch.rand(shape, device=device) * 255
    start = time.perf_counter()
    with autocast(device, precision):
        logits = network(pixels).float()
    loss = logits.logsumexp(-1).mean()  # part of all our losses
    loss.backward()
    loss.item()  # waits for a GPU
    return time.perf_counter() - start
