import json
import statistics

import numpy as np
import pytest
from scipy.stats import binomtest

from tenfold.evaluation import RunResult, mcnemar, rank_runs

LABELS = np.random.default_rng(0).integers(0, 10, 200).astype(np.uint8)


def run(recipe, seed, wrong, parameters=100, seconds=10.0, epochs=3.0, labels=LABELS):
    """A run that is wrong for the given samples only."""
    predicted = labels.astype(np.int64)
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 10
    return RunResult(recipe, seed, parameters, seconds, epochs, np.eye(10, dtype=np.float32)[predicted])


def test_ranking_by_mean_over_seeds():
    board = rank_runs(
        [
            run("lucky", 0, range(2), seconds=10),
            run("lucky", 1, range(40), seconds=30),
            run("steady", 0, range(10)),
            run("poor", 0, range(50)),
        ],
        LABELS,
    )
    assert board.n == 200
    assert [row.recipe for row in board.rows] == ["steady", "lucky", "poor"]
    steady, lucky, _ = board.rows
    assert (steady.accuracy, steady.accuracy_sd, steady.errors, steady.predictions) == (0.95, None, 10, 200)
    assert lucky.seeds == [0, 1]
    assert lucky.accuracy == pytest.approx(statistics.mean([198 / 200, 160 / 200]))
    assert lucky.accuracy_sd == pytest.approx(np.std([198 / 200, 160 / 200], ddof=1))
    assert (lucky.errors, lucky.predictions, lucky.train_seconds, lucky.epochs) == (42, 400, 20, 3)


def test_interval_of_the_mean_and_paired_test_of_the_first_seeds():
    best, other = run("best", 7, [0, 1, 2]), run("other", 7, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    board = rank_runs([other, run("other", 8, range(100)), best, run("best", 8, range(60))], LABELS)
    first, second = board.rows
    assert first.against_best is None
    # Both get sample 2 wrong, so it is ignored. Two only the other gets right, nine only the best.
    assert (second.against_best.only_a, second.against_best.only_b) == (9, 2)
    assert second.against_best.p_value == pytest.approx(binomtest(2, 11).pvalue)
    interval = binomtest((190 + 100) // 2, 200).proportion_ci(0.95, method="wilson")
    assert second.accuracy_interval == pytest.approx((interval.low, interval.high))


def test_smaller_recipe_wins_ties():
    board = rank_runs([run("big", 0, [1], parameters=900), run("small", 0, [2], parameters=30)], LABELS)
    assert [row.recipe for row in board.rows] == ["small", "big"]
    assert board.rows[1].against_best == mcnemar(np.arange(200) != 2, np.arange(200) != 1)


def test_to_dict_is_plain_json():
    document = rank_runs([run("a", 0, [1]), run("b", 0, [1, 2]), run("b", 1, [])], LABELS).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["n"] == 200
    assert document["rows"][0] == {
        "recipe": "a",
        "seeds": [0],
        "accuracy": 0.995,
        "accuracy_sd": None,
        "errors": 1,
        "predictions": 200,
        "accuracy_interval": [pytest.approx(0.9722, abs=1e-4), pytest.approx(0.9991, abs=1e-4)],
        "parameters": 100,
        "train_seconds": 10.0,
        "epochs": 3.0,
        "against_best": None,
    }
    assert document["rows"][1]["against_best"] == {"only_a": 1, "only_b": 0, "p_value": 1.0}


def test_invalid_runs_raise():
    with pytest.raises(ValueError, match="needs runs"):
        rank_runs([], LABELS)
    with pytest.raises(ValueError, match="runs of a must have different seeds"):
        rank_runs([run("a", 0, [1]), run("a", 0, [2])], LABELS)
    with pytest.raises(ValueError, match="the same number of parameters"):
        rank_runs([run("a", 0, [1]), run("a", 1, [2], parameters=7)], LABELS)
    with pytest.raises(ValueError, match="expected probabilities \\(200, 10\\)"):
        rank_runs([run("a", 0, [1], labels=LABELS[:50])], LABELS)
