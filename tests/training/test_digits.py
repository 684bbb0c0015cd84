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
from tenfold.training import checkpoint, loop
from tenfold.training import digits as fit_module
from tenfold.training.digits import fit, losses, parts
from tenfold.training.optim import one_cycle
from tenfold.training.randomness import epoch_order
from tenfold.training.train import split

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
    """Fit a recipe on the small digits: what came of it, with its run and its watcher."""

    def run_it(recipe, data=digits, run=None, ends=None):
        run, watcher = run or new_run(), Watcher(*([ends] if ends else []))
        rows, held = split(recipe, data)
        held_out = data.subset(held) if len(held) else None
        fitted = fit(recipe, data.subset(rows), held_out, run, CPU, watcher)
        return fitted, run, watcher

    return run_it


def digest(fitted, tmp_path):
    checkpoint.save_weights(tmp_path / "weights", fitted.network.state_dict())
    return hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()


def figures(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def read(run):
    with run.history.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "changes", [{}, EVERYTHING, ONE_CYCLE, SYNTHESIS], ids=["plain", "everything", "one cycle", "synthesis"]
)
def test_a_seed_gives_the_same_bytes_and_another_seed_others(changes, train, make_recipe, tmp_path):
    torch.manual_seed(1)
    first, *_ = train(make_recipe(**changes))
    torch.manual_seed(2)  # what the caller drew does not matter
    second, *_ = train(make_recipe(**changes))
    other, *_ = train(make_recipe(**changes, seed=1))
    assert digest(first, tmp_path) == digest(second, tmp_path) != digest(other, tmp_path)
    assert figures(first.state.history) == figures(second.state.history)


def test_it_learns(train, make_recipe):
    fitted, run, watcher = train(make_recipe(epochs=12))
    assert fitted.finished
    assert fitted.state.history[-1]["val_accuracy"] > 0.9
    assert watcher.epochs == list(range(1, 13))
    assert watcher.steps[:6] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 1)]
    assert not fitted.network.training
    assert [int(row["epoch"]) for row in read(run)] == list(range(1, 13))


def test_it_learns_to_tell_digits_from_other_pictures(train, make_recipe, digits):
    """The small digits fill their frame with grays; what is negative here is mostly black."""
    fitted, _, _ = train(make_recipe(epochs=12, synthesis={"negatives": 1.0}))
    glyphs = torch.zeros(20, 28, 28)
    glyphs[:, 6:22, 13:15] = glyphs[:, 13:15, 6:22] = 255
    with torch.no_grad():
        _, of_digits = fitted.network.forward_heads(torch.tensor(digits.images[:50]))
        _, of_glyphs = fitted.network.forward_heads(glyphs)
    assert fitted.state.history[-1]["val_accuracy"] > 0.9
    assert of_digits.min() > of_glyphs.max()


def test_the_loss_counts_digits_and_digitness(make_recipe):
    network = build(make_recipe(synthesis={"negatives": 1.0}, net={"kind": "mlp", "dense": []})).eval()
    pixels = torch.rand(5, 28, 28) * 255
    target = torch.eye(10)[[3, 1, 4]] * 0.9 + 0.01
    logits, loss = losses(network, pixels, target)
    all_logits, digitness = network.forward_heads(pixels)
    is_digit = digitness.sigmoid()
    by_hand = -(is_digit[:3].log().sum() + (1 - is_digit[3:]).log().sum()) / 5
    expected = -(target * all_logits[:3].log_softmax(1)).sum() / 3 + by_hand
    assert torch.equal(logits, all_logits[:3])
    torch.testing.assert_close(loss, expected)


