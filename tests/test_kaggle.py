import os
import sys
from pathlib import Path

import pytest

from tenfold.errors import TenfoldError, UnavailableError
from tenfold.kaggle import KaggleSubmission, list_submissions, record_score, wait_for_score
from tenfold.run import Run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake kaggle is a script with a #! line")

HEADER = "fileName,date,description,status,publicScore,privateScore\n"
OLD = "s.csv,2026-01-01 10:00:00,first,complete,0.91000,\n"
DONE = 's.csv,2026-02-02 10:00:00,"second, better",SubmissionStatus.COMPLETE,0.99714,\n'
PENDING = 's.csv,2026-02-02 10:00:00,"second, better",SubmissionStatus.PENDING,,\n'
FAILED = 's.csv,2026-02-02 10:00:00,"second, better",error,,\n'


@pytest.fixture
def fake_kaggle(tmp_path, monkeypatch):
    """A `kaggle` on PATH that prints the given texts, one a call, and the last one again and again."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(*texts, code=0):
        for number, text in enumerate(texts):
            (folder / f"{number}").write_text(text)
        program = folder / "kaggle"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\nfolder = pathlib.Path({str(folder)!r})\n"
            "count = len(list(folder.glob('call*')))\n"
            "(folder / f'call{count}').write_text(' '.join(sys.argv[1:]))\n"
            f"print((folder / str(min(count, {len(texts) - 1}))).read_text())\nsys.exit({code})\n"
        )
        program.chmod(0o755)
        return folder

    monkeypatch.setenv("PATH", str(folder))
    return install


def test_list_submissions_parses_the_table_after_a_warning(fake_kaggle):
    folder = fake_kaggle("Warning: a newer version\n" + HEADER + DONE + OLD)
    latest, first = list_submissions()
    assert latest == KaggleSubmission("s.csv", "2026-02-02 10:00:00", "second, better", "complete", 0.99714)
    assert first.public_score == 0.91
    assert (folder / "call0").read_text() == "competitions submissions -c digit-recognizer --csv"


def test_list_submissions_without_any(fake_kaggle):
    fake_kaggle("No submissions found")
    assert list_submissions() == []


def test_list_submissions_reports_refusal(fake_kaggle):
    fake_kaggle("403 - Forbidden", code=1)
    with pytest.raises(TenfoldError, match="403 - Forbidden"):
        list_submissions()


def test_wait_for_score_asks_until_it_is_complete(fake_kaggle):
    fake_kaggle(HEADER + OLD, HEADER + PENDING + OLD, HEADER + DONE + OLD)
    pauses: list[float] = []
    assert wait_for_score(Path("a/s.csv"), "second, better", [], pauses.append).public_score == 0.99714
    assert len(pauses) == 2


def test_wait_for_score_ignores_earlier_submissions_of_the_same_name(fake_kaggle):
    fake_kaggle(HEADER + OLD)
    known = list_submissions()
    with pytest.raises(UnavailableError, match="has no score after 10 minutes; ask later with: kaggle competitions"):
        wait_for_score(Path("s.csv"), "first", known, lambda seconds: None)


def test_wait_for_score_ends_where_kaggle_fails(fake_kaggle):
    fake_kaggle(HEADER + FAILED)
    with pytest.raises(TenfoldError, match=r"could not score s\.csv"):
        wait_for_score(Path("s.csv"), "second, better", [], lambda seconds: None)


def test_record_score_keeps_earlier_ones_and_the_seal(tmp_path):
    run = Run(tmp_path)
    run.recipe.write_text("{}")
    run.write_manifest()
    for score in (0.97, 0.98):
        record_score(run, KaggleSubmission("s.csv", "today", "m", "complete", score))
    assert [each["public_score"] for each in run.read_json(run.kaggle)["submissions"]] == [0.97, 0.98]
    run.verify_files()
    run.write_manifest()
    assert "kaggle.json" not in run.read_json(run.manifest)["sha256"]
