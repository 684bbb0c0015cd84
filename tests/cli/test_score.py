"""`tenfold score` as a person calls it."""

import numpy as np

from tenfold.submission import write_submission


def test_score_prints_accuracy_and_confusion(run_cli, tmp_path, digits):
    _, test = digits
    predicted = test.labels.copy()
    predicted[:9] = (predicted[:9] + 1) % 10
    file = tmp_path / "submission.csv"
    write_submission(file, predicted)
    result = run_cli("score", file, "--labels", "digits", "--confusion")
    assert result.code == 0
    assert f"accuracy {351 / 360:.5f} (95 % interval 0." in result.out
    assert "9 errors of 360" in result.out
    assert "true digit (rows)" in result.out
    document = run_cli("score", file, "--labels", "digits", "--json").document
    assert document["wrong_ids"] == list(range(1, 10))
    assert np.trace(document["confusion"]) == 351
    assert document["warnings"] == []


def test_score_of_another_number_of_rows(run_cli, tmp_path):
    write_submission(tmp_path / "submission.csv", np.arange(5, dtype=np.uint8))
    result = run_cli("score", tmp_path / "submission.csv", "--labels", "digits")
    assert result.code == 4
    assert "the file ends after 5 rows; expected 360" in result.err
