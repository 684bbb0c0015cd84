import contextlib
import json

import numpy as np
import onnx
import pytest
from rich.console import Console

from tenfold.data import DatasetSplits
from tenfold.data.dataset import Dataset
from tenfold.errors import DataError, RecipeError, RunError, TenfoldError, UnavailableError
from tenfold.recipes import find
from tenfold.recipes.toml import to_toml
from tenfold.run import Run
from tenfold.training import prepare
from tenfold.training.prepare import TrainOptions
from tenfold.training.train import TrainResult, create_or_reopen
from tenfold.weights import read_weights

LABELED = Dataset(
    np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8),
    (np.arange(200) % 10).astype(np.uint8),
    "samples",
)
TEST = LABELED.subset(slice(50))
RECIPE = prepare.find_recipe("dense-s", ["validation_split=20"], None, None)


@pytest.fixture
def source(monkeypatch):
    """The data that every name leads to, and the names that were loaded."""
    known = {"source": DatasetSplits("data", LABELED, TEST), "loaded": []}

    def load(spec, **options):
        known["loaded"].append(spec)
        return known["source"]

    monkeypatch.setattr(prepare, "load_data", load)
    return known


def test_find_recipe_by_name_with_settings():
    assert prepare.find_recipe("fast", [], None, None) == find("fast").recipe
    changed = prepare.find_recipe("fast", ["optimizer.lr=0.5", "epochs=9"], 3, 7)
    assert (changed.optimizer.lr, changed.epochs, changed.seed) == (0.5, 3, 7)
    assert prepare.find_recipe("dense-128", [], None, None).seed == 42
    assert prepare.find_recipe("dense-128", [], None, 0).seed == 0
    with pytest.raises(RecipeError, match="unknown recipe 'quick'"):
        prepare.find_recipe("quick", [], None, None)


def test_find_recipe_from_file(tmp_path):
    toml, as_json = tmp_path / "my.toml", tmp_path / "my.json"
    toml.write_text(to_toml(find("fast").recipe))
    as_json.write_text(find("fast").recipe.model_dump_json())
    assert (
        prepare.find_recipe(str(toml), [], None, None)
        == prepare.find_recipe(str(as_json), [], None, None)
        == find("fast").recipe
    )
    with pytest.raises(UnavailableError, match=r"none\.toml: no such file"):
        prepare.find_recipe(str(tmp_path / "none.toml"), [], None, None)


def new_job(recipe, out, overwrite=False, **options):
    return prepare.new_job(recipe, out, TrainOptions("data", **options), overwrite)


