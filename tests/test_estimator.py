"""`DigitClassifier` with scikit-learn's own tools."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

import tenfold
from tenfold import DigitClassifier

SMALL = {
    "batch_size": 64,
    "net.stem_filters": 8,
    "net.filters": [16],
    "net.dense": [16],
    "validation_split": 0,
    "calibrate": False,
    "checkpoint": "last",
}


def small(**parameters):
    return DigitClassifier(
        epochs=2, random_state=0, precision="float32", settings=SMALL | parameters.pop("settings", {}), **parameters
    )


@pytest.fixture(scope="module")
def digits():
    train = tenfold.load_data("digits").train[:600]
    return train.images.reshape(-1, 784), train.labels


@pytest.fixture(scope="module")
def fitted(digits):
    return small().fit(*digits)


def test_fit_learns_and_predicts(fitted, digits):
    pixels, labels = digits
    assert fitted.score(pixels, labels) > 0.8
    probabilities = fitted.predict_proba(pixels)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(pixels))
    np.testing.assert_array_equal(fitted.predict(pixels.reshape(-1, 28, 28)), fitted.predict(pixels))


def test_same_random_state_gives_the_same_model(fitted, digits):
    assert clone(fitted).fit(*digits).model_.digest == fitted.model_.digest


def test_labels_keep_their_type(digits):
    pixels, labels = digits
    chosen = np.isin(labels, [3, 7])
    texts = labels[chosen].astype(str).astype(object)
    classifier = small().fit(pixels[chosen], texts)
    assert classifier.classes_.tolist() == ["3", "7"]
    assert set(classifier.predict(pixels[chosen])) <= {"3", "7"}
    assert classifier.predict_proba(pixels[:5]).shape == (5, 2)


def test_pickle_predicts_the_same(fitted, digits):
    content = pickle.dumps(fitted)
    np.testing.assert_array_equal(pickle.loads(content).predict(digits[0]), fitted.predict(digits[0]))


@pytest.mark.parametrize(
    ("pixels", "labels", "problem"),
    [
        (np.zeros((4, 10)), [0, 1, 0, 1], "X has 10 features, but DigitClassifier expects 784 pixels"),
        (np.zeros((4, 784)), [1, 1, 1, 1], "every label is 1"),
        (np.zeros((4, 784)), ["cat", "dog", "cat", "dog"], "'cat' is not a number"),
        (np.zeros((4, 784)), None, "requires y to be passed"),
    ],
)
def test_fit_refuses_what_is_not_digits(pixels, labels, problem):
    with pytest.raises(ValueError, match=problem):
        small().fit(pixels, labels)


def test_cross_val_score_and_pipeline(digits):
    scores = cross_val_score(make_pipeline(MinMaxScaler((0, 255), clip=True), small()), *digits, cv=2)
    assert scores.min() > 0.5


def test_grid_search_over_settings(digits):
    grid = {"settings": [SMALL, SMALL | {"optimizer.lr": 1e-6}]}
    search = GridSearchCV(small(), grid, cv=2).fit(*digits)
    assert search.best_params_["settings"] == SMALL
    assert search.cv_results_["mean_test_score"][1] < search.best_score_


def test_voting_and_calibration(digits):
    pixels, labels = digits
    logistic = LogisticRegression(max_iter=5000)
    voting = VotingClassifier([("network", small()), ("logistic", logistic)], voting="soft").fit(pixels, labels)
    assert voting.score(pixels, labels) > 0.8
    calibrated = CalibratedClassifierCV(small(), cv=2).fit(pixels, labels)
    assert calibrated.score(pixels, labels) > 0.6


NOT_OF_IMAGES = {
    "check_classifiers_one_label": "expects an error about classes, and gets one about pixels",
    "check_positive_only_tag_during_fit": "fits a table of a few columns",
}


def test_check_estimator_where_images_allow():
    """Most of scikit-learn's checks fit tables of a few columns, which are no images."""
    results = check_estimator(small(), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    unexpected = {name: error for name, error in failed.items() if "784 pixels" not in str(error)}
    assert set(unexpected) <= set(NOT_OF_IMAGES), unexpected
    assert {
        "check_estimator_cloneable",
        "check_parameters_default_constructible",
        "check_estimators_unfitted",
    } <= passed
    assert len(passed) >= 20
