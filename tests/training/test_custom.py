"""Networks of the user's own are trained, resumed, exported and evaluated as any other."""

import json
import logging

import numpy as np
import pytest
import torch
from torch import nn

from tenfold.errors import RecipeError, RunError
from tenfold.model import Model, load_model
from tenfold.run import Run
from tenfold.training.checkpoint import load_network
from tenfold.training.custom import check_network, with_network
from tenfold.training.ensemble import combine
from tenfold.training.prepare import find_recipe
from tenfold.training.teacher import load_teacher
from tenfold.training.train import train
from tests.training.conftest import RecordingCallback

FACTORY = f"{__name__}:make"


def make():
    return nn.Sequential(nn.Conv2d(1, 4, 5, stride=2), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten(), nn.Linear(576, 10))


class Rows(nn.Module):
    """Has no converter of ours, and one weight for two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(28, 28), nn.Linear(28, 28), nn.Linear(28, 10)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.last(self.second(self.first(x.squeeze(1)).relu()).amax(1))


class Branching(Rows):
    def forward(self, x):
        return super().forward(x) * (2 if len(x) == 1 else 1)


class Drawing(Rows):
    def forward(self, x):
        return super().forward(x + 1000 * torch.rand_like(x))


def weights(run):
    return load_network(run).state_dict()


def test_factory_is_trained_exported_and_evaluated(make_recipe, make_digits, new_run):
    run, digits = new_run(), make_digits(400)
    recipe = make_recipe(epochs=4, validation_split=0.2, calibrate=True)
    result = train(recipe, digits, run, network=FACTORY)
    assert result.finished
    assert result.metrics["validation"]["accuracy"] > 0.8
    assert run.read_json(run.recipe)["net"] == {"kind": "custom", "factory": FACTORY}
    model, network = load_model(run.folder), load_network(run)
    with torch.no_grad():
        expected = network(torch.tensor(digits.images)).softmax(1).numpy()
    np.testing.assert_allclose(model.predict_proba(digits.images), expected, atol=1e-5)
    assert network.body.temperature.temperature != 1
    assert json.loads(model.metadata["recipe"])["net"]["factory"] == FACTORY


@pytest.mark.parametrize("network", [FACTORY, "module"])
def test_stopped_training_resumes_to_the_same_bits(make_recipe, make_digits, new_run, network):
    torch.manual_seed(0)
    network = make() if network == "module" else network
    recipe, digits, complete, stopped = make_recipe(epochs=2), make_digits(200), new_run(), new_run()
    train(recipe, digits, complete, network=network)
    assert not train(
        recipe, digits, stopped, [RecordingCallback(lambda epoch, step: step == 1)], network=network
    ).finished
    assert train(recipe, digits, stopped, network=network).finished
    assert stopped.weights.read_bytes() == complete.weights.read_bytes()


def test_module_must_be_given_again_to_resume(make_recipe, make_digits, new_run):
    recipe, digits, run = make_recipe(epochs=2), make_digits(100), new_run()
    train(recipe, digits, run, [RecordingCallback(lambda epoch, step: step == 1)], network=make())
    saved = find_recipe(str(run.recipe))
    with pytest.raises(RecipeError, match="module that was given in Python, which no file holds; pass it again"):
        train(saved, digits, run)
    with pytest.raises(RunError, match=r"its network was given in Python, which no file holds; use its model.onnx"):
        load_network(run)
    assert isinstance(load_teacher(str(run.folder)), Model)


def test_layers_without_a_converter_are_exported_by_pytorch(make_recipe, make_digits, new_run, caplog):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    run, digits = new_run(), make_digits(100)
    assert train(make_recipe(epochs=1, int8=True), digits, run, network=Rows()).finished
    assert load_model(run.folder).predict_proba(digits.images).shape == (100, 10)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_disagreement_of_runtimes_is_found_before_training(make_recipe, make_digits, new_run):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    run = new_run()
    with pytest.raises(RecipeError, match="ONNX Runtime and PyTorch disagree about it"):
        train(make_recipe(), make_digits(50), run, network=Drawing())
    assert not run.exists
    recipe, module = with_network(make_recipe(), Branching())
    with pytest.raises(RecipeError, match="must not depend on the number of images"):
        check_network(recipe, module)


def test_runs_of_custom_networks_are_combined(make_recipe, make_digits, new_run, tmp_path):
    runs, digits = [new_run(), new_run()], make_digits(100)
    for seed, run in enumerate(runs):
        train(make_recipe(epochs=1, seed=seed), digits, run, network=FACTORY)
    combine([run.folder for run in runs], tmp_path / "combined")
    mean = np.mean([load_model(run.folder).predict_proba(digits.images) for run in runs], axis=0)
    combined = load_model(Run(tmp_path / "combined").folder).predict_proba(digits.images)
    np.testing.assert_allclose(combined, mean, atol=1e-5)


def test_ensemble_of_a_factory_has_different_members(make_recipe, make_digits, new_run):
    run = new_run()
    train(make_recipe(epochs=1, ensemble_size=2), make_digits(100), run, network=FACTORY)
    first, second = weights(run)["members.0.body.network.0.weight"], weights(run)["members.1.body.network.0.weight"]
    assert not torch.equal(first, second)


@pytest.mark.parametrize("network", [3, make])
def test_what_is_no_network_is_named(make_recipe, network):
    with pytest.raises(RecipeError, match=r"network: expected a torch.nn.Module or package.module:factory, got"):
        with_network(make_recipe(), network)
