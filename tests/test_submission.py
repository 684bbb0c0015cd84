import os
import shlex
import sys
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.errors import CheckFailedError, TenfoldError, UnavailableError
from tenfold.submission import kaggle_command, read_submission, upload, validate_submission, write_submission

GOOD = "ImageId,Label\n1,7\n2,0\n3,9\n"


def written(folder, content):
    path = folder / "submission.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@settings(deadline=None, max_examples=30)
@given(labels=st.lists(st.integers(0, 9), min_size=1, max_size=300))
def test_written_submission_reads_back_in_pandas(labels, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "submission.csv"
    write_submission(path, np.array(labels, np.uint8))
    frame = pd.read_csv(path)
    assert list(frame.columns) == ["ImageId", "Label"]
    assert frame.ImageId.tolist() == list(range(1, len(labels) + 1))
    assert frame.Label.tolist() == labels
    assert read_submission(path, rows=len(labels)).tolist() == labels
    summary = validate_submission(path)
    assert summary.rows == len(labels)
    assert summary.label_counts == [labels.count(digit) for digit in range(10)]


def test_write_submission_bytes(tmp_path):
    path = tmp_path / "new" / "submission.csv"
    write_submission(path, np.array([7, 0, 9], np.uint8))
    assert path.read_bytes() == GOOD.encode()


@pytest.mark.parametrize(
    "labels",
    [np.array([1.0]), np.array([10], np.uint8), np.array([], np.uint8), np.zeros((2, 2), np.uint8), np.array([1])],
)
def test_write_submission_rejects_other_labels(tmp_path, labels):
    with pytest.raises(ValueError, match="labels must be"):
        write_submission(tmp_path / "submission.csv", labels)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = written(tmp_path, GOOD)

    def disk_full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(TenfoldError, match=r"submission\.csv: can't be written: No space left on device"):
        write_submission(path, np.array([1], np.uint8))
    assert path.read_text() == GOOD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("ImageId,Label", '"ImageId","Label"'),
        '"ImageId","Label"\n"1","7"\n"2","0"\n"3","9"\n',
    ],
)
def test_accepted_spellings(tmp_path, content):
    assert read_submission(written(tmp_path, content), rows=3).tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", 1, "the file is empty; expected the header ImageId,Label"),
        ("1,7\n2,0\n", 1, "the header is missing; expected ImageId,Label, found '1,7'"),
        ("0,7.0\n", 1, "the header is missing"),
        ("imageid,label\n1,7\n", 1, "the header is 'imageid,label'; expected ImageId,Label"),
        ("ImageId;Label\n1;7\n", 1, "the header is 'ImageId;Label'; expected ImageId,Label"),
        ("ImageId,Label,\n1,7,\n", 1, "the header is 'ImageId,Label,'"),
        (",ImageId,Label\n0,1,7\n", 1, "there is an index column before ImageId"),
        ("\n" + GOOD, 1, "the header is ''; expected ImageId,Label"),
        ("ImageId,Label\r1,7\r", 1, "the header is 'ImageId,Label\\r1,7'"),
        ("\ufeff" + GOOD, 1, "the file begins with a byte order mark"),
        (GOOD.encode("utf-16"), 1, "the file contains NUL bytes, as UTF-16 does"),
        (GOOD.encode("utf-16-be"), 1, "the file contains NUL bytes, as UTF-16 does"),
        ("x" * 5000, 1, "the header is 'xxx"),
        ("ImageId,Label\n", 1, "the file ends after 0 rows; expected at least one"),
        ("ImageId,Label\n0,7\n1,0\n", 2, "ImageId is '0'; expected an integer from 1"),
        ("ImageId,Label\n1,7\n3,0\n", 3, "ImageId is '3'; expected each of 1 to 2 once"),
        ("ImageId,Label\n1,7\n1,7\n", 3, "ImageId is '1', as in line 2; expected each id once"),
        ("ImageId,Label\n1.0,7\n", 2, "ImageId is '1.0'; expected an integer from 1"),
        ("ImageId,Label\n01,7\n", 2, "ImageId is '01'; expected an integer from 1"),
        ("ImageId,Label\n1,7\n2,10\n", 3, "Label is '10'; expected an integer from 0 to 9"),
        ("ImageId,Label\n1,-1\n", 2, "Label is '-1'; expected an integer from 0 to 9"),
        ("ImageId,Label\n1,7.0\n", 2, "Label is '7.0'; expected an integer from 0 to 9, without a decimal point"),
        ("ImageId,Label\n1,\n", 2, "Label is ''; expected an integer from 0 to 9"),
        ("ImageId,Label\n1,nan\n", 2, "Label is 'nan'"),
        ("ImageId,Label\n1, 7\n", 2, "Label is ' 7'"),
        ("ImageId,Label\n1,٣\n", 2, "Label is '٣'"),
        ("ImageId,Label\n1,7\0\n", 2, "Label is '7\\x00'"),
        (b"ImageId,Label\n1,\xff\n", 2, "Label is '\ufffd'"),
        ("ImageId,Label\n1,7\n\n2,0\n", 3, "the line is blank"),
        ("ImageId,Label\n1,7\n  \n", 3, "the line is blank"),
        ("ImageId,Label\n1,7,0.99\n", 2, "found 3 values; expected 2 (ImageId,Label)"),
        ("ImageId,Label\n7\n", 2, "found 1 value; expected 2 (ImageId,Label)"),
        ("ImageId,Label\n1," + "7" * 5000 + "\n", 2, "Label is '777"),
    ],
)
def test_first_invalid_line(tmp_path, content, line, problem):
    path = written(tmp_path, content)
    with pytest.raises(CheckFailedError) as caught:
        validate_submission(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: {problem}")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 150
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("rows", "line", "problem"),
    [
        (2, 4, "there are too many rows; expected 2"),
        (28_000, 4, "the file ends after 3 rows; expected 28,000"),
    ],
)
def test_expected_number_of_rows(tmp_path, rows, line, problem):
    path = written(tmp_path, GOOD)
    with pytest.raises(CheckFailedError) as caught:
        validate_submission(path, rows=rows)
    assert str(caught.value) == f"{path}, line {line}: {problem}"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60) | st.text("ImageIdLabel,123.\n\r\"'-", max_size=60).map(str.encode))
