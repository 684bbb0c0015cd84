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
from tenfold.training.train import Trained, begin
from tenfold.weights import read_weights

LABELED = Dataset(
    np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8), (np.arange(200) % 10).astype(np.uint8), "rows"
)
TEST = LABELED.subset(slice(50))
RECIPE = prepare.recipe("dense-s", ["validation_split=20"], None, None)


@pytest.fixture
def source(monkeypatch):
    """What every name of data leads to, unless a test changes it; and the names that were asked for."""
    known = {"source": DatasetSplits("data", LABELED, TEST), "asked": []}

    def load(spec):
        known["asked"].append(spec)
        return known["source"]

    monkeypatch.setattr(prepare, "load_data", load)
    return known


def test_a_recipe_by_its_name_with_changes():
    assert prepare.recipe("fast", [], None, None) == find("fast").recipe
    changed = prepare.recipe("fast", ["optimizer.lr=0.5", "epochs=9"], 3, 7)
    assert (changed.optimizer.lr, changed.epochs, changed.seed) == (0.5, 3, 7)
    assert prepare.recipe("dense-128", [], None, None).seed == 42
    assert prepare.recipe("dense-128", [], None, 0).seed == 0
    with pytest.raises(RecipeError, match="unknown recipe 'quick'"):
        prepare.recipe("quick", [], None, None)


def test_a_recipe_from_a_file(tmp_path):
    toml, as_json = tmp_path / "my.toml", tmp_path / "my.json"
    toml.write_text(to_toml(find("fast").recipe))
    as_json.write_text(find("fast").recipe.model_dump_json())
    assert (
        prepare.recipe(str(toml), [], None, None) == prepare.recipe(str(as_json), [], None, None) == find("fast").recipe
    )
    with pytest.raises(UnavailableError, match=r"none\.toml: there is no such recipe file"):
        prepare.recipe(str(tmp_path / "none.toml"), [], None, None)


