import base64
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

import tenfold
from tenfold.errors import DataError, UnavailableError
from tenfold.serving.feedback import Feedback, latest, to_dataset, to_kaggle_csv
from tenfold.serving.feedback_report import score_models
from tenfold.serving.settings import Settings
from tests.serving.serving_help import ONE, serving


def frame(seed):
    """White on black."""
    return np.pad(np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8), 10)


@pytest.fixture
def feedback(tmp_path):
    made = Feedback(tmp_path / "data" / "feedback.db")
    made.create()
    return made


def test_feedback_round_trip(feedback):
    feedback.add(b"a picture", frame(1), 3, 0.5, 7, "abc")
    feedback.add(b"another", frame(2), 4, 0.25, None, "def")
    feedback.create()  # a server that starts again
    one, two = feedback.list()
    np.testing.assert_array_equal(one.image, frame(1))
    assert (one.id, one.prediction, one.confidence, one.label, one.model) == (1, 3, 0.5, 7, "abc")
    assert (two.id, two.label) == (2, None)
    assert one.time < two.time or one.time == two.time
    assert [kept.id for kept in feedback.list(after=1)] == [2]
    assert [kept.id for kept in feedback.list(limit=1)] == [1]


def test_feedback_missing_or_other_file(tmp_path):
    with pytest.raises(UnavailableError, match="there are no corrections yet"):
        Feedback(tmp_path / "feedback.db").list()
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(DataError, match="can't be used"):
        Feedback(tmp_path / "letter.db").create()


def test_feedback_export_is_training_data(feedback, tmp_path):
    for seed, truth in enumerate([5, None, 0, 9]):
        feedback.add(b"", frame(seed), 1, 0.9, truth, "abc")
    (tmp_path / "more.csv").write_bytes(to_kaggle_csv(to_dataset(feedback.list(), "feedback")))
    read = tenfold.load_data(tmp_path / "more.csv").train
    np.testing.assert_array_equal(read.images, np.stack([frame(0), frame(2), frame(3)]))
    assert read.labels.tolist() == [5, 0, 9]


KEEPS = """
import sys
import numpy as np
from pathlib import Path
from tenfold.serving.feedback import Feedback
feedback = Feedback(Path(sys.argv[1]))
while True:
    print(feedback.add(b"x" * 5000, np.zeros((28, 28), np.uint8), 1, 0.5, 2, "abc"), flush=True)
"""


def test_feedback_survives_kill(feedback):
    process = subprocess.Popen([sys.executable, "-c", KEEPS, feedback.path], stdout=subprocess.PIPE, text=True)
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    confirmed = 20 + len([line for line in process.stdout if line.endswith("\n")])
    process.wait()
    process.stdout.close()
    assert len(feedback.list()) >= confirmed
    with sqlite3.connect(feedback.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_score_models(feedback, model_file, digits):
    images, labels = digits
    model = tenfold.load_model(model_file)
    now = model.predict(images)
    for image, label in zip(images, labels, strict=True):
        feedback.add(b"", image, int(label + 1) % 10, 0.9, int(label), "old" if label < 5 else "older")
    feedback.add(b"", images[0], 1, 0.9, None, "old")
    report = score_models(feedback.list(), [model_file]).to_dict()
    assert (report["corrections"], report["no_digit"]) == (41, 1)
    assert {row["model"]: row["correct"] for row in report["stored"]} == {"old": 0, "older": 0}
    assert sum(row["n"] for row in report["stored"]) == 40
    (row,) = report["models"]
    right = int((now == labels).sum())
    assert (row["n"], row["correct"]) == (40, right)
    assert row["accuracy_interval"][0] < right / 40 <= row["accuracy_interval"][1]
    assert row["p_value"] == pytest.approx(2 * 0.5**right)  # all that differ speak for the new one


def test_latest_correction_counts(feedback):
    feedback.add(b"", frame(0), 1, 0.9, 8, "abc")
    feedback.add(b"", frame(1), 1, 0.9, 7, "abc")
    feedback.add(b"", frame(0), 1, 0.9, 3, "abc")
    feedback.add(b"", frame(0), 2, 0.9, 5, "another model, that read it otherwise")
    feedback.add(b"", frame(1), 1, 0.9, None, "abc")
    assert [one.label for one in latest(feedback.list())] == [3, None, 5]


def test_score_models_without_digits(feedback):
    feedback.add(b"", frame(0), 1, 0.9, None, "abc")
    with pytest.raises(DataError, match="no corrections with a digit"):
        score_models(feedback.list(), [])


def correction(picture, **more):
    return {"picture": base64.b64encode(picture).decode(), "expect": "digit"} | more


def test_feedback_over_http(model_file, tmp_path):
    settings = Settings(model_file, port=0, token="t", feedback=tmp_path / "feedback.db")
    with serving(settings) as client:
        client.headers["Authorization"] = "Bearer t"
        png = {"Content-Type": "image/png"}
        read = client.post("/v1/read?expect=digit&details=true", content=ONE, headers=png).json()["digits"][0]
        for label in (1, None):
            answer = client.post("/v1/feedback", json=correction(ONE, label=label))
            assert answer.status_code == 201, answer.text
            assert (answer.json()["prediction"], answer.json()["label"]) == (read["value"], label)
        form = client.post("/v1/feedback", data={"label": 1}, files={"picture": ONE})
        assert (form.status_code, form.json()["error"]["code"]) == (415, "unsupported_type")
        for wrong in (correction(ONE, label=10), correction(ONE)):
            assert client.post("/v1/feedback", json=wrong).status_code == 422
        assert client.post("/v1/feedback", json=correction(ONE, label=1, digit=1)).status_code == 404
        stored = client.get("/v1/feedback").json()["corrections"]
        assert [one["label"] for one in stored] == [1, None]
        assert stored[0]["image"] == read["image"]
        assert stored[0]["model"] == client.get("/v1/model").json()["digest"]
        assert [one["id"] for one in client.get("/v1/feedback?after=1&limit=5").json()["corrections"]] == [2]
        assert client.get("/v1/feedback?limit=0").status_code == 422
    with sqlite3.connect(tmp_path / "feedback.db") as database:
        assert database.execute("SELECT picture FROM corrections").fetchall() == [(ONE,), (ONE,)]
    database.close()


def test_server_without_feedback(model_file):
    with serving(Settings(model_file, port=0)) as client:
        answer = client.post("/v1/feedback", json=correction(ONE, label=1))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_feedback")
        assert client.get("/v1/model").json()["feedback"] is False


@pytest.fixture
def kept(model_file, tmp_path):
    """A client of a server that stores corrections, and its database."""
    with serving(Settings(model_file, port=0, token="t", feedback=tmp_path / "feedback.db")) as client:
        client.headers["Authorization"] = "Bearer t"
        yield client, tmp_path / "feedback.db"


def test_failing_database_is_json_and_logged(kept, caplog):
    client, file = kept
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("DROP TABLE corrections")
    for answer in (client.post("/v1/feedback", json=correction(ONE, label=1)), client.get("/v1/feedback")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "feedback_failed")
        assert "retry-after" in answer.headers
        assert str(file) not in answer.text
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
        "POST /v1/feedback",
        "GET /v1/feedback",
    ]
    assert "no such table" in caplog.text


def test_bug_is_json_and_logged_once(kept, caplog, monkeypatch):
    monkeypatch.setattr(Feedback, "add", None)
    answer = kept[0].post("/v1/feedback", json=correction(ONE, label=1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    (record,) = caplog.records
    assert record.exc_info[0] is TypeError
    assert 'tenfold_errors_total{code="internal"} 1.0' in kept[0].get("/metrics").text