def test_history_is_what_happened(train, make_recipe, digits):
    """The first epoch of a net without randomness but its order, step by step by hand."""
    recipe = make_recipe(
        epochs=1,
        validation_split=0.2,
        batch_size=50,
        net={"kind": "mlp", "dense": []},
        optimizer={"name": "sgd", "lr": 0.1},
    )
    fitted, run, _ = train(recipe)
    rows, held = split(recipe, digits)
    part, rest = digits.subset(rows), digits.subset(held)
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
    (row,) = fitted.state.history
    assert row["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert row["train_accuracy"] == right / 160
    assert row["val_loss"] == pytest.approx(F.cross_entropy(logits, torch.tensor(rest.labels).long()).item(), rel=1e-4)
    assert row["val_accuracy"] == (logits.argmax(1).numpy() == rest.labels).mean()
    assert (row["epoch"], row["step"], row["learning_rate"], row["best"]) == (1, 4, 0.1, 1)
    (written,) = read(run)
    assert {key: float(value) for key, value in written.items()} == row
    for ours, theirs in zip(fitted.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_best_keeps_the_weights_of_the_best_epoch(train, make_recipe, digits):
    """A large rate makes the accuracy jump about."""
    recipe = make_recipe(optimizer={"name": "adam", "lr": 0.05}, epochs=8, checkpoint="best")
    fitted, run, _ = train(recipe)
    accuracies = [row["val_accuracy"] for row in fitted.state.history]
    assert fitted.state.best_epoch == 1 + int(np.argmax(accuracies))
    marked = [row["epoch"] for row in fitted.state.history if row["best"]]
    assert marked == [1 + i for i in range(8) if accuracies[i] > max(accuracies[:i], default=-1)]
    kept, saved = fitted.network.state_dict(), checkpoint.load_weights(run.checkpoints / "best.safetensors")
    assert all(torch.equal(kept[name], saved[name]) for name in kept)
    assert accuracy(fitted, recipe, digits) == pytest.approx(max(accuracies))


def accuracy(fitted, recipe, digits):
    held = digits.subset(split(recipe, digits)[1])
    with torch.no_grad():
        return (fitted.network(torch.tensor(held.images)).argmax(1).numpy() == held.labels).mean()


def test_averaged_weights_are_the_ones_that_are_scored_and_kept(train, make_recipe, digits):
    recipe = make_recipe(ema=0.95)
    fitted, run, _ = train(recipe)
    tensors, _ = checkpoint.load(run.checkpoints / "last.safetensors")
    kept = fitted.network.state_dict()
    assert all(torch.equal(kept[name], tensors[f"average.{name}"]) for name in kept)
    assert not torch.equal(kept["body.0.weight"], tensors["network.body.0.weight"])
    assert fitted.state.history[-1]["val_accuracy"] == pytest.approx(accuracy(fitted, recipe, digits))


def test_the_best_weights_are_never_ahead_of_the_checkpoint(train, make_recipe, digits, new_run):
    """Else a run that was killed, resumed and stopped would keep weights of an epoch that it has not seen."""
    run = new_run()
    recipe = make_recipe(epochs=9)

    class Killed(Exception):
        pass

    class Dies:
        step = staticmethod(lambda state, steps: None)
        stop = staticmethod(lambda: False)

        def epoch(self, state):
            if state.epoch == 5:
                raise Killed

    rows, held = split(recipe, digits)
    with pytest.raises(Killed):
        fit(recipe, digits.subset(rows), digits.subset(held), run, CPU, Dies())
    assert run.best.exists() == run.last.exists()
    fitted, *_ = train(recipe, run=run)
    assert fitted.finished
    assert run.best.exists()


def test_early_stopping_ends_the_run(train, make_recipe):
    recipe = make_recipe(epochs=50, early_stopping=2, optimizer={"name": "sgd", "lr": 1e-12}, batch_size=160)
    fitted, _, watcher = train(recipe)
    assert fitted.finished  # by its recipe's own decision
    assert watcher.epochs == [1, 2, 3]  # the first is the best, two more are not better


def test_a_plateau_lowers_the_rate_of_the_next_epoch(train, make_recipe):
    recipe = make_recipe(
        epochs=4,
        batch_size=160,
        optimizer={"name": "sgd", "lr": 1e-12},
        schedule={"kind": "plateau", "patience": 1, "factor": 0.1},
    )
    rates = [row["learning_rate"] for row in train(recipe)[0].state.history]
    assert rates == pytest.approx([1e-12, 1e-12, 1e-13, 1e-14])


def test_one_cycle_ends_where_it_should(train, make_recipe):
    recipe = make_recipe(schedule={"kind": "onecycle", "warmup_fraction": 0.3})
    rates = [row["learning_rate"] for row in train(recipe)[0].state.history]
    assert rates == pytest.approx([0.003 * one_cycle(4, 10, 0.3), 0.003 / 250_000])


@pytest.mark.parametrize("place", [(0, 1), (0, 5), (1, 3), (1, 5)], ids=str)
@pytest.mark.parametrize("changes", [EVERYTHING, ONE_CYCLE, SYNTHESIS], ids=["everything", "one cycle", "synthesis"])
def test_stopped_after_any_step_and_resumed_it_ends_the_same(place, changes, train, make_recipe, tmp_path):
    recipe = make_recipe(**changes)
    whole, undisturbed, _ = train(recipe)
    stopped, run, watcher = train(recipe, ends=lambda epoch, step: (epoch, step) == place)
    assert not stopped.finished
    assert watcher.steps[-1] == place
    again, _, watcher = train(recipe, run=run)
    assert again.finished
    epoch, step = place
    assert watcher.steps == [(e, s) for e in range(2) for s in range(1, 6) if (e, s) > (epoch, step)]
    assert digest(again, tmp_path) == digest(whole, tmp_path)
    assert figures(again.state.history) == figures(whole.state.history)
    assert figures(read(run)) == figures(read(undisturbed))


def test_a_finished_run_stays_as_it_is(train, make_recipe, tmp_path):
    first, run, _ = train(make_recipe(**EVERYTHING))
    again, _, watcher = train(make_recipe(**EVERYTHING), run=run)
    assert watcher.steps == []
    assert digest(again, tmp_path) == digest(first, tmp_path)


def test_a_history_that_a_kill_cut_short_is_written_again(train, make_recipe):
    """Killed between the last checkpoint and its line in history.csv."""
    _, run, _ = train(make_recipe())
    whole = run.history.read_bytes()
    run.history.write_text("")
    train(make_recipe(), run=run)
    assert run.history.read_bytes() == whole


def test_checkpoints_also_come_within_an_epoch(train, make_recipe, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    seen = []
    save = loop.Learner.save
    monkeypatch.setattr(
        loop.Learner,
        "save",
        lambda self, path: (seen.append((self.state.epoch, self.state.step)), save(self, path)),
    )
    train(make_recipe(epochs=1))
    assert seen == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0)]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 100])
