"""Whatever is wrong, the answer is one sentence and the documented exit code; with --json, also one document."""

import re
import shutil

import pytest

from tenfold.training import compare, digits, prepare

USAGE, INPUT, CHECK, MISSING = 2, 3, 4, 5


@pytest.fixture
def bench(tmp_path, monkeypatch, trained, kaggle_zip):
    """A folder with one broken thing of each kind, as the current one."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "run")
    shutil.copytree(trained, "damaged")
    (tmp_path / "damaged" / "model.onnx").write_bytes(b"\x08\x07nothing")
    (tmp_path / "damaged" / "recipe.json").write_text("{")
    (tmp_path / "no-model").mkdir()
    (tmp_path / "no-run").mkdir()
    (tmp_path / "no-run" / "thesis.txt").write_text("mine")
    (tmp_path / "a-file").write_text("something else")
    (tmp_path / "bad.csv").write_text("label,pixel0\n1,2\n")
    (tmp_path / "bad.toml").write_text("name = ")
    (tmp_path / "wrong.toml").write_text('name = "x"\ncolor = 1\n')
    shutil.copy(kaggle_zip.parent / "test.csv", "test.csv")
    shutil.copy(kaggle_zip.parent / "train.csv", "train.csv")
    return tmp_path


CASES = [
    ("check nothing.zip", MISSING, r"nothing\.zip: no such file or folder"),
    ("check bad.csv", INPUT, r"bad\.csv"),
    ("check", USAGE, "Missing argument"),
    ("check digits --color", USAGE, "No such option"),
    ("check digits --report no-run", USAGE, "no-run is not a regular file"),
    ("check digits --report a-file/page.html", INPUT, "a-file"),
    ("train", USAGE, "name the data to train on"),
    ("check :train", MISSING, "the name of the data is empty"),
    ("train nothing.csv", MISSING, r"nothing\.csv: no such file"),
    ("train test.csv", INPUT, r"test\.csv: has no labeled digits to train on"),
    ("train digits:test", INPUT, "digits:test: has only a test split"),
    ("train train.csv --recipe=", INPUT, "unknown recipe ''; choose from flash, "),
    ("train train.csv --recipe nobody", INPUT, "unknown recipe 'nobody'; choose from flash, "),
    ("train train.csv --recipe my.toml", MISSING, r"my\.toml: no such file"),
    ("train train.csv --recipe bad.toml", INPUT, r"bad\.toml: invalid TOML"),
    ("train train.csv --recipe wrong.toml", INPUT, r"wrong\.toml: "),
    ("train train.csv --set net.color=1", INPUT, r"unknown setting 'net\.color'; choose from kind, "),
    ("train train.csv --set optimizer.lr=fast", INPUT, r"optimizer\.lr = 'fast'"),
    ("train train.csv --set optimizer.lr=fast --epochs 1", INPUT, r"^tenfold: --set optimizer\.lr=fast: optimizer"),
    ("train train.csv --set epochs=0 --epochs 1", INPUT, "--set epochs=0: epochs = 0: "),
    ("train train.csv --seed 9999999999", INPUT, "^tenfold: --seed 9999999999: seed = 9999999999: "),
    ("train train.csv --set batch", INPUT, "expected key=value"),
    ("train train.csv --epochs 0", USAGE, "--epochs"),
    ("train train.csv --limit -1", USAGE, "--limit"),
    ("train train.csv --limit 5 --out new", INPUT, "can't be split into training and 0.05 validation"),
    ("train train.csv --time-limit soon", USAGE, "'soon' is not a duration; expected for example 90s, 15m or 2h"),
    ("train train.csv --time-limit -3", USAGE, "'-3' is not a duration"),
    ("train train.csv --time-limit 1d", USAGE, "'1d' is not a duration"),
    ("train train.csv --out run", INPUT, "run already contains a run; continue it with --resume"),
    ("train train.csv --out no-run", INPUT, "no-run: not a tenfold run folder"),
    ("train train.csv --out no-run --overwrite", INPUT, "no-run: not a tenfold run folder"),
    ("train train.csv --out a-file", USAGE, "'a-file' is a file"),
    ("train nothing.csv --out a-file/run", INPUT, "a-file/run: can't be written, because a-file is not a folder"),
    ("train --resume", USAGE, "name the run folder with --out"),
    ("train --resume --out nothing", MISSING, "nothing: there is no run to resume"),
    ("train --resume --out no-run", MISSING, "no-run: there is no run to resume"),
    ("train --resume --out damaged", INPUT, r"recipe\.json: damaged file"),
    ("train --resume --out run --epochs 3", USAGE, "--resume takes only DATA and --time-limit"),
    ("train train.csv --resume --out run", INPUT, "run: this run was started on other data than"),
    ("submit", USAGE, "expected either MODEL and DATA, or --check FILE"),
    ("submit run", USAGE, "expected either MODEL and DATA, or --check FILE"),
    ("submit run digits --check a-file", USAGE, "expected either MODEL and DATA, or --check FILE"),
    ("submit nothing digits", MISSING, "nothing: no such file or folder"),
    ("submit no-model digits", INPUT, r"no-model: this folder has no model\.onnx"),
    ("submit damaged test.csv", INPUT, "model.onnx: changed since training"),
    ("submit a-file test.csv", INPUT, "a-file: expected an ONNX model"),
    ("submit run train.csv", INPUT, r"train\.csv: has only labeled digits, none to predict"),
    ("submit run digits:train", INPUT, "digits:train: has only labeled digits"),
    ("submit run nothing.csv", MISSING, r"nothing\.csv: no such file"),
    ("submit run nothing.csv -o a-file/submission.csv", INPUT, r"a-file/submission\.csv: can't be written"),
    ("submit run test.csv -o no-run", USAGE, "no-run is not a regular file"),
    ("submit --check nothing.csv", MISSING, r"nothing\.csv: can't be read"),
    ("submit --check a-file", CHECK, "a-file, line 1: the header is 'something else'; expected ImageId,Label"),
    ("evaluate nothing digits", MISSING, "nothing: no such file or folder"),
    ("evaluate damaged train.csv", INPUT, "model.onnx: changed since training"),
    ("evaluate run test.csv", INPUT, r"test\.csv: has no labeled digits to evaluate on"),
    ("evaluate run nothing.zip", MISSING, r"nothing\.zip: no such file"),
    ("compare train.csv", USAGE, "--recipes"),
    ("compare train.csv --recipes fast,nobody", INPUT, "unknown recipe 'nobody'"),
    ("compare train.csv --recipes fast,fast", INPUT, "two recipes have the name 'fast'"),
    ("compare train.csv --recipes ,", INPUT, "unknown recipe ''"),
    ("compare train.csv --recipes fast --seeds 0", USAGE, "--seeds"),
    ("compare train.csv --recipes fast --out a-file", USAGE, "'a-file' is a file"),
    (
        "compare train.csv --recipes fast --out a-file/runs",
        INPUT,
        "a-file/runs: can't be written, because",
    ),
    ("ensemble run damaged --out a-file/both", INPUT, "a-file/both: can't be written, because a-file is not a folder"),
    ("compare test.csv --recipes fast", INPUT, r"test\.csv: has no labeled digits to train on"),
    ("recipes show nobody", INPUT, "unknown recipe 'nobody'"),
    ("recipes shew fast", USAGE, "No such command"),
    ("data download fashion", USAGE, "'fashion' is not a data set to download; expected mnist, fashion-mnist"),
    ("trian digits", USAGE, "No such command 'trian'"),
]


@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[command for command, _, _ in CASES])
def test_bad_input_message_and_exit_code(run_cli, bench, command, code, message):
    result = run_cli(*command.split())
    assert (result.code, result.out) == (code, "")
    *usage, last = result.err.splitlines()
    assert last.startswith("Error: " if code == USAGE else "tenfold: ")
    assert code == USAGE or usage == []
    assert re.search(message, last), last
    as_json = run_cli(*command.split(), "--json")
    assert as_json.code == code
    error = as_json.document["error"]
    assert error["exit_code"] == code
    assert error["message"] in last
    assert not (bench / "new").exists()


def test_overwrite_with_impossible_split_keeps_old_run(run_cli, bench):
    before = sorted(bench.joinpath("run").iterdir())
    result = run_cli("train", "train.csv", "--out", "run", "--overwrite", "--limit", "5")
    assert result.code == INPUT
    assert sorted(bench.joinpath("run").iterdir()) == before


def test_finished_run_is_unchanged(run_cli, bench):
    before = {file: file.read_bytes() for file in (bench / "run").rglob("*") if file.is_file()}
    result = run_cli("train", "--resume", "--out", "run")
    assert result.code == 0
    assert result.err.startswith("run: already finished, nothing to do")
    assert {file: file.read_bytes() for file in (bench / "run").rglob("*") if file.is_file()} == before


def test_damaged_run_is_not_resealed(run_cli, bench):
    file = bench / "run" / "model.onnx"
    file.write_bytes(file.read_bytes()[:1000])
    seal = (bench / "run" / "manifest.json").read_bytes()
    result = run_cli("train", "--resume", "--out", "run")
    assert (result.code, result.out) == (INPUT, "")
    assert result.err.startswith("tenfold: run/model.onnx: missing or changed since training")
    assert (bench / "run" / "manifest.json").read_bytes() == seal
    assert file.stat().st_size == 1000


def test_ctrl_c_before_training(run_cli, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "new_job", interrupted)
    result = run_cli("train", "train.csv", "--out", tmp_path / "run", "--json")
    assert result.code == 130
    assert result.document == {"error": {"message": "interrupted", "exit_code": 130}}
    assert result.err == "tenfold: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_missing_package_names_extra(run_cli, monkeypatch):
    def lacks(*args):
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")

    monkeypatch.setattr(prepare, "new_job", lacks)
    result = run_cli("train", "train.csv")
    assert result.code == MISSING
    assert result.err == "tenfold: this needs the package torch.nn; install it with: pip install 'tenfold[train]'\n"


def test_full_disk(run_cli, bench, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device", "run/model.onnx")

    monkeypatch.setattr(digits, "export", full)
    result = run_cli(
        "train", "train.csv", "--recipe", "dense-s", "--epochs", "1", "--set", "validation_split=50", "--out", "new"
    )
    last = result.err.splitlines()[-1]
    assert (result.code, last) == (INPUT, "tenfold: run/model.onnx: No space left on device")


def test_bug_keeps_traceback(run_cli, monkeypatch):
    def fault(*args):
        raise RuntimeError("a fault")

    monkeypatch.setattr(compare, "rank_runs", fault)
    monkeypatch.setattr(prepare, "load_comparison", fault)
    with pytest.raises(RuntimeError, match="a fault"):
        run_cli("compare", "digits", "--recipes", "fast")
