import re

import pytest
import torch

from tenfold.errors import RecipeError, UnavailableError
from tenfold.nets import build
from tenfold.training import device as device_module
from tenfold.training.device import (
    autocast,
    bfloat16_is_faster,
    check_precision,
    device_name,
    may_have_bfloat16,
    select_device,
    select_precision,
)
from tenfold.training.digits import DigitTask
from tests.training.conftest import RecordingCallback

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")
SHAPE = (32, 28, 28)


def never():
    raise AssertionError("measured")


@pytest.mark.parametrize("faster", [True, False])
def test_auto_precision_is_the_faster_one(monkeypatch, faster):
    monkeypatch.setattr(device_module, "may_have_bfloat16", lambda: True)
    monkeypatch.setattr(device_module, "bfloat16_is_faster", lambda network, shape, device: faster)
    assert select_precision("auto", lambda: None, SHAPE, CPU) == ("bfloat16" if faster else "float32")


def test_given_precision_is_not_measured():
    for precision in ("float32", "bfloat16"):
        assert select_precision(precision, never, SHAPE, CPU) == precision


def test_auto_precision_without_measurement(monkeypatch):
    assert select_precision("auto", never, SHAPE, MPS) == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert select_precision("auto", never, SHAPE, CUDA) == "float32"
    monkeypatch.setattr(device_module, "may_have_bfloat16", lambda: False)
    assert select_precision("auto", never, SHAPE, CPU) == "float32"


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu avx2", False), ("fpu avx512_bf16", True), ("amx_bf16 fpu", True), ("", True)]
)
def test_may_have_bfloat16_reads_cpu_flags(monkeypatch, flags, expected):
    monkeypatch.setattr(device_module, "_cpu_info", lambda key: flags)
    assert may_have_bfloat16() is expected


def test_unknown_precision():
    for known in ("auto", "float32", "bfloat16"):
        check_precision(known)
    with pytest.raises(RecipeError, match="there is no precision 'float8'; expected auto, float32, bfloat16"):
        check_precision("float8")


def test_select_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert select_device().type == select_device("cpu").type == "cpu"
    with pytest.raises(UnavailableError, match="no cuda device on this machine"):
        select_device("cuda")
    with pytest.raises(RecipeError, match="there is no device 'tpu'; expected auto, cpu, cuda, mps"):
        select_device("tpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert select_device().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert select_device().type == "cuda"
    assert select_device("cpu").type == "cpu"


def test_measurement_keeps_weights(make_recipe):
    network = build(make_recipe(net={"kind": "cnn", "stem_filters": 4, "filters": [4], "depth": 1}))
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    assert bfloat16_is_faster(network, (100, 28, 28), CPU) in (True, False)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.named_parameters())


@pytest.mark.parametrize(("seconds", "faster"), [((1.0, 0.8), True), ((1.0, 0.95), False), ((1.0, 1.2), False)])
def test_bfloat16_must_save_a_tenth_not_counting_first_steps(monkeypatch, make_recipe, seconds, faster):
    times = {"float32": iter([9.0] + [seconds[0]] * 99), "bfloat16": iter([0.0] + [seconds[1]] * 99)}
    monkeypatch.setattr(device_module, "_time_step", lambda network, shape, device, precision: next(times[precision]))
    assert bfloat16_is_faster(build(make_recipe()), SHAPE, CPU) is faster


def test_autocast_only_for_bfloat16():
    x = torch.ones(2, 2)
    with autocast(CPU, "float32"):
        assert (x @ x).dtype == torch.float32
    with autocast(CPU, "bfloat16"):
        assert (x @ x).dtype == torch.bfloat16


def test_device_name_of_cpu():
    assert re.search(rf", {torch.get_num_threads()} threads?$", device_name(CPU))


def test_resumed_training_keeps_precision(make_recipe, digits, new_run):
    """Even if another one is faster now."""
    recipe = make_recipe(ema=0.9)

    def fit(run, precision, *callbacks):
        return DigitTask(recipe, digits, digits, CPU).fit(run, [precision], callbacks)

    expected = fit(new_run(), "bfloat16")
    assert expected.precision == "bfloat16"
    run = new_run()
    fit(run, "bfloat16", RecordingCallback(lambda epoch, step: (epoch, step) == (0, 4)))
    resumed = fit(run, "float32")
    assert resumed.precision == "bfloat16"
    for name, tensor in expected.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name])
