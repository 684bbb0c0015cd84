import io
import json

import numpy as np
import pytest
from rich.console import Console

from tenfold.data.dataset import Dataset
from tenfold.evaluation import robustness as module
from tenfold.evaluation.robustness import MAX_SAMPLES, SEVERITIES, corrupt, evaluate_robustness
from tenfold.synthesis.corruptions import CORRUPTIONS

QUIET = Console(file=io.StringIO())
DIGITS = np.zeros((30, 28, 28), np.uint8)
DIGITS[:15, 4:24, 13:16] = 255  # 1
DIGITS[15:, 13:16, 4:24] = 255  # horizontal: labeled 0 here
DATA = Dataset(DIGITS, np.repeat([1, 0], 15).astype(np.uint8), "bars")


class BarModel:
    """A 1 if there is more ink along the middle column than along the middle row."""

    def predict(self, images):
        wide = images[:, 14].astype(int).sum(1), images[:, :, 14].astype(int).sum(1)
        return (wide[1] > wide[0]).astype(np.uint8)

    def predict_with_digitness(self, images):
        return np.eye(10)[self.predict(images)], images.max(axis=(1, 2)) / 255


@pytest.fixture
def _bars(monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda path: BarModel())


@pytest.mark.usefixtures("_bars")
def test_every_corruption_at_every_severity():
    result = evaluate_robustness("model", DATA, QUIET)
    assert (result.n, result.clean_accuracy) == (30, 1.0)
    assert [corruption.name for corruption in result.corruptions] == list(CORRUPTIONS)
    by_name = {corruption.name: corruption for corruption in result.corruptions}
    for name, corruption in by_name.items():
        assert len(corruption.accuracy) == len(corruption.digitness) == len(SEVERITIES)
        for index, severity in enumerate(SEVERITIES):
            images = corrupt(name, DIGITS, severity)
            assert corruption.accuracy[index] == (BarModel().predict(images) == DATA.labels).mean()
    assert by_name["jpeg"].mean_accuracy > 0.9
    assert by_name["inversion"].mean_accuracy < 0.5, "the model expects white ink"
    assert result.mean_accuracy == pytest.approx(np.mean([corruption.accuracy for corruption in result.corruptions]))
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["corruptions"]["jpeg"]["accuracy"] == list(by_name["jpeg"].accuracy)


@pytest.mark.usefixtures("_bars")
def test_samples_are_evenly_spaced(monkeypatch):
    monkeypatch.setattr(module, "CORRUPTIONS", {"jpeg": CORRUPTIONS["jpeg"]})
    labels = np.r_[np.ones(2 * MAX_SAMPLES), np.zeros(MAX_SAMPLES)].astype(np.uint8)
    many = Dataset(DIGITS[np.where(labels == 1, 0, 20)], labels, "many")
    seen = []
    both = BarModel.predict_with_digitness
    monkeypatch.setattr(
        BarModel, "predict_with_digitness", lambda self, images: seen.append(len(images)) or both(self, images)
    )
    result = evaluate_robustness("model", many, QUIET)
    assert result.n == MAX_SAMPLES
    assert seen == [MAX_SAMPLES] * len(SEVERITIES)


def test_corrupt_is_deterministic_and_leaves_the_global_seed_alone():
    import torch

    torch.manual_seed(0)
    first = corrupt("spatter", DIGITS, 0.5)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), drawn)
    np.testing.assert_array_equal(corrupt("spatter", DIGITS, 0.5), first)
    assert first.dtype == np.uint8
