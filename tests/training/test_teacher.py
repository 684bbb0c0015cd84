import pytest
import torch

from tenfold.errors import RecipeError, RunError
from tenfold.model import Model, load_model
from tenfold.nets import Network
from tenfold.run import Run
from tenfold.training.teacher import load_teacher, probabilities
from tenfold.training.train import train


@pytest.fixture
def trained(digits, tmp_path, float32, make_recipe):
    def run_it(name="run", teacher=None, **changes):
        return train(make_recipe(**changes), digits, Run(tmp_path / name), teacher=teacher)

    return run_it


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("file", [True, False], ids=["a file", "a run"])
def test_a_student_comes_near_its_teacher(file, members, trained, digits):
    """With labels that are no use to it, for they are smoothed to nothing, it learns from the teacher alone."""
    run = trained("teacher", epochs=8, ensemble_size=members, tta=5).run
    teacher = load_teacher(str(run.model if file else run.folder))
    assert isinstance(teacher, Model if file else Network)
    student = trained("student", epochs=8, seed=3, distillation_weight=1.0, label_smoothing=0.99, teacher=teacher)
    agree = load_model(student.run.folder).predict(digits.images) == load_model(run.folder).predict(digits.images)
    assert agree.mean() > 0.9


def test_a_run_teaches_what_its_file_says_but_for_the_shifts(trained, digits):
    run = trained("teacher", epochs=2, ensemble_size=2, normalize="standardize").run
    pixels = torch.tensor(digits.images[:50]).float()
    said = [probabilities(load_teacher(str(path)), pixels, "float32") for path in (run.folder, run.model)]
    torch.testing.assert_close(said[0], said[1], atol=1e-4, rtol=0)
    assert not said[0].requires_grad
    shifting = load_teacher(
        str(trained("shifting", epochs=2, ensemble_size=2, normalize="standardize", tta=5).run.folder)
    )
    torch.testing.assert_close(probabilities(shifting, pixels, "float32"), said[0], atol=1e-4, rtol=0)


def test_a_teacher_is_there_where_the_recipe_wants_one_and_only_there(trained):
    with pytest.raises(RecipeError, match="--teacher"):
        trained(distillation_weight=0.5)
    teacher = load_model(trained("teacher", epochs=1).run.folder)
    with pytest.raises(RecipeError, match="no use for a teacher"):
        trained("other", teacher=teacher)


def test_a_damaged_teacher_teaches_nobody(trained):
    run = trained("teacher", epochs=1).run
    content = bytearray(run.weights.read_bytes())
    content[-1] ^= 1
    run.weights.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors: this file is missing or not the one"):
        load_teacher(str(run.folder))
