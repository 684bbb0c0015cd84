import csv
import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tenfold.data.dataset import Dataset
from tenfold.errors import DataError, RunError, TenfoldError
from tenfold.nets import build
from tenfold.training import digits as digits_module
from tenfold.training import loop
from tenfold.training.callbacks import Callback
from tenfold.training.checkpoint import load_checkpoint, load_weights, save_weights
from tenfold.training.digits import DigitTask, digit_loss, split_batches
from tenfold.training.optim import one_cycle
from tenfold.training.randomness import epoch_order
from tenfold.training.state import TrainState
from tenfold.training.train import split
from tests.training.conftest import RecordingCallback

CPU = torch.device("cpu")
EVERYTHING = {
    "augment": {"rotation": 10, "zoom": 0.1, "translation": 0.1},
    "ema": 0.9,
    "label_smoothing": 0.1,
    "normalize": "standardize",
    "schedule": {"kind": "plateau", "patience": 1},
    "checkpoint": "best",
}
SYNTHESIS = {"synthesis": {"handwriting": 0.5, "corruption": 0.5, "negatives": 0.3}, "ema": 0.9}
ONE_CYCLE = {"schedule": {"kind": "onecycle"}, "net": {"kind": "cnn", "stem_filters": 4, "filters": [4, 8], "depth": 1}}


@pytest.fixture
def train(digits, new_run, float32, _small_pools):
    """Train a recipe on the small digits: the result, the run and the recording callback."""

    def fit(recipe, data=digits, run=None, stops_after=None):
        run = run or new_run()
        callback = RecordingCallback(*([stops_after] if stops_after else []))
        train_set, val_set = split(recipe, data)
        result = DigitTask(recipe, train_set, val_set, CPU).fit(run, ["float32"], [callback])
        return result, run, callback

    return fit


def digest(result, tmp_path):
    save_weights(tmp_path / "weights", result.network.state_dict())
    return hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def read(run):
    with run.history.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "changes", [{}, EVERYTHING, ONE_CYCLE, SYNTHESIS], ids=["plain", "everything", "one cycle", "synthesis"]
)
def test_fit_is_deterministic_by_seed(changes, train, make_recipe, tmp_path):
    torch.manual_seed(1)
    first, *_ = train(make_recipe(**changes))
    torch.manual_seed(2)  # the global generator does not matter
    second, *_ = train(make_recipe(**changes))
    other, *_ = train(make_recipe(**changes, seed=1))
    assert digest(first, tmp_path) == digest(second, tmp_path) != digest(other, tmp_path)
    assert without_seconds(first.history) == without_seconds(second.history)


def test_fit_learns(train, make_recipe):
    result, run, callback = train(make_recipe(epochs=12))
    assert result.finished
    assert result.history[-1]["val_accuracy"] > 0.9
    assert callback.epochs == list(range(1, 13))
    assert callback.steps[:6] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 1)]
    assert not result.network.training
    assert [int(row["epoch"]) for row in read(run)] == list(range(1, 13))


def test_fit_learns_digitness(train, make_recipe, digits):
    """The small digits fill their frame with grays; what is negative here is mostly black."""
    result, _, _ = train(make_recipe(epochs=12, synthesis={"negatives": 1.0}))
    glyphs = torch.zeros(20, 28, 28)
    glyphs[:, 6:22, 13:15] = glyphs[:, 13:15, 6:22] = 255
    with torch.no_grad():
        _, of_digits = result.network.forward_heads(torch.tensor(digits.images[:50]))
        _, of_glyphs = result.network.forward_heads(glyphs)
    assert result.history[-1]["val_accuracy"] > 0.9
    assert of_digits.min() > of_glyphs.max()


def test_digit_loss_adds_digitness(make_recipe):
    network = build(make_recipe(synthesis={"negatives": 1.0}, net={"kind": "mlp", "dense": []})).eval()
    pixels = torch.rand(5, 28, 28) * 255
    target = torch.eye(10)[[3, 1, 4]] * 0.9 + 0.01
    logits, loss = digit_loss(network, pixels, target)
    all_logits, digitness = network.forward_heads(pixels)
    is_digit = digitness.sigmoid()
    by_hand = -(is_digit[:3].log().sum() + (1 - is_digit[3:]).log().sum()) / 5
    expected = -(target * all_logits[:3].log_softmax(1)).sum() / 3 + by_hand
    assert torch.equal(logits, all_logits[:3])
    torch.testing.assert_close(loss, expected)