def test_random_bytes_are_invalid(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    # A valid file needs the header and a row, which these draws don't contain.
    with pytest.raises(CheckFailedError, match=r"any\.csv, line \d+: "):
        validate_submission(path)


def test_huge_line_needs_little_memory(tmp_path):
    path = written(tmp_path, b"ImageId,Label\n1," + b"7" * 20_000_000)
    tracemalloc.start()
    with pytest.raises(CheckFailedError):
        validate_submission(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_missing_file(tmp_path):
    with pytest.raises(UnavailableError, match=r"none\.csv: can't be read: No such file"):
        validate_submission(tmp_path / "none.csv")
    with pytest.raises(UnavailableError, match="can't be read: Is a directory"):
        validate_submission(tmp_path)


def test_kaggle_command():
    assert kaggle_command("out/submission.csv", "fast, seed 0") == [
        *("kaggle", "competitions", "submit", "-c", "digit-recognizer"),
        *("-f", "out/submission.csv", "-m", "fast, seed 0"),
    ]


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "with space" / "submission.csv"
    write_submission(path, np.arange(28_000).astype(np.uint8) % 10)
    return path


@pytest.fixture
def fake_kaggle(tmp_path, monkeypatch):
    """Put a `kaggle` on PATH that records its arguments, prints a text and exits with a code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    called = tmp_path / "called"

    def install(output="Successfully submitted to Digit Recognizer", code=0):
        program = folder / "kaggle"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\n"
            f"pathlib.Path({str(called)!r}).write_text('\\n'.join(sys.argv[1:]))\n"
            f"print({output!r})\nsys.exit({code})\n"
        )
        program.chmod(0o755)
        return called

    monkeypatch.setenv("PATH", str(folder))
    return install


@pytest.mark.skipif(os.name != "posix", reason="the fake kaggle is a script with a #! line")
class TestUpload:
    def test_upload_runs_kaggle_and_returns_its_output(self, full, fake_kaggle):
        called = fake_kaggle()
        assert upload(full, "a message; with $signs") == "Successfully submitted to Digit Recognizer"
        assert called.read_text().split("\n") == kaggle_command(full, "a message; with $signs")[1:]

    @pytest.mark.parametrize(
        ("output", "code", "reason"),
        [
            ("uploading...\n403 - Forbidden", 1, "403 - Forbidden"),
            ("", 2, "exit code 2"),
            ("Could not submit to competition", 0, "Could not submit to competition"),
            ("Could not find competition - please verify", 0, "Could not find competition - please verify"),
        ],
    )
    def test_upload_reports_rejection(self, full, fake_kaggle, output, code, reason):
        fake_kaggle(output, code)
        with pytest.raises(TenfoldError) as caught:
            upload(full, "m")
        assert str(caught.value) == f"Kaggle rejected {full}: {reason}"

    def test_upload_validates_first(self, tmp_path, fake_kaggle):
        called = fake_kaggle()
        with pytest.raises(CheckFailedError, match="the file ends after 3 rows; expected 28,000"):
            upload(written(tmp_path, GOOD), "m")
        assert not called.exists()

    def test_upload_without_kaggle(self, full, fake_kaggle):
        with pytest.raises(UnavailableError) as caught:
            upload(full, "two words")
        command = str(caught.value).partition("&& ")[2]
        assert shlex.split(command) == kaggle_command(full, "two words")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("ImageId,Label\n3,9\n1,7\n2,0\n", "shuffled"),
        ("Label,ImageId\n7,1\n0,2\n9,3\n", "swapped_columns"),
        (GOOD + "\n\r\n", "blank_end"),
    ],
)
def test_what_kaggle_takes_is_valid_with_a_note(tmp_path, content, code):
    path = written(tmp_path, content)
    assert read_submission(path, rows=3).tolist() == [7, 0, 9]
    (note,) = validate_submission(path).warnings
    assert (note.level, note.code) == ("note", code)
    assert validate_submission(path).to_dict()["warnings"][0]["code"] == code


def test_zipped_submission(tmp_path):
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("my.csv", GOOD)
    assert read_submission(path).tolist() == [7, 0, 9]
    assert [note.code for note in validate_submission(path).warnings] == ["zip"]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.csv", GOOD)
    with pytest.raises(CheckFailedError, match="the zip has 2 files"):
        validate_submission(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckFailedError, match="the zip can't be read"):
        validate_submission(path)


@pytest.mark.parametrize("digit", [0, 4])
def test_one_digit_alone_is_warned_of(tmp_path, digit):
    path = tmp_path / "constant.csv"
    write_submission(path, np.full(20, digit, np.uint8))
    (warning,) = validate_submission(path).warnings
    assert warning.level == "warning"
    assert f"every row says {digit}" in warning.text
    assert ("sample file" in warning.text) == (digit == 0)
