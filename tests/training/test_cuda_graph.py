import sys

import pytest
import torch

from tenfold.model import load_model
from tenfold.training import cuda_graph
from tenfold.training.digits import DigitTask
from tenfold.training.state import Progress
from tenfold.training.teacher import load_teacher
from tenfold.training.train import train
from tests.training.conftest import RecordingCallback

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EVERYTHING = {
    "augment": {
        "rotation": 10,
        "zoom": 0.1,
        "translation": 0.1,
        "shear": 5,
        "elastic_alpha": 0.5,
        "cutout": 6,
        "clean_fraction": 0.4,
    },
    "ema": 0.9,
    "normalize": "standardize",
    "schedule": {"kind": "onecycle"},
    "net": {"kind": "cnn", "stem_filters": 8, "filters": [8, 16], "depth": 1, "dense": [16], "dropout": 0.2},
    "validation_split": 0,
    "epochs": 4,
}


def batches(recipe, data, teacher=None):
    task = DigitTask(recipe, data, None, CPU, teacher)
    found = []
    for epoch in range(recipe.epochs):
        steps = task.begin_epoch(epoch)
        for step in range(steps):
            found.append(task.batch(Progress(1.0, "float32", epoch=epoch, step=step, steps_per_epoch=steps)))
    return found


def test_full_batches_are_capturable_and_change_kind_once(make_recipe, digits):
    found = batches(make_recipe(batch_size=64, epochs=5, augment={"rotation": 10, "clean_fraction": 0.3}), digits)
    assert [len(batch.indices) for batch in found] == [64, 64, 64, 8] * 5
    assert [batch.capturable for batch in found] == [True, True, True, False] * 5
    assert [batch.kind for batch in found] == ["augmented"] * 14 + ["clean"] * 6


def test_batches_that_use_the_cpu_are_not_capturable(make_recipe, digits, tmp_path, new_run, float32):
    run = train(make_recipe(epochs=1), digits, new_run()).run
    student = make_recipe(distillation_weight=0.5)
    assert any(batch.capturable for batch in batches(student, digits, load_teacher(str(run.folder))))
    assert not any(batch.capturable for batch in batches(student, digits, load_model(run.folder)))
    assert not any(batch.capturable for batch in batches(make_recipe(synthesis={"handwriting": 0.5}), digits))


@pytest.mark.cuda
@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adamw", "lr": 0.01, "weight_decay": 0.1},
        {"name": "rmsprop", "lr": 0.01, "alpha": 0.9},
        {"name": "sgd", "lr": 0.01},
        {"name": "muon", "lr": 0.02, "adamw_lr": 0.01},
    ],
    ids=lambda optimizer: optimizer["name"],
)
def test_graphed_steps_give_the_same_weights(optimizer, make_recipe, digits, new_run, monkeypatch):
    recipe = make_recipe(**EVERYTHING, optimizer=optimizer)

    def weights(*stops):
        run = new_run()
        for stops_after in (*stops, lambda epoch, step: False):
            task = DigitTask(recipe, digits, None, CUDA)
            result = task.fit(run, ["float32"], [RecordingCallback(stops_after)])
        return result.network.state_dict().values()

    played = weights()
    stopped = weights(lambda epoch, step: (epoch, step) == (2, 3))
    monkeypatch.setattr(cuda_graph, "WARM_UP_STEPS", sys.maxsize)
    launched = weights()
    for one, other, third in zip(played, stopped, launched, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, third)