def test_history_matches_manual_training(train, make_recipe, digits):
    """The first epoch of a network whose only randomness is the order of samples, step by step by hand."""
    recipe = make_recipe(
        epochs=1,
        validation_split=0.2,
        batch_size=50,
        net={"kind": "mlp", "dense": []},
        optimizer={"name": "sgd", "lr": 0.1},
    )
    result, run, _ = train(recipe)
    part, rest = split(recipe, digits)
    network = build(recipe, torch.tensor(part.images))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    losses, right = [], 0
    order = epoch_order(recipe.seed, 0, len(part)).numpy()
    for start in range(0, 160, 50):
        chosen = order[start : start + 50]
        target = torch.tensor(part.labels[chosen]).long()
        logits = network(torch.tensor(part.images[chosen]))
        loss = F.cross_entropy(logits, target)
        losses += [loss.item()] * len(chosen)
        right += int((logits.argmax(1) == target).sum())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        logits = network(torch.tensor(rest.images))
    (row,) = result.history
    assert row["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert row["train_accuracy"] == right / 160
    assert row["val_loss"] == pytest.approx(F.cross_entropy(logits, torch.tensor(rest.labels).long()).item(), rel=1e-4)
    assert row["val_accuracy"] == (logits.argmax(1).numpy() == rest.labels).mean()
    assert (row["epoch"], row["step"], row["learning_rate"], row["best"]) == (1, 4, 0.1, 1)
    (written,) = read(run)
    assert {key: float(value) for key, value in written.items()} == row
    for ours, theirs in zip(result.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_checkpoint_best_keeps_best_epoch(train, make_recipe, digits):
    """A large learning rate makes the accuracy jump."""
    recipe = make_recipe(optimizer={"name": "adam", "lr": 0.05}, epochs=8, checkpoint="best")
    result, run, _ = train(recipe)
    accuracies = [row["val_accuracy"] for row in result.history]
    assert result.best_epoch == 1 + int(np.argmax(accuracies))
    marked = [row["epoch"] for row in result.history if row["best"]]
    assert marked == [1 + i for i in range(8) if accuracies[i] > max(accuracies[:i], default=-1)]
    kept, saved = result.network.state_dict(), load_weights(run.checkpoints / "best.safetensors")
    assert all(torch.equal(kept[name], saved[name]) for name in kept)
    assert accuracy(result, recipe, digits) == pytest.approx(max(accuracies))


def accuracy(result, recipe, digits):
    _, held = split(recipe, digits)
    with torch.no_grad():
        return (result.network(torch.tensor(held.images)).argmax(1).numpy() == held.labels).mean()


def test_averaged_weights_are_validated_and_kept(train, make_recipe, digits):
    recipe = make_recipe(ema=0.95)
    result, run, _ = train(recipe)
    tensors, _ = load_checkpoint(run.checkpoints / "last.safetensors")
    kept = result.network.state_dict()
    assert all(torch.equal(kept[name], tensors[f"ema.{name}"]) for name in kept)
    assert not torch.equal(kept["body.0.weight"], tensors["network.body.0.weight"])
    assert result.history[-1]["val_accuracy"] == pytest.approx(accuracy(result, recipe, digits))


def test_best_weights_are_never_ahead_of_checkpoint(train, make_recipe, digits, new_run):
    """Else a run that is killed, resumed and stopped would keep weights of an epoch after its last one."""
    run = new_run()
    recipe = make_recipe(epochs=9)

    class Killed(Exception):
        pass

    class Dies(Callback):
        def on_epoch(self, state):
            if state.epoch == 5:
                raise Killed

    with pytest.raises(Killed):
        DigitTask(recipe, *split(recipe, digits), CPU).fit(run, ["float32"], [Dies()])
    assert run.best.exists() == run.last.exists()
    result, *_ = train(recipe, run=run)
    assert result.finished
    assert run.best.exists()


def test_early_stopping(train, make_recipe):
    recipe = make_recipe(epochs=50, early_stopping=2, optimizer={"name": "sgd", "lr": 1e-12}, batch_size=160)
    result, _, callback = train(recipe)
    assert result.finished
    assert callback.epochs == [1, 2, 3]  # the first is the best, two more are not better


def test_plateau_lowers_learning_rate_of_next_epoch(train, make_recipe):
    recipe = make_recipe(
        epochs=4,
        batch_size=160,
        optimizer={"name": "sgd", "lr": 1e-12},
        schedule={"kind": "plateau", "patience": 1, "factor": 0.1},
    )
    rates = [row["learning_rate"] for row in train(recipe)[0].history]
    assert rates == pytest.approx([1e-12, 1e-12, 1e-13, 1e-14])


def test_one_cycle_learning_rates(train, make_recipe):
    recipe = make_recipe(schedule={"kind": "onecycle", "warmup_fraction": 0.3})
    rates = [row["learning_rate"] for row in train(recipe)[0].history]
    assert rates == pytest.approx([0.003 * one_cycle(4, 10, 0.3), 0.003 / 250_000])


@pytest.mark.parametrize("position", [(0, 1), (0, 5), (1, 3), (1, 5)], ids=str)
@pytest.mark.parametrize("changes", [EVERYTHING, ONE_CYCLE, SYNTHESIS], ids=["everything", "one cycle", "synthesis"])
def test_stopped_and_resumed_training_matches_uninterrupted(position, changes, train, make_recipe, tmp_path):
    recipe = make_recipe(**changes)
    expected, expected_run, _ = train(recipe)
    stopped, run, callback = train(recipe, stops_after=lambda epoch, step: (epoch, step) == position)
    assert not stopped.finished
    assert callback.steps[-1] == position
    again, _, callback = train(recipe, run=run)
    assert again.finished
    epoch, step = position
    assert callback.steps == [(e, s) for e in range(2) for s in range(1, 6) if (e, s) > (epoch, step)]
    assert digest(again, tmp_path) == digest(expected, tmp_path)
    assert without_seconds(again.history) == without_seconds(expected.history)
    assert without_seconds(read(run)) == without_seconds(read(expected_run))


def test_fit_leaves_finished_run_unchanged(train, make_recipe, tmp_path):
    first, run, _ = train(make_recipe(**EVERYTHING))
    again, _, callback = train(make_recipe(**EVERYTHING), run=run)
    assert callback.steps == []
    assert digest(again, tmp_path) == digest(first, tmp_path)


def test_history_is_rewritten_after_kill(train, make_recipe):
    """Killed between the last checkpoint and its row in history.csv."""
    _, run, _ = train(make_recipe())
    complete = run.history.read_bytes()
    run.history.write_text("")
    train(make_recipe(), run=run)
    assert run.history.read_bytes() == complete


def test_checkpoints_within_an_epoch(train, make_recipe, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    saved = []
    save = TrainState.save
    monkeypatch.setattr(TrainState, "save", lambda self: (saved.append((self.epoch, self.step)), save(self)))
    train(make_recipe(epochs=1))
    assert saved == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0)]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 100])
