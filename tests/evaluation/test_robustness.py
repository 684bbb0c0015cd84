import io
import json

import numpy as np
import pytest
from rich.console import Console

from tenfold.data.dataset import Dataset
from tenfold.evaluation import robustness as module
from tenfold.evaluation.robustness import ROWS, SEVERITIES, damage, measure
from tenfold.synthesis.corruptions import CORRUPTIONS

QUIET = Console(file=io.StringIO())
DIGITS = np.zeros((30, 28, 28), np.uint8)
DIGITS[:15, 4:24, 13:16] = 255  # 1
DIGITS[15:, 13:16, 4:24] = 255  # lying: called 0 here
DATA = Dataset(DIGITS, np.repeat([1, 0], 15).astype(np.uint8), "bars")


class TellsBars:
    """A 1 where more ink lies along the middle column than along the middle row."""

    def predict(self, images):
        wide = images[:, 14].astype(int).sum(1), images[:, :, 14].astype(int).sum(1)
        return (wide[1] > wide[0]).astype(np.uint8)

    def predict_both(self, images):
        return np.eye(10)[self.predict(images)], images.max(axis=(1, 2)) / 255


@pytest.fixture
def _bars(monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda path: TellsBars())


@pytest.mark.usefixtures("_bars")
def test_every_kind_is_measured_at_every_severity():
    measured = measure("model", DATA, QUIET)
    assert (measured.rows, measured.undamaged) == (30, 1.0)
    assert [kind.name for kind in measured.kinds] == list(CORRUPTIONS)
    by_name = {kind.name: kind for kind in measured.kinds}
    for name, kind in by_name.items():
        assert len(kind.accuracy) == len(kind.digitness) == len(SEVERITIES)
        for place, severity in enumerate(SEVERITIES):
            images = damage(name, DIGITS, severity)
            assert kind.accuracy[place] == (TellsBars().predict(images) == DATA.labels).mean()
    assert by_name["jpeg"].mean > 0.9
    assert by_name["inversion"].mean < 0.5, "it takes ink for white"
    assert measured.mean == pytest.approx(np.mean([kind.accuracy for kind in measured.kinds]))
    document = json.loads(json.dumps(measured.to_dict(), allow_nan=False))
    assert document["kinds"]["jpeg"]["accuracy"] == list(by_name["jpeg"].accuracy)


@pytest.mark.usefixtures("_bars")
def test_rows_are_spread_over_the_data(monkeypatch):
    monkeypatch.setattr(module, "CORRUPTIONS", {"jpeg": CORRUPTIONS["jpeg"]})
    labels = np.r_[np.ones(2 * ROWS), np.zeros(ROWS)].astype(np.uint8)
    many = Dataset(DIGITS[np.where(labels == 1, 0, 20)], labels, "many")
    seen = []
    both = TellsBars.predict_both
    monkeypatch.setattr(TellsBars, "predict_both", lambda self, images: seen.append(len(images)) or both(self, images))
    measured = measure("model", many, QUIET)
    assert measured.rows == ROWS
    assert seen == [ROWS] * len(SEVERITIES)


def test_damage_is_the_same_each_time_and_no_other_randomness_is_used():
    import torch

    torch.manual_seed(0)
    first = damage("spatter", DIGITS, 0.5)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), drawn)
    np.testing.assert_array_equal(damage("spatter", DIGITS, 0.5), first)
    assert first.dtype == np.uint8
