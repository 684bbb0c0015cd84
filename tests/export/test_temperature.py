import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.evaluation.calibration import fit_temperature
from tenfold.export.temperature import calibrate
from tenfold.nets import build


def test_calibrate_divides_the_logits_and_nothing_else(make_recipe, digits):
    network = build(make_recipe(synthesis={"negatives": 0.5})).eval()
    images = torch.tensor(digits.images)
    with torch.no_grad():
        before, digitness = network.forward_heads(images)
        temperature = calibrate(network, digits)
        after, same = network.forward_heads(images)
    assert temperature == pytest.approx(fit_temperature(before.numpy(), digits.labels))
    torch.testing.assert_close(after * temperature, before, rtol=1e-4, atol=1e-4)
    assert torch.equal(digitness, same)


def test_calibrating_twice_changes_nothing(make_recipe, digits):
    """The network is right on four of five samples."""
    network = build(make_recipe()).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(20)
        labels = network(torch.tensor(digits.images)).argmax(1).numpy().astype(np.uint8)
    labels[::5] = (labels[::5] + 1) % 10
    data = Dataset(digits.images, labels, "mostly right")
    assert calibrate(network, data) != pytest.approx(1, abs=0.1)
    assert calibrate(network, data) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_fit_temperature_recovers_the_true_one(truth):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 10)) * 3
    probabilities = np.exp(logits / truth)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > rng.random((len(probabilities), 1))).argmax(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(truth, rel=0.05)


def test_fit_temperature_is_bounded_if_all_samples_are_right():
    assert 1 / 8 <= fit_temperature(np.eye(10) * 5, np.arange(10)) < 0.2
