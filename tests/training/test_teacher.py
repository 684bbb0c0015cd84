import pytest
import torch

from tenfold.errors import RecipeError, RunError
from tenfold.model import Model, load_model
from tenfold.nets import Network
from tenfold.run import Run
from tenfold.training.teacher import load_teacher, teacher_probabilities
from tenfold.training.train import train


@pytest.fixture
def trained(digits, tmp_path, float32, make_recipe):
    def run_training(name="run", teacher=None, **changes):
        return train(make_recipe(**changes), digits, Run(tmp_path / name), teacher=teacher)

    return run_training


@pytest.mark.parametrize("ensemble_size", [1, 2])
@pytest.mark.parametrize("file", [True, False], ids=["file", "run"])
def test_student_agrees_with_teacher(file, ensemble_size, trained, digits):
    """With labels that are smoothed to uniform ones, it learns from the teacher alone."""
    run = trained("teacher", epochs=8, ensemble_size=ensemble_size, tta=5).run
    teacher = load_teacher(str(run.model if file else run.folder))
    assert isinstance(teacher, Model if file else Network)
    student = trained("student", epochs=8, seed=3, distillation_weight=1.0, label_smoothing=0.99, teacher=teacher)
    agree = load_model(student.run.folder).predict(digits.images) == load_model(run.folder).predict(digits.images)
    assert agree.mean() > 0.9


def test_run_as_teacher_matches_its_model_without_tta(trained, digits):
    run = trained("teacher", epochs=2, ensemble_size=2, normalize="standardize").run
    pixels = torch.tensor(digits.images[:50]).float()
    from_run, from_file = (
        teacher_probabilities(load_teacher(str(path)), pixels, "float32") for path in (run.folder, run.model)
    )
    torch.testing.assert_close(from_run, from_file, atol=1e-4, rtol=0)
    assert not from_run.requires_grad
    shifting = load_teacher(
        str(trained("shifting", epochs=2, ensemble_size=2, normalize="standardize", tta=5).run.folder)
    )
    torch.testing.assert_close(teacher_probabilities(shifting, pixels, "float32"), from_run, atol=1e-4, rtol=0)


def test_teacher_must_match_distillation_weight(trained):
    with pytest.raises(RecipeError, match="--teacher"):
        trained(distillation_weight=0.5)
    teacher = load_model(trained("teacher", epochs=1).run.folder)
    with pytest.raises(RecipeError, match=r"learns from labels alone .*drop --teacher"):
        trained("other", teacher=teacher)


def test_damaged_teacher(trained):
    run = trained("teacher", epochs=1).run
    content = bytearray(run.weights.read_bytes())
    content[-1] ^= 1
    run.weights.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors: missing or changed since training"):
        load_teacher(str(run.folder))
