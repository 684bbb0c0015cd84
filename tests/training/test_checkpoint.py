import dataclasses

import pytest
import torch

from tenfold.errors import RunError
from tenfold.nets import build
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.state import TrainState

OPTIMIZERS = [
    {"name": "adam", "lr": 0.01},
    {"name": "adamw", "lr": 0.01, "weight_decay": 0.1},
    {"name": "rmsprop", "lr": 0.01, "alpha": 0.9},
    {"name": "sgd", "lr": 0.01},
    {"name": "sgd", "lr": 0.01, "momentum": 0},
    {"name": "muon", "lr": 0.01, "adamw_lr": 0.005},
]
NAMES = ["adam", "adamw", "rmsprop", "sgd", "sgd without momentum", "muon"]
STAGES = {"kind": "cnn", "stem_filters": 4, "filters": [4, 8], "depth": 1}


def run_steps(state, data, n):
    state.network.train()
    for i in range(n):
        images = torch.tensor(data.images[16 * i : 16 * i + 16])
        labels = torch.tensor(data.labels[16 * i : 16 * i + 16]).long()
        state.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(state.network(images), labels).backward()
        state.optimizer.step()
        if state.ema:
            state.ema.update(state.network, i)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=NAMES)
@pytest.mark.parametrize("ema", [0, 0.9])
def test_save_and_load_restore_values_and_memory_layout(optimizer, ema, make_recipe, digits, tmp_path):
    recipe = make_recipe(net=STAGES, optimizer=optimizer, ema=ema)
    images = torch.tensor(digits.images)
    before = TrainState(recipe, images, Run(tmp_path), "float32")
    run_steps(before, digits, 3)
    before.loss_sum += 1.25
    before.correct += 7
    before.history.append({"epoch": 1, "train_loss": 0.1 + 0.2})
    before.save()
    other = recipe.model_copy(update={"seed": 9})  # other initial weights, all to be replaced
    after = TrainState.resume_or_create(other, images, Run(tmp_path), "bfloat16")

    assert progress(after) == progress(before)
    assert after.precision == "float32"
    assert (after.loss_sum, after.correct) == (1.25, 7)
    check_equal(before, after)
    assert before.network.body[4].weight.is_contiguous(memory_format=torch.channels_last)
    parameters = zip(before.optimizer.param_groups, after.optimizer.param_groups, strict=True)
    for one, two in parameters:
        for p, q in zip(one["params"], two["params"], strict=True):
            assert before.optimizer.state[p].keys() == after.optimizer.state[q].keys()
            for name, value in before.optimizer.state[p].items():
                if value is not None:
                    restored = after.optimizer.state[q][name]
                    assert torch.equal(value, restored), name
                    assert (value.stride(), value.dtype) == (restored.stride(), restored.dtype), name
    run_steps(before, digits, 4)
    run_steps(after, digits, 4)
    check_equal(before, after)


def progress(state):
    return {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}


def check_equal(one, two):
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, two.network.state_dict()[name]), name
        assert tensor.stride() == two.network.state_dict()[name].stride(), name
        if one.ema:
            assert torch.equal(one.ema.tensors[name], two.ema.tensors[name]), name


def test_checkpoint_before_first_step(make_recipe, digits, tmp_path):
    run, images = Run(tmp_path), torch.tensor(digits.images)
    state = TrainState(make_recipe(), images, run, "float32")
    state.save()
    check_equal(state, TrainState.resume_or_create(make_recipe(seed=1), images, run, "float32"))


def test_checkpoint_roundtrip(tmp_path):
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3).T,
        "b": torch.tensor(True),
        "c": torch.tensor([], dtype=torch.int64),
    }
    progress = {"seconds": 0.1, "best": None, "history": [{"loss": 1e-300}], "text": "Größe"}
    checkpoint.save_checkpoint(tmp_path / "new" / "file", tensors, progress)
    loaded, loaded_progress = checkpoint.load_checkpoint(tmp_path / "new" / "file")
    assert loaded_progress == progress
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\x02\0\0\0\0\0\0\0{}", b"\x80\x04K\x01.", b"\xff" * 64],
    ids=["empty", "short", "no progress", "pickle", "ones"],
)
def test_load_checkpoint_refuses_other_files(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RunError, match="file: not a tenfold checkpoint"):
        checkpoint.load_checkpoint(tmp_path / "file")


def test_load_missing_files(tmp_path):
    with pytest.raises(RunError, match="not a tenfold checkpoint"):
        checkpoint.load_checkpoint(tmp_path / "none")
    with pytest.raises(RunError, match="not a file of weights"):
        checkpoint.load_weights(tmp_path / "none")


@pytest.mark.parametrize("progress", ["[]", '{"lr": 1, "more": 2}', "{}", "3"])
def test_load_refuses_other_progress(progress, make_recipe, digits, tmp_path):
    from safetensors.torch import save_file

    run = Run(tmp_path)
    state = TrainState(make_recipe(), torch.tensor(digits.images), run, "float32")
    state.save()
    tensors, _ = checkpoint.load_checkpoint(run.last)
    save_file(tensors, run.last, metadata={"progress": progress})
    with pytest.raises(RunError, match="another recipe"):
        state.load()


def test_weights_roundtrip(make_recipe, digits, tmp_path):
    network = build(make_recipe(), torch.tensor(digits.images)).to(memory_format=torch.channels_last)
    checkpoint.save_weights(tmp_path / "weights", network.state_dict())
    loaded = checkpoint.load_weights(tmp_path / "weights")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())
    assert loaded.keys() == network.state_dict().keys()
