"""What each command does, as the person sees it who gives it."""

import csv
import json
import os
import re
import shlex
import shutil
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


def test_app_version_and_help(run_cli):
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
    ("command", "message"),
    [
        ("train", ["[default: fast]", "[default: runs/RECIPE]", "such as 90s, 15m or 2h", "--resume", "--json"]),
        ("submit", ["[default: submission.csv]", "--upload MESSAGE", "--json"]),
        ("compare", ["[default: runs/compare]", "[default: 1", "[required]", "--json"]),
        ("check", ["--report FILE", "--json"]),
        ("evaluate", ["--report FILE", "--robustness", "`bundled`", "--json"]),
        ("read", ["with several --models, the first", "files of the same name are numbered", "--json"]),
        ("recipes show", ["NAME", "--json"]),
        ("data download", ["mnist", "--json"]),
    ],
)
def test_help_shows_defaults(run_cli, command, message):
    result = run_cli(*command.split(), "--help")
    text = " ".join(result.out.split())
    assert result.code == 0
    assert [phrase for phrase in message if phrase not in text] == []


def test_check_prints_counts_and_writes_report(run_cli, kaggle_zip, tmp_path):
    page = tmp_path / "new" / "check.html"
    result = run_cli("check", kaggle_zip, "--report", page)
    assert result.code == 0
    assert "300" in result.out
    assert "60" in result.out
    assert result.out.endswith(f"This data can be used for training.\nreport: {page}\n")
    assert "new" in result.err, "a folder is not made without a word"
    assert "digit-recognizer.zip" in page.read_text()
    document = run_cli("check", kaggle_zip, "--json").document
    assert document["trainable"] is True
    assert (document["train"]["samples"], document["test"]["samples"]) == (300, 60)
    labels = load_data(kaggle_zip).train.labels
    assert document["train"]["label_counts"] == [int((labels == digit).sum()) for digit in range(10)]


def test_check_untrainable_data_exits_4(run_cli, kaggle_zip):
    test_csv = kaggle_zip.parent / "test.csv"
    result = run_cli("check", test_csv)
    assert result.code == 4
    assert result.err == f"tenfold: {test_csv}: this data can't be used for training\n"
    as_json = run_cli("check", test_csv, "--json")
    assert as_json.code == as_json.document["error"]["exit_code"] == 4
    assert as_json.document["trainable"] is False
    assert as_json.document["test"]["samples"] == 60
    assert as_json.err == result.err


def test_train_writes_complete_run(trained):
    listed = json.loads((trained / "manifest.json").read_text())["sha256"]
    assert {"recipe.json", "history.csv", "model.onnx", "model.safetensors", "metrics.json", "report.html"} <= set(
        listed
    )
    recipe = json.loads((trained / "recipe.json").read_text())
    assert (recipe["name"], recipe["epochs"], recipe["validation_split"], recipe["seed"]) == ("dense-s", 4, 200, 3)


def test_train_json_prints_metrics(run_cli, quick, tmp_path):
    result = run_cli("train", *quick, "--limit", "200", "--epochs", "2", "--out", tmp_path / "run", "--json")
    assert result.code == 0
    assert [line.split(",")[0] for line in result.err.splitlines()] == ["dense-s: epoch 1/2", "dense-s: epoch 2/2"]
    document = result.document
    assert document["run"] == str(tmp_path / "run")
    assert document["finished"] is True
    assert document["data"] == {"source": "train.csv in digit-recognizer.zip", "train_samples": 150,
                                "val_samples": 50}  # fmt: skip
    assert {key: document[key] for key in document if key != "run"} == json.loads(
        (tmp_path / "run" / "metrics.json").read_text()
    )