def test_damaged_checkpoint(content, train, make_recipe, new_run):
    run = new_run()
    (run.checkpoints / "last.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"last\.safetensors: not a tenfold checkpoint"):
        train(make_recipe(), run=run)


def test_truncated_checkpoint(train, make_recipe):
    _, run, _ = train(make_recipe(epochs=1))
    path = run.checkpoints / "last.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RunError, match="not a tenfold checkpoint"):
        train(make_recipe(epochs=1), run=run)


@pytest.mark.parametrize(
    "changes",
    [
        {"net": {"kind": "mlp", "dense": [8]}},
        {"net": {"kind": "plain_cnn", "filters": [5, 8], "kernel_sizes": [3], "padding": ["same"]}},
    ],
    ids=["kind", "size"],
)
def test_checkpoint_of_another_recipe(changes, train, make_recipe):
    _, run, _ = train(make_recipe(epochs=1))
    with pytest.raises(RunError, match="checkpoint of another recipe") as caught:
        train(make_recipe(**changes), run=run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "sgd", "lr": 1e30}, {"name": "adam", "lr": 1e38}, {"name": "rmsprop", "lr": 1e36, "alpha": 0.9}],
    ids=["sgd", "adam", "rmsprop"],
)
@pytest.mark.parametrize("validation_split", [0.2, 0])
@pytest.mark.parametrize("batch", [32, 200])
def test_diverged_training_raises_one_sentence(optimizer, validation_split, batch, train, make_recipe, new_run):
    run = new_run()
    with pytest.raises(TenfoldError, match=r"the training diverged in epoch \d: .* a learning rate below 1e\+3"):
        train(make_recipe(optimizer=optimizer, validation_split=validation_split, batch_size=batch, epochs=3), run=run)
    assert {path.name for path in run.folder.iterdir()} <= {"checkpoints", "history.csv"}


def test_batch_larger_than_data(train, make_recipe):
    result, _, callback = train(make_recipe(batch_size=65_536))
    assert callback.steps == [(0, 1), (1, 1)]
    assert result.history[-1]["step"] == 2


