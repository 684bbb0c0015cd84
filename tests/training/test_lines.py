"""The training of a line model: a small one, stopped and resumed, exported and evaluated."""

import json

import cv2
import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import DataError, RecipeError
from tenfold.ocr.line_model import LINE_HEIGHT, LineModel, calibrate
from tenfold.ocr.marks import BLANK, SYMBOLS
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.synthesis.lines import generator
from tenfold.training import lines
from tenfold.training.checkpoint import load_network, load_weights
from tenfold.training.lines import LineTask, ctc_loss, decode_greedily, edit_distance, fit_calibration, pad_images
from tenfold.training.train import split, train
from tests.training.conftest import RecordingCallback

RECIPE = {
    "name": "small-line",
    "batch_size": 16,
    "epochs": 2,
    "validation_split": 0.2,
    "ema": 0.9,
    "net": {
        "kind": "ctc",
        "filters": [2, 4, 4, 8],
        "context_filters": 8,
        "context_layers": 1,
        "lines_per_epoch": 48,
        "passes_per_epoch": 2,
    },
    "augment": {"zoom": 0.05, "translation": 0.02},
    "optimizer": {"name": "adamw", "lr": 0.02},
    "schedule": {"kind": "onecycle"},
}


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    rng = np.random.default_rng(0)
    images = np.zeros((60, 28, 28), np.uint8)
    for i, image in enumerate(images):
        origin = int(rng.integers(4, 9)), int(rng.integers(20, 25))
        cv2.putText(image, str(i % 10), origin, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return Dataset(images, (np.arange(60) % 10).astype(np.uint8), "drawn digits")


@pytest.fixture(scope="module", autouse=True)
def _few_lines():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "BACKGROUNDS", 3)
        patch.setattr(lines, "VALIDATION_LINES", 30)
        yield


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("line") / "run")
    return train(from_dict(RECIPE, "test"), drawn, run, device="cpu", precision="bfloat16")


def test_run_is_complete_and_model_matches_network(trained):
    run, result = trained.run, trained
    assert result.finished
    assert run.damaged_files() == []
    assert {path.name for path in (run.model, run.report, run.card, run.metrics)} <= {
        path.name for path in run.folder.iterdir()
    }
    assert result.metrics["validation"]["n"] == 30
    assert "small-line" in run.report.read_text()
    assert f"{result.metrics['parameters']:,}" in run.card.read_text()

    model = LineModel(run.model.read_bytes())
    image = np.random.default_rng(1).integers(0, 256, (LINE_HEIGHT, 100), dtype=np.uint8)
    with torch.no_grad():
        expected = load_network(run)(torch.from_numpy(image)[None]).log_softmax(2)[0].numpy()
    np.testing.assert_allclose(model.predict(image[None])[0], expected, atol=1e-5)


def test_stopped_and_resumed_training_matches_uninterrupted(trained, drawn, new_run):
    recipe, run = from_dict(RECIPE, "test"), new_run()
    task = LineTask(recipe, *split(recipe, drawn), torch.device("cpu"))
    stop = RecordingCallback(lambda epoch, step: (epoch, step) == (1, 2))
    assert not task.fit(run, ["bfloat16"], [stop]).finished
    resumed = task.fit(run, ["bfloat16"])
    assert resumed.finished
    expected = load_weights(trained.run.weights)
    assert all(torch.equal(expected[name], tensor) for name, tensor in resumed.network.state_dict().items())


def test_loss_decreases(trained):
    history = trained.run.history.read_text().splitlines()
    losses = [float(line.split(",")[4]) for line in history[1:]]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "change",
    [
        {"ensemble_size": 2},
        {"normalize": "standardize"},
        {"augment": {"elastic_alpha": 1}},
        {"schedule": {"kind": "plateau"}},
        {"int8": True},
    ],
)
def test_settings_for_digits_only(change):
    with pytest.raises(RecipeError, match="reads lines"):
        from_dict(RECIPE | change, "test")


def test_ctc_loss_ignores_padding():
    torch.manual_seed(0)
    logits = torch.randn(1, 20, BLANK + 1)
    longer = torch.cat([logits, torch.randn(1, 30, BLANK + 1)], dim=1)
    lengths = torch.tensor([20])
    assert torch.allclose(ctc_loss(logits, lengths, ["4.07"]), ctc_loss(longer, lengths, ["4.07"]))
    assert list(decode_greedily(longer, lengths)) == list(decode_greedily(logits, lengths))


def test_decode_greedily_drops_blanks_and_repeats():
    path = [BLANK, 4, 4, BLANK, 4, SYMBOLS.index("."), 0, BLANK]
    logits = torch.nn.functional.one_hot(torch.tensor([path]), BLANK + 1).float()
    assert list(decode_greedily(logits, torch.tensor([8]))) == ["44.0"]
    assert list(decode_greedily(logits, torch.tensor([3]))) == ["4"]


def test_pad_images():
    images = [np.full((LINE_HEIGHT, width), 9, np.uint8) for width in (30, 70)]
    batch, lengths = pad_images(images)
    assert batch.shape == (2, LINE_HEIGHT, 96)
    assert lengths.tolist() == [16, 36]
    assert batch[0, :, 30:].sum() == 0


@pytest.mark.parametrize(
    ("first", "second", "distance"), [("", "", 0), ("123", "13", 1), ("47", "74", 2), ("000", "00", 1)]
)
def test_edit_distance(first, second, distance):
    assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_fit_calibration_recovers_slope_and_offset():
    rng = np.random.default_rng(0)
    odds = rng.normal(1, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * odds - 0.4)))
    slope, offset = fit_calibration(np.log(1 / (1 + np.exp(-odds))), right)
    assert slope == pytest.approx(0.7, abs=0.03)
    assert offset == pytest.approx(-0.4, abs=0.05)


def test_fit_calibration_with_all_texts_right():
    slope, offset = fit_calibration(np.full(50, -1e-6), np.ones(50, bool))
    assert calibrate(-1e-6, slope, offset) > 0.9
    assert json.dumps([slope, offset])


@pytest.mark.parametrize(("samples", "part"), [(slice(9), "9 training"), (slice(None), "6 validation")])
def test_lines_need_all_ten_digits(drawn, new_run, samples, part):
    recipe = from_dict(RECIPE | {"validation_split": 0 if part == "9 training" else 6 / 60}, "test")
    data = drawn.subset(samples)
    run = new_run()
    with pytest.raises(DataError, match=f"none of the {part} samples is a"):
        train(recipe, data, run)
    assert not run.exists
