import pytest
import torch

from tenfold.errors import RunError
from tenfold.nets import build
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.state import Learner

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


def steps(learner, data, n):
    learner.network.train()
    for i in range(n):
        images = torch.tensor(data.images[16 * i : 16 * i + 16])
        labels = torch.tensor(data.labels[16 * i : 16 * i + 16]).long()
        learner.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(learner.network(images), labels).backward()
        learner.optimizer.step()
        if learner.average:
            learner.average.update(learner.network, i)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=NAMES)
@pytest.mark.parametrize("ema", [0, 0.9])
def test_everything_comes_back_also_in_its_memory_layout(optimizer, ema, make_recipe, digits, tmp_path):
    recipe = make_recipe(net=STAGES, optimizer=optimizer, ema=ema)
    images = torch.tensor(digits.images)
    before = Learner(recipe, images)
    steps(before, digits, 3)
    before.loss_sum += 1.25
    before.correct += 7
    before.state.history.append({"epoch": 1, "train_loss": 0.1 + 0.2})
    before.save(Run(tmp_path))
    after = Learner(recipe.model_copy(update={"seed": 9}), images)  # other weights, all to be replaced
    after.restore(Run(tmp_path).last)

    assert after.state == before.state
    assert (after.loss_sum, after.correct) == (1.25, 7)
    same(before, after)
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
    steps(before, digits, 4)
    steps(after, digits, 4)
    same(before, after)


def same(one, two):
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, two.network.state_dict()[name]), name
        assert tensor.stride() == two.network.state_dict()[name].stride(), name
        if one.average:
            assert torch.equal(one.average.tensors[name], two.average.tensors[name]), name


def test_a_checkpoint_before_the_first_step(make_recipe, digits, tmp_path):
    learner = Learner(make_recipe(), torch.tensor(digits.images))
    learner.save(Run(tmp_path))
    other = Learner(make_recipe(seed=1), torch.tensor(digits.images))
    other.restore(Run(tmp_path).last)
    same(learner, other)


def test_tensors_and_state_come_back(tmp_path):
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3).T,
        "b": torch.tensor(True),
        "c": torch.tensor([], dtype=torch.int64),
    }
    state = {"seconds": 0.1, "best": None, "history": [{"loss": 1e-300}], "text": "Größe"}
    checkpoint.save(tmp_path / "new" / "file", tensors, state)
    back, said = checkpoint.load(tmp_path / "new" / "file")
    assert said == state
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\x02\0\0\0\0\0\0\0{}", b"\x80\x04K\x01.", b"\xff" * 64],
    ids=["empty", "short", "no state", "pickle", "ones"],
)
def test_what_is_no_checkpoint_is_refused(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RunError, match="file: this is no checkpoint of tenfold"):
        checkpoint.load(tmp_path / "file")


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(RunError, match="this is no checkpoint"):
        checkpoint.load(tmp_path / "none")
    with pytest.raises(RunError, match="these are no weights"):
        checkpoint.load_weights(tmp_path / "none")


@pytest.mark.parametrize("state", ["[]", '{"rate": 1, "more": 2}', "{}", "3"])
def test_a_state_that_is_none_is_refused(state, make_recipe, digits, tmp_path):
    from safetensors.torch import save_file

    learner = Learner(make_recipe(), torch.tensor(digits.images))
    learner.save(Run(tmp_path))
    tensors, _ = checkpoint.load(Run(tmp_path).last)
    save_file(tensors, tmp_path / "file", metadata={"state": state})
    with pytest.raises(RunError, match="another recipe"):
        learner.restore(tmp_path / "file")


def test_weights_come_back(make_recipe, digits, tmp_path):
    network = build(make_recipe(), torch.tensor(digits.images)).to(memory_format=torch.channels_last)
    checkpoint.save_weights(tmp_path / "weights", network.state_dict())
    back = checkpoint.load_weights(tmp_path / "weights")
    assert all(torch.equal(back[name], tensor) for name, tensor in network.state_dict().items())
    assert back.keys() == network.state_dict().keys()