def test_new_job(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = prepare.new_job(RECIPE, None, TrainOptions("data", limit=100))
    assert (str(job.run.folder), len(job.labeled)) == ("runs/dense-s", 100)
    assert job.unlabeled.labels is None
    assert len(job.unlabeled) == 50
    assert job.record == {"data": "data", "limit": 100}
    assert list(tmp_path.iterdir()) == []


def start_run(tmp_path, record):
    run = Run(tmp_path / "run")
    create_or_reopen(run, RECIPE, LABELED, record)
    return run


def test_new_job_replaces_run_only_with_overwrite(source, tmp_path):
    run = start_run(tmp_path, {})
    with pytest.raises(
        RunError,
        match=r"run already contains a run; continue it with --resume, .* --overwrite, or choose another --out",
    ):
        new_job(RECIPE, run.folder, overwrite=False)
    assert run.exists
    assert source["loaded"] == [], "the error comes before anything is read"
    new_job(RECIPE, run.folder, overwrite=True)
    assert not run.folder.exists()


def test_new_job_errors_keep_the_present_run(source, tmp_path):
    run = start_run(tmp_path, {})
    with pytest.raises(Exception, match=r"--set validation_split=0\.2"):
        new_job(find("dense-s").recipe, run.folder, overwrite=True)
    with pytest.raises(RecipeError, match="learns from labels alone"):
        new_job(RECIPE, run.folder, overwrite=True, teacher=run.model)
    student = prepare.find_recipe("dense-s", ["validation_split=20", "distillation_weight=0.5"], None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"this folder has no model\.onnx"):
        new_job(student, run.folder, overwrite=True, teacher=tmp_path / "empty")
    with pytest.raises(RunError, match="the run would replace its own teacher"):
        new_job(student, run.folder, overwrite=True, teacher=run.model)
    source["source"] = DatasetSplits("data", None, TEST)
    with pytest.raises(DataError, match="has only a test split"):
        new_job(RECIPE, run.folder, overwrite=True)
    assert run.exists


@pytest.mark.parametrize("overwrite", [False, True])
def test_new_job_never_replaces_other_folders(source, tmp_path, overwrite):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "recipe.json").write_text("{}")  # as `recipes show --json` is kept
    with pytest.raises(RunError, match="not a tenfold run folder"):
        new_job(RECIPE, tmp_path, overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_resume_job_loads_the_recorded_data(source, tmp_path):
    run = start_run(tmp_path, {"data": "somewhere.zip", "limit": 120})
    job = prepare.resume_job(run.folder, None)
    assert source["loaded"] == ["somewhere.zip"]
    first = prepare.new_job(RECIPE, tmp_path / "other", TrainOptions("somewhere.zip", limit=120))
    assert (job.recipe, job.labeled.digest) == (RECIPE, first.labeled.digest)
    moved = prepare.resume_job(run.folder, "elsewhere.zip")
    assert source["loaded"][-1] == "elsewhere.zip"
    assert moved.record == {"data": "elsewhere.zip", "limit": 120}


def test_resume_job_keeps_jobs(source, tmp_path, monkeypatch):
    new = new_job(RECIPE, tmp_path / "run", limit=120, jobs=2)
    assert new.record == {"data": "data", "limit": 120, "jobs": 2}
    job = prepare.resume_job(start_run(tmp_path, new.record).folder, None)
    assert job.record == new.record
    assert job.options.jobs == 2, "another number of threads would give other bits"


def test_resume_job_needs_the_same_teacher(source, tmp_path):
    teacher = tmp_path / "teacher.onnx"
    teacher.write_bytes(read_weights("digits"))
    student = prepare.find_recipe("dense-s", ["validation_split=20", "distillation_weight=0.5"], None, None)
    new = new_job(student, tmp_path / "student", teacher=teacher)
    create_or_reopen(new.run, student, new.labeled, new.record)
    assert prepare.resume_job(new.run.folder, None).record == new.record
    model = onnx.load_from_string(teacher.read_bytes())
    model.doc_string = "another"
    teacher.write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match="the teacher has changed since the run was started"):
        prepare.resume_job(new.run.folder, None)


def test_resume_job_without_run(source, tmp_path):
    with pytest.raises(UnavailableError, match="there is no run to resume"):
        prepare.resume_job(tmp_path / "run", None)
    run = start_run(tmp_path, {})  # as `compare` starts them
    with pytest.raises(RunError, match="does not record its data"):
        prepare.resume_job(run.folder, "data")


def test_run_job_passes_everything_on(source, tmp_path, monkeypatch):
    passed = {}

    def train(recipe, data, run, callbacks, **options):
        passed.update(recipe=recipe, data=data, run=run, callbacks=callbacks, **options)
        return TrainResult(run, {}, finished=True)

    monkeypatch.setattr(prepare, "train", train)
    job = new_job(RECIPE, tmp_path / "run", jobs=3, device="cpu", precision="bfloat16")
    prepare.run_job(job, ["callback"], Console(quiet=True))
    assert passed == {
        "recipe": RECIPE,
        "data": job.labeled,
        "run": job.run,
        "callbacks": ["callback"],
        "extra": None,
        "unlabeled": job.unlabeled,
        "teacher": None,
        "jobs": 3,
        "device": "cpu",
        "precision": "bfloat16",
        "record": job.record,
        "notes": (),
    }


def test_comparison_uses_labeled_test_samples(source):
    comparison = prepare.load_comparison("data", None)
    assert (comparison.labeled, comparison.test) == (LABELED, TEST)
    assert comparison.note == "Measured on samples: 50 samples."