def test_a_damaged_checkpoint_is_said_to_be_none(content, train, make_recipe, new_run):
    run = new_run()
    (run.checkpoints / "last.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"last\.safetensors: this is no checkpoint of tenfold"):
        train(make_recipe(), run=run)


def test_half_a_checkpoint_is_said_to_be_none(train, make_recipe):
    _, run, _ = train(make_recipe(epochs=1))
    path = run.checkpoints / "last.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RunError, match="this is no checkpoint of tenfold"):
        train(make_recipe(epochs=1), run=run)


@pytest.mark.parametrize(
    "changes",
    [
        {"net": {"kind": "mlp", "dense": [8]}},
        {"net": {"kind": "plain_cnn", "filters": [5, 8], "kernel_sizes": [3], "padding": ["same"]}},
    ],
    ids=["kind", "size"],
)
def test_a_checkpoint_of_another_recipe_is_refused(changes, train, make_recipe):
    _, run, _ = train(make_recipe(epochs=1))
    with pytest.raises(RunError, match="this checkpoint belongs to another recipe") as caught:
        train(make_recipe(**changes), run=run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "sgd", "lr": 1e30}, {"name": "adam", "lr": 1e38}, {"name": "rmsprop", "lr": 1e36, "alpha": 0.9}],
    ids=["sgd", "adam", "rmsprop"],
)
@pytest.mark.parametrize("validation_split", [0.2, 0])
@pytest.mark.parametrize("batch", [32, 200])
def test_a_training_that_diverges_ends_with_one_sentence(
    optimizer, validation_split, batch, train, make_recipe, new_run
):
    run = new_run()
    with pytest.raises(TenfoldError, match=r"the training diverged in epoch \d: .* a learning rate below 1e\+3"):
        train(make_recipe(optimizer=optimizer, validation_split=validation_split, batch_size=batch, epochs=3), run=run)
    assert {path.name for path in run.folder.iterdir()} <= {"checkpoints", "history.csv"}


def test_a_batch_larger_than_the_data_is_all_of_it(train, make_recipe, monkeypatch):
    measured = []
    monkeypatch.setattr("tenfold.training.device._is_faster", lambda network, shape, device: measured.append(shape))
    fitted, _, watcher = train(make_recipe(batch_size=65_536))
    assert watcher.steps == [(0, 1), (1, 1)]
    assert fitted.state.history[-1]["step"] == 2
    assert measured == [(160, 28, 28)]  # nor does the measurement take more than there is