def test_submit_writes_predictions_in_test_order(run_cli, trained, kaggle_zip, digits, tmp_path):
    out = tmp_path / "submission.csv"
    result = run_cli("submit", trained, kaggle_zip, "-o", out)
    assert result.code == 0
    header, *rows = rows_of(out)
    images = digits[1].images[:60]
    expected = predictions(trained / "model.onnx", images)
    assert header == ["ImageId", "Label"]
    assert rows == [[str(number), str(label)] for number, label in enumerate(expected, 1)]
    assert len(set(expected)) == 10, "a model that always says the same would not show a wrong order"
    assert np.mean(np.array(expected) == digits[1].labels[:60]) > 0.8
    document = run_cli("submit", trained / "model.onnx", kaggle_zip, "-o", out, "--json").document
    counts = [expected.count(digit) for digit in range(10)]
    assert document.pop("warnings") == []
    assert document == {"file": str(out), "kaggle_rows": False, "rows": 60, "label_counts": counts}
    assert rows_of(out) == [header, *rows]


def test_submit_follows_symlink(run_cli, trained, kaggle_zip, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "link.csv").code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows_of(tmp_path / "real.csv")) == 61


def test_submit_refuses_special_file(run_cli, trained, kaggle_zip, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = run_cli("submit", trained, kaggle_zip, "-o", pipe)
    assert result.code == 2
    assert f"{pipe} is not a regular file" in result.err
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_submit_check_names_first_invalid_line(run_cli, tmp_path):
    file = tmp_path / "submission.csv"
    file.write_text("ImageId,Label\n1,7\n2,0\n")
    result = run_cli("submit", "--check", file)
    assert result.code == 0
    message, note = result.out.splitlines()
    assert message == f"{file}: valid, 2 rows (0: 1, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 0, 9: 0)"
    assert "28,000 rows" in note
    result = run_cli("submit", "--check", file, "--rows", 3)
    assert (result.code, result.out) == (4, "")
    assert "the file ends after 2 rows; expected 3" in result.err
    file.write_text("ImageId,Label\n1,7\n3,0\n2,99\n")
    result = run_cli("submit", "--check", file, "--json")
    assert result.code == result.document["error"]["exit_code"] == 4
    assert f"{file}, line 4: Label is '99'; expected" in result.document["error"]["message"]


@pytest.mark.parametrize(("lines", "message"), [(27_999, "27,998 rows"), (28_002, "line 28,002: there are too many")])
def test_submit_check_row_count(run_cli, tmp_path, lines, message):
    file = full_submission(tmp_path)
    complete = [*file.read_text().splitlines(keepends=True), "28001,1\n"]
    file.write_text("".join(complete[:lines]))
    result = run_cli("submit", "--check", file)
    assert (result.code, result.out) == (4, "")
    assert message in result.err
    assert "expected 28,000" in result.err


@pytest.mark.parametrize(
    ("model", "options"),
    [(False, ["--check", "s.csv", "-o", "t.csv"]), (True, ["--rows", 3]), (True, ["--check", "s.csv"])],
)
def test_submit_refuses_conflicting_options(run_cli, trained, kaggle_zip, tmp_path, monkeypatch, model, options):
    monkeypatch.chdir(tmp_path)
    full_submission(tmp_path).rename("s.csv")
    given = [trained, kaggle_zip] if model else []
    assert run_cli("submit", *given, *options).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


def full_submission(folder: Path) -> Path:
    file = folder / "my submission.csv"
    file.write_text("ImageId,Label\n" + "".join(f"{number},{number % 10}\n" for number in range(1, 28_001)))
    return file


def test_submit_upload_calls_kaggle(run_cli, tmp_path, monkeypatch):
    kaggle = tmp_path / "bin" / "kaggle"
    kaggle.parent.mkdir()
    kaggle.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/asked"\necho Successfully submitted\n')
    kaggle.chmod(0o755)
    monkeypatch.setenv("PATH", str(kaggle.parent), prepend=os.pathsep)
    file = full_submission(tmp_path)
    result = run_cli("submit", "--check", file, "--upload", "it's the first", "--json")
    assert result.code == 0
    assert result.document["kaggle"] == "Successfully submitted"
    assert result.document["rows"] == 28_000
    asked = (kaggle.parent / "asked").read_text().splitlines()
    assert asked == ["competitions", "submit", "-c", "digit-recognizer", "-f", str(file), "-m", "it's the first"]
    result = run_cli("submit", "--check", file, "--upload", "again")
    assert result.err == "Successfully submitted\n"
    kaggle.write_text("#!/bin/sh\necho 403 - Forbidden\nexit 1\n")
    result = run_cli("submit", "--check", file, "--upload", "again", "--json")
    assert result.code == result.document["error"]["exit_code"] == 3
    assert "403 - Forbidden" in result.err


def test_submit_upload_wait_records_the_score_in_the_run(run_cli, trained, kaggle_zip, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    kaggle = tmp_path / "bin" / "kaggle"
    kaggle.parent.mkdir()
    kaggle.write_text(
        '#!/bin/sh\nuploaded="$(dirname "$0")/uploaded"\nif [ "$2" = submit ]; then touch "$uploaded"; echo Received; '
        "echo Successfully submitted; exit; fi\necho fileName,date,description,status,publicScore,privateScore\n"
        'if [ -e "$uploaded" ]; then echo s.csv,2026-05-05,mine,complete,0.98765,; fi\n'
    )
    kaggle.chmod(0o755)
    monkeypatch.setenv("PATH", str(kaggle.parent), prepend=os.pathsep)
    monkeypatch.setattr(submission, "TEST_ROWS", 60)
    command = ("submit", run, kaggle_zip, "-o", tmp_path / "s.csv", "--upload", "mine", "--wait")
    result = run_cli(*command)
    assert result.code == 0
    assert result.err == (
        f"Received\nSuccessfully submitted\npublic score: 0.98765\nrecorded in {run / 'kaggle.json'}\n"
    )
    assert json.loads((run / "kaggle.json").read_text())["submissions"][0]["public_score"] == 0.98765
    assert run_cli("submit", run, kaggle_zip, "--wait", "-o", tmp_path / "s.csv").code == 2


def test_submit_upload_without_kaggle_prints_command(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    file = full_submission(tmp_path)
    result = run_cli("submit", "--check", file, "--upload", "first")
    assert result.code == 5
    assert shlex.join(["kaggle", "competitions", "submit", "-c", "digit-recognizer", "-f", str(file)]) in result.err


def test_submit_upload_hint_only_for_28000_rows(run_cli, trained, kaggle_zip, tmp_path, monkeypatch):
    result = run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "small.csv")
    assert "note: Kaggle's Digit Recognizer takes 28,000 rows" in result.out
    assert "kaggle competitions" not in result.out
    monkeypatch.setattr(submission, "TEST_ROWS", 60)
    result = run_cli("submit", trained, kaggle_zip, "-o", tmp_path / "my full.csv")
    last = result.out.splitlines()[-1]
    assert last.startswith("to upload it: kaggle competitions submit -c digit-recognizer -f ")
    assert str(tmp_path / "my full.csv") in shlex.split(last.removeprefix("to upload it: "))


def test_evaluate_separates_training_samples(run_cli, trained, digits, tmp_path):
    train, test = digits
    page = tmp_path / "evaluation.html"
    result = run_cli("evaluate", trained, "digits:test", "--report", page)
    assert result.code == 0
    right = np.array(predictions(trained / "model.onnx", test.images)) == test.labels
    assert f"accuracy {100 * right.mean():.2f} %" in result.out
    assert f"{(~right).sum()} errors of 360" in result.out
    assert "note:" not in result.out
    assert "<html" in page.read_text()[:200]
    document = run_cli("evaluate", trained, "digits:test", "--json").document
    assert document["evaluation"]["errors"] == int((~right).sum())
    assert (document["seen_samples"], document["measured_on"]) == (0, "all samples")
    result = run_cli("evaluate", trained, "digits:train")
    assert "warning: 1,437 of the 1,437 images were used to make this model, all of them" in result.out
    assert run_cli("evaluate", trained, "digits:train", "--json").document["seen_samples"] == len(train)


def test_evaluate_robustness(run_cli, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.evaluation.robustness.MAX_SAMPLES", 20)
    page = tmp_path / "evaluation.html"
    result = run_cli("evaluate", trained, "digits:test", "--robustness", "--report", page)
    assert result.code == 0, result.err
    assert "corrupted copies of 20 images: " in result.out
    assert re.search(r"gaussian noise( +\d+\.\d){6}", result.out)
    assert 'id="robustness"' in page.read_text()
    robustness = run_cli("evaluate", trained, "digits:test", "--robustness", "--json").document["robustness"]
    assert robustness["n"] == 20
    assert f"mean accuracy {100 * robustness['mean_accuracy']:.2f} % over all corruptions" in result.out
    assert "robustness" not in run_cli("evaluate", trained, "digits:test", "--json").document


def test_evaluate_bundled_model(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = run_cli("evaluate", "bundled", "digits:test", "--json").document
    assert document["model"] == "bundled"
    assert document["seen_samples"] <= 1  # by chance
    assert document["evaluation"]["accuracy"] > 0.9
    (tmp_path / "bundled").write_bytes(b"no model")
    assert run_cli("evaluate", "bundled", "digits:test").code == 3


@pytest.mark.usefixtures("no_export")
def test_compare_ranks_and_reuses_finished_runs(run_cli, kaggle_zip, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    settings = ("--set", "validation_split=50", "--set", "net.dense=[8]", "--epochs", "1", "--seeds", "2")
    args = ("compare", kaggle_zip, "--recipes", "dense-s, dense-m", *settings, "--out", tmp_path / "compared")
    result = run_cli(*args)
    assert result.code == 0, result.err
    assert len(re.findall(r"dense-[sm]-seed[01]: trained in ", result.err)) == 4
    assert "Measured on 60 samples of train.csv in digit-recognizer.zip, set aside before any training." in result.out
    assert result.out.endswith(f"page: {tmp_path / 'compared' / 'compare.html'}\n")
    table = result.out.splitlines()[:4]
    assert max(map(len, table)) <= 60
    assert "…" not in result.out
    again = run_cli(*args, "--json")
    assert again.err.count("already finished, reused") == 4
    document = again.document
    assert [row["recipe"] for row in document["rows"]] == ["dense-s", "dense-m"]
    assert document["n"] == 60
    leaderboard = json.loads((tmp_path / "compared" / "leaderboard.json").read_text())
    assert document == leaderboard | {"folder": str(tmp_path / "compared")}
    changed = run_cli(*args, "--set", "optimizer.lr=0.5", "--json")
    assert changed.code == changed.document["error"]["exit_code"] == 3
    assert "started with another recipe; choose another --out" in changed.err


def test_recipes_lists_and_shows(run_cli):
    result = run_cli("recipes")
    assert result.code == 0
    for name, entry in RECIPES.items():
        assert f" {name} " in result.out
        assert entry.published.split(",")[0] in result.out
    document = run_cli("recipes", "--json").document
    assert [entry["name"] for entry in document] == list(RECIPES)
    assert {entry["name"]: entry["parameters"] for entry in document}["cnn-887k"] == 887_530
    for args in (("recipes", "show", "fast", "--json"), ("recipes", "--json", "show", "fast")):
        assert run_cli(*args).document == RECIPES["fast"].recipe.model_dump(mode="json")


@pytest.mark.usefixtures("no_export")
def test_recipes_show_output_is_trainable(run_cli, kaggle_zip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run_cli("recipes", "show", "dense-s").out
    assert shown.startswith("# ")
    Path("my.toml").write_text(shown.replace('name = "dense-s"', 'name = "mine"').replace("epochs = 20", "epochs = 1"))
    result = run_cli(
        "train", kaggle_zip, "--recipe", "my.toml", "--set", "validation_split=0.1", "--set", "net.dense=[8]"
    )
    assert result.code == 0, result.err
    assert result.out.startswith("mine: 1 epoch in ")
    assert "run: runs/mine\nreport: runs/mine/report.html\n" in result.out
    assert json.loads(Path("runs/mine/recipe.json").read_text())["net"]["dense"] == [8]
    assert run_cli("train", kaggle_zip, "--recipe", "my.toml").code == 3  # a run stands there
    result = run_cli("train", kaggle_zip, "--recipe", "my.toml", "--set", "validation_split=50", "--overwrite")
    assert result.code == 0
    assert json.loads(Path("runs/mine/recipe.json").read_text())["validation_split"] == 50


@pytest.mark.usefixtures("no_export")
def test_train_time_limit(run_cli, quick, tmp_path):
    out = tmp_path / "my run"
    result = run_cli("train", *quick, "--epochs", "90000", "--time-limit", "0.3s", "--out", out)
    assert result.code == 0
    before = json.loads((out / "metrics.json").read_text())
    assert (
        f"stopped after epoch {before['epochs']} of 90000; resume with: tenfold train --resume --out '{out}'\n"
        in result.err
    )
    assert (out / "manifest.json").exists()
    result = run_cli("train", "--resume", "--out", out, "--time-limit", "0.3", "--json")
    assert result.code == 0
    assert result.document["epochs"] >= before["epochs"]
    assert result.document["seconds"] > before["seconds"]
    assert result.document["finished"] is False


def test_data_download_uses_user_folder(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(tmp_path))
    result = run_cli("data", "download", "mnist", "--json")
    assert result.code == result.document["error"]["exit_code"] == 5
    assert str(tmp_path) in result.err


@pytest.mark.shared
def test_data_download_prints_folder(run_cli, shared, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    assert run_cli("data", "download", "mnist").out == f"mnist: {shared / 'mnist'}\nlicense: CC BY-SA 3.0\n"
    expected = {"name": "mnist", "folder": str(shared / "mnist"), "license": "CC BY-SA 3.0"}
    assert run_cli("data", "download", "mnist", "--json").document == expected


@pytest.mark.shared
def test_kaggle_zip_check_and_submit(run_cli, shared, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_MNIST", str(shared / "mnist"))
    archive = shared / "kaggle" / "digit-recognizer.zip"
    document = run_cli("check", archive, "--json").document
    assert (document["train"]["samples"], document["test"]["samples"]) == (42_000, 28_000)
    assert document["overlap"]["test_in_mnist"] == 28_000
    out = tmp_path / "submission.csv"
    result = run_cli("submit", trained, archive, "-o", out)
    assert result.code == 0
    assert "to upload it: kaggle" in result.out
    header, *rows = rows_of(out)
    test: Dataset = load_data(f"{archive}:test").test
    expected = predictions(trained / "model.onnx", test.images)
    assert header == ["ImageId", "Label"]
    assert rows == [[str(number), str(label)] for number, label in enumerate(expected, 1)]


@pytest.mark.parametrize("way", ["zip", "zip:test", "link", "model", "run's file", "folder"])
def test_output_never_replaces_input(run_cli, trained, kaggle_zip, tmp_path, way):
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
        result = run_cli(*command)
        assert (
            result.code,
            "is an input of this command and would be overwritten" in " ".join(result.err.split()),
        ) == (
            2,
            True,
        )
    if way in ("zip", "zip:test", "folder"):
        assert run_cli("check", given[1], "--report", given[2]).code == 2
    assert hashes(tmp_path) | hashes(trained) == before


def hashes(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_submit_replaces_old_submission_in_data_folder(run_cli, trained, kaggle_zip, tmp_path):
    with zipfile.ZipFile(kaggle_zip) as packed:
        packed.extractall(tmp_path)
    for _ in range(2):
        assert run_cli("submit", trained, tmp_path, "-o", tmp_path / "submission.csv").code == 0


def test_missing_part_is_reported(run_cli):
    result = run_cli("check", "digits:tset")
    assert (result.code, result.err) == (
        5,
        "tenfold: digits has no split 'tset'; expected :train or :test\n",
    )


def test_columns_of_a_table_can_be_named(run_cli, trained, tmp_path):
    images = load_data("digits:train").train
    rows = np.column_stack([np.arange(200), images.labels[:200], images.images[:200].reshape(200, 784)])
    header = ",".join(["writer", "answer", *(f"px{at}.gray" for at in range(784))])
    np.savetxt(tmp_path / "mine.csv", rows, "%d", ",", header=header, comments="")
    assert "--label-column" in run_cli("check", tmp_path / "mine.csv").err
    named = ("--label-column", "answer", "--pixel-columns", "px*")
    result = run_cli("evaluate", trained, tmp_path / "mine.csv", *named, "--json")
    assert result.code == 0
    assert run_cli("check", tmp_path / "mine.csv", *named, "--json").document["train"]["samples"] == 200