def test_a_new_job(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = prepare.new("data", RECIPE, None, 100, overwrite=False)
    assert (str(job.run.folder), len(job.labeled)) == ("runs/dense-s", 100)
    assert job.unlabeled.labels is None
    assert len(job.unlabeled) == 50
    assert job.remembered == {"data": "data", "limit": 100}
    assert list(tmp_path.iterdir()) == []


def begun_run(tmp_path, remembered):
    run = Run(tmp_path / "run")
    begin(run, RECIPE, LABELED, remembered)
    return run


def test_a_run_is_replaced_only_if_asked(source, tmp_path):
    run = begun_run(tmp_path, {})
    with pytest.raises(RunError, match=r"run holds a run already; use --resume .*, --overwrite .*, or another --out"):
        prepare.new("data", RECIPE, run.folder, None, overwrite=False)
    assert run.exists
    assert source["asked"] == [], "a folder in the way is told before anything is read"
    prepare.new("data", RECIPE, run.folder, None, overwrite=True)
    assert not run.folder.exists()


def test_a_run_is_not_lost_to_what_cannot_be_trained(source, tmp_path):
    run = begun_run(tmp_path, {})
    with pytest.raises(Exception, match=r"--set validation_split=0\.2"):
        prepare.new("data", find("dense-s").recipe, run.folder, None, overwrite=True)
    with pytest.raises(RecipeError, match="has no use for a teacher"):
        prepare.new("data", RECIPE, run.folder, None, overwrite=True, teacher=run.model)
    student = prepare.recipe("dense-s", ["validation_split=20", "distillation_weight=0.5"], None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"this folder has no model\.onnx"):
        prepare.new("data", student, run.folder, None, overwrite=True, teacher=tmp_path / "empty")
    with pytest.raises(RunError, match="would be replaced by its student"):
        prepare.new("data", student, run.folder, None, overwrite=True, teacher=run.model)
    source["source"] = DatasetSplits("data", None, TEST)
    with pytest.raises(DataError, match="has only a test split"):
        prepare.new("data", RECIPE, run.folder, None, overwrite=True)
    assert run.exists


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_run_is_never_removed(source, tmp_path, overwrite):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "recipe.json").write_text("{}")  # as `recipes show --json` is kept
    with pytest.raises(RunError, match="no run of tenfold"):
        prepare.new("data", RECIPE, tmp_path, None, overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_begun_job_finds_its_rows_again(source, tmp_path):
    run = begun_run(tmp_path, {"data": "somewhere.zip", "limit": 120})
    job = prepare.begun(run.folder, None)
    assert source["asked"] == ["somewhere.zip"]
    first = prepare.new("somewhere.zip", RECIPE, tmp_path / "other", 120, overwrite=False)
    assert (job.recipe, job.labeled.digest) == (RECIPE, first.labeled.digest)
    moved = prepare.begun(run.folder, "elsewhere.zip")
    assert source["asked"][-1] == "elsewhere.zip"
    assert moved.remembered == {"data": "elsewhere.zip", "limit": 120}


def test_a_begun_job_trains_as_many_at_once_as_before(source, tmp_path, monkeypatch):
    new = prepare.new("data", RECIPE, tmp_path / "run", 120, overwrite=False, jobs=2)
    assert new.remembered == {"data": "data", "limit": 120, "jobs": 2}
    job = prepare.begun(begun_run(tmp_path, new.remembered).folder, None)
    assert job.remembered == new.remembered
    told = []

    def train(*arguments):
        told.append(arguments[7])
        return Trained(job.run, {}, finished=True)

    monkeypatch.setattr(prepare, "train_run", train)
    prepare.train(job, Console(quiet=True), None)
    assert told == [2], "another number of threads would give other bits"


def test_a_begun_student_goes_on_with_its_own_teacher(source, tmp_path):
    teacher = tmp_path / "teacher.onnx"
    teacher.write_bytes(read_weights("digits"))
    student = prepare.recipe("dense-s", ["validation_split=20", "distillation_weight=0.5"], None, None)
    new = prepare.new("data", student, tmp_path / "student", None, overwrite=False, teacher=teacher)
    begin(new.run, student, new.labeled, new.remembered)
    assert prepare.begun(new.run.folder, None).remembered == new.remembered
    known = json.loads(new.run.data.read_text())
    new.run.data.write_text(json.dumps({key: known[key] for key in known if key != prepare.TEACHER_DIGEST}))
    assert prepare.begun(new.run.folder, None).teacher is not None  # as runs were begun before
    new.run.data.write_text(json.dumps(known))
    model = onnx.load_from_string(teacher.read_bytes())
    model.doc_string = "another"
    teacher.write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match="not the one that the run was begun with"):
        prepare.begun(new.run.folder, None)


def test_there_must_be_a_run_to_go_on_with(source, tmp_path):
    with pytest.raises(UnavailableError, match="there is no run to go on with"):
        prepare.begun(tmp_path / "run", None)
    run = begun_run(tmp_path, {})  # as `compare` begins them
    with pytest.raises(RunError, match="does not say which rows it had"):
        prepare.begun(run.folder, "data")


@pytest.mark.parametrize("finished", [False, True])
def test_train_hands_everything_on(source, tmp_path, monkeypatch, finished):
    seen = {}

    def train(recipe, labeled, unlabeled, run, watcher, remembered, teacher, jobs, extra):
        seen.update(recipe=recipe, labeled=labeled, unlabeled=unlabeled, run=run, remembered=remembered)
        seen["extra"] = extra
        assert (teacher, jobs) == (None, 1)
        watcher.interrupted = True
        assert watcher.stop()
        return Trained(run, {}, finished)

    monkeypatch.setattr(prepare, "train_run", train)
    job = prepare.new("data", RECIPE, tmp_path / "run", None, overwrite=False)
    # Ctrl-C that came when all epochs were done has interrupted nothing.
    assert prepare.train(job, Console(quiet=True), None).interrupted == (not finished)
    assert seen == {name: getattr(job, name) for name in seen}


def test_a_contest_takes_the_labeled_test_rows(source):
    contest = prepare.contest("data", None)
    assert (contest.labeled, contest.test) == (LABELED, TEST)
    assert contest.note == "Measured on rows: 50 rows."