@pytest.mark.parametrize(("rows", "steps", "dense"), [(1, 1, []), (33, 1, []), (33, 1, [8]), (34, 2, [8])])
def test_a_last_batch_of_one_image(rows, steps, dense, train, make_recipe, make_digits):
    net = ONE_CYCLE["net"] | {"dense": dense}
    fitted, _, watcher = train(make_recipe(**ONE_CYCLE | {"validation_split": 0, "net": net}), make_digits(rows))
    assert len(watcher.steps) == 2 * steps
    assert all(torch.isfinite(value).all() for value in fitted.network.state_dict().values())


def test_nothing_held_out(train, make_recipe, make_digits):
    """One row a class is enough to train on; the last weights are kept, averaged ones where asked."""
    fitted, run, _ = train(make_recipe(validation_split=0, ema=0.5), make_digits(10))
    assert fitted.finished
    assert not (run.checkpoints / "best.safetensors").exists()
    assert [row["val_accuracy"] for row in read(run)] == ["", ""]


def test_digits_that_never_occur(train, make_recipe, make_digits):
    data = make_digits(60, classes=3)
    fitted, *_ = train(make_recipe(epochs=6), data)
    with torch.no_grad():
        assert set(fitted.network(torch.tensor(data.images)).argmax(1).tolist()) <= {0, 1, 2}


def test_what_cannot_be_split_is_told(train, make_recipe, make_digits):
    with pytest.raises(DataError, match="without a training sample"):
        train(make_recipe(), make_digits(10))
    with pytest.raises(TenfoldError, match=r"can.t be held out|can.t hold out|holds out"):
        train(make_recipe(validation_split=0.01), make_digits(10))
    with pytest.raises(TenfoldError, match=r"can.t be held out|can.t hold out|holds out"):
        train(make_recipe(validation_split=200))
    with pytest.raises(DataError, match="these digits have no labels to train on"):
        split(make_recipe(validation_split=0), Dataset(make_digits(10).images, None, "test.csv"))


def test_normalization_learns_from_training_rows_alone(train, make_recipe, digits):
    recipe = make_recipe(normalize="standardize", epochs=1)
    fitted, *_ = train(recipe)
    rows, _ = split(recipe, digits)
    seen, everything = digits.images[rows], digits.images
    assert fitted.network.normalize.mean.item() == pytest.approx(seen.mean(), rel=1e-6)
    assert fitted.network.normalize.deviation.item() == pytest.approx(seen.std(), rel=1e-6)
    assert seen.mean() != pytest.approx(everything.mean(), rel=1e-6)


def test_held_out_rows_are_scored_as_they_are(train, make_recipe, digits, monkeypatch):
    """Augmentation is for training rows: every image it gets is one of those."""
    recipe = make_recipe(augment={"rotation": 10}, epochs=1)
    got = []
    real = fit_module.augment_images
    monkeypatch.setattr(
        fit_module, "augment_images", lambda pixels, ranges: (got.append(pixels), real(pixels, ranges))[1]
    )
    train(recipe)
    rows, _ = split(recipe, digits)
    order = epoch_order(recipe.seed, 0, len(rows)).numpy()
    np.testing.assert_array_equal(torch.cat(got).numpy(), digits.images[rows][order])


def test_the_last_share_is_trained_on_the_images_as_they_are(train, make_recipe, monkeypatch):
    """Of 2 epochs of 5 steps, a share of 0.3 is the last 3 steps."""
    seen = []
    monkeypatch.setattr("tenfold.training.digits.augment_images", lambda pixels, ranges: seen.append(1) or pixels)
    train(make_recipe(augment={"cutout": 4, "clean_fraction": 0.3}))
    assert len(seen) == 7


@given(rows=st.integers(1, 300), size=st.integers(1, 80))
def test_an_epoch_shows_each_image_once_and_none_alone(rows, size):
    order = torch.randperm(rows)
    batches = parts(order, size)
    assert torch.equal(torch.cat(batches), order)
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) <= size + (size > 1)
    assert size == 1 or rows == 1 or len(batches[-1]) > 1


def test_one_row_is_too_few_for_batch_norm_of_a_dense_layer(train, digits, make_recipe):
    net = {"kind": "mlp", "dense": [8], "batch_norm": True}
    with pytest.raises(DataError, match="one row is too few to train on"):
        train(make_recipe(validation_split=0, net=net), digits.subset(np.arange(1)))
