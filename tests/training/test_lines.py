"""The training of a line reader: a small one, killed and resumed, exported, sealed."""

import functools
import json

import cv2
import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import DataError, RecipeError
from tenfold.ocr.line_model import LINE_HEIGHT, LineModel, calibrate
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.synthesis.lines import generator as lines_module
from tenfold.training import checkpoint
from tenfold.training import lines as line_module
from tenfold.training.line_artifacts import calibrated, edits
from tenfold.training.lines import best_paths, ctc, fit_lines, stacked
from tenfold.training.train import split, train
from tenfold.training.checkpoint import load_network

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
        place = int(rng.integers(4, 9)), int(rng.integers(20, 25))
        cv2.putText(image, str(i % 10), place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return Dataset(images, (np.arange(60) % 10).astype(np.uint8), "drawn digits")


@pytest.fixture(scope="module", autouse=True)
def _little():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "BACKGROUNDS", 3)
        patch.setattr(line_module, "HELD_OUT_LINES", 30)
        patch.setattr(line_module, "choose_precision", lambda *_: "bfloat16")  # not measured anew by each training
        yield


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    return train(from_dict(RECIPE, "test"), drawn, Run(tmp_path_factory.mktemp("line") / "run"))


def test_a_run_is_whole_and_its_model_is_its_network(trained):
    run, result = trained.run, trained
    assert result.finished
    assert run.damaged_files() == []
    assert {path.name for path in (run.model, run.report, run.card, run.metrics)} <= {
        path.name for path in run.folder.iterdir()
    }
    assert result.metrics["held_out"]["n"] == 30
    assert "small-line" in run.report.read_text()
    assert f"{result.metrics['parameters']:,}" in run.card.read_text()

    reader = LineModel(run.model.read_bytes())
    seen = np.random.default_rng(1).integers(0, 256, (LINE_HEIGHT, 100), dtype=np.uint8)
    with torch.no_grad():
        expected = load_network(run)(torch.from_numpy(seen)[None]).log_softmax(2)[0].numpy()
    np.testing.assert_allclose(reader.steps(seen[None])[0], expected, atol=1e-5)


def test_a_stopped_training_goes_on_as_if_nothing_had_been(trained, drawn, new_run):
    recipe, run = from_dict(RECIPE, "test"), new_run()
    rows, held = split(recipe, drawn)
    fit = functools.partial(fit_lines, recipe, drawn.subset(rows), drawn.subset(held), run, torch.device("cpu"))
    assert not fit(Watcher(lambda epoch, step: (epoch, step) == (1, 2))).finished
    rest = fit(Watcher())
    assert rest.finished
    whole = checkpoint.load_weights(trained.run.weights)
    assert all(torch.equal(whole[name], tensor) for name, tensor in rest.network.state_dict().items())


def test_it_learns(trained):
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
def test_what_means_nothing_to_rows_is_refused(change):
    with pytest.raises(RecipeError, match="reads lines"):
        from_dict(RECIPE | change, "test")


def test_the_loss_looks_only_at_a_row_s_own_columns():
    torch.manual_seed(0)
    logits = torch.randn(1, 20, 11)
    longer = torch.cat([logits, torch.randn(1, 30, 11)], dim=1)
    widths = torch.tensor([20])
    assert torch.allclose(ctc(logits, widths, ["407"]), ctc(longer, widths, ["407"]))
    assert list(best_paths(longer, widths)) == list(best_paths(logits, widths))


def test_best_paths_drop_blanks_and_repeats():
    path = [10, 4, 4, 10, 4, 0, 0, 10]
    logits = torch.nn.functional.one_hot(torch.tensor([path]), 11).float()
    assert list(best_paths(logits, torch.tensor([8]))) == ["440"]
    assert list(best_paths(logits, torch.tensor([3]))) == ["4"]


def test_strips_are_padded_with_black():
    strips = [np.full((LINE_HEIGHT, width), 9, np.uint8) for width in (30, 70)]
    batch, widths = stacked(strips)
    assert batch.shape == (2, LINE_HEIGHT, 96)
    assert widths.tolist() == [16, 36]
    assert batch[0, :, 30:].sum() == 0


@pytest.mark.parametrize(("one", "other", "count"), [("", "", 0), ("123", "13", 1), ("47", "74", 2), ("000", "00", 1)])
def test_edits(one, other, count):
    assert edits(one, other) == edits(other, one) == count


def test_calibration_finds_how_sure_texts_are():
    rng = np.random.default_rng(0)
    odds = rng.normal(1, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * odds - 0.4)))
    slope, offset = calibrated(np.log(1 / (1 + np.exp(-odds))), right)
    assert slope == pytest.approx(0.7, abs=0.03)
    assert offset == pytest.approx(-0.4, abs=0.05)


def test_calibration_survives_perfection():
    slope, offset = calibrated(np.full(50, -1e-6), np.ones(50, bool))
    assert calibrate(-1e-6, slope, offset) > 0.9
    assert json.dumps([slope, offset])


@pytest.mark.parametrize(("rows", "of"), [(slice(9), "9 training"), (slice(None), "6 held-out")])
def test_rows_need_all_ten_digits(drawn, new_run, rows, of):
    recipe = from_dict(RECIPE | {"validation_split": 0 if of == "9 training" else 6 / 60}, "test")
    data = drawn.subset(rows)
    run = new_run()
    with pytest.raises(DataError, match=f"none of the {of} rows shows a"):
        train(recipe, data, run)
    assert not run.exists