def test_a_contest_sets_a_fifth_aside_where_the_test_rows_have_no_labels(source):
    source["source"] = DatasetSplits("data", LABELED, Dataset(TEST.images, None, "test"))
    contest = prepare.contest("data", None)
    assert (len(contest.labeled), len(contest.test)) == (160, 40)
    assert contest.test.label_counts.tolist() == [4] * 10
    rows = {image.tobytes() for image in contest.labeled.images} | {image.tobytes() for image in contest.test.images}
    assert len(rows) == 200, "together they are all rows, and no row is in both"
    assert "40 rows of rows, set aside" in contest.note
    again = prepare.contest("data", None)
    assert again.test.digest == contest.test.digest
    limited = prepare.contest("data", 100)
    assert (len(limited.labeled), len(limited.test)) == (80, 20)


def test_what_a_run_remembers_is_json(source, tmp_path):
    job = prepare.new("data", RECIPE, tmp_path / "run", 100, overwrite=False)
    begin(job.run, job.recipe, job.labeled, job.remembered)
    data = json.loads(job.run.data.read_text())
    assert (data["data"], data["limit"], data["rows"]) == ("data", 100, 100)


def test_a_folder_with_files_of_such_names_is_no_run(source, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    begun = {"source": "digits", "rows": 120, "digest": "x"}
    for name, content in (("checkpoints/theirs.pt", "weights"), ("data.json", '{"mine": 1}'), ("data.json", "mine")):
        (tmp_path / "data.json").write_text(json.dumps(begun))
        (tmp_path / name).write_text(content)
        with pytest.raises(RunError, match="no run of tenfold"):
            prepare.new("data", RECIPE, tmp_path, None, overwrite=True)
        assert (tmp_path / name).read_text() == content
        (tmp_path / name).unlink()
    (tmp_path / "data.json").write_text(json.dumps(begun))  # a training was killed before it wrote recipe.json
    (tmp_path / ".recipe.json.abcdefgh.part").write_text("{")
    (tmp_path / ".DS_Store").write_text("a place on the screen")
    prepare.new("data", RECIPE, tmp_path, None, overwrite=False)
    assert not tmp_path.exists()


def test_what_taught_the_teacher_is_known_to_its_student(source, tmp_path):
    teacher = Run(tmp_path / "teacher")
    others = Dataset(255 - LABELED.images, LABELED.labels, "other rows")
    begin(teacher, RECIPE, others, {})
    student = Run(tmp_path / "student")
    begin(student, RECIPE, LABELED, {"teacher": str(teacher.folder)})
    assert student.known(others.images).all()
    assert student.known(LABELED.images).all()
    assert not student.known(LABELED.images[:, ::-1]).any()


@pytest.mark.parametrize(
    ("error", "begun", "old_is_back"),
    [
        (TenfoldError("the training diverged"), True, True),
        (OSError("no space"), False, True),
        (KeyboardInterrupt(), True, False),
        (None, True, False),
    ],
)
def test_a_run_is_there_until_something_has_come_of_the_new_one(
    source, tmp_path, monkeypatch, capsys, error, begun, old_is_back
):
    run = begun_run(tmp_path, {})
    run.model.write_bytes(b"the old model")
    job = prepare.new("data", RECIPE, run.folder, None, overwrite=True)

    def train(*arguments):
        begin(job.run, RECIPE, LABELED, {})
        if begun:
            checkpoint = Run(job.run.folder / "members" / "01").last  # of an ensemble
            checkpoint.parent.mkdir(parents=True)
            checkpoint.write_bytes(b"a checkpoint")
        if error is not None:
            raise error
        return Trained(job.run, {}, finished=True)

    monkeypatch.setattr(prepare, "train_run", train)
    with pytest.raises(type(error)) if error is not None else contextlib.nullcontext():
        prepare.train(job, Console(width=500), None)
    assert run.model.exists() == old_is_back
    if isinstance(error, KeyboardInterrupt):  # what it had done can be gone on with, and the old run is at hand
        (kept,) = tmp_path.glob("run.replaced-*/run/model.onnx")
        assert str(kept.parent) in capsys.readouterr().out
    else:
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
