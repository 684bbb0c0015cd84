"""What each command does, as the person sees it who gives it."""

import csv
import json
import os
import re
import shlex
import stat
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tenfold import submission
from tenfold.data import Dataset, load_data
from tenfold.recipes import RECIPES


def predictions(model: Path, images: np.ndarray) -> list[int]:
    """Straight from ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0].argmax(1).tolist()


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_version_and_help(run_cli):
    version = run_cli("--version")
    assert (version.code, version.err) == (0, "")
    assert version.out.startswith("tenfold 0.")
    help_text = run_cli("--help")
    assert help_text.code == 0
    for command in ("check", "train", "submit", "evaluate", "compare", "recipes", "data"):
        assert f"\n  {command} " in help_text.out
    alone = run_cli()
    assert (alone.code, alone.out) == (2, "")
    assert "Commands:" in alone.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train", ["[default: fast]", "[default: runs/RECIPE]", "90 is seconds", "--resume", "--json"]),
        ("submit", ["[default: submission.csv]", "--upload MESSAGE", "--json"]),
        ("compare", ["[default: runs/compare]", "[default: 1", "[required]", "--json"]),
        ("check", ["--report FILE", "--json"]),
        ("evaluate", ["--report FILE", "--robustness", "`bundled`", "--json"]),
        ("read", ["of several --models, the first", "files of the same name are numbered", "--json"]),
        ("recipes show", ["NAME", "--json"]),
        ("data download", ["mnist", "--json"]),
    ],
)
def test_help_says_what_an_option_is_when_not_given(run_cli, command, said):
    ran = run_cli(*command.split(), "--help")
    text = " ".join(ran.out.split())
    assert ran.code == 0
    assert [phrase for phrase in said if phrase not in text] == []


def test_check_shows_the_counts_and_writes_the_page(run_cli, kaggle_zip, tmp_path):
    page = tmp_path / "new" / "check.html"
    ran = run_cli("check", kaggle_zip, "--report", page)
    assert ran.code == 0
    assert "300" in ran.out
    assert "60" in ran.out
    assert ran.out.endswith(f"These data can be trained on.\npage: {page}\n")
    assert ran.err == ""
    assert "digit-recognizer.zip" in page.read_text()
    document = run_cli("check", kaggle_zip, "--json").document
    assert document["trainable"] is True
    assert (document["train"]["rows"], document["test"]["rows"]) == (300, 60)
    labels = load_data(kaggle_zip).train.labels
    assert document["train"]["label_counts"] == [int((labels == digit).sum()) for digit in range(10)]


def test_data_that_cannot_be_trained_on_are_one_document_and_code_4(run_cli, kaggle_zip):
    test_csv = kaggle_zip.parent / "test.csv"
    ran = run_cli("check", test_csv)
    assert ran.code == 4
    assert ran.err == f"tenfold: {test_csv}: these data can't be trained on\n"
    as_json = run_cli("check", test_csv, "--json")
    assert as_json.code == as_json.document["error"]["exit_code"] == 4
    assert as_json.document["trainable"] is False
    assert as_json.document["test"]["rows"] == 60
    assert as_json.err == ran.err


def test_train_leaves_a_whole_run(trained):
    listed = json.loads((trained / "manifest.json").read_text())["sha256"]
    assert {"recipe.json", "history.csv", "model.onnx", "model.safetensors", "metrics.json", "report.html"} <= set(
        listed
    )
    recipe = json.loads((trained / "recipe.json").read_text())
    assert (recipe["name"], recipe["epochs"], recipe["validation_split"], recipe["seed"]) == ("dense-s", 4, 200, 3)


def test_train_tells_programs_the_metrics(run_cli, quick, tmp_path):
    ran = run_cli("train", *quick, "--limit", "200", "--epochs", "2", "--out", tmp_path / "run", "--json")
    assert ran.code == 0
    assert ran.err == ""
    document = ran.document
    assert document["run"] == str(tmp_path / "run")
    assert document["finished"] is True
    assert document["data"] == {"source": "train.csv in digit-recognizer.zip", "train_rows": 150,
                                "held_out_rows": 50}  # fmt: skip
    assert {key: document[key] for key in document if key != "run"} == json.loads(
        (tmp_path / "run" / "metrics.json").read_text()
    )


def test_submit_writes_the_predictions_in_the_order_of_the_test_rows(run_cli, trained, kaggle_zip, digits, tmp_path):
    out = tmp_path / "submission.csv"
    ran = run_cli("submit", trained, kaggle_zip, "-o", out)
    assert ran.code == 0
    header, *rows = rows_of(out)
    images = digits[1].images[:60]
    expected = predictions(trained / "model.onnx", images)
    assert header == ["ImageId", "Label"]
    assert rows == [[str(number), str(label)] for number, label in enumerate(expected, 1)]
    assert len(set(expected)) == 10, "a model that always says the same would not show a wrong order"
    assert np.mean(np.array(expected) == digits[1].labels[:60]) > 0.8
    document = run_cli("submit", trained / "model.onnx", kaggle_zip, "-o", out, "--json").document
    counts = [expected.count(digit) for digit in range(10)]
    assert document == {"file": str(out), "kaggle_rows": False, "rows": 60, "label_counts": counts}
    assert rows_of(out) == [header, *rows]


def test_submit_keeps_a_link_and_what_it_leads_to(run_cli, trained, kaggle_zip, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "link.csv").code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows_of(tmp_path / "real.csv")) == 61


def test_submit_never_replaces_what_is_no_file(run_cli, trained, kaggle_zip, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = run_cli("submit", trained, kaggle_zip, "-o", pipe)
    assert ran.code == 2
    assert f"{pipe} is not a regular file" in ran.err
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_submit_check_names_the_first_wrong_line(run_cli, tmp_path):
    file = tmp_path / "submission.csv"
    file.write_text("ImageId,Label\n1,7\n2,0\n")
    ran = run_cli("submit", "--check", file)
    assert ran.code == 0
    said, note = ran.out.splitlines()
    assert said == f"{file}: valid, 2 rows (0: 1, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 0, 9: 0)"
    assert "28,000 rows" in note
    ran = run_cli("submit", "--check", file, "--rows", 3)
    assert (ran.code, ran.out) == (4, "")
    assert "the file ends here with 2 rows; expected 3" in ran.err
    file.write_text("ImageId,Label\n1,7\n3,0\n2,99\n")
    ran = run_cli("submit", "--check", file, "--json")
    assert ran.code == ran.document["error"]["exit_code"] == 4
    assert f"{file}, line 3: ImageId is '3', expected 2" in ran.document["error"]["message"]


@pytest.mark.parametrize(("lines", "said"), [(27_999, "27,998 rows"), (28_002, "line 28,002: a row too many")])
def test_submit_check_sees_that_rows_of_kaggles_are_missing_or_too_many(run_cli, tmp_path, lines, said):
    file = full_submission(tmp_path)
    whole = [*file.read_text().splitlines(keepends=True), "28001,1\n"]
    file.write_text("".join(whole[:lines]))
    ran = run_cli("submit", "--check", file)
    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err
    assert "expected 28,000" in ran.err


@pytest.mark.parametrize(
    ("model", "options"),
    [(False, ["--check", "s.csv", "-o", "t.csv"]), (True, ["--rows", 3]), (True, ["--check", "s.csv"])],
)
def test_submit_refuses_options_that_would_do_nothing(
    run_cli, trained, kaggle_zip, tmp_path, monkeypatch, model, options
):
    monkeypatch.chdir(tmp_path)
    full_submission(tmp_path).rename("s.csv")
    given = [trained, kaggle_zip] if model else []
    assert run_cli("submit", *given, *options).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


def full_submission(folder: Path) -> Path:
    file = folder / "my submission.csv"
    file.write_text("ImageId,Label\n" + "".join(f"{number},{number % 10}\n" for number in range(1, 28_001)))
    return file


def test_upload_calls_kaggle(run_cli, tmp_path, monkeypatch):
    kaggle = tmp_path / "bin" / "kaggle"
    kaggle.parent.mkdir()
    kaggle.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/asked"\necho Successfully submitted\n')
    kaggle.chmod(0o755)
    monkeypatch.setenv("PATH", str(kaggle.parent), prepend=os.pathsep)
    file = full_submission(tmp_path)
    ran = run_cli("submit", "--check", file, "--upload", "it's the first", "--json")
    assert ran.code == 0
    assert ran.document["kaggle"] == "Successfully submitted"
    assert ran.document["rows"] == 28_000
    asked = (kaggle.parent / "asked").read_text().splitlines()
    assert asked == ["competitions", "submit", "-c", "digit-recognizer", "-f", str(file), "-m", "it's the first"]
    ran = run_cli("submit", "--check", file, "--upload", "again")
    assert ran.err == "Successfully submitted\n"
    kaggle.write_text("#!/bin/sh\necho 403 - Forbidden\nexit 1\n")
    ran = run_cli("submit", "--check", file, "--upload", "again", "--json")
    assert ran.code == ran.document["error"]["exit_code"] == 3
    assert "403 - Forbidden" in ran.err


def test_without_kaggle_the_command_is_said(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    file = full_submission(tmp_path)
    ran = run_cli("submit", "--check", file, "--upload", "first")
    assert ran.code == 5
    assert shlex.join(["kaggle", "competitions", "submit", "-c", "digit-recognizer", "-f", str(file)]) in ran.err


def test_the_hint_after_submit_is_for_kaggles_own_rows_only(run_cli, trained, kaggle_zip, tmp_path, monkeypatch):
    ran = run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "small.csv")
    assert "note: Kaggle's Digit Recognizer takes 28,000 rows" in ran.out
    assert "kaggle competitions" not in ran.out
    monkeypatch.setattr(submission, "TEST_ROWS", 60)
    ran = run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "my full.csv")
    last = ran.out.splitlines()[-1]
    assert last.startswith("to upload it: kaggle competitions submit -c digit-recognizer -f ")
    assert str(tmp_path / "my full.csv") in shlex.split(last.removeprefix("to upload it: "))


def test_evaluate_measures_and_tells_known_rows(run_cli, trained, digits, tmp_path):
    train, test = digits
    page = tmp_path / "evaluation.html"
    ran = run_cli("evaluate", trained, "digits:test", "--report", page)
    assert ran.code == 0
    right = np.array(predictions(trained / "model.onnx", test.images)) == test.labels
    assert f"accuracy {100 * right.mean():.2f} %" in ran.out
    assert f"{(~right).sum()} errors of 360" in ran.out
    assert "note:" not in ran.out
    assert "<html" in page.read_text()[:200]
    document = run_cli("evaluate", trained, "digits:test", "--json").document
    assert document["evaluation"]["errors"] == int((~right).sum())
    assert (document["known_rows"], document["unseen"]) == (0, None)
    ran = run_cli("evaluate", trained, "digits:train")
    assert "note: 1,437 of the 1,437 images stood in the rows that this model was made with, all of them" in ran.out
    assert run_cli("evaluate", trained, "digits:train", "--json").document["known_rows"] == len(train)


def test_evaluate_measures_damaged_copies(run_cli, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.evaluation.robustness.ROWS", 20)
    page = tmp_path / "evaluation.html"
    ran = run_cli("evaluate", trained, "digits:test", "--robustness", "--report", page)
    assert ran.code == 0, ran.err
    assert "damaged copies of 20 rows: " in ran.out
    assert re.search(r"gaussian noise( +\d+\.\d){6}", ran.out)
    assert 'id="robustness"' in page.read_text()
    robustness = run_cli("evaluate", trained, "digits:test", "--robustness", "--json").document["robustness"]
    assert robustness["rows"] == 20
    assert f"{100 * robustness['mean']:.2f} % right over all kinds" in ran.out
    assert "robustness" not in run_cli("evaluate", trained, "digits:test", "--json").document


def test_the_bundled_model_goes_by_its_name(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = run_cli("evaluate", "bundled", "digits:test", "--json").document
    assert document["model"] == "bundled"
    assert document["known_rows"] is None
    assert document["evaluation"]["accuracy"] > 0.9
    (tmp_path / "bundled").write_bytes(b"no model")
    assert run_cli("evaluate", "bundled", "digits:test").code == 3


@pytest.mark.usefixtures("no_export")
def test_compare_ranks_and_uses_finished_runs_again(run_cli, kaggle_zip, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    settings = ("--set", "validation_split=50", "--set", "net.dense=[8]", "--epochs", "1", "--seeds", "2")
    args = ("compare", kaggle_zip, "--recipes", "dense-s, dense-m", *settings, "--out", tmp_path / "compared")
    ran = run_cli(*args)
    assert ran.code == 0, ran.err
    assert len(re.findall(r"dense-[sm]-seed[01]: trained in ", ran.err)) == 4
    assert "Measured on 60 rows of train.csv in digit-recognizer.zip, set aside before any training." in ran.out
    assert ran.out.endswith(f"page: {tmp_path / 'compared' / 'compare.html'}\n")
    table = ran.out.splitlines()[:4]
    assert max(map(len, table)) <= 60
    assert "…" not in ran.out
    again = run_cli(*args, "--json")
    assert again.err.count("finished before, used as it is") == 4
    document = again.document
    assert [row["recipe"] for row in document["rows"]] == ["dense-s", "dense-m"]
    assert document["n"] == 60
    leaderboard = json.loads((tmp_path / "compared" / "leaderboard.json").read_text())
    assert document == leaderboard | {"folder": str(tmp_path / "compared")}
    changed = run_cli(*args, "--set", "optimizer.lr=0.5", "--json")
    assert changed.code == changed.document["error"]["exit_code"] == 3
    assert "begun with another recipe; choose another --out" in changed.err


def test_recipes_are_listed_and_shown(run_cli):
    ran = run_cli("recipes")
    assert ran.code == 0
    for name, entry in RECIPES.items():
        assert f" {name} " in ran.out
        assert entry.published.split(",")[0] in ran.out
    document = run_cli("recipes", "--json").document
    assert [entry["name"] for entry in document] == list(RECIPES)
    assert {entry["name"]: entry["parameters"] for entry in document}["cnn-887k"] == 887_530
    for args in (("recipes", "show", "fast", "--json"), ("recipes", "--json", "show", "fast")):
        assert run_cli(*args).document == RECIPES["fast"].recipe.model_dump(mode="json")


@pytest.mark.usefixtures("no_export")
def test_a_shown_recipe_can_be_edited_and_trained(run_cli, kaggle_zip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run_cli("recipes", "show", "dense-s").out
    assert shown.startswith("# ")
    Path("my.toml").write_text(shown.replace('name = "dense-s"', 'name = "mine"').replace("epochs = 20", "epochs = 1"))
    ran = run_cli("train", kaggle_zip, "--recipe", "my.toml", "--set", "validation_split=0.1", "--set", "net.dense=[8]")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("mine: 1 epoch in ")
    assert "run: runs/mine\nreport: runs/mine/report.html\n" in ran.out
    assert json.loads(Path("runs/mine/recipe.json").read_text())["net"]["dense"] == [8]
    assert run_cli("train", kaggle_zip, "--recipe", "my.toml").code == 3  # a run stands there
    ran = run_cli("train", kaggle_zip, "--recipe", "my.toml", "--set", "validation_split=50", "--overwrite")
    assert ran.code == 0
    assert json.loads(Path("runs/mine/recipe.json").read_text())["validation_split"] == 50


@pytest.mark.usefixtures("no_export")
def test_a_time_limit_stops_in_good_order(run_cli, quick, tmp_path):
    out = tmp_path / "my run"
    ran = run_cli("train", *quick, "--epochs", "90000", "--time-limit", "0.3s", "--out", out)
    assert ran.code == 0
    before = json.loads((out / "metrics.json").read_text())
    assert (
        f"stopped after {before['epochs']} of 90000 epochs; go on with: tenfold train --resume --out '{out}'\n"
        in ran.err
    )
    assert (out / "manifest.json").exists()
    ran = run_cli("train", "--resume", "--out", out, "--time-limit", "0.3", "--json")
    assert ran.code == 0
    assert ran.document["epochs"] >= before["epochs"]
    assert ran.document["seconds"] > before["seconds"]
    assert ran.document["finished"] is False


def test_data_download_takes_the_users_folder(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(tmp_path))
    ran = run_cli("data", "download", "mnist", "--json")
    assert ran.code == ran.document["error"]["exit_code"] == 5
    assert str(tmp_path) in ran.err


@pytest.mark.shared
def test_data_download_says_where_mnist_is(run_cli, shared, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    assert run_cli("data", "download", "mnist").out == f"mnist: {shared / 'mnist'}\n"
    assert run_cli("data", "download", "mnist", "--json").document == {"name": "mnist", "folder": str(shared / "mnist")}


@pytest.mark.shared
def test_kaggles_own_zip_is_checked_and_predicted(run_cli, shared, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    archive = shared / "kaggle" / "digit-recognizer.zip"
    document = run_cli("check", archive, "--json").document
    assert (document["train"]["rows"], document["test"]["rows"]) == (42_000, 28_000)
    assert document["overlap"]["test_in_mnist"] == 28_000
    out = tmp_path / "submission.csv"
    ran = run_cli("submit", trained, archive, "-o", out)
    assert ran.code == 0
    assert "to upload it: kaggle" in ran.out
    header, *rows = rows_of(out)
    test: Dataset = load_data(f"{archive}:test").test
    expected = predictions(trained / "model.onnx", test.images)
    assert header == ["ImageId", "Label"]
    assert rows == [[str(number), str(label)] for number, label in enumerate(expected, 1)]


@pytest.mark.parametrize("way", ["zip", "zip:test", "link", "model", "run's file", "folder"])
def test_results_never_replace_what_they_are_made_from(run_cli, trained, kaggle_zip, tmp_path, way):
    data = tmp_path / "data"
    with zipfile.ZipFile(kaggle_zip) as packed:
        packed.extractall(data)
    model, own = tmp_path / "model.onnx", tmp_path / "data.zip"
    model.write_bytes((trained / "model.onnx").read_bytes())
    own.write_bytes(kaggle_zip.read_bytes())
    (tmp_path / "link").symlink_to(own)
    before = hashes(tmp_path) | hashes(trained)
    given = {
        "zip": (trained, own, own),
        "zip:test": (trained, f"{own}:test", own),
        "link": (trained, own, tmp_path / "link"),
        "model": (model, own, model),
        "run's file": (trained, own, trained / "metrics.json"),
        "folder": (trained, data, data / "test.csv"),
    }[way]
    for command in (("submit", *given[:2], "-o", given[2]), ("evaluate", *given[:2], "--report", given[2])):
        ran = run_cli(*command)
        assert (ran.code, "is an input of this command and would be overwritten" in " ".join(ran.err.split())) == (
            2,
            True,
        )
    if way in ("zip", "zip:test", "folder"):
        assert run_cli("check", given[1], "--report", given[2]).code == 2
    assert hashes(tmp_path) | hashes(trained) == before


def hashes(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_submission_beside_the_data_is_replaced(run_cli, trained, kaggle_zip, tmp_path):
    with zipfile.ZipFile(kaggle_zip) as packed:
        packed.extractall(tmp_path)
    for _ in range(2):
        assert run_cli("submit", trained, tmp_path, "-o", tmp_path / "submission.csv").code == 0


def test_a_part_that_there_is_not_is_said(run_cli):
    ran = run_cli("check", "digits:tset")
    assert (ran.code, ran.err) == (5, "tenfold: digits:tset: digits has no part 'tset'; expected :train or :test\n")
