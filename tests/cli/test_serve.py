"""`serve` and `feedback` where they end at once."""

import json
import socket

import numpy as np
import pytest

from tenfold.serving.feedback import Feedback


@pytest.fixture
def feedback(tmp_path):
    made = Feedback(tmp_path / "feedback.db")
    made.create()
    return made


def test_serve_port_in_use(run_cli, trained):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = run_cli("serve", trained, "--port", taken.getsockname()[1], "--no-feedback")
    assert ran.code == 3
    assert ran.err.startswith("tenfold: can't serve at 127.0.0.1, port ")
    assert len(ran.err.splitlines()) == 1


def test_serve_requires_token_beyond_loopback(run_cli, trained):
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        ran = run_cli("serve", trained, "--host", host)
        assert ran.code == 2
        assert "can be reached by others; set a --token" in " ".join(ran.err.split())


def test_serve_bad_model_or_database(run_cli, trained, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    ran = run_cli("serve", tmp_path / "bad.onnx", "--no-feedback")
    assert (ran.code, "expected an ONNX model" in ran.err) == (3, True)
    (tmp_path / "bad.db").write_text("no database" * 100)
    ran = run_cli("serve", trained, "--feedback", tmp_path / "bad.db")
    assert (ran.code, "can't be used" in ran.err) == (3, True)


def test_feedback_export_and_report(run_cli, feedback, trained, tmp_path):
    feedback.add(b"", np.zeros((28, 28), np.uint8), 1, 0.9, 5, "abcdef")
    out = tmp_path / "more.csv"
    ran = run_cli("feedback", "export", "--feedback", feedback.path, "-o", out, "--json")
    assert (ran.code, ran.document["rows"]) == (0, 1)
    assert out.read_text().startswith("label,pixel0,")
    ran = run_cli("feedback", "report", trained, "--feedback", feedback.path)
    assert ran.code == 0, ran.err
    assert "1 corrections" in ran.out
    assert "abcdef, stored predictions" in ran.out
    assert json.loads(run_cli("feedback", "report", "--feedback", feedback.path, "--json").out)["stored"][0]["n"] == 1
    assert run_cli("feedback", "report", "--feedback", tmp_path / "none.db").code == 5


@pytest.mark.parametrize("token", ["pässwört", "two words", "a\tb"])
def test_serve_refuses_ambiguous_token(run_cli, trained, token):
    ran = run_cli("serve", trained, "--no-feedback", "--token", token)
    assert (ran.code, "expected ASCII letters" in ran.err) == (2, True)


def test_serve_feedback_options_conflict(run_cli, trained, tmp_path):
    ran = run_cli("serve", trained, "--no-feedback", "--feedback", tmp_path / "mine.db")
    assert (ran.code, "leave out one of the two" in " ".join(ran.err.split())) == (2, True)


def test_feedback_export_keeps_the_database(run_cli, feedback):
    before = feedback.path.read_bytes()
    ran = run_cli("feedback", "export", "--feedback", feedback.path, "-o", feedback.path)
    assert (ran.code, "would be overwritten" in " ".join(ran.err.split())) == (2, True)
    assert feedback.path.read_bytes() == before