def test_measured_batch_is_at_most_the_data(make_recipe, digits, monkeypatch):
    measured = []
    monkeypatch.setattr("tenfold.training.device.may_have_bfloat16", lambda: True)
    monkeypatch.setattr(
        "tenfold.training.device.bfloat16_is_faster", lambda network, shape, device: measured.append(shape)
    )
    DigitTask(make_recipe(batch_size=65_536), digits, None, CPU).select_precisions("auto")
    assert measured == [(200, 28, 28)]


@pytest.mark.parametrize(("count", "steps", "dense"), [(1, 1, []), (33, 1, []), (33, 1, [8]), (34, 2, [8])])
def test_last_batch_of_one_sample(count, steps, dense, train, make_recipe, make_digits):
    net = ONE_CYCLE["net"] | {"dense": dense}
    result, _, callback = train(make_recipe(**ONE_CYCLE | {"validation_split": 0, "net": net}), make_digits(count))
    assert len(callback.steps) == 2 * steps
    assert all(torch.isfinite(value).all() for value in result.network.state_dict().values())


def test_fit_without_validation_set(train, make_recipe, make_digits):
    """One sample a class is enough to train on."""
    result, run, _ = train(make_recipe(validation_split=0, ema=0.5), make_digits(10))
    assert result.finished
    assert not (run.checkpoints / "best.safetensors").exists()
    assert [row["val_accuracy"] for row in read(run)] == ["", ""]


def test_missing_classes_are_never_predicted(train, make_recipe, make_digits):
    data = make_digits(60, classes=3)
    result, *_ = train(make_recipe(epochs=6), data)
    with torch.no_grad():
        assert set(result.network(torch.tensor(data.images)).argmax(1).tolist()) <= {0, 1, 2}


def test_split_errors(train, make_recipe, make_digits):
    with pytest.raises(DataError, match="without a training sample"):
        train(make_recipe(), make_digits(10))
    with pytest.raises(TenfoldError, match=r"10 samples can.t be split into training and 0\.01 validation"):
        train(make_recipe(validation_split=0.01), make_digits(10))
    with pytest.raises(TenfoldError, match="needs 200 samples for validation alone"):
        train(make_recipe(validation_split=200))
    with pytest.raises(DataError, match="there are no labels to train on"):
        split(make_recipe(validation_split=0), Dataset(make_digits(10).images, None, "test.csv"))


def test_normalization_is_fitted_to_training_set(train, make_recipe, digits):
    recipe = make_recipe(normalize="standardize", epochs=1)
    result, *_ = train(recipe)
    train_set, _ = split(recipe, digits)
    seen, everything = train_set.images, digits.images
    assert result.network.normalize.mean.item() == pytest.approx(seen.mean(), rel=1e-6)
    assert result.network.normalize.deviation.item() == pytest.approx(seen.std(), rel=1e-6)
    assert seen.mean() != pytest.approx(everything.mean(), rel=1e-6)


def test_validation_images_are_not_augmented(train, make_recipe, digits, monkeypatch):
    """Every image that is augmented is one of the training set."""
    recipe = make_recipe(augment={"rotation": 10}, epochs=1)
    got = []
    real = digits_module.augment_images
    monkeypatch.setattr(
        digits_module, "augment_images", lambda pixels, ranges: (got.append(pixels), real(pixels, ranges))[1]
    )
    train(recipe)
    train_set, _ = split(recipe, digits)
    order = epoch_order(recipe.seed, 0, len(train_set)).numpy()
    np.testing.assert_array_equal(torch.cat(got).numpy(), train_set.images[order])


def test_clean_fraction_ends_with_unaugmented_images(train, make_recipe, monkeypatch):
    """Of 2 epochs with 5 steps each, a fraction of 0.3 is the last 3 steps."""
    seen = []
    monkeypatch.setattr("tenfold.training.digits.augment_images", lambda pixels, ranges: seen.append(1) or pixels)
    train(make_recipe(augment={"cutout": 4, "clean_fraction": 0.3}))
    assert len(seen) == 7


@given(count=st.integers(1, 300), size=st.integers(1, 80))
def test_split_batches(count, size):
    order = torch.randperm(count)
    batches = split_batches(order, size)
    assert torch.equal(torch.cat(batches), order)
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) <= size + (size > 1)
    assert size == 1 or count == 1 or len(batches[-1]) > 1


def test_one_sample_is_not_enough_for_dense_batch_norm(train, digits, make_recipe):
    net = {"kind": "mlp", "dense": [8], "batch_norm": True}
    with pytest.raises(DataError, match="one sample is not enough to train"):
        train(make_recipe(validation_split=0, net=net), digits.subset(np.arange(1)))