def test_comparison_splits_off_a_fifth_without_labeled_test_samples(source):
    source["source"] = DatasetSplits("data", LABELED, Dataset(TEST.images, None, "test"))
    comparison = prepare.load_comparison("data", None)
    assert (len(comparison.labeled), len(comparison.test)) == (160, 40)
    assert comparison.test.label_counts.tolist() == [4] * 10
    images = {image.tobytes() for image in comparison.labeled.images} | {
        image.tobytes() for image in comparison.test.images
    }
    assert len(images) == 200, "together they are all samples, and none is in both"
    assert "40 samples of samples, set aside" in comparison.note
    again = prepare.load_comparison("data", None)
    assert again.test.digest == comparison.test.digest
    limited = prepare.load_comparison("data", 100)
    assert (len(limited.labeled), len(limited.test)) == (80, 20)


def test_record_is_written_to_data_json(source, tmp_path):
    job = new_job(RECIPE, tmp_path / "run", limit=100)
    create_or_reopen(job.run, job.recipe, job.labeled, job.record)
    data = json.loads(job.run.data.read_text())
    assert (data["data"], data["limit"], data["samples"]) == ("data", 100, 100)


def test_new_job_never_replaces_folders_with_similar_files(source, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    record = {"source": "digits", "samples": 120, "digest": "x"}
    for name, content in (("checkpoints/theirs.pt", "weights"), ("data.json", '{"mine": 1}'), ("data.json", "mine")):
        (tmp_path / "data.json").write_text(json.dumps(record))
        (tmp_path / name).write_text(content)
        with pytest.raises(RunError, match="not a tenfold run folder"):
            new_job(RECIPE, tmp_path, overwrite=True)
        assert (tmp_path / name).read_text() == content
        (tmp_path / name).unlink()
    (tmp_path / "data.json").write_text(json.dumps(record))  # a training was killed before it wrote recipe.json
    (tmp_path / ".recipe.json.abcdefgh.part").write_text("{")
    (tmp_path / ".DS_Store").write_text("window position")
    new_job(RECIPE, tmp_path, overwrite=False)
    assert not tmp_path.exists()


def test_run_contains_images_of_its_teacher(source, tmp_path):
    teacher = Run(tmp_path / "teacher")
    others = Dataset(255 - LABELED.images, LABELED.labels, "other samples")
    create_or_reopen(teacher, RECIPE, others, {})
    student = Run(tmp_path / "student")
    create_or_reopen(student, RECIPE, LABELED, {"teacher": str(teacher.folder)})
    assert student.contains(others.images).all()
    assert student.contains(LABELED.images).all()
    assert not student.contains(LABELED.images[:, ::-1]).any()


@pytest.mark.parametrize(
    ("error", "has_checkpoint", "old_is_back"),
    [
        (TenfoldError("the training diverged"), True, True),
        (OSError("no space"), False, True),
        (KeyboardInterrupt(), True, False),
        (None, True, False),
    ],
)
def test_replaced_run_is_kept_until_the_new_one_has_a_result(
    source, tmp_path, monkeypatch, capsys, error, has_checkpoint, old_is_back
):
    run = start_run(tmp_path, {})
    run.model.write_bytes(b"the old model")
    job = new_job(RECIPE, run.folder, overwrite=True)

    def train(*arguments, **options):
        create_or_reopen(job.run, RECIPE, LABELED, {})
        if has_checkpoint:
            checkpoint = Run(job.run.folder / "members" / "01").last  # of an ensemble
            checkpoint.parent.mkdir(parents=True)
            checkpoint.write_bytes(b"a checkpoint")
        if error is not None:
            raise error
        return TrainResult(job.run, {}, finished=True)

    monkeypatch.setattr(prepare, "train", train)
    with pytest.raises(type(error)) if error is not None else contextlib.nullcontext():
        prepare.run_job(job, [], Console(width=500))
    assert run.model.exists() == old_is_back
    if isinstance(error, KeyboardInterrupt):  # the new run can be resumed, and the old one is kept
        (kept,) = tmp_path.glob("run.replaced-*/run/model.onnx")
        assert str(kept.parent) in capsys.readouterr().out
    else:
        assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_find_recipe_with_a_network_of_ones_own():
    recipe = prepare.find_recipe("fast", ["optimizer.lr=0.01"], network="nets:make")
    assert recipe.net.model_dump() == {"kind": "custom", "factory": "nets:make"}
    assert recipe.model_copy(update={"net": find("fast").recipe.net}) == prepare.find_recipe(
        "fast", ["optimizer.lr=0.01"]
    )
