import json
import re

import pytest
import torch

from tenfold.files import cache_folder
from tenfold.nets import build
from tenfold.training import device as device_module
from tenfold.training.device import autocast, choose_precision, device_name, find_device

CPU = torch.device("cpu")


@pytest.fixture
def measurements(monkeypatch):
    """Counts the measurements; each finds what `answer` says."""
    seen = []

    def measure(network, shape, device):
        seen.append(shape)
        return measure.answer

    measure.answer, measure.seen = True, seen
    monkeypatch.setattr(device_module, "_is_faster", measure)
    return measure


def choose(recipe):
    return choose_precision(build(recipe), recipe, (recipe.batch_size, 28, 28), CPU)


def test_it_is_measured_once_and_remembered(measurements, make_recipe):
    assert choose(make_recipe()) == "bfloat16"
    measurements.answer = False  # the machine is busy now; the same recipe still gets the same numbers
    assert choose(make_recipe()) == "bfloat16"
    assert choose(make_recipe(seed=5, epochs=9, validation_split=0.3)) == "bfloat16"
    assert measurements.seen == [(32, 28, 28)]


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 33}, {"normalize": "standardize_per_pixel"}, {"net": {"kind": "mlp", "dense": [8]}}],
    ids=str,
)
def test_what_changes_a_step_is_measured_anew(measurements, make_recipe, changes):
    choose(make_recipe())
    measurements.answer = False
    assert choose(make_recipe(**changes)) == "float32"
    assert choose(make_recipe()) == "bfloat16"
    assert len(measurements.seen) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", '{"a": ["bfloat16"]}', '{"a": {}}', b"\xff\xfe"])
def test_a_damaged_memory_is_written_anew(measurements, make_recipe, content):
    memory = cache_folder() / "precision.json"
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert choose(make_recipe()) == choose(make_recipe()) == "bfloat16"
    assert len(measurements.seen) == 1
    assert list(json.loads(memory.read_text()).values()) == ["bfloat16"]


def test_a_format_that_does_not_exist_is_not_believed(measurements, make_recipe):
    choose(make_recipe())
    memory = cache_folder() / "precision.json"
    memory.write_text(memory.read_text().replace("bfloat16", "float8"))
    assert choose(make_recipe()) == "bfloat16"
    assert len(measurements.seen) == 2


def test_where_nothing_can_be_kept_it_is_measured_each_time(measurements, make_recipe, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path / "file" / "cache"))  # no folder can be made in a file
    assert choose(make_recipe()) == "bfloat16"
    assert choose(make_recipe()) == "bfloat16"
    assert len(measurements.seen) == 2


def test_a_real_measurement_chooses_one_of_the_two_and_leaves_the_network_alone(make_recipe):
    recipe = make_recipe(net={"kind": "cnn", "stem_filters": 4, "filters": [4], "depth": 1})
    network = build(recipe).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert choose_precision(network, recipe, (100, 28, 28), CPU) in ("float32", "bfloat16")
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(("seconds", "faster"), [((1.0, 0.8), True), ((1.0, 0.95), False), ((1.0, 1.2), False)])
def test_a_tenth_must_be_saved_and_the_first_steps_do_not_count(monkeypatch, make_recipe, seconds, faster):
    times = {"float32": iter([9.0] + [seconds[0]] * 99), "bfloat16": iter([0.0] + [seconds[1]] * 99)}
    monkeypatch.setattr(
        device_module, "_step_seconds", lambda network, shape, device, precision: next(times[precision])
    )
    assert device_module._is_faster(build(make_recipe()), (8, 28, 28), CPU) is faster


def test_autocast_is_for_bfloat16_alone():
    x = torch.ones(2, 2)
    with autocast(CPU, "float32"):
        assert (x @ x).dtype == torch.float32
    with autocast(CPU, "bfloat16"):
        assert (x @ x).dtype == torch.bfloat16


def test_the_device_has_a_name():
    assert find_device().type in ("cpu", "cuda", "mps")
    assert re.search(rf", {torch.get_num_threads()} threads?$", device_name(CPU))


def test_bfloat16_trains_resumes_and_ends_the_same(monkeypatch, measurements, make_recipe, digits, new_run):
    """The format that was measured first is that of the whole run, wherever it goes on."""
    from tenfold.training.digits import fit

    recipe = make_recipe(ema=0.9)

    def train(run, ends=lambda epoch, step: False):
        return fit(recipe, digits, digits, run, CPU, Watcher(ends))

    whole = train(new_run())
    assert whole.state.precision == "bfloat16"
    run = new_run()
    train(run, lambda epoch, step: (epoch, step) == (0, 4))
    monkeypatch.setenv("TENFOLD_CACHE", str(run.folder))  # another machine's cache
    measurements.answer = False
    again = train(run)
    assert again.state.precision == "bfloat16"
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
