import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from tenfold.errors import CheckFailedError, DataError, UnavailableError
from tenfold.score import read_labels, score_submission
from tenfold.submission import write_submission

TRUTH = np.random.default_rng(3).integers(0, 10, 200).astype(np.uint8)
PREDICTED = np.where(np.arange(200) % 9 == 4, (TRUTH + 3) % 10, TRUTH).astype(np.uint8)


@pytest.fixture
def file(tmp_path):
    write_submission(tmp_path / "submission.csv", PREDICTED)
    return tmp_path / "submission.csv"


def test_score_agrees_with_scikit_learn(file):
    score = score_submission(file, TRUTH)
    assert score.accuracy == accuracy_score(TRUTH, PREDICTED)
    np.testing.assert_array_equal(score.confusion, confusion_matrix(TRUTH, PREDICTED, labels=range(10)))
    assert score.interval[0] < score.accuracy < score.interval[1]
    assert score.wrong_ids == [number for number in range(1, 201) if PREDICTED[number - 1] != TRUTH[number - 1]]


def test_score_matches_shuffled_rows_by_id(file):
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, *rows[::-1]]))
    score = score_submission(file, TRUTH)
    assert score.errors == (TRUTH != PREDICTED).sum()
    assert [finding.code for finding in score.findings] == ["shuffled"]


def test_score_refuses_other_number_of_rows(file):
    with pytest.raises(CheckFailedError, match="the file ends after 200 rows; expected 201"):
        score_submission(file, np.append(TRUTH, np.uint8(1)))


def test_read_labels_of_a_submission(file):
    np.testing.assert_array_equal(read_labels(str(file)).labels, PREDICTED)


def test_read_labels_of_data_takes_the_test_split(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (30, 28, 28), np.uint8)
    labels = {"train": np.arange(20) % 10, "test": np.arange(10)}
    np.savez(tmp_path / "data.npz", x_train=images[:20], y_train=labels["train"], x_test=images[20:], y_test=range(10))
    np.testing.assert_array_equal(read_labels(f"{tmp_path}/data.npz").labels, labels["test"])
    np.testing.assert_array_equal(read_labels(f"{tmp_path}/data.npz:train").labels, labels["train"])


def test_read_labels_of_unlabeled_test_split(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (30, 28, 28), np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images[:20], y_train=np.arange(20) % 10, x_test=images[20:])
    with pytest.raises(DataError, match=r"no labels to score against; .*:train names the training"):
        read_labels(str(tmp_path / "data.npz"))


def test_read_labels_of_missing_file(tmp_path):
    with pytest.raises(UnavailableError, match="no such file or folder"):
        read_labels(str(tmp_path / "labels.csv"))
