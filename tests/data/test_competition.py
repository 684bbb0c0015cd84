import sys

import kagglehub
import pytest
import requests
from kagglehub.exceptions import KaggleApiHTTPError, UnauthenticatedError

from tenfold.data.competition import download_competition
from tenfold.errors import UnavailableError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path))
    return tmp_path


def test_download_competition_once(cache, monkeypatch):
    asked = []

    def download(handle, output_dir):
        asked.append(handle)
        (cache / handle).mkdir()
        for name in ("train.csv", "test.csv"):
            (cache / handle / name).write_text("label")
        return output_dir

    monkeypatch.setattr(kagglehub, "competition_download", download)
    assert download_competition() == download_competition() == cache / "digit-recognizer"
    assert asked == ["digit-recognizer"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UnauthenticatedError(), "Kaggle needs credentials: create a token at https://www.kaggle.com/settings"),
        (requests.ConnectionError("no route"), "can't be downloaded to .*: no route"),
    ],
)
def test_download_competition_says_what_is_missing(monkeypatch, error, message):
    def download(handle, output_dir):
        raise error

    monkeypatch.setattr(kagglehub, "competition_download", download)
    with pytest.raises(UnavailableError, match=message):
        download_competition()


def test_download_competition_before_the_rules_are_accepted(monkeypatch):
    def download(handle, output_dir):
        response = requests.Response()
        response.status_code = 403
        raise KaggleApiHTTPError("403 Client Error", response=response)

    monkeypatch.setattr(kagglehub, "competition_download", download)
    with pytest.raises(UnavailableError, match=r"status 403.*accept the rules at https://www.kaggle.com"):
        download_competition()


def test_download_competition_without_kagglehub(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UnavailableError, match=r"pip install 'tenfold\[kaggle\]'"):
        download_competition()
